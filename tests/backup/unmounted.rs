//! Repositories that are unmounted in the middle of a backup, in runs of the whole program: nothing is written beneath
//! them, and the run goes on when they are back, or says what it could not remove.

use crate::{
    filled, names, needs_postgres, plain_source, restores,
    support::{
        cluster::{is_root, must, program},
        faults::SmallDisk,
        howdah::Howdah,
        skip::skip,
        timeout::until,
    },
};
use howdah::domain::FailureClass;
use serde_json::Value;

/// Enough that files of several kinds have come in.
const SOME: u64 = 1 << 20;

/// Room for two backups.
const ROOM: u32 = 200;

/// A job of this server alone, tried again at once.
fn configure(howdah: &Howdah, conninfo: &str, disk: &SmallDisk, more: &str) {
    howdah.configure(&format!(
        "[[job]]\nname = \"nightly\"\nkind = \"instance\"\nrepository = \"{}\"\n{more}\
         retry = {{ tries = 1000, every = \"100ms\" }}\nobjects = [{{ name = \"shop\", conninfo = \"{conninfo}\" }}]\n",
        disk.0.display()
    ));
}

fn disk() -> Option<SmallDisk> {
    let disk = SmallDisk::of_megabytes(ROOM);
    if disk.is_none() {
        skip("a small file system cannot be mounted here", is_root());
    }
    disk
}

fn run(howdah: &Howdah) -> Value {
    howdah.run(["job", "show", "nightly", "--json"]).expect_code(0).json()
}

#[test]
fn a_repository_that_is_unmounted_in_mid_backup_is_waited_for_and_nothing_is_written_beneath_it() {
    needs_postgres!();
    let Some(disk) = disk() else { return };
    let cluster = plain_source();
    for form in ["form = \"plain\"\n", "form = \"tar\"\n"] {
        let howdah = Howdah::usual();
        configure(&howdah, &cluster.conninfo(), &disk, &format!("{form}rate = \"16M\"\n"));
        let before = names(&disk.0.join("shop"));
        howdah.run(["job", "start", "nightly"]).expect_code(0);
        howdah.events().wait_for_bytes(1, 1, SOME);
        let vanished = disk.vanish();
        for attempt in [1, 2, 3] {
            let failure = howdah.events().failure(1, attempt);
            assert_eq!(failure.class, FailureClass::Disruption, "{failure}");
            assert!(attempt == 1 || failure.cause.contains("its own is not mounted"), "{failure}");
        }
        assert_eq!(names(&disk.0), Vec::<String>::new(), "nothing is written beneath it");
        disk.come_back(&vanished);
        let ended = until("the run to end", || Some(run(&howdah)).filter(|run| run["phase"] == "done"));
        assert_eq!(ended["result"], "success", "{ended}");
        assert_eq!(names(&disk.0), ["shop"], "its claim is given back");
        let points = names(&disk.0.join("shop"));
        assert_eq!(points.len(), before.len() + 1, "{points:?}");
        let made = points.iter().find(|point| !before.contains(point)).unwrap();
        if form.contains("plain") {
            must(program("pg_verifybackup").arg(disk.0.join("shop").join(made)));
        }
        assert_eq!(restores(&disk.0, made, "select count(*) from pgbench_accounts"), "100000");
    }
}

#[test]
fn r34_a_job_that_is_stopped_while_its_repository_is_unmounted_says_what_was_not_removed() {
    needs_postgres!();
    let Some(disk) = disk() else { return };
    let cluster = filled("");
    let howdah = Howdah::usual();
    configure(&howdah, &cluster.conninfo(), &disk, "rate = \"1M\"\n");
    howdah.run(["job", "start", "nightly"]).expect_code(0);
    howdah.events().wait_for_bytes(1, 1, SOME);
    let vanished = disk.vanish();
    howdah.run(["job", "stop", "nightly", "--wait"]).expect_code(0);
    let ended = run(&howdah);
    assert_eq!((&ended["result"], &ended["objects"][0]["state"]), (&"failed".into(), &"stopped".into()), "{ended}");
    let detail = ended["objects"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("left as it is") && detail.contains("its own is not mounted"), "{detail}");
    assert_eq!(names(&disk.0), Vec::<String>::new(), "nothing is written beneath it");
    assert_eq!(cluster.ask("select count(*) from pg_stat_replication"), "0");
    disk.come_back(&vanished);
    // What was left looks like no point, and stands in nobody's way.
    let left = names(&disk.0.join("shop"));
    assert!(matches!(left.as_slice(), [one] if one.starts_with(".incoming-")), "{left:?}");
    configure(&howdah, &cluster.conninfo(), &disk, "");
    howdah.run(["job", "start", "nightly", "--wait"]).expect_code(0);
    let points = howdah.run(["backup", "list", "--repo", disk.0.to_str().unwrap(), "--json"]).expect_code(0).json();
    assert_eq!(points.as_array().unwrap().len(), 1, "{points}");
    assert_eq!(names(&disk.0), ["shop"], "the claim that was left has given way");
    cluster.stop();
}
