//! howdah: a terminal console that restores PostgreSQL instances and watches them come back.

pub mod attempt;
pub mod catalog;
pub mod cli;
pub mod console;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod machine;
pub mod manager;
pub mod postgres;
pub mod worker;
