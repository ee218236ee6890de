//! A restored cluster is told from a backup, and a backup of a restored cluster from a restored cluster.

use super::*;
use crate::{
    domain::{
        InstanceName, SystemIdentifier,
        restored::{MARK, RECORD, RECORD_VERSION, RestoreRecord},
    },
    postgres::manifest::{Algorithm, Hasher, Manifest},
};
use uuid::Uuid;

const AUTO: &str = "postgresql.auto.conf";
const BLOCK: &str = "# howdah begin: settings of this restored copy\nport = '5433'\n# howdah end\n";

/// A plain backup with its settings, as `pg_basebackup` leaves it.
fn backup(lab: &Lab, place: &str) -> PathBuf {
    let to = lab.plain(place);
    let mut base = tar::Archive::new(fs::File::open(lab.source("depot").join("base.tar")).unwrap());
    let mut members = base.entries().unwrap().map(Result::unwrap);
    let mut settings = members.find(|member| member.path().unwrap() == Path::new(AUTO)).unwrap();
    io::copy(&mut settings, &mut fs::File::create(to.join(AUTO)).unwrap()).unwrap();
    to
}

/// The record of a restore of the backup with this manifest.
fn record(manifest: Option<String>) -> RestoreRecord {
    RestoreRecord {
        version: RECORD_VERSION,
        session: Uuid::from_u128(7),
        by: Some("ops@bast\u{1b}ion".to_owned()),
        finished: "2026-11-20T02:03:04.5Z".parse().unwrap(),
        backup: "/backups/orders/b1".into(),
        repository: Some("/backups".into()),
        instance: InstanceName::new("orders"),
        label: "b1".to_owned(),
        system_identifier: Some(SystemIdentifier(7)),
        manifest,
    }
}

fn leave(at: &Path, record: &RestoreRecord) {
    fs::write(at.join(RECORD), serde_json::to_vec_pretty(record).unwrap()).unwrap();
}

fn add(at: &Path, name: &str, text: &str) {
    let mut bytes = fs::read(at.join(name)).unwrap_or_default();
    bytes.extend_from_slice(text.as_bytes());
    fs::write(at.join(name), bytes).unwrap();
}

fn identity(at: &Path) -> String {
    Manifest::read(&at.join("backup_manifest")).unwrap().identity()
}

/// Makes the manifest list these files as they stand: what a backup of this very directory would do.
fn listing(at: &Path, names: &[&str], algorithm: Algorithm) {
    let text = fs::read_to_string(at.join("backup_manifest")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| !names.iter().any(|name| line.contains(&format!("\"Path\": \"{name}\""))));
    for name in names {
        let bytes = fs::read(at.join(name)).unwrap();
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let (size, kind, hex) = (bytes.len(), algorithm.name(), hasher.finish().hex());
        let checksum = format!(", \"Checksum-Algorithm\": \"{kind}\", \"Checksum\": \"{hex}\"");
        let checksum = if algorithm == Algorithm::None { String::new() } else { checksum };
        lines.insert(2, format!("{{ \"Path\": \"{name}\", \"Size\": {size}{checksum} }},"));
    }
    lines.pop();
    let body = lines.join("\n") + "\n";
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(body.as_bytes());
    let text = format!("{body}\"Manifest-Checksum\": \"{}\"}}\n", hasher.finish().hex());
    fs::write(at.join("backup_manifest"), text).unwrap();
}

#[test]
fn a_restored_cluster_is_a_row_that_says_when_and_from_where() {
    let lab = Lab::new();
    let at = backup(&lab, "orders/restored");
    add(&at, AUTO, BLOCK);
    leave(&at, &record(Some(identity(&at))));
    let shown = "a restored cluster, not a backup (restored on 2026-11-20 02:03:04 UTC by ops@bast\\u{1b}ion from \
                /backups/orders/b1, orders)";
    assert_eq!(lab.problem(), format!("{shown}: take a backup of it with pg_basebackup, into another directory"));
    // Its server was started and stopped, and is running.
    fs::rename(at.join("backup_label"), at.join("backup_label.old")).unwrap();
    assert!(lab.problem().starts_with(shown));
    fs::write(at.join("postmaster.pid"), "1\n").unwrap();
    assert!(lab.problem().starts_with(&format!("{shown}; its server runs or has crashed")), "{}", lab.problem());
}

#[test]
fn each_thing_that_a_restore_leaves_is_enough() {
    let check = |harm: &dyn Fn(&Path), says: &str| {
        let lab = Lab::new();
        let at = backup(&lab, "orders/x");
        assert!(lab.row().problem().is_none(), "a backup before: {:?}", lab.row());
        harm(&at);
        assert!(lab.problem().starts_with(says), "{}", lab.problem());
    };
    check(&|at| add(at, AUTO, BLOCK), "a restored cluster, not a backup: take a backup");
    check(&|at| leave(at, &record(None)), "a restored cluster, not a backup (restored on");
    check(&|at| fs::write(at.join(RECORD), "{").unwrap(), "a restored cluster, not a backup: take");
    let newer = r#"{"version":9,"session":"00000000-0000-0000-0000-000000000007","by":null,"finished":"2026-11-20T02:03:04Z",
        "backup":"/b","repository":null,"instance":"o","label":"l","manifest":null,"more":[]}"#;
    check(&|at| fs::write(at.join(RECORD), newer).unwrap(), "a restored cluster, not a backup (restored on");
    check(&|at| fs::create_dir(at.join(MARK)).unwrap(), "a restore that is not finished, not a backup");
    let mark_beside = |at: &Path| {
        let mark = at.with_file_name(".x.howdah-mark");
        fs::create_dir(&mark).unwrap();
        fs::write(mark.join("session.json"), "{}").unwrap();
    };
    check(&mark_beside, "a restore that is not finished, not a backup (.x.howdah-mark is there)");
    check(&|at| symlink("/dev/zero", at.join(RECORD)).unwrap(), "howdah_restore.json cannot be read");
    check(&|at| fs::rename(at.join("backup_label"), at.join("backup_label.old")).unwrap(), "backup_label is missing");
    let unlisted = |at: &Path| {
        append(&at.join("backup_manifest"), "\"backup_label\"", "\"backup_libel\"");
        listing(at, &[], Algorithm::None);
        fs::remove_file(at.join("backup_label")).unwrap();
    };
    check(&unlisted, "backup_label is missing");
}

#[test]
fn a_backup_of_a_restored_cluster_is_a_backup() {
    for algorithm in [Algorithm::Crc32c, Algorithm::Sha256, Algorithm::None] {
        let lab = Lab::new();
        let at = backup(&lab, "orders/second");
        add(&at, AUTO, BLOCK);
        leave(&at, &record(Some(identity(&at))));
        listing(&at, &[AUTO, RECORD], algorithm);
        assert_eq!(lab.row().problem(), None, "{algorithm:?}");
        // pg_basebackup -R writes behind what the manifest lists.
        add(&at, AUTO, "primary_conninfo = 'host=prod'\n");
        assert_eq!(lab.row().problem(), None, "{algorithm:?} with -R");

        // The same directory as a restore of that backup leaves it.
        let settings = fs::read_to_string(at.join(AUTO)).unwrap();
        fs::write(at.join(AUTO), settings.replace("5433", "5434")).unwrap();
        leave(&at, &record(Some(identity(&at))));
        assert!(lab.problem().starts_with("a restored cluster"), "{algorithm:?}: {}", lab.problem());
        leave(&at, &RestoreRecord { session: Uuid::from_u128(8), label: "b12".to_owned(), ..record(None) });
        assert!(lab.problem().starts_with("a restored cluster"), "{algorithm:?}: {}", lab.problem());
        fs::remove_file(at.join(RECORD)).unwrap();
        if algorithm != Algorithm::None {
            assert!(lab.problem().starts_with("a restored cluster"), "{algorithm:?}: {}", lab.problem());
        }
    }
}
