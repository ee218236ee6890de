//! What crashed sessions leave behind: the doctor names it, `howdah explore clean` removes what is proven ours and nobody's,
//! and nothing else.

use super::{
    bed::{Bed, Opened},
    needs_postgres,
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, must, source},
        howdah::{Ran, Running},
        place::listing,
        timeout::until_true,
    },
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A server, by how its command line begins.
const SERVER: &str = "/bin/postgres\0-D\0";

/// What serves the files.
const OVERLAY: &str = "\0overlay\0";

impl Bed {
    pub(super) fn clean(&self, words: &[&str]) -> Ran {
        self.explore(&[&["clean"], words].concat())
    }

    /// What the doctor says of leftovers: its state, the sentence and the fix.
    pub(super) fn doctor(&self) -> [String; 3] {
        let state = self.howdah.state.to_str().unwrap();
        let found = self.howdah.run(["doctor", "--json", "--state-dir", state]).json();
        let found = found.as_array().unwrap().iter().find(|one| one["check"] == "explore").unwrap().clone();
        ["state", "found", "fix"].map(|field| found[field].as_str().unwrap_or_default().to_owned())
    }

    /// The plan's verdict on the place of this name, and its reason.
    pub(super) fn verdict(&self, name: &str) -> (String, String) {
        let plan = self.clean(&["--plan", "--json"]).expect_code(0).json();
        let place = self.explore_dir.join(name);
        let one = plan.as_array().unwrap().iter().find(|one| one["place"] == place.to_str().unwrap());
        let one = one.unwrap_or_else(|| panic!("{name} in {plan}"));
        (one["verdict"].as_str().unwrap().to_owned(), one["reason"].as_str().unwrap().to_owned())
    }

    /// Writes the mark of a session whose state directory is gone into a directory.
    fn mark(&self, name: &str, session: uuid::Uuid) {
        let place = self.explore_dir.join(name);
        let mut mark: Value =
            serde_json::from_slice(&fs::read(self.explore_dir.join("shop/explore.json")).unwrap()).unwrap();
        mark["session"] = json!(session);
        mark["state"] = json!(self.howdah.home.join("never"));
        mark["inode"] = json!(fs::metadata(&place).unwrap().ino());
        fs::write(place.join("explore.json"), mark.to_string()).unwrap();
    }

    /// A session that has crashed, and whose state directory is gone.
    pub(super) fn abandoned(&self) -> Opened {
        let open = self.open(&[]);
        self.crash();
        fs::remove_dir_all(&self.howdah.state).unwrap();
        open
    }
}

#[test]
fn what_a_session_without_a_state_directory_has_left_is_named_by_the_doctor_and_cleared_away() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    assert_eq!(bed.doctor()[0], "ok");
    let open = bed.abandoned();
    let place = bed.explore_dir.join("shop");
    let [state, found, fix] = bed.doctor();
    assert_eq!((state.as_str(), fix.as_str()), ("warning", "howdah explore clean --plan"));
    assert!(
        found.starts_with("1 leftover of crashed sessions, ") && found.contains(place.to_str().unwrap()),
        "{found}"
    );
    let before = listing(&bed.explore_dir);
    let plan = bed.clean(&["--plan"]).expect_code(0);
    plan.expect_words(&[
        "remove",
        place.to_str().unwrap(),
        "is gone",
        "server ",
        "overlay ",
        "mounted at",
        "sockets in",
    ]);
    let object = bed.clean(&["--plan", "--json"]).expect_code(0).json()[0].clone();
    assert_eq!((&object["removed"], &object["session"]), (&Value::Null, &open.0["uuid"]), "{object}");
    assert!(object["bytes"].as_u64().unwrap() > 8192, "{object}");
    assert_eq!(object["overlays"], json!([bed.overlay()]));
    assert_eq!(listing(&bed.explore_dir), before, "the plan has changed nothing");
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "and its server runs");
    let asks = open.psql().args(["-c", "select pg_sleep(600)"]).stderr(Stdio::piped()).spawn().unwrap();
    let running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)'";
    until_true("a query runs", || open.ask(running) == "1");
    let cleaned = bed.clean(&[]).expect_code(0);
    assert_eq!((cleaned.stdout.as_str(), cleaned.stderr.as_str()), ("", ""));
    let ended = String::from_utf8(asks.wait_with_output().unwrap().stderr).unwrap();
    assert!(ended.contains("administrator command"), "it was shut down, not killed: {ended}");
    bed.expect_nothing_left(&[&open]);
    assert_eq!(bed.doctor()[0], "ok");
    assert_eq!(bed.clean(&["--json"]).expect_code(0).json(), json!([]));
    assert!(!bed.howdah.state.exists(), "nothing was made in its place");
}

#[test]
fn sessions_of_other_state_directories_are_left_alone_be_they_open_or_waiting_without_any_process() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let (open, waiting) = (bed.beside(), bed.beside());
    let gone = bed.abandoned();
    let held = open.open(&[]);
    let left = waiting.open(&[]);
    let place = waiting.explore_dir.join(Path::new(left.text("target")).file_name().unwrap());
    waiting.kill(OVERLAY);
    until_true("it waits for its next try", || waiting.list()[0]["phase"] == "waiting");
    until_true("its worker is gone", || waiting.process("\0worker\0").is_none());
    waiting.kill("\0keeper\0");
    let before = listing(&place);
    assert!(before.len() > 3 && !waiting.explore_dir.join(&place).join("files/data").exists(), "{before:?}");
    let kept = |bed: &Bed| {
        let plan = bed.clean(&["--plan", "--json"]).expect_code(0).json();
        let of =
            |one: &Value| (one["verdict"].as_str().unwrap().to_owned(), one["reason"].as_str().unwrap().to_owned());
        let places = plan.as_array().unwrap().iter().map(|one| (one["session"].clone(), of(one)));
        places.collect::<Vec<_>>()
    };
    // Whoever asks: the user without a state directory, and one of the others.
    for asks in [&bed, &open] {
        let all = kept(asks);
        let of = |opened: &Opened| all.iter().find(|(session, _)| *session == opened.0["uuid"]).unwrap().1.clone();
        assert_eq!(of(&gone).0, "remove", "{all:?}");
        assert_eq!((of(&held).0.as_str(), of(&left).0.as_str()), ("in_use", "in_use"), "{all:?}");
        let state = waiting.howdah.state.to_str().unwrap();
        assert_eq!(of(&left).1, format!("session {} of {state} goes on", left.id()));
    }
    let cleaned = open.clean(&[]).expect_code(0);
    assert_eq!((cleaned.stdout.as_str(), cleaned.stderr.as_str()), ("", ""), "what is somebody's is no matter");
    assert_eq!(held.ask(SUM_OF_ROWS), source().sum);
    assert_eq!(listing(&place), before);
    assert!(!Path::new(gone.text("sockets")).exists());
    for bed in [&open, &waiting] {
        let _owner = bed.howdah.spawn(["keeper", "--state-dir", bed.howdah.state.to_str().unwrap()]);
        bed.explore(&["stop", "[0]"]).expect_code(0);
    }
    bed.expect_nothing_left(&[&gone, &held, &left]);
}

#[test]
fn a_session_that_is_about_to_begin_is_never_taken_for_one_that_has_crashed() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let other = bed.beside();
    let words = ["explore", "start", "shop", "--wait", "--json", "--state-dir", bed.howdah.state.to_str().unwrap()];
    let mut starting = bed.howdah.spawn(words);
    let mut looks = 0;
    let started = loop {
        other.clean(&[]).expect_code(0);
        looks += 1;
        match starting.try_wait() {
            Ok(ran) => break ran,
            Err(going_on) => starting = going_on,
        }
    };
    let open = Opened(started.expect_code(0).json());
    assert!(looks > 1);
    assert_eq!((open.0["attempt"].as_u64(), open.ask(SUM_OF_ROWS)), (Some(1), source().sum.clone()));
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn a_place_that_is_claimed_goes_only_when_nobody_can_give_it_back() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.open(&[]);
    let claim: Value = serde_json::from_slice(&fs::read(bed.explore_dir.join(".shop.howdah")).unwrap()).unwrap();
    let (claimed, place) = (bed.explore_dir.join(".next.howdah"), bed.explore_dir.join("next"));
    // The owner has claimed a place and stores the session next: nothing else of it is there yet.
    let mut next = claim;
    next["session"] = json!(uuid::Uuid::from_u128(7));
    fs::write(&claimed, next.to_string()).unwrap();
    assert_eq!(bed.verdict("next").0, "in_use");
    bed.clean(&[]).expect_code(0);
    assert!(claimed.exists());
    // When its state directory is gone nobody does, unless the disk that it was on is only away.
    next["holder"]["state"] = json!(bed.howdah.home.join("never"));
    let mut away = next.clone();
    away["holder"]["state_id"]["device"] = json!(u32::MAX);
    fs::write(&claimed, away.to_string()).unwrap();
    let (verdict, reason) = bed.verdict("next");
    assert!(verdict == "unproven" && reason.contains("another file system"), "{verdict}: {reason}");
    bed.clean(&[]).expect_code(3);
    // Without a mark nobody can tell what of it the session has made.
    fs::write(&claimed, next.to_string()).unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("file"), "x").unwrap();
    let (verdict, reason) = bed.verdict("next");
    assert!(verdict == "unproven" && reason.contains("no mark of a session, and is claimed by"), "{verdict}: {reason}");
    assert_eq!(bed.doctor()[1], "1 place that may be left over");
    fs::remove_file(place.join("file")).unwrap();
    // What another session has marked is not what it has claimed.
    bed.mark("next", uuid::Uuid::from_u128(8));
    let (verdict, reason) = bed.verdict("next");
    assert!(verdict == "unproven" && reason.contains("is claimed by"), "{verdict}: {reason}");
    bed.mark("next", uuid::Uuid::from_u128(7));
    away["holder"]["state"] = json!(bed.howdah.home.join("mount-point"));
    fs::create_dir(bed.howdah.home.join("mount-point")).unwrap();
    fs::write(&claimed, away.to_string()).unwrap();
    assert!(bed.verdict("next").1.contains("another file system"));
    fs::write(&claimed, next.to_string()).unwrap();
    assert_eq!(bed.verdict("next").0, "remove");
    bed.clean(&[]).expect_code(0);
    assert!(!claimed.exists() && !place.exists() && bed.explore_dir.join(".shop.howdah").exists());
    // And what calls itself as one that is open elsewhere takes nothing of that.
    fs::create_dir(&place).unwrap();
    bed.mark("next", open.text("uuid").parse().unwrap());
    let plan = bed.clean(&["--plan", "--json"]).json();
    let next = plan.as_array().unwrap().iter().find(|one| one["place"] == place.to_str().unwrap()).unwrap();
    assert_eq!((&next["verdict"], &next["sockets"]), (&json!("unproven"), &json!([])), "{plan}");
    assert!(next["reason"].as_str().unwrap().contains("mounted elsewhere"), "{plan}");
    bed.clean(&[]).expect_code(3);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    fs::remove_dir_all(&place).unwrap();
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn two_that_clean_at_once_leave_nothing_and_do_not_stumble() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.abandoned();
    // As an attempt does while it works, or another one that cleans.
    let claim = fs::File::open(bed.explore_dir.join(".shop.howdah")).unwrap();
    until_true("who was killed has let go", || claim.try_lock().is_ok());
    let why = format!("process {} works there", std::process::id());
    assert_eq!(bed.verdict("shop"), ("in_use".to_owned(), why));
    bed.clean(&[]).expect_code(0);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    claim.unlock().unwrap();
    let words = ["explore", "clean", "--state-dir", bed.howdah.state.to_str().unwrap()];
    let both = [bed.howdah.spawn(words), bed.howdah.spawn(words)].map(Running::wait);
    let shown = both.each_ref().map(ToString::to_string);
    assert!(both.iter().any(|one| one.code == Some(0)), "{shown:?}");
    // The other one found it gone, or at work on.
    assert!(both.iter().all(|one| one.code == Some(0) || one.stderr.contains("; process ")), "{shown:?}");
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn it_is_cleared_away_whatever_has_ended_by_itself_or_by_a_restart_of_the_machine() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    for dead in [&[SERVER][..], &[OVERLAY], &[OVERLAY, SERVER]] {
        let bed = bed.beside();
        let open = bed.abandoned();
        for words in dead {
            bed.kill(words);
        }
        bed.clean(&[]).expect_code(0);
        bed.expect_nothing_left(&[&open]);
    }
    let bed = bed.beside();
    let open = bed.abandoned();
    let place = bed.explore_dir.join("shop");
    for words in [SERVER, OVERLAY] {
        bed.kill(words);
    }
    must(Command::new("umount").arg(place.join("files")));
    fs::remove_dir_all(open.text("sockets")).unwrap();
    let mark = fs::read_to_string(place.join("explore.json")).unwrap();
    let mut mark: Value = serde_json::from_str(&mark).unwrap();
    mark["boot"] = json!(uuid::Uuid::from_u128(7));
    fs::write(place.join("explore.json"), mark.to_string()).unwrap();
    bed.clean(&[]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn a_session_that_its_journal_has_lost_is_kept_as_long_as_it_can_be_brought_back() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.open(&[]);
    bed.crash();
    // A state directory that was moved is known by its new name to who cleans with it.
    let moved = bed.howdah.home.join("moved");
    fs::rename(&bed.howdah.state, &moved).unwrap();
    let words = ["explore", "clean", "--plan", "--json", "--state-dir", moved.to_str().unwrap()];
    assert_eq!(bed.howdah.run(words).json()[0]["verdict"], "in_use");
    fs::rename(&moved, &bed.howdah.state).unwrap();
    for entry in fs::read_dir(&bed.howdah.state).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("journal.db") {
            fs::remove_file(path).unwrap();
        }
    }
    let (verdict, reason) = bed.verdict("shop");
    assert_eq!(verdict, "unproven");
    assert!(reason.contains(&format!("howdah session recover {} --state-dir ", open.id())), "{reason}");
    bed.clean(&[]).expect_code(3).expect_words(&["was kept", "session recover"]);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum);
    fs::remove_dir_all(bed.howdah.state.join("attempts")).unwrap();
    assert!(bed.verdict("shop").1.ends_with("does not know its session"));
    bed.clean(&[]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn what_a_session_that_has_ended_has_left_goes_when_its_worker_is_gone() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.open(&[]);
    let (place, files) = (bed.explore_dir.join("shop"), bed.howdah.state.join(format!("attempts/{}", open.id())));
    let mark: Value = serde_json::from_slice(&fs::read(place.join("explore.json")).unwrap()).unwrap();
    bed.explore(&["stop", "[0]"]).expect_code(0);
    fs::create_dir_all(&place).unwrap();
    let inode = fs::metadata(&place).unwrap().ino();
    let mark = mark.as_object().unwrap().clone().into_iter().chain([("inode".to_owned(), json!(inode))]);
    fs::write(place.join("explore.json"), Value::Object(mark.collect()).to_string()).unwrap();
    let lock = fs::File::open(files.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let held = (("in_use").to_owned(), format!("a worker of session {} has not ended", open.id()));
    assert_eq!(bed.verdict("shop"), held);
    bed.clean(&[]).expect_code(0);
    assert!(place.exists());
    lock.unlock().unwrap();
    assert!(bed.verdict("shop").1.ends_with("has ended"));
    bed.clean(&[]).expect_code(0);
    bed.expect_nothing_left(&[&open]);
}

#[test]
fn files_that_are_not_served_any_more_hold_up_nobody() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let open = bed.abandoned();
    kill_process(Pid::from_raw(bed.overlay()).unwrap(), Signal::STOP).unwrap();
    let [state, found, _] = bed.doctor();
    assert_eq!(state, "warning", "{found} {:?}", bed.verdict("shop"));
    assert_eq!(bed.verdict("shop").0, "remove");
    // Its shutdown waits for them, which nobody else is to meddle with.
    let began = Instant::now();
    let mut cleaning = bed.howdah.spawn(["explore", "clean", "--state-dir", bed.howdah.state.to_str().unwrap()]);
    let works = ("in_use".to_owned(), format!("process {} works there", cleaning.pid()));
    let mut is_locked = false;
    let cleaned = loop {
        match cleaning.try_wait() {
            Ok(ran) => break ran,
            Err(going_on) => cleaning = going_on,
        }
        let plan = bed.clean(&["--plan", "--json"]).json();
        is_locked |= plan[0]["verdict"] == works.0.as_str() && plan[0]["reason"] == works.1.as_str();
    };
    cleaned.expect_code(0);
    assert!(is_locked, "who cleans holds the claim");
    // Those who wait for it go with who serves them, long before they would be killed one by one.
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
    bed.expect_nothing_left(&[&open]);
}
