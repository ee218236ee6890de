//! Verifying real backups: in agreement with `pg_verifybackup`, and with `pg_waldump` to the first bad record.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "verify/command.rs"]
mod command;
mod support;

use howdah::{
    domain::{BackupForm, Compression, Damage, Lsn, Progress, Verification, WorkerSettings},
    engine::{
        Observer,
        verify::{Verifier, VerifyRequest},
    },
    postgres::manifest::{Manifest, WalRange},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use support::{
    backup::{Form, backup, own},
    cluster::{program, source},
    faults::flip_byte,
};

struct Silent;

impl Observer for Silent {
    fn progress(&self, _: Progress) {}
    fn note(&self, _: String) {}
    fn stop_requested(&self) -> bool {
        false
    }
}

fn verified(directory: &Path, form: Form) -> Verification {
    let form = if form.format == "plain" { BackupForm::Plain } else { BackupForm::Tar(Compression::None) };
    let request = VerifyRequest::new(directory, form, &WorkerSettings::default());
    let (mut verifier, _) = Verifier::plan(&request).unwrap();
    verifier.read(&Silent, &mut |_| {}).unwrap();
    verifier.check_wal(&Silent, &mut |_| {}).unwrap();
    verifier.finish()
}

fn pg_verifybackup_accepts(backup: &Path) -> bool {
    program("pg_verifybackup").arg(backup).output().unwrap().status.success()
}

#[test]
fn every_form_that_pg_basebackup_makes_is_sound() {
    needs_postgres!();
    let packings = ["gzip", "lz4", "zstd", "server-gzip", "server-lz4", "server-zstd"];
    let forms = packings.into_iter().map(Form::packed).chain([Form::PLAIN, Form::TAR]);
    let fetched =
        [Form::PLAIN, Form::TAR, Form::packed("gzip"), Form::packed("server-zstd")].map(|form| form.with_wal("fetch"));
    for form in forms.chain(fetched) {
        let directory = backup(form);
        let manifest = Manifest::read(&directory.join("backup_manifest")).unwrap();
        let found = verified(&directory, form);
        assert!(found.is_sound() && found.unchecked.is_empty(), "{form:?}: {found}");
        assert_eq!((found.files, found.bytes), (manifest.files.len() as u64, manifest.total_size()), "{form:?}");
        assert_eq!(found.wal_bytes.0, manifest.stop_lsn().0 - manifest.start_lsn().0, "{form:?}");
    }
    for form in [Form::PLAIN, Form::packed("gzip")] {
        let found = verified(&backup(form.with_wal("none")), form);
        assert!(found.is_sound() && found.unchecked.len() == 1, "{found}");
        assert!(found.unchecked[0].starts_with("WAL: the backup was made without it"), "{found}");
    }
}

/// A backup of a plain cluster, and the names and sizes of its files.
struct Subject {
    directory: PathBuf,
    files: Vec<(PathBuf, u64)>,
}

#[test]
fn any_damaged_file_is_found_where_pg_verifybackup_finds_one() {
    needs_postgres!();
    let directory = own(Form::PLAIN);
    let listed = Manifest::read(&directory.join("backup_manifest")).unwrap().files;
    let files: Vec<_> = listed.into_iter().filter(|file| file.size > 0).map(|file| (file.path, file.size)).collect();
    let subject = Subject { directory, files };
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(any::<prop::sample::Index>(), any::<u64>(), 0..4_u8), |(which, at, kind)| {
            let (path, size) = which.get(&subject.files);
            let file = subject.directory.join(path);
            let kept = fs::read(&file).unwrap();
            match kind {
                0 => flip_byte(&file, at % size),
                1 => fs::write(&file, &kept[..usize::try_from(at % size).unwrap()]).unwrap(),
                2 => fs::write(&file, [&kept[..], b"x"].concat()).unwrap(),
                _ => fs::remove_file(&file).unwrap(),
            }
            let (found, theirs) =
                (verified(&subject.directory, Form::PLAIN), pg_verifybackup_accepts(&subject.directory));
            fs::write(&file, kept).unwrap();
            prop_assert_eq!(found.is_sound(), theirs, "{}: {}", path.display(), &found);
            let name = howdah::domain::instance::printable_name(path.as_os_str());
            prop_assert!(theirs || found.damages[0].to_string().contains(&name), "{}: {}", name, found);
            Ok(())
        })
        .unwrap();
    assert!(verified(&subject.directory, Form::PLAIN).is_sound());
}

/// A backup whose WAL fills several segments: records that reach over pages and segments, and ends by switching.
fn with_much_wal() -> &'static (PathBuf, WalRange, Vec<Lsn>) {
    static MADE: OnceLock<(PathBuf, WalRange, Vec<Lsn>)> = OnceLock::new();
    MADE.get_or_init(|| {
        let form = Form::PLAIN.with_wal("fetch");
        let directory = own(form);
        let manifest = Manifest::read(&directory.join("backup_manifest")).unwrap();
        let mut range = manifest.wal_ranges[0];
        // What the server wrote after the backup makes a longer range.
        source().ask("create table long as select g id, repeat(md5(g::text), 40) from generate_series(1, 20000) g");
        source().ask("select pg_switch_wal()");
        source().ask("select pg_logical_emit_message(false, 'x', repeat('y', 3000000))");
        source().ask("insert into long select g, md5(g::text) from generate_series(1, 3000) g");
        range.end = source().ask("select pg_current_wal_insert_lsn()").parse().unwrap();
        source().ask("select pg_switch_wal()");
        for entry in fs::read_dir(source().data.join("pg_wal")).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), directory.join("pg_wal").join(entry.file_name())).unwrap();
            }
        }
        support::cluster::give_to_server_user(&directory);
        support::faults::edit_manifest(&directory, |text| {
            let from = text.rfind("\"End-LSN\": \"").unwrap() + 12;
            let to = from + text[from..].find('"').unwrap();
            format!("{}{}{}", &text[..from], range.end, &text[to..])
        });
        let listed = waldump(&directory, range).0;
        (directory, range, listed)
    })
}

/// The records that `pg_waldump` lists, and what it complains of.
fn waldump(directory: &Path, range: WalRange) -> (Vec<Lsn>, String) {
    let mut command = program("pg_waldump");
    command.arg("--path").arg(directory.join("pg_wal")).arg(format!("--timeline={}", range.timeline));
    let output = command.arg(format!("--start={}", range.start)).arg(format!("--end={}", range.end)).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lsn = |line: &str| line.split_once("lsn: ")?.1.split_once(',')?.0.parse().ok();
    let complaint =
        if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() };
    (text.lines().filter_map(lsn).collect(), complaint)
}

#[test]
fn the_first_bad_record_is_the_one_that_pg_waldump_stops_at() {
    needs_postgres!();
    let (directory, range, records) = with_much_wal();
    assert!(records.len() > 10_000 && range.end.0 - range.start.0 > 3 << 24, "{range:?}: {}", records.len());
    let sound = verified(directory, Form::PLAIN);
    assert!(sound.is_sound() && sound.wal_bytes.0 == range.end.0 - range.start.0, "{sound}");
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(any::<u64>(), any::<u64>(), 0..4_u8), |(at, in_header, kind)| {
            let length = range.end.0 - range.start.0;
            let mut at = range.start.0 + at % length;
            if kind == 0 {
                // Few random bytes are those of a page's header; each field of it has its turn.
                at = (at - at % 8192 + in_header % 24).max(range.start.0);
            }
            let in_page = at % 8192;
            // pg_waldump looks neither at the cluster nor at a timeline that is too new.
            if (4..8).contains(&in_page) || (at % (16 << 20) < 8192 && (24..40).contains(&in_page)) {
                return Ok(());
            }
            let name = format!("{:08X}{:08X}{:08X}", range.timeline.0, at >> 32, (at & 0xFFFF_FFFF) >> 24);
            let file = directory.join("pg_wal").join(name);
            flip_byte(&file, at % (16 << 20));
            let (listed, complaint) = waldump(directory, *range);
            let found = verified(directory, Form::PLAIN);
            flip_byte(&file, at % (16 << 20));
            let ours = found.damages.first().map(|damage| {
                let Damage::Wal { at, .. } = damage else { panic!("{damage}") };
                *at
            });
            let theirs = (!complaint.is_empty()).then(|| records.get(listed.len()).copied().unwrap_or(range.end));
            prop_assert_eq!(ours, theirs, "byte {}: {}: {}", Lsn(at), found, complaint);
            Ok(())
        })
        .unwrap();
}
