//! Finding the programs of a PostgreSQL version.
