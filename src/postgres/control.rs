//! `global/pg_control`.
