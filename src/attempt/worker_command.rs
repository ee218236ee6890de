//! The program and the environment of a worker.

use crate::domain::environment::{self, VariablePattern};
use std::path::Path;
use tokio::process::Command;

/// What starts a worker, with the environment that workers have and what these patterns name; the words that say what to
/// do come behind.
pub fn worker_command(program: &Path, patterns: &[VariablePattern]) -> Command {
    let mut command = Command::new(program);
    command.arg0("howdah").arg("worker").env_clear().envs(environment::for_worker(std::env::vars_os(), patterns));
    command
}
