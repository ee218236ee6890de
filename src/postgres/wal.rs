//! Names and headers of WAL segments.
