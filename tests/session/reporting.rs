//! `howdah report`: one session, told whole, for a terminal, a wiki and a program.

use crate::{
    harness::{FIRST, Harness, Life, cancel, copied, one_of_each, uuid},
    sample,
    support::howdah::Ran,
};
use howdah::{
    domain::{
        ByteCount, Damage, Disposed, Failure, Plan, Step, StepState, Success,
        fact::{End, Fact},
        plan::TablespacePlan,
    },
    machine::{Command, Report},
};
use insta::assert_snapshot;
use std::{io::Write as _, process::Stdio, time::Duration};

/// A life of two disruptions, of a retry by a person, and of a success with a warning.
fn eventful(number: u64) -> Life {
    let fact = |fact| Command::Report { attempt: FIRST, report: Report::Fact(fact) };
    let mut plan = sample::restore_plan();
    plan.warnings.push("the backup | has <no> checksums".to_owned());
    plan.files.tablespaces.push(TablespacePlan { oid: 16384, original: "/old".into(), directory: "/new".into() });
    plan.files.reused = ByteCount(100);
    let gone = Failure::disruption("the repository `nas` is gone\u{1b}[2J", "mount it again").in_step(Step::Copy);
    let life = Life::queued(number)
        .running()
        .then(fact(Fact::Planned(Box::new(Plan::Restore(plan)))), 4)
        .then(fact(Fact::Note("the repository is slow".to_owned())), 5)
        .then(fact(copied(400)), 6)
        .over(End::Failed(gone), 63)
        .then(Command::Retry { by: "ops@bastion (process 42 on pts/3)".to_owned() }, 3800)
        .then(Command::Launch, 3801);
    let second = |fact| Command::Report { attempt: FIRST.next(), report: Report::Fact(fact) };
    let step = |step, state| second(Fact::Step { step, state });
    let done = |seconds| StepState::Done { took: Duration::from_secs(seconds), detail: String::new() };
    let running = || StepState::Running { detail: String::new() };
    let success = Success { warnings: vec!["read this | twice".to_owned()], ..sample::success() };
    life.then(step(Step::Check, running()), 3801)
        .then(step(Step::Check, done(1)), 3802)
        .then(step(Step::Copy, running()), 3802)
        .then(second(copied(1000)), 3807)
        .then(step(Step::Copy, done(5)), 3807)
        .then(step(Step::Start, StepState::Skipped { reason: "as asked".to_owned() }), 3807)
        .over(End::Succeeded(success), 3808)
}

impl Harness {
    fn report(&self, arguments: &[&str]) -> Ran {
        self.piped_report(arguments, "")
    }

    fn piped_report(&self, arguments: &[&str], input: &str) -> Ran {
        let state = self.state().to_str().unwrap();
        let mut command = self.howdah.command([&["report"], arguments, &["--state-dir", state]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

#[test]
fn a_session_that_has_ended_is_told_from_its_order_to_its_end() {
    let harness = Harness::of([eventful(1)]);
    let ran = harness.report(&["1"]).expect_code(0);
    assert!(ran.stderr.is_empty(), "{ran}");
    assert_snapshot!(ran.stdout);
}

#[test]
fn the_same_for_a_wiki_has_no_markup_but_its_own() {
    let harness = Harness::of([eventful(1)]);
    assert_snapshot!(harness.report(&["1", "--markdown"]).expect_code(0).stdout);
}

#[test]
fn the_same_for_a_program_holds_the_object_of_the_session() {
    let harness = Harness::of([eventful(1)]);
    let ran = harness.report(&["1", "--json"]).expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    let mut report = ran.json();
    assert_eq!(report["session"].take(), harness.run(&["show", "1", "--json"]).expect_code(0).json());
    assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn every_phase_can_be_told_and_no_line_is_too_long() {
    let harness = Harness::of(one_of_each());
    let _owner = harness.owned();
    for number in 1..=8 {
        let ran = harness.report(&[&number.to_string()]).expect_code(0);
        assert!(ran.stderr.is_empty(), "{ran}");
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{ran}");
    }
    assert_snapshot!(harness.report(&["2"]).stdout);
    assert_snapshot!(harness.report(&["7"]).stdout);
}

#[test]
fn what_goes_on_is_told_up_to_now_with_and_without_an_owner() {
    let harness = Harness::of([Life::queued(1).running()]);
    harness.tell(
        1,
        1,
        [
            Fact::Planned(Box::new(sample::plan())),
            copied(434),
            Fact::Step { step: Step::Configure, state: StepState::Running { detail: "reads".to_owned() } },
        ],
    );
    let report = harness.report(&["1", "--json"]).expect_code(0).expect_words(&["nobody owns"]).json();
    assert_eq!((&report["attempts"][0]["end"], &report["session"]["lost"]), (&"lost".into(), &true.into()));
    assert_eq!((&report["session"]["bytes_done"], &report["copied"]["bytes"]), (&434.into(), &434.into()));
    let _owner = harness.owned();
    let ran = harness.report(&["1", "--json"]).expect_code(0);
    assert!(ran.stderr.is_empty(), "{ran}");
    let report = ran.json();
    assert_eq!(report["attempts"][0]["end"], "running");
    let steps = report["attempts"][0]["steps"].as_array().unwrap();
    let step = |name: &str| steps[2][name].as_str().unwrap();
    assert_eq!([step("step"), step("state"), step("detail")], ["configure", "under way", "reads"]);
}

#[test]
fn a_damaged_backup_is_told_though_it_is_of_another_kind() {
    let mut found = sample::damaged();
    found.add(Damage::Altered { file: "base/*/[1]".to_owned() });
    let life = Life::verifying(3).then(Command::Launch, 1).over(End::Damaged(found), 5);
    let harness = Harness::of([life]);
    harness.report(&["3"]).expect_code(0).expect_words(&["verification of orders-3", "altered: base/*/[1]", "damaged"]);
    harness.report(&["3", "--markdown"]).expect_code(0).expect_words(&["altered: base/\\*/\\[1\\]"]);
}

#[test]
fn of_several_from_a_pipe_a_bad_one_is_named_and_the_others_are_told() {
    let stopped = Life::queued(2).running().then(cancel(), 5);
    let harness = Harness::of([eventful(1), stopped.over(End::Stopped, 6).over(End::Disposed(Disposed::Kept), 7)]);
    let object = |number: u64| format!("{{\"id\":{number},\"uuid\":\"{}\"}}\n", uuid(number));
    let foreign = object(1).replace("aaaa", "bbbb");
    let input = [foreign, object(1), object(99), object(2)].concat();
    let ran = harness.piped_report(&["-", "--json"], &input).expect_code(3);
    ran.expect_words(&["session 1 with the uuid bbbb0001", "is not of", "there is no session 99"]);
    let ran = harness.piped_report(&["-"], &input).expect_code(3);
    assert_eq!(ran.stdout.matches("Session ").count(), 2, "{ran}");
    assert_eq!(harness.piped_report(&["-"], "").expect_code(0).stdout, "");
    harness.piped_report(&["-"], "garbage").expect_code(2).expect_words(&["line 1 column 1"]);
    harness.report(&["99"]).expect_code(3).expect_words(&["there is no session 99"]);
    harness.report(&["1", "--json", "--markdown"]).expect_code(2);
}

#[test]
fn s10_a_record_that_cannot_be_read_is_a_note_and_hides_nothing_else() {
    let harness = Harness::of([eventful(1), Life::queued(2)]);
    harness.spoil("UPDATE events SET body = '7' WHERE number = 3");
    harness.report(&["1"]).expect_code(0).expect_words(&["this record cannot be read", "retry", "succeeded"]);
    harness.spoil("UPDATE sessions SET body = '{' WHERE id = 1");
    let input: String = [1, 2].map(|number| format!("{{\"id\":{number},\"uuid\":\"{}\"}}", uuid(number))).concat();
    let ran = harness.piped_report(&["-"], &input).expect_code(3);
    ran.expect_words(&["record of session 1 cannot be read", "Session 2: restore of orders-2"]);
}

/// Whoever names an instance, a backup or a failure, or is called so, steers nobody's terminal and breaks no table.
#[test]
fn hostile_names_are_told_as_text_in_every_form() {
    const NAMES: [&str; 5] = [
        "日本語 e\u{301} שלום",
        "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m",
        "one\r\n| two | three\u{0}\n# four",
        "x\u{202e}gnp\u{2066}\u{200b}\u{fe0f}",
        "<script>`x`</script> [a](b) *b* _c_",
    ];
    let long = "long-".repeat(1_000);
    let names: Vec<&str> = NAMES.into_iter().chain([long.as_str()]).collect();
    let lives = (1..).zip(&names).map(|(number, name)| {
        let failure = Failure::disruption(format!("{name} is away"), format!("call {name}")).in_step(Step::Copy);
        let noted = Command::Report { attempt: FIRST, report: Report::Fact(Fact::Note((*name).to_owned())) };
        let retry = Command::Retry { by: (*name).to_owned() };
        Life::named(number, name).running().then(noted, 4).over(End::Failed(failure), 63).then(retry, 70)
    });
    let harness = Harness::of(lives);
    let steers = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}')
    };
    for (number, name) in (1..=names.len()).zip(&names) {
        let number = number.to_string();
        let shown: String = name.chars().take(12).collect();
        for form in [&[][..], &["--markdown"], &["--json"]] {
            let ran = harness.report(&[&[number.as_str()], form].concat()).expect_code(0);
            assert!(!ran.stdout.chars().any(steers), "{form:?} of {shown:?}: {:?}", ran.stdout);
            if form == ["--json"] {
                let title = ran.json()["session"]["instance"].as_str().unwrap().to_owned();
                assert_eq!(title, howdah::domain::InstanceName::new(name).as_str(), "{shown:?}");
            }
        }
        let markdown = harness.report(&[&number, "--markdown"]).stdout;
        let columns = |line: &str| line.starts_with('|').then(|| line.replace("\\|", "").matches('|').count());
        let rows: Vec<Option<usize>> = markdown.lines().map(columns).collect();
        let is_straight = |pair: &[Option<usize>]| pair[0].is_none() || pair[1].is_none() || pair[0] == pair[1];
        assert!(rows.iter().flatten().count() > 3 && rows.windows(2).all(is_straight), "{shown:?}\n{markdown}");
    }
}
