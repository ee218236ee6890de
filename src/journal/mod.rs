//! The durable history of sessions.
