//! The archives of a tar-format backup.
