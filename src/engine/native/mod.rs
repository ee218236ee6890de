//! The native engine: restores what `pg_basebackup` writes.
