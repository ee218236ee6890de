//! Settings of a restored cluster.
