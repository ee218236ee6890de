//! What PostgreSQL writes and how it is run: backup manifest, control file, WAL names, servers.
