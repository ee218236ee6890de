//! Where a restore may go at all, and what may be moved out of its way (S8).

use super::*;
use crate::domain::FailureClass;
use std::process::{Child, Command, Stdio};

const FORM: BackupForm = BackupForm::Tar(Compression::None);

/// Ends its process when the test ends, however it ends.
pub(super) struct Running(pub(super) Child);

impl Running {
    /// A process of this name with this working directory.
    pub(super) fn named(name: &str, works_in: &Path, programs: &Path) -> Self {
        let program = programs.join(name);
        symlink("/bin/sleep", &program).unwrap();
        Self(Command::new(program).arg("600").current_dir(works_in).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn refused(fake: &Fake, target: &Path) -> String {
    let target = Target::new(target, Port::new(5433).unwrap()).unwrap();
    for existing in [ExistingData::Refuse, ExistingData::SetAside] {
        let change = |request: &mut ClusterRestore| (request.target, request.existing) = (target.clone(), existing);
        let failure = fake.engine_for(1, change).plan().expect_err("a refusal");
        assert_eq!(failure.class, FailureClass::Incurable, "{failure}");
        assert!(!failure.advice.is_empty(), "{failure}");
        if existing == ExistingData::SetAside {
            return failure.cause;
        }
    }
    unreachable!("both were tried")
}

/// A data directory as far as it takes to be known as one.
fn cluster(at: &Path) {
    fs::create_dir_all(at.join("global")).unwrap();
    fs::create_dir_all(at.join("base")).unwrap();
    fs::write(at.join("PG_VERSION"), "15\n").unwrap();
}

#[test]
fn s08_directories_of_the_system_are_refused_whatever_was_typed() {
    let fake = Fake::new(FORM);
    fake.write();
    for place in ["/etc", "/usr", "/dev", "/tmp", "/var/lib", "/proc/sys", "/dev/shm", "/dev/howdah"] {
        assert!(refused(&fake, Path::new(place)).ends_with("is a directory of the system"), "{place}");
    }
    symlink("/var", fake.place.path().join("link")).unwrap();
    assert!(refused(&fake, &fake.place.path().join("link/lib")).ends_with("is a directory of the system"), "a link");
}

#[test]
fn s08_repositories_and_the_state_directory_are_refused_above_and_below() {
    let fake = Fake::new(FORM);
    fake.write();
    let place = fake.place.path();
    fs::create_dir_all(place.join("state")).unwrap();
    let settings = WorkerSettings {
        repositories: vec![place.join("others/repository")],
        state: Some(place.join("state")),
        ..WorkerSettings::default()
    };
    for (below, what) in [
        ("others/repository/i/restored", "the repository"),
        ("others", "the repository"),
        ("state", "the state directory"),
        ("state/data", "the state directory"),
    ] {
        let mut request = fake.request();
        request.target = Target::new(place.join(below), Port::new(5433).unwrap()).unwrap();
        let refused = NativeEngine::new((&fake.backup(), fake.form), &request, Uuid::from_u128(1), None, &settings)
            .plan()
            .expect_err(below);
        assert!(refused.cause.contains(what) && refused.cause.contains("lie in each other"), "{below}: {refused}");
    }
}

#[test]
fn s08_a_target_or_tablespace_inside_a_cluster_is_refused() {
    let fake = Fake::new(FORM).with_tablespace();
    fake.write();
    let live = fake.place.path().join("live");
    cluster(&live);
    assert!(refused(&fake, &live.join("base/x")).contains("lies in the data directory"));
    let home = live.join("deep/home");
    let moved = |request: &mut ClusterRestore| {
        request.target = request.target.clone().with_tablespace(OID, &home).unwrap();
    };
    let refused = fake.engine_for(1, moved).plan().unwrap_err();
    assert!(refused.cause.contains("lies in the data directory"), "{refused}");
    assert!(!live.join("base/x").exists() && !home.exists());
}

#[test]
fn s08_what_a_server_runs_in_or_below_is_not_set_aside() {
    let fake = Fake::new(FORM);
    fake.write();
    let live = fake.directory().join("deep/live");
    cluster(&live);
    {
        let server = Running::named("anything", &live, fake.place.path());
        fs::write(live.join("postmaster.pid"), format!("{}\n{}\n", server.0.id(), live.display())).unwrap();
        assert!(refused(&fake, &fake.directory()).contains(&format!("(process {})", server.0.id())));
        fs::write(live.join("postmaster.pid"), format!("-{}\n", server.0.id())).unwrap();
        assert!(refused(&fake, &fake.directory()).contains("a server runs on"), "one that runs alone");
    }
    {
        fs::remove_file(live.join("postmaster.pid")).unwrap();
        let server = Running::named("postgres", &live, fake.place.path());
        assert!(refused(&fake, &fake.directory()).contains(&format!("(process {})", server.0.id())), "no lock file");
    }
    let plan = fake.engine_for(1, |request| request.existing = ExistingData::SetAside).plan().unwrap();
    assert!(
        matches!(plan.files.target, crate::domain::plan::TargetState::SetAside { .. }),
        "nobody runs there any more"
    );
}

#[test]
fn s08_a_server_that_runs_alone_protects_its_directory() {
    let fake = Fake::new(FORM);
    fake.write();
    cluster(&fake.directory());
    let server = Running::named("anything", &fake.directory(), fake.place.path());
    // `postgres --single` writes its pid with a minus sign (`CreateLockFile` in `miscinit.c`).
    fs::write(fake.directory().join("postmaster.pid"), format!("-{}\n", server.0.id())).unwrap();
    assert!(refused(&fake, &fake.directory()).contains("postmaster process"));
}

#[test]
fn s09_what_another_session_holds_or_restores_below_is_not_set_aside() {
    for fake in Fake::both(FORM) {
        fake.write();
        let deep = fake.directory().join("deep/data");
        let ear = Ear { stop_at: Some(5 << 19), ..Ear::default() };
        let target = Target::new(&deep, Port::new(5433).unwrap()).unwrap();
        let rate = Rate::per_second(4 << 20);
        let mut other = fake.engine_for(2, |request| (request.target, request.max_rate) = (target, rate));
        assert!(matches!(other.copy(&ear), Err(Halt::Stopped)));
        let mark = match fake.mark {
            MarkLocation::Inside => "data/.howdah",
            MarkLocation::Beside => ".data.howdah-mark",
        };
        let works = fs::File::open(deep.with_file_name(mark).join("ledger")).unwrap();
        works.lock().unwrap();
        assert!(refused(&fake, &fake.directory()).contains("another process restores into"));
    }
}

#[test]
fn s08_a_mount_point_is_not_set_aside() {
    let refused = crate::engine::native::set_aside::check(
        Path::new("/proc"),
        Uuid::from_u128(1),
        &crate::engine::watched::Heartbeat::default(),
    );
    assert!(refused.unwrap_err().cause.contains("is a mount point"));
}
