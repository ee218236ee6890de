//! What `howdah explore clean` does not touch: whatever is not proven to be a session's own and nobody's any more.

use super::support::{
    cluster::{is_root, must},
    howdah::Howdah,
    place::{listing, names, scratch},
    skip::skip,
};
use howdah::{
    domain::{SessionId, SessionStanding},
    worker::leftovers::{AskStanding, look, remove},
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
        process::CommandExt as _,
    },
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Nothing here is slow.
const STALL: Duration = Duration::from_mins(1);

/// A user that has nothing.
const NOBODY: u32 = 65534;

/// A user with a place full of things.
struct Place {
    howdah: Howdah,
    explore_dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        let (howdah, explore_dir) = (Howdah::new(), scratch("kept"));
        howdah.configure(&format!("explore_dir = \"{}\"\n", explore_dir.display()));
        Self { howdah, explore_dir }
    }

    /// What a session has left whose state directory is gone: with nothing changed it is removed.
    fn left(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let place = self.explore_dir.join(name);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("written"), "x").unwrap();
        let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
        let mut mark = json!({ "version": 1, "session": session(name), "state": self.howdah.home.join("gone"),
            "method": "copy", "provided": true, "boot": null, "host": host, "inode": fs::metadata(&place).unwrap().ino() });
        change(&mut mark);
        fs::write(place.join("explore.json"), mark.to_string()).unwrap();
        place
    }

    fn clean(&self, words: &[&str]) -> super::support::howdah::Ran {
        let state = self.howdah.state.to_str().unwrap();
        self.howdah.run([&["explore", "clean", "--state-dir", state], words].concat())
    }
}

/// The session of this name.
fn session(name: &str) -> Uuid {
    Uuid::from_u128(name.bytes().fold(1 << 100, |sum, byte| (sum * 131 + u128::from(byte)) & (u128::MAX >> 9)))
}

/// Insists that each of these is kept for the reason that has the word, and that the one that is not changed goes.
fn keeps(place: &Place, kept: &[(&str, &str)]) {
    let control = place.left("control", |_| ());
    let before: Vec<Vec<String>> = kept.iter().map(|(name, _)| listing(&place.explore_dir.join(name))).collect();
    let cleaned = place.clean(&[]).expect_code(3);
    for ((name, word), before) in kept.iter().zip(before) {
        let said = format!("howdah: {} was kept: it ", place.explore_dir.join(name).display());
        let line = cleaned.stderr.lines().find(|line| line.starts_with(&said));
        let line = line.unwrap_or_else(|| panic!("{name} is not named\n{cleaned}"));
        assert!(line.contains(word), "{word:?} in {line}");
        assert_eq!(listing(&place.explore_dir.join(name)), before, "{name}");
    }
    assert_eq!(cleaned.stderr.lines().count(), kept.len(), "{cleaned}");
    assert!(!control.exists(), "what nothing speaks against is removed");
}

#[test]
fn what_bears_no_mark_or_one_that_was_made_for_something_else_is_kept_and_named() {
    let place = Place::new();
    let below = |name: &str| place.explore_dir.join(name);
    fs::create_dir(below("theirs")).unwrap();
    fs::write(below("theirs").join("file"), "x").unwrap();
    fs::create_dir(below("empty")).unwrap();
    fs::write(below("file"), "x").unwrap();
    let original = place.left("original", |mark| mark["host"] = json!("elsewhere.example"));
    must(Command::new("cp").arg("-a").arg(&original).arg(below("copy")));
    symlink(place.left("elsewhere", |mark| mark["host"] = json!("elsewhere.example")), below("link")).unwrap();
    let linked = place.left("linked", |_| ());
    fs::rename(linked.join("explore.json"), linked.join("mark")).unwrap();
    symlink(linked.join("mark"), linked.join("explore.json")).unwrap();
    place.left("newer", |mark| mark["version"] = json!(2));
    fs::write(place.left("garbage", |_| ()).join("explore.json"), "{").unwrap();
    place.left("silent", |mark| mark["host"] = Value::Null);
    keeps(
        &place,
        &[
            ("theirs", "no mark"),
            ("empty", "is empty"),
            ("file", "is no directory"),
            ("original", "by the machine elsewhere.example"),
            ("elsewhere", "by the machine elsewhere.example"),
            ("copy", "made for another directory"),
            ("link", "is a link"),
            ("linked", "something else where a mark would be"),
            ("newer", "another version"),
            ("garbage", "cannot be read"),
            ("silent", "does not say which machine"),
        ],
    );
}

#[test]
fn what_belongs_to_a_state_directory_that_cannot_be_read_is_kept_and_named() {
    let place = Place::new();
    let state = |name: &str| place.howdah.home.join(name);
    fs::create_dir(state("broken")).unwrap();
    fs::write(state("broken").join("journal.db"), vec![7; 8192]).unwrap();
    fs::write(state("file"), "x").unwrap();
    symlink(state("unmounted"), state("link")).unwrap();
    fs::create_dir_all(state("cut").join("attempts/5/1")).unwrap();
    fs::write(state("cut").join("attempts/5/1/ticket.json"), r#"{"version":9999}"#).unwrap();
    for name in ["broken", "file", "link", "cut"] {
        place.left(name, |mark| mark["state"] = json!(state(name)));
    }
    place.left("relative", |mark| mark["state"] = json!("state"));
    let may = "belongs to a session that may go on: ";
    let kept = [("broken", may), ("file", may), ("link", may), ("cut", "files of session 5"), ("relative", may)];
    keeps(&place, &kept);
}

#[test]
fn what_another_user_has_made_or_marked_is_kept_and_named() {
    if !is_root() {
        return skip("only root can act as two users", false);
    }
    let place = Place::new();
    let forged = place.left("forged", |_| ());
    chown(forged.join("explore.json"), Some(NOBODY), None).unwrap();
    keeps(&place, &[("forged", "another user has put there")]);
    let theirs = place.left("theirs", |_| ());
    // What is their own goes, and what is kept where they may not look stays.
    let closed = place.howdah.home.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let (own, locked) =
        (place.left("own", |_| ()), place.left("locked", |mark| mark["state"] = json!(closed.join("x"))));
    must(Command::new("chown").args(["-R", "nobody"]).args([&own, &locked]));
    chown(&place.explore_dir, Some(NOBODY), None).unwrap();
    let state = place.howdah.home.join("none");
    let mut clean = place.howdah.command(["explore", "clean", "--state-dir", state.to_str().unwrap()]);
    let cleaned = clean.uid(NOBODY).gid(NOBODY).output().unwrap();
    let said = String::from_utf8(cleaned.stderr).unwrap();
    assert!(cleaned.status.code() == Some(3) && said.contains("theirs was kept: it belongs to another user"), "{said}");
    assert!(said.contains("locked was kept: it belongs to a session that may go on: "), "{said}");
    assert!(theirs.join("written").exists() && locked.join("written").exists() && !own.exists(), "{said}");
}

#[test]
fn nothing_is_removed_through_a_mount_that_somebody_has_made_in_it() {
    let place = Place::new();
    let outside = scratch("outside");
    fs::write(outside.join("file"), "x").unwrap();
    let inside = place.left("mounted", |_| ()).join("below");
    fs::create_dir(&inside).unwrap();
    let mounted = Command::new("mount").arg("--bind").arg(&outside).arg(&inside).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return skip("nothing can be mounted here", false);
    }
    let cleaned = place.clean(&[]);
    must(Command::new("umount").arg(&inside));
    cleaned.expect_code(3).expect_words(&["something else mounted in it"]);
    assert!(outside.join("file").exists() && inside.exists());
    place.clean(&[]).expect_code(0);
    assert!(!place.explore_dir.join("mounted").exists() && outside.join("file").exists());
}

#[test]
fn where_a_worker_or_a_server_of_somebody_else_is_at_work_nothing_is_removed() {
    let place = Place::new();
    let data = place.left("served", |_| ()).join("files/data");
    fs::create_dir_all(&data).unwrap();
    // It is called as a server is, and nothing says that a session has started it.
    let program = scratch("program").join("postgres");
    fs::copy(fs::canonicalize("/bin/sleep").unwrap(), &program).unwrap();
    let mut foreign = Command::new(program).arg("600").current_dir(&data).spawn().unwrap();
    let named = super::support::timeout::until("it has its name", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", foreign.id())).unwrap();
        (name == "postgres\n").then(|| place.clean(&[]))
    });
    named.expect_code(3).expect_words(&["that no session has started", &foreign.id().to_string()]);
    assert!(foreign.try_wait().unwrap().is_none() && data.exists());
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    place.clean(&[]).expect_code(0);
    assert!(!data.exists());
}

#[test]
fn names_of_others_do_not_reach_the_terminal_as_they_are() {
    let place = Place::new();
    for name in ["theirs\u{1b}[2J", "a\u{202e}b"] {
        fs::write(place.explore_dir.join(name), "x").unwrap();
    }
    place.left("evil", |mark| mark["state"] = json!("/none/\u{1b}[2J\u{202e}"));
    for words in [&["--plan"][..], &["--plan", "--json"], &["--json"]] {
        let ran = place.clean(words);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(shown.contains("evil") && shown.contains("theirs"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    }
}

#[test]
fn what_was_found_is_judged_again_when_it_is_removed() {
    let place = Place::new();
    let left = place.left("left", |_| ());
    let says = |standing: SessionStanding| -> AskStanding { Arc::new(move |_, _| standing.clone()) };
    let gone = says(SessionStanding::NoState);
    let found = look(&place.explore_dir, STALL, &gone).unwrap();
    assert!(found.len() == 1 && found[0].verdict.is_removable(), "{found:?}");
    let refused = remove(&found[0], STALL, &says(SessionStanding::Ongoing(SessionId(7)))).unwrap_err();
    assert!(refused.cause.contains("session 7 of"), "{refused}");
    assert!(left.join("written").exists());
    remove(&found[0], STALL, &gone).unwrap();
    assert!(!left.exists());
    remove(&found[0], STALL, &gone).unwrap();
    assert_eq!(names(&place.explore_dir), Vec::<String>::new(), "nor is a claim left");
}
