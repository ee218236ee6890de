//! Real backups of real servers: what is made is whole and restores, and what is ended leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "backup/busy.rs"]
mod busy;
#[path = "backup/ended.rs"]
mod ended;
#[path = "backup/files.rs"]
mod files;
#[path = "backup/keep.rs"]
mod keep;
#[path = "backup/points.rs"]
mod points;
#[path = "backup/refused.rs"]
mod refused;
#[path = "backup/session.rs"]
mod session;
mod support;
#[path = "backup/unmounted.rs"]
mod unmounted;

use howdah::domain::{Achieved, Compression, Success, fact::End};
use session::{Session, order_of};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use support::{
    cluster::{Cluster, Restored, SUM_OF_ROWS, free_port, must, program, server_scratch, source},
    howdah::Howdah,
    place::{listing, names, open_to_all, root, scratch},
    writes::Writes,
};

/// A server without tablespaces, with some data.
pub(crate) fn plain_source() -> &'static Cluster {
    static SOURCE: OnceLock<Cluster> = OnceLock::new();
    SOURCE.get_or_init(|| {
        open_to_all(root());
        filled("")
    })
}

/// A server of one test alone.
pub(crate) fn filled(settings: &str) -> Cluster {
    let cluster = Cluster::make(settings);
    must(program("pgbench").args(["-i", "-q", "-s", "1"]).args(cluster.connection()).arg("postgres"));
    cluster
}

/// The label of the restore point that was made.
pub(crate) fn label(success: &Success) -> String {
    let Achieved::RestorePoint { label, .. } = &success.result else { panic!("{success:?}") };
    label.clone()
}

/// The point is in the catalog; restores it with a server, and asks that.
pub(crate) fn restores(repository: &Path, point: &str, query: &str) -> String {
    let howdah = Howdah::new();
    let repo = repository.to_str().unwrap();
    howdah.run(["backup", "list", "--repo", repo, "--json"]).expect_code(0).expect_words(&[point]);
    let target = scratch("target").join("data");
    let restored = Restored(target.clone());
    let port = free_port().to_string();
    howdah.restore(repository, &target, &["--point", point, "--port", &port]).expect_code(0);
    assert!(!target.join("pg_wal/howdah_backup.json").exists(), "the mark is of the backup, not of the cluster");
    restored.ask(query)
}

/// Nothing but the points is in the repository, and nothing of the session on the server.
fn left_nothing(session: &Session, cluster: &Cluster, points: &[&str]) {
    let repository = session.order.repository.clone().unwrap();
    assert_eq!(session.on_server(cluster), "0 0 0");
    assert_eq!(names(&repository.join("shop")), points, "{}", session.log());
    let around: &[&str] = if points.is_empty() { &[] } else { &["shop"] };
    assert_eq!(names(&repository), around, "the claim is given back, too");
}

pub(crate) fn repository() -> PathBuf {
    server_scratch("repository")
}

#[test]
fn a_plain_backup_under_writes_is_whole_verified_and_restores() {
    needs_postgres!();
    let (cluster, repository) = (plain_source(), repository());
    let writes = Writes::on(cluster);
    let session = Session::new(order_of(cluster, &repository));
    let success = session.succeed();
    drop(writes);
    let label = label(&success);
    left_nothing(&session, cluster, &[&label]);
    let point = repository.join("shop").join(&label);
    must(program("pg_verifybackup").arg(&point));
    let mark: serde_json::Value =
        serde_json::from_slice(&fs::read(point.join("pg_wal/howdah_backup.json")).unwrap()).unwrap();
    assert_eq!((&mark["job"], &mark["run"], &mark["by"]), (&"nightly".into(), &7.into(), &"ops@bastion".into()));
    assert_eq!(mark["session"], session.uuid.to_string());
    Howdah::new().run(["backup", "verify", "shop", "--repo", repository.to_str().unwrap()]).expect_code(0);
    let rows = "select count(*) from pgbench_accounts";
    assert_eq!(restores(&repository, &label, rows), "100000");
    // Another attempt of the session, whose end nobody had heard, finds it made.
    assert_eq!(self::label(&session.succeed()), label);
    // So does whoever is to remove what it left.
    let End::Succeeded(found) = session.end_of_disposal() else { panic!("{}", session.log()) };
    assert_eq!(found.result, success.result);
    left_nothing(&session, cluster, &[&label]);
}

#[test]
fn a_tar_backup_holds_the_tablespaces_and_restores() {
    needs_postgres!();
    let (cluster, repository) = (source(), repository());
    for packed in [Compression::None, Compression::Zstd] {
        let session = Session::new(order_of(cluster, &repository)).packed(packed);
        let before = listing(&repository);
        let label = label(&session.succeed());
        assert_eq!(session.on_server(cluster), "0 0 0");
        assert_eq!(restores(&repository, &label, SUM_OF_ROWS), cluster.sum);
        let after = listing(&repository);
        assert!(before.iter().skip(2).all(|line| after.contains(line)), "earlier points stay as they are (R36)");
    }
}
