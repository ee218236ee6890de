//! The session machine: decide, evolve, react, next wake.
