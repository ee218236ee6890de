//! Session objects through a pipe (R25): into each act that takes them, by the program itself and by a real shell.

use crate::harness::{Harness, Life, one_of_each, uuid};
use crate::support::howdah::Ran;
use howdah::machine::Phase;
use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// Runs an act with this on its standard input.
pub(crate) fn piped(harness: &Harness, arguments: &[&str], input: &str) -> Ran {
    let mut command = harness.howdah.command(harness.arguments(arguments));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn object(number: u64) -> String {
    format!("{{\"id\":{number},\"uuid\":\"{}\"}}", uuid(number))
}

fn is_dismissed(harness: &Harness, number: u64) -> bool {
    harness.session(number).is_dismissed()
}

#[test]
fn r25_one_object_several_or_a_list_are_each_done_in_turn() {
    let three = || Harness::of((1..=3).map(|number| Life::queued(number).succeeded(9)));
    let [a, b] = [object(1), object(3)];
    for input in [format!("{a}\n{b}\n"), format!("[{a},{b}]"), format!("[\n{a},\n{b}\n]\n{a}")] {
        let harness = three();
        let ran = piped(&harness, &["dismiss", "-"], &input).expect_code(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "R26");
        assert_eq!([1, 2, 3].map(|number| is_dismissed(&harness, number)), [true, false, true], "{input}");
    }
    let harness = three();
    piped(&harness, &["dismiss", "-"], &a).expect_code(0);
    assert_eq!([1, 2, 3].map(|number| is_dismissed(&harness, number)), [true, false, false]);
}

#[test]
fn a_pipe_without_sessions_does_nothing_and_is_no_error() {
    let harness = Harness::of(one_of_each());
    for input in ["", "\n", "[]"] {
        let ran = piped(&harness, &["retry", "-"], input).expect_code(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    }
    assert!(!harness.state().join("owner.lock").exists(), "nobody was asked");
}

#[test]
fn garbage_is_named_with_its_place_and_nothing_is_done() {
    let harness = Harness::of(one_of_each());
    let good = object(6);
    for (input, place) in [
        (format!("{good}\n{good} x"), "line 2 column"),
        (format!("[{good},\n"), "line 2 column"),
        ("4\n".to_owned(), "line 1 column 1"),
        ("{\"id\":4}\n".to_owned(), "uuid"),
        (format!("{good}{{\"id\":\"4\",\"uuid\":\"{}\"}}", uuid(4)), "line 1 column"),
        ("\u{1b}[2J".to_owned(), "line 1 column 1"),
    ] {
        let ran = piped(&harness, &["dismiss", "-"], &input).expect_code(2).expect_words(&[place, "nothing was done"]);
        assert!(ran.stdout.is_empty() && !ran.stderr.contains('\u{1b}'), "{ran}");
    }
    assert!(!is_dismissed(&harness, 6) && !harness.state().join("owner.lock").exists());
}

#[test]
fn a_session_of_another_state_directory_is_refused_and_the_others_are_done() {
    let harness = Harness::of(one_of_each());
    let foreign = object(6).replace("aaaa", "bbbb");
    let unknown = object(99);
    let beyond = format!("{{\"id\":{},\"uuid\":\"{}\"}}", u64::MAX, uuid(4));
    let input = [foreign, unknown, beyond, object(7)].join("\n");
    let ran = piped(&harness, &["dismiss", "-"], &input).expect_code(3);
    let shown: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(shown.len(), 3, "{ran}");
    assert!(shown[0].contains("session 6 with the uuid bbbb0006") && shown[0].contains("is not of"), "{ran}");
    assert!(
        shown[1].contains("there is no session 99") && shown[2].contains("there is no session 18446744073709551615")
    );
    assert!(!is_dismissed(&harness, 6) && is_dismissed(&harness, 7));
}

#[test]
fn r25_a_real_pipe_retries_what_a_filter_left() {
    let harness = Harness::of([Life::queued(1).stuck(), Life::queued(2).waiting(), Life::queued(3).stuck()]);
    let (program, state) = (env!("CARGO_BIN_EXE_howdah"), harness.state().display().to_string());
    let list = format!("{program} session list --json --state-dir {state}");
    let retry = format!("{program} session retry - --state-dir {state}");
    let filter = "grep '\"phase\":\"stuck\"' | sed 's/,$//'";
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -o pipefail; {list} 2>/dev/null | {filter} | {retry}")]);
    let ended = command.envs(harness.howdah.environment()).stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), ended.stdout.as_slice(), shown.as_str()), (Some(0), &b""[..], ""));
    for (number, retried) in [(1, true), (2, false), (3, true)] {
        let history = harness.run(&["events", &number.to_string()]).stdout;
        assert_eq!(history.contains("retry asked by"), retried, "{history}");
    }
    assert!(matches!(harness.session(2).phase(), Phase::Waiting { .. }), "R14");
}
