//! Older restore points of a job: what `keep` does not name goes, and nothing else.

use crate::{
    label, names, needs_postgres, plain_source, repository,
    session::{Session, SmallDisk, order, order_of},
    support::{
        cluster::{Cluster, give_to_server_user, must, program},
        howdah::Howdah,
        place::{listing, scratch},
        timeout::until_true,
    },
};
use howdah::domain::{Achieved, BackupObject, InstanceName, Keep, Success, fact::End};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};
use uuid::Uuid;

/// The points of `shop` in a repository of its own, and the job `nightly` that makes them.
struct Place {
    repository: PathBuf,
    shop: PathBuf,
}

impl Place {
    fn new() -> Self {
        let repository = repository();
        let shop = repository.join("shop");
        Self { repository, shop }
    }

    /// One with a restore point of the job, under each of these names.
    fn with(points: &[&str]) -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let place = Self::new();
            place.shop.join(label(&place.session(None).succeed()))
        });
        let place = Self::new();
        fs::create_dir(&place.shop).unwrap();
        give_to_server_user(&place.shop);
        for point in points {
            copy(made, &place.shop.join(point));
        }
        place
    }

    /// A session of the job, which keeps so many of the last ones.
    fn session(&self, last: Option<u32>) -> Session {
        let mut session = Session::new(order_of(plain_source(), &self.repository));
        session.order.keep = last.map(|last| Keep::new(Some(last), None, None).unwrap());
        session
    }

    fn names(&self) -> Vec<String> {
        names(&self.shop)
    }

    fn mark(&self, point: &str) -> PathBuf {
        self.shop.join(point).join("pg_wal/howdah_backup.json")
    }

    /// Writes something else into the mark of a point.
    fn change_mark(&self, point: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.mark(point)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(self.mark(point), text.replace(from, to)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    must(Command::new("cp").arg("-a").arg(from).arg(to));
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Whether some process has a lock on the file; to try one would keep out whoever comes to read it.
fn is_locked(path: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let open = processes.filter_map(|process| Some((fs::read_dir(process.join("fd")).ok()?, process)));
    let mut held = open.flat_map(|(files, process)| files.flatten().map(move |file| (file, process.clone())));
    held.any(|(file, process)| {
        let info = || fs::read_to_string(process.join("fdinfo").join(file.file_name())).unwrap_or_default();
        fs::read_link(file.path()).is_ok_and(|leads_to| leads_to == path) && info().contains("lock:")
    })
}

/// The settings of the job as a person writes them.
fn plan(place: &Place, cluster: &Cluster, keep: &str) -> (String, serde_json::Value) {
    let howdah = Howdah::new();
    howdah.configure(&format!(
        "[[job]]\nname = \"nightly\"\nkind = \"instance\"\nrepository = \"{}\"\n{keep}\
         objects = [{{ name = \"shop\", conninfo = \"{}\" }}]\n",
        place.repository.display(),
        cluster.conninfo()
    ));
    let plan = |more: &[&str]| howdah.run([&["job", "start", "nightly", "--plan"], more].concat()).expect_code(0);
    (plan(&[]).stdout, plan(&["--json"]).json())
}

#[test]
fn r36_what_the_plan_names_goes_after_the_new_point_stands_and_nothing_else() {
    needs_postgres!();
    let (place, cluster) = (Place::new(), plain_source());
    let first = label(&place.session(Some(2)).succeed());
    let foreign = place.shop.join("foreign");
    must(program("pg_basebackup").args(cluster.connection()).arg("-D").arg(&foreign).args(["-c", "fast", "--no-sync"]));
    let mut weekly = place.session(None);
    weekly.order.job = InstanceName::new("weekly");
    let weekly = label(&weekly.succeed());
    assert_eq!(place.names().len(), 3, "without the key nothing goes");
    let others = [listing(&foreign), listing(&place.shop.join(&weekly))];
    let second = label(&place.session(Some(2)).succeed());
    assert_eq!(place.names(), sorted(vec![first.clone(), weekly.clone(), second.clone(), "foreign".to_owned()]));
    let (_, without) = plan(&place, cluster, "");
    assert_eq!(without["plan"]["keep"], serde_json::Value::Null);
    let (text, json) = plan(&place, cluster, "keep = { last = 2 }\n");
    assert_eq!(json["plan"]["keep"], serde_json::json!({ "removes": [first], "stays": 2 }));
    assert!(text.contains(&format!("removes     {first} at the end")) && text.contains("2 restore points"), "{text}");
    assert_eq!(place.names().len(), 4, "a plan removes nothing");
    let session = place.session(Some(2));
    let success = session.succeed();
    assert!(success.warnings.is_empty(), "{success:?}");
    let third = label(&success);
    assert_eq!(place.names(), sorted(vec![second, weekly.clone(), third, "foreign".to_owned()]));
    assert_eq!([listing(&foreign), listing(&place.shop.join(&weekly))], others);
    let log = session.log();
    for said in [
        format!("removed, since newer ones are kept: {first}"),
        format!("{weekly} stays: the job weekly has made it"),
        "foreign stays: it has no mark of a job".to_owned(),
        "Expire is done".to_owned(),
    ] {
        assert!(log.contains(&said), "{said}: {log}");
    }
    assert_eq!(names(&place.repository), ["shop"], "the claim is given back");
}

#[test]
fn what_does_not_bear_the_mark_of_the_job_or_was_changed_or_is_rested_on_stays() {
    needs_postgres!();
    let place = Place::with(&["altered", "base", "chained", "goes", "newer", "object", "waits"]);
    place.change_mark("newer", "\"version\": 1", "\"version\": 2");
    place.change_mark("object", "\"object\": \"shop\"", "\"object\": \"crm\"");
    let manifest = place.shop.join("altered/backup_manifest");
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap() + "\n").unwrap();
    // Only `base` begins where the incremental one says; it is of somebody else.
    let start = |point: &str| {
        let text = fs::read_to_string(place.shop.join(point).join("backup_label")).unwrap();
        text.lines().next().unwrap().split_whitespace().nth(3).unwrap().to_owned()
    };
    for name in ["altered", "chained", "goes", "newer", "object", "waits"] {
        assert_eq!(start(name), start("base"), "copies of one point");
    }
    let incremental = place.shop.join("incremental");
    fs::create_dir(&incremental).unwrap();
    let text = fs::read_to_string(place.shop.join("base/backup_label")).unwrap();
    fs::write(incremental.join("backup_label"), format!("{text}INCREMENTAL FROM LSN: {}\n", start("base"))).unwrap();
    give_to_server_user(&incremental);
    let session = place.session(Some(1));
    let made = label(&session.succeed());
    for name in ["base", "chained", "goes", "waits"] {
        assert!(session.log().contains(&format!("{name} stays: incremental rests on it")), "{}", session.log());
    }
    fs::write(incremental.join("backup_label"), "hardly one").unwrap();
    let session = place.session(Some(1));
    let success = session.succeed();
    let other = label(&success);
    let doubt = format!("{made} stays: what incremental rests on cannot be told");
    assert!(success.warnings.contains(&doubt), "{success:?}");
    fs::remove_dir_all(&incremental).unwrap();
    let mut session = place.session(Some(1));
    session.in_use = vec![place.repository.join("shop/./waits")];
    let last = label(&session.succeed());
    let log = session.log();
    for said in [
        "altered stays: its manifest is not the one",
        "newer stays: a newer howdah has marked it (version 2)",
        "object stays: it is of the object crm",
        "waits stays: a session that has not ended reads it",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert_eq!(place.names(), sorted([strings(&["altered", "newer", "object", "waits"]), vec![last]].concat()));
    assert!(!place.names().contains(&other));
}

#[test]
fn a_point_that_somebody_reads_stays_until_the_next_run() {
    needs_postgres!();
    let place = Place::with(&["copied", "restored", "verified"]);
    let (howdah, repo) = (Howdah::new(), place.repository.to_str().unwrap().to_owned());
    let state = |howdah: &Howdah| howdah.state.to_str().unwrap().to_owned();
    let verify =
        ["backup", "verify", "shop", "--repo", &repo, "--point", "verified", "--max-rate", "1M", "--state-dir"];
    let verify = howdah.spawn([&verify[..], &[&state(&howdah)]].concat());
    let other = Howdah::new();
    let target = scratch("target").join("data");
    let more = ["--point", "restored", "--max-rate", "1M", "--no-start"];
    let restore = other.spawn_restore(&place.repository, &target, &more);
    let (name, instance) = (InstanceName::new("copies"), InstanceName::new("shop"));
    let copies = crate::repository();
    let object = BackupObject::PointCopy { name, instance, from: place.repository.clone() };
    let copy = Session::new(order(object, Some(&copies))).slowly();
    let copying = copy.start();
    let is_read = |point: &str| is_locked(&place.shop.join(point).join("backup_manifest"));
    for point in ["copied", "restored", "verified"] {
        until_true(point, || is_read(point));
    }
    let session = place.session(Some(1));
    let first = label(&session.succeed());
    let all = strings(&["copied", "restored", "verified"]);
    assert_eq!(place.names(), sorted([all, vec![first]].concat()), "{}", session.log());
    for point in ["copied", "restored", "verified"] {
        assert!(session.log().contains(&format!("{point} stays until the next run: somebody reads it")));
    }
    copying.signal(Signal::TERM);
    assert_eq!(copying.end(), End::Stopped);
    for (howdah, kind) in [(&howdah, "verify"), (&other, "restore")] {
        let cancel = ["session", "cancel", "--all", "--kind", kind, "--wait", "--state-dir", &state(howdah)];
        howdah.run(cancel).expect_code(0);
    }
    drop((verify, restore));
    until_true("nobody reads", || !["copied", "restored", "verified"].into_iter().any(is_read));
    let last = label(&place.session(Some(1)).succeed());
    assert_eq!(place.names(), [last]);
}

#[test]
fn what_one_that_is_read_rests_on_stays_with_it() {
    needs_postgres!();
    let place = Place::with(&["base", "incremental"]);
    let path = place.shop.join("incremental/backup_label");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.split_whitespace().nth(3).unwrap();
    fs::write(&path, format!("{text}INCREMENTAL FROM LSN: {start}\n")).unwrap();
    let reader = File::open(place.shop.join("incremental/backup_manifest")).unwrap();
    reader.lock_shared().unwrap();
    place.session(Some(1)).succeed();
    assert_eq!(place.names().len(), 3, "{:?}", place.names());
    drop(reader);
    place.session(Some(1)).succeed();
    assert_eq!(place.names().len(), 1, "{:?}", place.names());
}

/// The server's clock was set back, or the older point was made when it was wrong.
#[test]
fn the_new_point_is_the_newest_whatever_the_clocks_say() {
    needs_postgres!();
    let place = Place::with(&["later"]);
    let path = place.shop.join("later/backup_manifest");
    let manifest = fs::read_to_string(&path).unwrap().replace("\"Last-Modified\": \"20", "\"Last-Modified\": \"21");
    let (listed, last) = manifest.split_at(manifest.trim_end().rfind('\n').unwrap() + 1);
    let bytes = Sha256::digest(listed.as_bytes());
    let digest: String = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from_digit(half.into(), 16).unwrap())
        .collect();
    let old = last.split('"').nth(3).unwrap();
    fs::write(&path, format!("{listed}{}", last.replace(old, &digest))).unwrap();
    place.change_mark("later", old, &digest);
    let made = label(&place.session(Some(1)).succeed());
    assert_eq!(place.names(), [made]);
}

#[test]
fn what_a_removal_left_is_finished_by_the_next_run_of_the_job_alone() {
    needs_postgres!();
    let place = Place::with(&["a", "other", "ours"]);
    place.change_mark("other", "\"job\": \"nightly\"", "\"job\": \"weekly\"");
    let hidden = |name: &str| format!(".removing-{}-{name}", Uuid::from_u128(9));
    let hide = |name: &str| fs::rename(place.shop.join(name), place.shop.join(hidden(name))).unwrap();
    hide("ours");
    hide("other");
    fs::remove_dir_all(place.shop.join(hidden("ours")).join("base")).unwrap();
    fs::remove_file(place.shop.join(hidden("ours")).join("backup_manifest")).unwrap();
    fs::create_dir(place.shop.join(hidden("unmarked"))).unwrap();
    fs::write(place.shop.join(".removing-file"), "somebody's").unwrap();
    std::os::unix::fs::symlink(place.shop.join("a"), place.shop.join(".removing-link")).unwrap();
    let untouched = listing(&place.shop.join(hidden("other")));
    let left = |made: &str, more: &[String]| {
        let ours = [hidden("other"), hidden("unmarked"), ".removing-file".to_owned(), ".removing-link".to_owned()];
        sorted([ours.to_vec(), vec![made.to_owned()], more.to_vec()].concat())
    };
    // Killed while it removes: the name is gone, the mark is there, and the new point stands.
    let filler = place.shop.join("a/base/filler");
    fs::create_dir(&filler).unwrap();
    for number in 0..40_000 {
        File::create(filler.join(number.to_string())).unwrap();
    }
    let session = place.session(Some(1));
    let attempt = session.start();
    let being_removed =
        |names: &[String]| names.iter().find(|name| name.starts_with(".removing-") && name.ends_with("-a")).cloned();
    until_true("a loses its name", || being_removed(&place.names()).is_some());
    attempt.kill();
    let torn = being_removed(&place.names()).expect("it takes longer than a kill");
    assert!(place.mark(&torn).is_file(), "whose it is is known to the last");
    let made = place.names().pop().filter(|name| !name.starts_with('.')).expect("the new one");
    assert_eq!(place.names(), left(&made, std::slice::from_ref(&torn)));
    let howdah = Howdah::new();
    let listed = howdah.run(["backup", "list", "--repo", place.repository.to_str().unwrap(), "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "what is being removed is no restore point: {listed}");
    // The next attempt of the session finds its point made, and goes on with this.
    assert_eq!(label(&session.succeed()), made);
    assert_eq!(place.names(), left(&made, &[]));
    assert!(session.log().contains(&format!("{torn}, which an earlier run had begun to remove, is gone")));
    assert_eq!(listing(&place.shop.join(hidden("other"))), untouched);
    assert!(session.log().contains("is left alone: it has no mark of this job"));
}

#[test]
fn a_removal_that_fails_warns_and_a_run_that_fails_removes_nothing() {
    needs_postgres!();
    let place = Place::with(&["a", "b"]);
    let failed = place.session(Some(1)).through("no_such_slot");
    failed.fail();
    failed.dispose();
    assert_eq!(place.names(), ["a", "b"]);
    let Some(disk) = SmallDisk::new("1m") else { return };
    let mounted = place.shop.join("a/base/mounted");
    fs::create_dir(&mounted).unwrap();
    must(Command::new("mount").arg("--bind").arg(&disk.0).arg(&mounted));
    let success: Success = place.session(Some(1)).succeed();
    let unmounted = || {
        let hidden = place.names().into_iter().find(|name| name.starts_with(".removing-")).unwrap();
        must(Command::new("umount").arg(place.shop.join(hidden).join("base/mounted")));
    };
    let made = label(&success);
    assert!(success.warnings.iter().any(|warning| warning.contains("a could not be removed")), "{success:?}");
    assert_eq!(place.names().len(), 2, "b is gone, and what is left of a has lost its name");
    unmounted();
    let last = label(&place.session(Some(1)).succeed());
    assert_eq!(place.names(), [last.as_str()]);
    assert_ne!(last, made);
}

#[test]
fn a_backup_copy_keeps_its_own_and_does_not_bring_what_it_would_remove() {
    needs_postgres!();
    let place = Place::with(&["a", "b"]);
    let second = crate::repository();
    let copy = || {
        let (name, instance) = (InstanceName::new("copies"), InstanceName::new("shop"));
        let object = BackupObject::PointCopy { name, instance, from: place.repository.clone() };
        let mut session = Session::new(order(object, Some(&second)));
        session.order.keep = Some(Keep::new(Some(1), None, None).unwrap());
        let success = session.succeed();
        let Achieved::Copied { copies, skipped, .. } = success.result else { panic!("{success:?}") };
        (copies, skipped, session.log())
    };
    let there = || names(&second.join("shop"));
    let (copied, skipped, log) = copy();
    assert_eq!((copied, skipped, there()), (1, 0, strings(&["b"])));
    assert!(log.contains("1 older restore point not copied"), "{log}");
    let new = label(&place.session(None).succeed());
    // A plain copy of it by somebody else is not the job's.
    self::copy(&place.shop.join("a"), &second.join("shop/a"));
    let (copied, skipped, log) = copy();
    assert_eq!((copied, skipped), (1, 2), "{log}");
    assert_eq!(there(), sorted(vec![new, "a".to_owned()]));
    assert!(
        log.contains("removed, since newer ones are kept: b") && log.contains("a stays: it is of the object shop"),
        "{log}"
    );
    assert_eq!(place.names().len(), 3, "nothing goes where it was copied from");
}
