//! One attempt from inside.
