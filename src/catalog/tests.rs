//! What the catalog finds, and what it says of each thing that is wrong.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod chain;
mod identity;
mod restored;
mod workloads;

use super::{Catalog, CatalogEntry, RepositoryKind, RepositoryPath, read, sample};
use crate::domain::{BackupForm, BackupSource, ByteCount, Compression, Lsn, MajorVersion, RestorePoint, Timeline};
use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

/// A repository in a temporary directory, filled from the sample, so that all in it is real.
struct Lab {
    root: tempfile::TempDir,
    sample: PathBuf,
}

impl Lab {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let sample = sample::unpack(root.path()).unwrap();
        fs::create_dir(root.path().join("repo")).unwrap();
        Self { root, sample }
    }

    fn repo(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    /// A backup of this instance of the sample.
    fn source(&self, instance: &str) -> PathBuf {
        let mut backups = fs::read_dir(self.sample.join(instance)).unwrap();
        backups.next().unwrap().unwrap().path()
    }

    /// Copies the sample's backup of `instance` to this place below the repository.
    fn tar(&self, instance: &str, place: &str) -> PathBuf {
        let to = self.repo().join(place);
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(self.source(instance)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
        to
    }

    /// Lays out the few files of a plain backup that the catalog looks at, and the manifest.
    fn plain(&self, place: &str) -> PathBuf {
        let to = self.repo().join(place);
        fs::create_dir_all(to.join("base")).unwrap();
        let from = self.source("depot");
        fs::copy(from.join("backup_manifest"), to.join("backup_manifest")).unwrap();
        let mut base = tar::Archive::new(fs::File::open(from.join("base.tar")).unwrap());
        for member in base.entries().unwrap() {
            let mut member = member.unwrap();
            let name = member.path().unwrap().into_owned();
            if ["PG_VERSION", "backup_label", "global/pg_control"].iter().any(|wanted| name == Path::new(wanted)) {
                fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
                io::copy(&mut member, &mut fs::File::create(to.join(&name)).unwrap()).unwrap();
            }
        }
        to
    }

    fn read(&self) -> Catalog {
        read(&[RepositoryPath::own(self.repo())])
    }

    /// The one row there is.
    fn row(&self) -> CatalogEntry {
        let catalog = self.read();
        let rows: Vec<_> = catalog.rows().map(|(_, row)| row.clone()).collect();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    fn problem(&self) -> String {
        self.row().problem().expect("a problem").to_owned()
    }
}

fn names(catalog: &Catalog) -> Vec<(String, String)> {
    catalog.rows().map(|(instance, row)| (instance.name.to_string(), row.label().to_owned())).collect()
}

fn append(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn form_of(point: &RestorePoint) -> BackupForm {
    match point.source {
        BackupSource::BaseBackup { form, .. } => form,
        BackupSource::Incremental { .. } | BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => {
            panic!("{point:?}")
        }
    }
}

#[test]
fn a_plain_backup_tells_its_facts() {
    let lab = Lab::new();
    let path = lab.plain("depot/first");
    let row = lab.row();
    let point = row.point().unwrap();
    assert_eq!((point.instance.as_str(), point.label.as_str()), ("depot", "first"));
    assert_eq!(point.source.directory().unwrap(), fs::canonicalize(path).unwrap());
    assert_eq!((form_of(point), point.facts.version), (BackupForm::Plain, Some(MajorVersion(15))));
    assert_eq!(point.facts.timeline, Timeline(1));
    assert!(point.facts.files > 600 && point.facts.size > ByteCount(10 << 20));
    assert!(Lsn(0) < point.facts.start_lsn && point.facts.start_lsn < point.facts.stop_lsn);
    let as_tar = read(&[RepositoryPath::sample(&lab.sample)]);
    let sample = as_tar.named("depot")[0].newest().unwrap();
    assert_eq!(point.facts.system_identifier, sample.facts.system_identifier, "pg_control and the WAL agree");
    assert_eq!(point.facts.taken_at, sample.facts.taken_at, "the time survives a copy");
}

#[test]
fn the_instance_is_the_first_folder_below_the_repository() {
    let lab = Lab::new();
    lab.plain("orders/2026/11/20T0200");
    lab.plain("orders/loose");
    lab.plain("direct");
    assert_eq!(
        names(&lab.read()),
        [("direct", "direct"), ("orders", "loose"), ("orders", "2026/11/20T0200")].map(|(i, l)| (i.into(), l.into()))
    );
    let itself = read(&[RepositoryPath::own(lab.repo().join("orders/loose"))]);
    assert_eq!(names(&itself), [("loose".to_owned(), "loose".to_owned())]);
}

#[test]
fn tar_sets_of_every_packing_are_told_apart_by_their_bytes() {
    let lab = Lab::new();
    let lz4 = lab.tar("depot", "lz4/a");
    let mut packer = lz4_flex::frame::FrameEncoder::new(fs::File::create(lz4.join("base.tar.lz4")).unwrap());
    io::copy(&mut fs::File::open(lz4.join("base.tar")).unwrap(), &mut packer).unwrap();
    packer.finish().unwrap();
    fs::remove_file(lz4.join("base.tar")).unwrap();
    lab.tar("crm", "gzip/a");
    let renamed = lab.tar("orders", "zstd/a");
    fs::rename(renamed.join("base.tar.zst"), renamed.join("base.tar.gz")).unwrap();
    let catalog = lab.read();
    let form = |name| form_of(catalog.named(name)[0].newest().unwrap());
    assert_eq!(form("lz4"), BackupForm::Tar(Compression::Lz4));
    assert_eq!(form("gzip"), BackupForm::Tar(Compression::Gzip));
    assert_eq!(form("zstd"), BackupForm::Tar(Compression::Zstd));
}

#[test]
fn s10_what_cannot_be_read_is_a_row_and_the_others_stand() {
    let lab = Lab::new();
    lab.plain("orders/good");
    fs::remove_file(lab.plain("orders/bad").join("backup_manifest")).unwrap();
    let catalog = lab.read();
    let orders = catalog.named("orders")[0];
    assert_eq!(orders.newest().unwrap().label, "good");
    assert_eq!(orders.rows[1].label(), "bad", "what has no time comes last");
    assert!(orders.rows[1].problem().unwrap().starts_with("the data directory has no backup_manifest"));
    assert_eq!(catalog.repositories[0].problem, None);
}

#[test]
fn each_fault_of_a_manifest_is_named() {
    for (from, to, says) in [
        ("\"Manifest-Checksum\"", "", "wrong at line"),
        ("\"Size\": ", "\"Size\": 1", "does not match its own checksum"),
        (
            "\"Checksum-Algorithm\": \"CRC32C\"",
            "\"Checksum-Algorithm\": \"MD5\"",
            "Checksum-Algorithm \"MD5\" is unknown",
        ),
        ("\"Size\": ", "\"Sice\": ", "unknown field `Sice`"),
        ("\"Size\": ", "\"Size\": 1, \"Size\": ", "duplicate field `Size`"),
        ("\"Size\": ", "\"Size\": \"x\", \"Y\": ", "expected a whole number"),
        ("\"Path\": \"", "\"Path\": \"../", "the path has . or .. in it"),
        ("Version\": 1", "Version\": 9", "version 9"),
        ("\"PostgreSQL-Backup-Manifest-Version\": 1,", "\u{1b}[31m", "backup_manifest: "),
        ("base/1/", "base/1/INCREMENTAL.", "checksum"),
    ] {
        let lab = Lab::new();
        append(&lab.plain("orders/x").join("backup_manifest"), from, to);
        let problem = lab.problem();
        assert!(problem.contains(says), "{problem}");
        assert!(!problem.contains('\u{1b}'), "{problem:?}");
    }
    let lab = Lab::new();
    fs::write(lab.plain("orders/x").join("backup_manifest"), b"").unwrap();
    assert!(lab.problem().contains("the manifest is empty"));
}

#[test]
fn each_fault_of_a_plain_backup_is_named() {
    let check = |harm: &dyn Fn(&Path), says: &str| {
        let lab = Lab::new();
        harm(&lab.plain("orders/x"));
        assert!(lab.problem().contains(says), "{}", lab.problem());
    };
    let gone = |name: &'static str| move |at: &Path| fs::remove_file(at.join(name)).unwrap();
    let now = |name: &'static str, text: &'static str| move |at: &Path| fs::write(at.join(name), text).unwrap();
    check(&gone("backup_manifest"), "no backup_manifest, so nothing in it can be verified: take the backup");
    check(&gone("backup_label"), "backup_label is missing");
    check(&gone("global/pg_control"), "pg_control cannot be read");
    check(&gone("PG_VERSION"), "neither base.tar nor a whole data directory");
    check(&now("PG_VERSION", "fifteen\u{1b}"), "PG_VERSION holds");
    check(&now("global/pg_control", "short"), "only 5 bytes");
    check(&now("postmaster.pid", "1"), "the data directory of a server");
    check(&|at| fs::rename(at.join("backup_manifest"), at.join("backup_manifest.tmp")).unwrap(), "not finished");
    check(
        &|at| {
            fs::remove_file(at.join("backup_manifest")).unwrap();
            symlink("/dev/zero", at.join("backup_manifest")).unwrap();
        },
        "backup_manifest is not a regular file",
    );
}

#[test]
fn each_fault_of_a_tar_set_is_named() {
    let check = |instance: &str, harm: &dyn Fn(&Path), says: &str| {
        let lab = Lab::new();
        harm(&lab.tar(instance, "orders/x"));
        assert!(lab.problem().contains(says), "{}", lab.problem());
    };
    let gone = |name: &'static str| move |at: &Path| fs::remove_file(at.join(name)).unwrap();
    let now = |name: &'static str, bytes: &'static [u8]| move |at: &Path| fs::write(at.join(name), bytes).unwrap();
    let cut = |name: &'static str, to: u64| {
        move |at: &Path| fs::File::options().write(true).open(at.join(name)).unwrap().set_len(to).unwrap()
    };
    check("crm", &gone("backup_manifest"), "no backup_manifest beside them");
    check("crm", &gone("base.tar.gz"), "base.tar is missing beside \"pg_wal.tar.gz\": copy all archives");
    check("orders", &gone("16384.tar.zst"), "16384.tar, the archive of a tablespace, is missing");
    check("crm", &now("base.tar", b""), "the same archive twice");
    check("crm", &now("base.tar.gz", b""), "base.tar.gz is damaged or cut short");
    check("crm", &now("base.tar.gz", &[b'x'; 512]), "base.tar.gz is not a tar archive");
    check("crm", &now("base.tar.gz", &[0; 1024]), "base.tar.gz is not a tar archive");
    check("crm", &cut("base.tar.gz", 30), "base.tar.gz is damaged or cut short");
    check("depot", &cut("base.tar", 100), "base.tar is damaged or cut short");
    // The first twenty bytes are an empty member of their own: that is how pg_basebackup packs.
    check("crm", &cut("pg_wal.tar.gz", 20), "pg_wal.tar.gz is damaged or cut short");
    check("orders", &cut("16384.tar.zst", 9), "16384.tar.zst is damaged or cut short");
    let no_segment = |at: &Path| {
        let path = at.join("pg_wal.tar");
        let mut bytes = fs::read(&path).unwrap();
        bytes[512..1024].fill(b'z');
        fs::write(path, bytes).unwrap();
    };
    check("depot", &no_segment, "is no WAL segment (the magic number 0x7A7A");
}

#[test]
fn a_backup_without_its_own_wal_is_offered_without_the_facts_in_it() {
    let lab = Lab::new();
    fs::remove_file(lab.tar("crm", "crm/x").join("pg_wal.tar.gz")).unwrap();
    let row = lab.row();
    let facts = &row.point().unwrap().facts;
    assert_eq!((facts.version, facts.system_identifier), (None, None));
}

#[test]
fn ordinary_directories_are_passed_over_and_links_are_not_followed() {
    let lab = Lab::new();
    lab.plain("orders/x");
    lab.plain("home.restic/data");
    for name in ["notes/2026", "lost+found", "a/b/c/d/e/f/g/h"] {
        fs::create_dir_all(lab.repo().join(name)).unwrap();
    }
    fs::write(lab.repo().join("notes/base.tar.txt"), b"about").unwrap();
    fs::write(lab.repo().join("README"), b"about").unwrap();
    symlink(lab.repo(), lab.repo().join("notes/loop")).unwrap();
    symlink(lab.repo().join("orders/x"), lab.repo().join("orders/latest")).unwrap();
    symlink(&lab.sample, lab.repo().join("elsewhere")).unwrap();
    assert_eq!(lab.row().label(), "x");
}

#[test]
fn a_repository_that_cannot_be_read_says_so() {
    let lab = Lab::new();
    let problem = |path: &Path| read(&[RepositoryPath::own(path)]).repositories[0].problem.clone().unwrap();
    assert!(problem(&lab.repo().join("none")).contains("none cannot be read (No such file"));
    assert!(problem(&lab.repo()).contains("holds no backup"));
    fs::write(lab.repo().join("file"), b"").unwrap();
    assert!(problem(&lab.repo().join("file")).contains("file is not a directory: name a directory of backups"));
}

#[test]
fn a_directory_that_may_not_be_read_is_a_row() {
    let lab = Lab::new();
    let closed = lab.repo().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        // Root reads everything; the rest of this test is for others.
        return;
    }
    let problem = lab.problem();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(problem.contains("Permission denied") && problem.contains("let the user that runs howdah read it"));
}

#[test]
fn names_from_disk_cannot_steer_a_terminal_and_a_path_must_be_text() {
    let lab = Lab::new();
    lab.plain("or\u{1b}[2Jders/\u{202e}x");
    let row = lab.row();
    assert_eq!((row.instance().as_str(), row.label()), ("or\\u{1b}[2Jders", "\\u{202e}x"));
    assert!(row.problem().is_none());

    let lab = Lab::new();
    fs::rename(lab.plain("x"), lab.repo().join(OsStr::from_bytes(b"x\xff"))).unwrap();
    assert_eq!(lab.row().instance().as_str(), "x\\xff");
    assert!(lab.problem().contains("is not UTF-8: rename it"));
    assert!(serde_json::to_string(&lab.read()).is_ok(), "such a row can still be told to other processes");
}

#[test]
fn a_repository_given_twice_is_read_once_and_the_sample_stays_apart() {
    let lab = Lab::new();
    lab.plain("orders/x");
    let link = lab.root.path().join("link");
    symlink(lab.repo(), &link).unwrap();
    let inner = lab.repo().join("orders");
    let catalog = read(&[
        RepositoryPath::sample(&lab.sample),
        RepositoryPath::own(lab.repo()),
        RepositoryPath::own(link),
        RepositoryPath::own(inner),
    ]);
    let orders: Vec<_> = catalog.instances.iter().filter(|instance| instance.name.as_str() == "orders").collect();
    assert_eq!(
        orders.iter().map(|o| (o.kind, o.rows.len())).collect::<Vec<_>>(),
        [(RepositoryKind::Own, 1), (RepositoryKind::Sample, 2)]
    );
    assert_eq!(catalog.repositories.len(), 3);
    let text = serde_json::to_string(&catalog).unwrap();
    assert_eq!(serde_json::from_str::<Catalog>(&text).unwrap(), catalog);
}

#[test]
fn what_is_being_made_or_removed_is_no_backup() {
    let lab = Lab::new();
    for place in ["shop/.incoming-0192", "shop/.removing-b1", "shop/b2"] {
        lab.plain(place);
    }
    assert_eq!(lab.row().label(), "b2");
}
