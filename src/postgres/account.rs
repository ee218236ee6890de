//! The system user that owns a data directory.
