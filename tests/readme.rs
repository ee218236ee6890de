//! The README says what the program does: its keys, flags, settings and exit codes are compared with the program's own.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::{
    app::config::Config,
    cli::exit::Exit,
    console::{action::Action, keymap::Keymap},
    domain::{MajorVersion, plan::SwitchedOff},
    postgres::configure::{
        libraries::{LIBRARIES, Library, Treatment},
        switched_off,
    },
};
use std::fs;
use support::howdah::Howdah;

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The text between two marks, which must both be there.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("README.md has no {begin:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("README.md has no {end:?} after {begin:?}")).0
}

#[test]
fn the_table_of_keys_is_the_key_map() {
    let map = Keymap::default();
    let row = |action: Action| {
        let keys: Vec<String> = map.keys(action).iter().map(|chord| format!("`{chord}`")).collect();
        format!("| {} | {} | `{}` |\n", keys.join(" "), action.help(), action.name())
    };
    let table: String = Action::all().map(row).collect();
    let wanted = format!("\n| Key | Does | Name |\n|---|---|---|\n{table}");
    let found = readme();
    let found = between(&found, "<!-- keys: begin -->", "<!-- keys: end -->");
    assert!(found == wanted, "README.md: between the marks of the keys there should be:\n{wanted}");
}

#[test]
fn every_flag_of_restore_is_explained() {
    let help = Howdah::new().run(["restore", "--help"]).expect_code(0).stdout;
    let flags = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).filter(|word| word.starts_with("--"));
    for flag in flags.filter(|flag| !["--help", "--version"].contains(flag)) {
        assert!(readme().contains(flag), "README.md does not know {flag}");
    }
}

#[test]
fn the_settings_shown_are_those_that_hold_without_a_file() {
    let text = readme();
    let shown = between(&text, "```toml\n", "```");
    let shown: Config = toml::from_str(shown).unwrap();
    let mut expected = Config::default();
    // These have no value of their own that would fit everywhere, or show how it is written.
    expected.repositories.clone_from(&shown.repositories);
    expected.repository.clone_from(&shown.repository);
    expected.restore_dir.clone_from(&shown.restore_dir);
    expected.explore_dir.clone_from(&shown.explore_dir);
    expected.explore_limit = shown.explore_limit;
    expected.hook.command.clone_from(&shown.hook.command);
    expected.worker.binaries.clone_from(&shown.worker.binaries);
    expected.console.keys.clone_from(&shown.console.keys);
    expected.console.theme.clone_from(&shown.console.theme);
    expected.console.ascii = shown.console.ascii;
    expected.themes.clone_from(&shown.themes);
    expected.job.clone_from(&shown.job);
    assert_eq!(shown, expected);
    assert!(matches!(shown.jobs(), (jobs, problems) if jobs.len() == 1 && problems.is_empty()));
    Keymap::with(&shown.console.keys).expect("the keys that README.md shows");
}

#[test]
fn the_first_job_is_one_and_every_key_of_a_job_is_told() {
    let text = readme();
    let section = between(&text, "## Backup jobs\n", "\n## ");
    let config: Config = toml::from_str(between(section, "```toml\n", "```")).unwrap();
    assert!(matches!(config.jobs(), (jobs, problems) if jobs.len() == 1 && problems.is_empty()));
    let keys = format!("{:?}", config.job[0]);
    let words = keys.split([' ', '{', '(', '[']).filter_map(|word| word.strip_suffix(':'));
    for key in words {
        assert!(section.contains(key), "README.md does not tell the key {key} of a job");
    }
}

#[test]
fn every_setting_is_shown() {
    let text = readme();
    let shown = between(&text, "```toml\n", "```");
    let keys = format!("{:?}", Config::default());
    // The debug form names each field before a colon: the one list of them that cannot be out of date.
    let words = keys.split([' ', '{', '(']).filter_map(|word| word.strip_suffix(':'));
    for key in words.filter(|key| !["retry", "worker", "console", "hook"].contains(key)) {
        let sections =
            [format!("\n{key} = "), format!("{key} = "), format!(".{key}]"), format!("[[{key}]]"), format!("[{key}.")];
        assert!(sections.iter().any(|written| shown.contains(written)), "README.md does not show the setting {key}");
    }
}

#[test]
fn every_exit_code_is_explained() {
    let codes =
        [Exit::Done, Exit::Broken, Exit::Usage, Exit::Refused, Exit::Stuck, Exit::Cancelled, Exit::Warned, Exit::Bad];
    let text = readme();
    let table = between(&text, "| Exit code | Meaning |\n|---|---|\n", "\n\n");
    let reported: Vec<u8> = table.lines().map(|row| between(row, "| ", " |").parse().unwrap()).collect();
    assert_eq!(reported, codes.map(|code| code as u8));
}

/// The page about copies, with what stands between the marks of this name taken out.
fn copies_between(name: &str) -> String {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/restored-copies.md")).unwrap();
    between(&text, &format!("<!-- {name}: begin -->"), &format!("<!-- {name}: end -->")).to_owned()
}

#[test]
fn s13_the_page_about_copies_holds_every_line_that_keeps_them_to_themselves() {
    let newest = Some(MajorVersion(99));
    let row = |one: &SwitchedOff| format!("| `{}` | {} |\n", one.line, one.effect);
    let table: String = switched_off::page(newest).iter().map(row).collect();
    let found = copies_between("switches");
    let table = format!("\n| Line | Without it the copy would |\n|---|---|\n{table}");
    assert!(found == table, "between the marks of the switches there should be:\n{table}");
}

#[test]
fn s13_the_page_about_copies_holds_every_known_library() {
    let mut table = vec!["| Library | In a copy | Otherwise it would |\n|---|---|---|".to_owned()];
    let (mut harmless, mut needed) = (Vec::new(), Vec::new());
    for Library { name, treatment } in LIBRARIES {
        match treatment {
            Treatment::Harmless => harmless.push(format!("`{name}`")),
            Treatment::Needed => needed.push(format!("`{name}`")),
            Treatment::LeftOut { effect } => table.push(format!("| `{name}` | left out | {effect} |")),
            Treatment::SwitchedOff { effect, name: setting, value, .. } => {
                table.push(format!("| `{name}` | `{setting} = '{value}'` | {effect} |"));
            }
        }
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, wanted) in
        [("libraries", table.join("\n")), ("harmless", harmless.join(", ")), ("needed", needed.join(", "))]
    {
        let found = copies_between(name);
        assert!(words(&found) == words(&wanted), "between the marks of {name} there should be:\n{wanted}");
    }
}

#[test]
fn every_file_that_is_linked_is_there() {
    let text = readme();
    let links: Vec<&str> = text.split("](").skip(1).map(|rest| between(rest, "", ")")).collect();
    assert!(links.len() > 3, "the links are sought in the wrong way: {links:?}");
    for link in links.iter().filter(|link| !link.starts_with('#') && !link.contains("://")) {
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists(), "README.md links {link}");
    }
}
