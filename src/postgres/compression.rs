//! Opening an archive whatever it is packed with.
