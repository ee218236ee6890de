//! Servers whose walsenders others use up: the cause is told, with what to do, and the next try gets through.

use crate::{
    filled, label, left_nothing, names, needs_postgres, repository,
    session::{Session, order_of},
    support::{
        cluster::{Cluster, program, server_scratch},
        timeout::until_true,
    },
};
use howdah::domain::{BackupObject, FailureClass, Step};
use std::{
    path::Path,
    process::{Child, Stdio},
};

/// Somebody who receives WAL until this is dropped.
struct Receiver(Child);

impl Receiver {
    fn on(cluster: &Cluster) -> Self {
        let wal = server_scratch("wal");
        let mut command = program("pg_receivewal");
        command.args(cluster.connection()).args(["--no-loop", "-D"]);
        let child = command.arg(&wal).stderr(Stdio::null()).spawn().unwrap();
        until_true("somebody streams", || senders(cluster) == "1");
        Self(child)
    }

    fn end(mut self, cluster: &Cluster) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        // The program itself runs as a child of what was killed; its connection ends here.
        cluster.ask("select pg_terminate_backend(pid) from pg_stat_replication");
        until_true("nobody streams", || senders(cluster) == "0");
    }
}

fn senders(cluster: &Cluster) -> String {
    cluster.ask("select count(*) from pg_stat_replication")
}

fn of_role(cluster: &Cluster, repository: &Path, role: &str) -> Session {
    let mut order = order_of(cluster, repository);
    if let BackupObject::Instance { conninfo, .. } = &mut order.object {
        *conninfo = conninfo.replace("user=postgres", &format!("user={role}"));
    }
    Session::new(order)
}

#[test]
fn walsenders_that_others_use_up_are_told_and_the_next_try_gets_through() {
    needs_postgres!();
    let cluster = filled("max_wal_senders = 2\n");
    let [one, other] = [repository(), repository()];
    cluster.ask("create role keeper login replication");
    let receiver = Receiver::on(&cluster);
    let seen = of_role(&cluster, &one, "postgres");
    let failure = seen.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Check)), "{failure}");
    assert!(failure.cause.contains("1 of the server's 2 walsenders are in use"), "{failure}");
    assert!(failure.advice.contains("max_wal_senders"), "{failure}");
    assert_eq!(names(&one), [".shop.howdah"], "its claim, and nothing else");

    // A role that may not see what others do learns of it from the server's refusal alone.
    let unseen = of_role(&cluster, &other, "keeper");
    let failure = unseen.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Checkpoint)), "{failure}");
    assert!(failure.cause.contains("exceeds max_wal_senders"), "{failure}");
    assert!(failure.advice.contains("raise the setting"), "{failure}");
    assert_eq!(unseen.on_server(&cluster), "0 0 0", "and whoever streams is left alone: {}", senders(&cluster));
    assert_eq!(senders(&cluster), "1");

    receiver.end(&cluster);
    for session in [&seen, &unseen] {
        let label = label(&session.succeed());
        left_nothing(session, &cluster, &[&label]);
    }
    cluster.stop();
}
