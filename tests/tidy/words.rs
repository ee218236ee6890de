//! Guards words: what may stand in no file, or in certain files only.

use super::source::Source;

/// Which code a ban is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Product,
    Tests,
    Both,
}

/// A sequence of tokens that is not welcome.
struct Ban {
    tokens: &'static [&'static str],
    part: Part,
    /// Only files whose path begins so.
    within: &'static str,
    /// Files, or folders with a slash at the end, that may have it.
    except: &'static [&'static str],
    why: &'static str,
}

const CLOCKS: &[&str] = &["src/manager/clock.rs", "src/worker/event_writer.rs"];
const ROOT: &[&str] = &["src/app.rs", "src/app/", "src/main.rs"];
const SCREEN_EDGE: &[&str] =
    &["src/console/painter.rs", "src/console/input.rs", "src/console/terminal.rs", "src/app.rs", "src/app/"];

const fn ban(tokens: &'static [&'static str], part: Part, within: &'static str, why: &'static str) -> Ban {
    Ban { tokens, part, within, except: &[], why }
}

const fn only(tokens: &'static [&'static str], except: &'static [&'static str], why: &'static str) -> Ban {
    Ban { tokens, part: Part::Product, within: "src/", except, why }
}

const BANS: &[Ban] = &[
    ban(&["todo", "!"], Part::Both, "", "finish it"),
    ban(&["unimplemented", "!"], Part::Both, "", "finish it"),
    ban(&["dbg", "!"], Part::Both, "", "remove it"),
    ban(&[".", "unwrap", "(", ")"], Part::Product, "src/", "say why it cannot fail with expect, or return the error"),
    ban(&["sleep"], Part::Both, "tests/", "wait for a condition, never for a time"),
    ban(&["thread", "::", "sleep"], Part::Tests, "src/", "wait for a condition, never for a time"),
    ban(&["_", "=>"], Part::Product, "src/machine/", "name every variant, so that a new one is decided by a person"),
    ban(&["_", "if"], Part::Product, "src/machine/", "name every variant, so that a new one is decided by a person"),
    ban(&["native"], Part::Product, "src/engine/claim/", "engines know claims, and claims know no engine"),
    ban(&["native"], Part::Product, "src/engine/source/", "engines know sources, and sources know no engine"),
    ban(&["claim"], Part::Product, "src/engine/source/", "a source is read; whose a target is, it does not know"),
    ban(&["native"], Part::Product, "src/engine/verify/", "engines share claims and sources, and know no other engine"),
    ban(&["verify"], Part::Product, "src/engine/native/", "engines share claims and sources, and know no other engine"),
    only(&["Timestamp", "::", "now"], CLOCKS, "take the time as an argument"),
    only(&["Zoned", "::", "now"], CLOCKS, "take the time as an argument"),
    only(&["SystemTime", "::", "now"], CLOCKS, "take the time as an argument"),
    only(&["anyhow"], ROOT, "one error enum for each boundary"),
    only(&["crossterm"], SCREEN_EDGE, "keys and screens have one edge each"),
];

/// Names that were metaphors of our own, and the word of the field for each. A name that a reader must learn first is a
/// cost for everybody; none of these comes back.
const OLD_NAMES: &[(&str, &str)] = &[
    ("Aim", "Selection"),
    ("Alone", "SessionLock"),
    ("Around", "VerbContext"),
    ("AttemptPlace", "AttemptDir"),
    ("bury", "wait_until_gone"),
    ("canceling", "cancelling, as the rest spells it"),
    ("Carrier", "Driver"),
    ("ConnectionState", "OwnerState"),
    ("Crew", "WorkerGroup"),
    ("Dice", "Rng"),
    ("Engines", "EngineFactory"),
    ("Errands", "InFlight"),
    ("Eyes", "Observer"),
    ("goes_on_by_itself", "needs_owner"),
    ("Guard", "IsolatedServer"),
    ("hand_to_server", "before_server_start"),
    ("House", "Harness"),
    ("keep_door", "accept_loop"),
    ("KeeperCall", "KeeperCommand"),
    ("knock", "probe"),
    ("LinkError", "ClientError"),
    ("LOOK", "POLL_INTERVAL"),
    ("LOOK_EVERY", "RECHECK_INTERVAL"),
    ("Manner", "StopMode or CopyOptions"),
    ("Matter", "TreeData"),
    ("Meeting", "Connected"),
    ("Mirror", "Replica"),
    ("MOST_CARRIES", "MAX_SENDS"),
    ("MouseDeed", "MouseAction"),
    ("Nonsense", "InvalidChange"),
    ("Onlooker", "Observer"),
    ("Outbox", "LineWriter"),
    ("PageMark", "Cursor"),
    ("PATIENCE", "TIMEOUT"),
    ("Pulse", "Heartbeat"),
    ("put_label_back", "restore_backup_label"),
    ("Road", "Connector"),
    ("RoadError", "ConnectError"),
    ("Runner", "ServerSupervisor"),
    ("say_note", "note"),
    ("SeatPort", "SwitchPort"),
    ("Shelf", "CompletedList"),
    ("Sight", "Observation"),
    ("Speaker", "PeerVersion"),
    ("Standing", "TargetState"),
    ("StartOrder", "StartRequest"),
    ("Steer", "Service"),
    ("Steward", "OwnerSwitch"),
    ("Survival", "AfterLogout"),
    ("take_seat", "connect_backend"),
    ("tell_next", "next_line"),
    ("to_the_end", "restart_on_panic"),
    ("Told", "HistoryLine"),
    ("told", "what was reported, or shown"),
    ("TurnedAway", "Rejected"),
    ("Unanswered", "CommandError"),
    ("WORDS_QUEUED", "CHANNEL_CAPACITY"),
];

/// Marks of unfinished work, sought in comments too.
const MARKS: [&str; 3] = ["TODO", "FIXME", "XXX"];

pub(crate) fn check(source: &Source) -> Vec<String> {
    let tokens = source.tokens();
    let mut problems = Vec::new();
    for ban in BANS.iter().filter(|ban| ban.is_about(&source.path)) {
        for window in tokens.windows(ban.tokens.len()) {
            let at = window[0].at;
            let same = window.iter().map(|token| token.text).eq(ban.tokens.iter().copied());
            if same && (ban.part == Part::Both || (ban.part == Part::Tests) == source.is_test(at)) {
                problems.push(format!("{}:{}: {}: {}", source.path, source.line(at), ban.tokens.concat(), ban.why));
            }
        }
    }
    for token in &tokens {
        if let Some((old, new)) = OLD_NAMES.iter().find(|(old, _)| *old == token.text) {
            problems.push(format!(
                "{}:{}: {old}: say {new}, which needs no explanation",
                source.path,
                source.line(token.at)
            ));
        }
    }
    for mark in MARKS {
        for (at, _) in source.words.match_indices(mark) {
            problems.push(format!("{}:{}: {mark}: finish it or write an issue", source.path, source.line(at)));
        }
    }
    problems
}

impl Ban {
    fn is_about(&self, path: &str) -> bool {
        let excepted = |except: &&str| if except.ends_with('/') { path.starts_with(except) } else { path == *except };
        path.starts_with(self.within) && !self.except.iter().any(excepted)
    }
}

#[test]
fn unwelcome_words_are_seen() {
    for (path, bad) in [
        ("src/cli/a.rs", "fn f() { todo!() }"),
        ("tests/a.rs", "fn f() { unimplemented!(\"x\") }"),
        ("src/cli/a.rs", "fn f() { dbg!(1); }"),
        ("src/cli/a.rs", "fn f() { x.unwrap() }\n#[cfg(test)]\nmod tests { fn g() { x.unwrap() } }"),
        ("tests/a.rs", "fn f() { std::thread::sleep(d) }"),
        ("src/cli/a.rs", "fn f() { thread::sleep(d) }\n#[cfg(test)]\nmod tests { fn f() { thread::sleep(d) } }"),
        ("src/machine/decide.rs", "fn f() { match x { A => 1, _ => 2 } }"),
        ("src/machine/decide.rs", "fn f() { match x { A => 1, _ if y => 2 } }"),
        ("src/manager/actor.rs", "let t = jiff::Timestamp::now();"),
        ("src/engine/mod.rs", "let t = std::time::SystemTime::now();"),
        ("src/engine/claim/target/a.rs", "use crate::engine::native::plan;"),
        ("src/cli/a.rs", "use anyhow::Context;"),
        ("src/console/view/a.rs", "use ratatui::crossterm::event::KeyCode;"),
        ("src/cli/a.rs", "// TODO later"),
        ("tests/a.rs", "/* FIXME */"),
        ("src/attempt/a.rs", "struct Crew;"),
        ("tests/a.rs", "fn f(switch: &Steward) {}"),
        ("benches/a.rs", "use howdah::control::RoadError;"),
    ] {
        assert_eq!(check(&Source::new(path, bad)).len(), 1, "{path}: {bad}: {:?}", check(&Source::new(path, bad)));
    }
}

#[test]
fn welcome_words_are_left_alone() {
    for (path, good) in [
        ("src/cli/a.rs", "fn f() { x.unwrap_or(1) } // dbg!\nconst A: &str = \"todo!() TODO\";"),
        ("src/manager/clock.rs", "fn now() -> Timestamp { Timestamp::now() }"),
        ("src/engine/mod.rs", "#[cfg(test)]\nmod tests { fn f() { SystemTime::now(); } }"),
        ("src/engine/mod.rs", "fn f() { match x { A => 1, _ => 2 } }"),
        ("src/app.rs", "use anyhow::Result;"),
        (
            "src/attempt/a.rs",
            "// Crew\nstruct WorkerGroup; const A: &str = \"Steward\"; fn f(crew: u32, crewed: CrewCut) {}",
        ),
        ("src/console/input.rs", "use crossterm::event;"),
        ("src/machine/decide.rs", "fn f() { match x { A(_) => 1, B { .. } => 2 } }"),
    ] {
        assert_eq!(check(&Source::new(path, good)), Vec::<String>::new(), "{path}: {good}");
    }
}
