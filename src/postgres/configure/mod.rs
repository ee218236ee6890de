//! Settings of the restored cluster.
