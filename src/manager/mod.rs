//! The only owner of sessions.
