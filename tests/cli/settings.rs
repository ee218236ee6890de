//! `howdah keys` and `howdah --print-config`: what is in force, and where it comes from.

use crate::support::howdah::{Howdah, Ran};
use howdah::{
    app::config::Config,
    console::{action::Action, keymap::Keymap},
};
use insta::assert_snapshot;
use std::path::Path;

const SETTINGS: &str = "repositories = [\"/srv/a\"]\nmax_running = 2\n[retry]\nevery = \"30s\"\n\
                        [[repository]]\nname = \"nas\"\nkind = \"directory\"\npath = \"/mnt/\\u001b\"\n\
                        [console]\nascii = true\n[console.keys]\nretry = [\"T\", \"f5\"]\nmouse = []\n";

/// With the paths of this user shortened.
fn masked(howdah: &Howdah, text: &str) -> String {
    text.replace(howdah.home.to_str().unwrap(), "~")
}

fn print_config(howdah: &Howdah, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = howdah.command([&["--print-config"], arguments].concat());
    let output = command
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Where new restores go differs between root and others.
fn without_restore_dir(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("restore_dir")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_keys_in_force_are_listed_with_those_of_the_settings() {
    let howdah = Howdah::new();
    howdah.configure(SETTINGS);
    let table = howdah.run(["keys"]).expect_code(0).stdout;
    assert_snapshot!(table);
    let rows = howdah.run(["keys", "--json"]).expect_code(0).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), Action::all().count());
    let row = |name: &str| rows.iter().find(|row| row["action"] == name).unwrap();
    assert_eq!((&row("retry")["keys"][0]["key"], &row("mouse")["keys"]), (&"T".into(), &serde_json::json!([])));
    assert_eq!(row("retry")["keys"][0]["where"], serde_json::json!(["tree", "preview", "log"]));
    let map = Keymap::default();
    for action in Action::all().filter(|action| ![Action::Retry, Action::Mouse].contains(action)) {
        let keys: Vec<String> = map.keys(action).iter().map(ToString::to_string).collect();
        let listed: Vec<&str> =
            row(action.name())["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap()).collect();
        assert_eq!(
            (listed, &row(action.name())["help"]),
            (keys.iter().map(String::as_str).collect(), &action.help().into())
        );
    }
    assert!(!howdah.home.join("state-home").exists(), "nothing is begun");
}

#[test]
fn keys_that_clash_are_named_as_the_console_names_them() {
    let howdah = Howdah::new();
    howdah.configure("[console.keys]\nretry = [\"c\"]\n");
    howdah.run(["keys"]).expect_code(2).expect_words(&["c is given to both cancel and retry"]);
}

#[test]
fn the_settings_in_force_are_printed_with_their_source() {
    let howdah = Howdah::new();
    let shown = |arguments: &[&str], environment: &[(&str, &str)]| {
        let ran = print_config(&howdah, arguments, environment).expect_code(0);
        assert!(ran.stderr.is_empty() && !ran.stdout.contains('\u{1b}'), "{ran}");
        toml::from_str::<Config>(&ran.stdout).unwrap();
        without_restore_dir(&masked(&howdah, &ran.stdout))
    };
    assert_snapshot!(shown(&[], &[]));
    howdah.configure(SETTINGS);
    assert_snapshot!(shown(&[], &[("NO_COLOR", "1"), ("HOWDAH_STATE_DIR", "/srv/state")]));
    let given = shown(&["--repo", "/flag", "--ascii"], &[("HOWDAH_REPO", "/environment")]);
    assert!(
        given.contains("repositories = [\"/flag\"]  # flag --repo\n") && !given.contains("[[repository]]"),
        "{given}"
    );
    assert!(given.contains("ascii = true  # flag --ascii\n"), "{given}");
    let given = shown(&["--theme", "light"], &[("TERM", "linux")]);
    assert!(given.contains("theme = \"light\"  # flag --theme\n"), "{given}");
    let given = shown(&[], &[("TERM", "linux")]);
    assert!(given.contains("theme = \"16\"  # environment TERM\n"), "{given}");
    let given = shown(&[], &[("HOWDAH_REPO", "/a:/b")]);
    assert!(given.contains("repositories = [\"/a\", \"/b\"]  # environment HOWDAH_REPO\n"), "{given}");
    assert!(!howdah.home.join("state-home").exists() && !Path::new("/srv/state").exists(), "nothing is begun");
}

#[test]
fn what_is_printed_is_no_part_of_a_verb_and_a_wrong_file_is_named() {
    let howdah = Howdah::new();
    print_config(&howdah, &["doctor"], &[]).expect_code(2).expect_words(&["leave the verb away"]);
    howdah.configure("max_runing = 3\n");
    print_config(&howdah, &[], &[]).expect_code(2).expect_words(&["max_runing"]);
}
