//! Texts that are made for other programs: completions and manual pages hold whatever the command line takes and nothing
//! that is hidden; the unit of the keeper says what the keeper relies on.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use clap::{Command, CommandFactory, Parser};
use howdah::cli::{
    args::{self, Cli},
    exit::Exit,
    job::args::JobVerb,
    man,
};
use std::{
    fmt::Write as _,
    fs,
    io::Read as _,
    os::unix::fs::symlink,
    path::Path,
    process::{self, Stdio},
};
use support::{
    howdah::{Howdah, Ran},
    place::{listing, scratch},
    skip::skip,
};

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

/// A verb of the command line, as it is typed, with what may follow it.
struct Verb {
    words: Vec<String>,
    verbs: Vec<String>,
    flags: Vec<String>,
    hidden: Vec<String>,
}

/// howdah itself and every visible verb below it.
fn verbs() -> Vec<Verb> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let mut found = Vec::new();
    gather(&whole, &["howdah".to_owned()], &mut found);
    assert!(found.len() > 4, "the verbs are sought in the wrong way");
    found
}

fn gather(command: &Command, words: &[String], found: &mut Vec<Verb>) {
    let (hidden, shown): (Vec<&Command>, Vec<&Command>) =
        command.get_subcommands().partition(|verb| verb.is_hide_set());
    let flags = |hidden: bool| {
        let flags = command.get_arguments().filter(move |argument| argument.is_hide_set() == hidden);
        flags.filter_map(|argument| argument.get_long()).map(|long| format!("--{long}"))
    };
    let name = |verb: &&Command| verb.get_name().to_owned();
    found.push(Verb {
        words: words.to_vec(),
        verbs: shown.iter().map(name).collect(),
        flags: flags(false).collect(),
        hidden: hidden.iter().map(name).chain(flags(true)).collect(),
    });
    for verb in shown {
        gather(verb, &[words, &[verb.get_name().to_owned()]].concat(), found);
    }
}

/// Everything that this user has, so that a run can be seen to have made nothing.
fn nothing_was_made(howdah: &Howdah, ran: &Ran) {
    assert_eq!(listing(&howdah.home).len(), 1, "{ran}\n{:?}", listing(&howdah.home));
}

#[test]
fn every_verb_and_flag_says_what_it_is() {
    fn check(command: &Command, mute: &mut Vec<String>) {
        if command.get_about().is_none() {
            mute.push(command.get_name().to_owned());
        }
        for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
            mute.push(format!("{} {}", command.get_name(), argument.get_id()));
        }
        command.get_subcommands().filter(|verb| !verb.is_hide_set()).for_each(|verb| check(verb, mute));
    }
    let mut mute = Vec::new();
    check(&Cli::command(), &mut mute);
    assert!(mute.is_empty(), "no help for: {}", mute.join(", "));
}

#[test]
fn bash_completes_every_verb_and_flag_and_nothing_hidden() {
    let verbs = verbs();
    // Each line asks for the words that fit behind some words, and gets one line of answers.
    let mut script = format!(
        "source <({} completions bash) || exit 9\n\
         ask() {{ COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _howdah howdah \"${{@: -1}}\" \"${{@: -2:1}}\"; \
         echo \"${{COMPREPLY[*]}}\"; }}\n",
        env!("CARGO_BIN_EXE_howdah")
    );
    let mut wanted: Vec<(String, &[String], &[String])> = Vec::new();
    let mut ask = |words: &[String], beginning: &str, present: &'static [String], absent: &'static [String]| {
        let line = format!("{} '{beginning}'", words.join(" "));
        writeln!(script, "ask {line}").unwrap();
        wanted.push((line, present, absent));
    };
    for verb in Vec::leak(verbs) {
        ask(&verb.words, "", &verb.verbs, &verb.hidden);
        ask(&verb.words, "--", &verb.flags, &verb.hidden);
        for inner in verb.verbs.chunks(1) {
            ask(&verb.words, inner[0].get(..2).unwrap(), inner, &verb.hidden);
        }
    }
    let output = process::Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{:?}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(reported.lines().count(), wanted.len(), "{reported}");
    for ((line, present, absent), answer) in wanted.into_iter().zip(reported.lines()) {
        let words: Vec<&str> = answer.split(' ').collect();
        for word in present {
            assert!(words.contains(&&**word), "{line}: no {word} in {answer:?}");
        }
        for word in absent {
            assert!(!words.contains(&&**word), "{line}: {word} in {answer:?}");
        }
    }
}

#[test]
fn each_shell_gets_a_script_of_its_own_without_any_setting() {
    let howdah = Howdah::new();
    howdah.configure("this is not toml");
    let before = listing(&howdah.home);
    for (shell, first) in SHELLS.iter().zip([
        "_howdah() {",
        "#compdef howdah",
        "# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.",
        "",
        "",
    ]) {
        let ran = howdah.run(["completions", shell]).expect_code(0);
        assert_eq!(ran.stdout.lines().next(), Some(first), "{shell}");
        assert!(ran.stdout.contains("state-dir") && ran.stderr.is_empty(), "{shell}: {ran}");
        let hidden = ["--detach", "-l detach"].iter().any(|flag| ran.stdout.contains(flag));
        assert!(!hidden, "{shell} offers what is hidden");
    }
    assert_eq!(listing(&howdah.home), before);
    let ran = howdah.run(["completions", "tcsh"]).expect_code(2).expect_words(&["tcsh", "bash", "fish"]);
    assert!(ran.stdout.is_empty(), "{ran}");
}

#[test]
fn shells_that_are_here_can_read_their_script() {
    for shell in ["bash", "zsh", "fish"] {
        if process::Command::new(shell).arg("--version").output().is_err() {
            skip(&format!("{shell} is not here"), false);
            continue;
        }
        let file = scratch("script").join(shell);
        fs::write(&file, Howdah::new().run(["completions", shell]).stdout).unwrap();
        let output = process::Command::new(shell).arg("-n").arg(&file).output().unwrap();
        assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_verb_has_a_page_that_names_it_and_all_its_flags() {
    let howdah = Howdah::new();
    for verb in verbs() {
        let ran = howdah.run(["man"].into_iter().chain(verb.words[1..].iter().map(String::as_str))).expect_code(0);
        let name = verb.words.join("-");
        let title = format!(".TH {name} 1 \"\" \"howdah {}\" howdah", env!("CARGO_PKG_VERSION"));
        assert_eq!(ran.stdout.lines().nth(2), Some(&*title), "{ran}");
        assert!(ran.stderr.is_empty(), "{ran}");
        let text = ran.stdout.replace('\\', "");
        assert!(text.contains(&format!(".SH NAME\n{name} - ")), "{text}");
        for word in verb.flags.iter().chain(&verb.verbs) {
            assert!(text.contains(word.as_str()), "{name} does not tell of {word}\n{text}");
        }
        for word in verb.hidden.iter().filter(|word| word.starts_with("--")) {
            assert!(!text.contains(word.as_str()), "{name} tells of {word}\n{text}");
        }
        nothing_was_made(&howdah, &ran);
    }
}

#[test]
fn the_page_of_a_verb_begins_as_it_always_did() {
    let ran = Howdah::new().run(["man", "backup", "list"]).expect_code(0);
    let version = env!("CARGO_PKG_VERSION");
    let wanted = format!(
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH howdah-backup-list 1 \"\" \"howdah {version}\" howdah\n.SH NAME\n\
         howdah\\-backup\\-list \\- List every backup, newest first for each instance\n.SH SYNOPSIS\n"
    );
    assert!(ran.stdout.starts_with(&wanted), "{ran}");
}

#[test]
fn a_verb_without_a_page_is_wrong_usage_and_names_those_that_have_one() {
    let howdah = Howdah::new();
    for (words, known) in [(&["worker"][..], "backup, restore"), (&["backup", "lst"], "list"), (&["--help"], "Usage")] {
        let ran = howdah.run(["man"].iter().chain(words)).expect_words(&[known]);
        assert_eq!(
            (ran.code, ran.stdout.is_empty()),
            if words == ["--help"] { (Some(0), false) } else { (Some(2), true) }
        );
    }
    howdah.run(["man", "restore", "--dir", "x"]).expect_code(2).expect_words(&["--dir"]);
}

#[test]
fn a_directory_gets_a_page_for_each_verb_and_keeps_what_is_not_howdahs() {
    let howdah = Howdah::new();
    let directory = scratch("pages").join("share/man/man1");
    let text = directory.to_str().unwrap();
    howdah.run(["man", "--dir", text]).expect_code(0);
    let names = |directory: &Path| {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut wanted: Vec<String> = verbs().iter().map(|verb| format!("{}.1", verb.words.join("-"))).collect();
    wanted.sort();
    assert_eq!(names(&directory), wanted);

    // A page that stands is replaced, a link in its place is not followed, and the neighbours are left alone.
    let outside = scratch("outside").join("precious");
    fs::write(&outside, "precious").unwrap();
    fs::write(directory.join("howdah.1"), "old").unwrap();
    fs::remove_file(directory.join("howdah-restore.1")).unwrap();
    symlink(&outside, directory.join("howdah-restore.1")).unwrap();
    fs::write(directory.join("ls.1"), "not ours").unwrap();
    howdah.run(["man", "--dir", text]).expect_code(0);
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    assert_eq!(fs::read_to_string(directory.join("ls.1")).unwrap(), "not ours");
    assert!(fs::read_to_string(directory.join("howdah.1")).unwrap().contains(".TH howdah 1"));
    assert!(directory.join("howdah-restore.1").symlink_metadata().unwrap().is_file());
    wanted.push("ls.1".to_owned());
    assert_eq!(names(&directory), wanted);

    // What cannot be replaced is named, and leaves nothing half done behind.
    fs::remove_file(directory.join("howdah.1")).unwrap();
    fs::create_dir_all(directory.join("howdah.1/full")).unwrap();
    howdah.run(["man", "--dir", text]).expect_code(1).expect_words(&["howdah.1"]);
    assert_eq!(names(&directory), wanted);
}

#[test]
fn the_pages_are_clean_in_the_eyes_of_those_who_print_them() {
    let pages = scratch("lint");
    Howdah::new().run(["man", "--dir", pages.to_str().unwrap()]).expect_code(0);
    let tools: [(&str, &[&str]); 2] = [("mandoc", &["-Tlint", "-Werror"]), ("groff", &["-man", "-ww", "-z", "-Kutf8"])];
    for (program, arguments) in tools {
        if process::Command::new(program).arg("--version").stderr(Stdio::null()).output().is_err() {
            skip(&format!("{program} is not here"), false);
            continue;
        }
        for page in fs::read_dir(&pages).unwrap() {
            let page = page.unwrap().path();
            let output = process::Command::new(program).args(arguments).arg(&page).output().unwrap();
            let reported = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(
                output.status.success() && (program == "mandoc" || reported.is_empty()),
                "{program} {page:?}: {reported}"
            );
        }
    }
}

#[test]
fn a_reader_that_has_read_enough_is_not_an_error() {
    let howdah = Howdah::new();
    for arguments in [&["man", "restore"][..], &["completions", "zsh"]] {
        let mut child = howdah.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut reported = String::new();
        child.stderr.take().unwrap().read_to_string(&mut reported).unwrap();
        assert!(child.wait().unwrap().success() && reported.is_empty(), "{arguments:?}: {reported}");
    }
    // A full disk is one.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = howdah.command(["man"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space"));
}

const UNIT: &str = include_str!("../assets/howdah-keeper.service");

/// The value of a key of the unit, which must be said once.
fn said(section: &str, key: &str) -> &'static str {
    let (_, rest) = UNIT.split_once(&format!("\n[{section}]\n")).unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("no {key} in [{section}]"));
    assert_eq!(values.next(), None, "{key} is said twice");
    value
}

#[test]
fn the_unit_keeps_the_work_alive_and_starts_what_there_is() {
    // A restart of the keeper ends no worker and no restored server; nor does one that runs out of memory.
    assert_eq!(said("Service", "KillMode"), "process");
    assert_eq!(said("Service", "OOMPolicy"), "continue");
    // A crash, a kill and another owner are met by asking again, for ever; wrong settings are not.
    assert_eq!(said("Service", "Restart"), "on-failure");
    assert_eq!(said("Unit", "StartLimitIntervalSec"), "0");
    assert!(said("Service", "RestartSec").trim_end_matches('s').parse::<u32>().unwrap() >= 5);
    assert_eq!(said("Service", "RestartPreventExitStatus"), (Exit::Usage as u8).to_string());
    assert_eq!(said("Install", "WantedBy"), "default.target");
    assert!(UNIT.contains("\n# For the system: WantedBy=multi-user.target\n"));
    assert!(UNIT.contains("loginctl enable-linger"));

    let words: Vec<&str> = said("Service", "ExecStart").split(' ').collect();
    assert!(Path::new(words[0]).is_absolute() && words[0].ends_with("/howdah"), "{words:?}");
    let keeper = Cli::try_parse_from(&words).unwrap().verb;
    assert!(
        matches!(keeper, Some(args::Verb::Keeper(ref keeper)) if !keeper.until_idle && !keeper.detach),
        "{keeper:?}"
    );
    let page = said("Unit", "Documentation").trim_start_matches("man:").replace("(1)", ".1");
    assert!(man::pages().iter().any(|known| known.name == page), "{page}");
}

const JOB: &str = include_str!("../assets/howdah-job@.service");
const TIMER: &str = include_str!("../assets/howdah-job@.timer");

#[test]
fn the_unit_of_a_job_waits_for_its_end_and_a_warning_is_no_failure() {
    let line = |key: &str| JOB.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
    let words: Vec<&str> = line("ExecStart").split(' ').collect();
    let verb = Cli::try_parse_from(words.iter().map(|word| word.replace("%i", "nightly"))).unwrap().verb;
    let Some(args::Verb::Job(job)) = verb else { panic!("{words:?}") };
    assert!(matches!(job.verb, JobVerb::Start(ref start) if start.wait && !start.plan), "{job:?}");
    assert_eq!(line("SuccessExitStatus"), (Exit::Warned as u8).to_string());
    // The keeper that it may start goes on with the run.
    assert_eq!(line("KillMode"), "process");
    let page = line("Documentation").trim_start_matches("man:").replace("(1)", ".1");
    assert!(man::pages().iter().any(|known| known.name == page), "{page}");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let directory = scratch("unit");
    for (name, text) in [("howdah-keeper.service", UNIT), ("howdah-job@.service", JOB), ("howdah-job@.timer", TIMER)] {
        fs::write(directory.join(name), text.replace("/usr/local/bin/howdah", env!("CARGO_BIN_EXE_howdah"))).unwrap();
    }
    let units = ["howdah-keeper.service", "howdah-job@nightly.service", "howdah-job@nightly.timer"];
    let verify = |more: &[&str]| {
        let mut command = process::Command::new("systemd-analyze");
        command.args(["verify", "--man=no"]).args(more).args(units.map(|unit| directory.join(unit)));
        command.env("XDG_RUNTIME_DIR", &directory).output()
    };
    // Which of these words systemd knows is its own business; that it is here is told by the version.
    let here = process::Command::new("systemd-analyze").arg("--version").output();
    if !here.is_ok_and(|output| output.status.success()) {
        skip("systemd-analyze is not here", false);
        return;
    }
    for mode in [&["--system"][..], &["--user"]] {
        let output = verify(mode).unwrap();
        let reported = String::from_utf8_lossy(&output.stderr);
        let about_us: Vec<&str> = reported.lines().filter(|line| line.contains("howdah-")).collect();
        assert!(about_us.is_empty(), "{mode:?}: {reported}");
    }
}
