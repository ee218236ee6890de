//! A server at work: transactions that go on while a test does something beside them.

use super::cluster::{Cluster, program};
use std::process::{Child, Stdio};

/// Transactions that go on until this is dropped.
pub(crate) struct Writes(Child);

impl Writes {
    pub(crate) fn on(cluster: &Cluster) -> Self {
        let mut command = program("pgbench");
        command.args(["-n", "-c", "2", "-T", "600"]).args(cluster.connection()).arg("postgres");
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
