//! `howdah --print-config`: the settings in force, as TOML that could be the settings file.
//!
//! Promises: every setting is there, with where its value comes from; what is read back means the same. Never: writes a
//! character that could steer a terminal, or begins anything.

use super::{
    Config, ConfigError, HookSettings, JobSetting, RepositorySetting, Retry, Screen, SourceKind, Worker, settings_file,
    span_text, state_dir,
};
use crate::{
    app::look,
    cli::args::{Cli, Common},
    console::{
        capabilities::Capabilities,
        theme::{Base, OwnTheme, Theme, colour_text},
    },
    domain::instance::printable,
};
use clap::{ArgMatches, CommandFactory, parser::ValueSource};
use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Flag(&'static str),
    Environment(&'static str),
    File,
    Default,
}

/// The text, and what the file itself says of each setting.
struct Printer {
    out: String,
    written: toml::Table,
}

/// The settings in force, for this command line and this environment.
pub(in crate::app) fn print(common: &Common) -> Result<String, ConfigError> {
    let (config, written) = Config::read_written(common.config.as_deref())?;
    let mut printer = Printer { out: String::new(), written };
    let given = Cli::command().get_matches();
    printer.places(common, &given)?;
    printer.settings(&config, common, &given);
    Ok(printer.out)
}

impl Printer {
    /// What no line of the file can set.
    fn places(&mut self, common: &Common, given: &ArgMatches) -> Result<(), ConfigError> {
        let file = settings_file(common.config.as_deref());
        let source = given_by(given, "config", "--config", "HOWDAH_CONFIG").unwrap_or(Source::Default);
        match file {
            Some(path) if path.exists() => self.comment("settings file", &path, &source.to_string()),
            Some(path) => self.comment("settings file", &path, &format!("{source}; it is not there")),
            None => self.out.push_str("# settings file: none; there is no home directory to look in\n"),
        }
        let state = state_dir(common.state_dir.as_deref())?;
        let source = given_by(given, "state_dir", "--state-dir", "HOWDAH_STATE_DIR").unwrap_or(Source::Default);
        self.comment("state directory", &state, &source.to_string());
        Ok(())
    }

    fn settings(&mut self, config: &Config, common: &Common, given: &ArgMatches) {
        // Each by its name, so that a new setting cannot be forgotten.
        let Config {
            repositories,
            repository,
            restore_dir,
            explore_dir,
            explore_limit,
            max_running,
            retry,
            worker,
            console,
            themes,
            hook,
            job,
        } = config;
        self.out.push('\n');
        let flags = given_by(given, "repo", "--repo", "HOWDAH_REPO").filter(|_| !common.repo.is_empty());
        match flags {
            Some(source) => self.line("repositories", &paths(&common.repo), source),
            None => self.top("repositories", &paths(repositories)),
        }
        self.top("restore_dir", &path(restore_dir));
        // What follows from other settings, or from the machine, is said and not fixed.
        match explore_dir {
            Some(place) => self.top("explore_dir", &path(place)),
            None => self.comment("explore_dir", &config.explore_dir(), "default"),
        }
        match explore_limit {
            Some(limit) => self.top("explore_limit", &text(&limit.0.to_string())),
            None => self.out.push_str("# explore_limit: 80 % of what is free there  (default)\n"),
        }
        self.top("max_running", &max_running.to_string());
        for repository in repository.iter().filter(|_| flags.is_none()) {
            self.repository(repository);
        }
        self.retry(retry);
        self.worker(worker);
        self.hook(hook);
        for (at, job) in job.iter().enumerate() {
            self.job(at, job);
        }
        self.console(console, common);
        for (name, theme) in themes {
            self.theme(name, theme);
        }
    }

    fn repository(&mut self, RepositorySetting { name, kind, path: place, wal }: &RepositorySetting) {
        let kind = match kind {
            SourceKind::Directory => "directory",
        };
        self.out.push_str("\n[[repository]]\n");
        self.line("name", &text(name), Source::File);
        self.line("kind", &text(kind), Source::File);
        self.line("path", &path(place), Source::File);
        if let Some(wal) = wal {
            self.line("wal", &path(wal), Source::File);
        }
    }

    fn retry(&mut self, Retry { tries, every, while_waiting }: &Retry) {
        self.table(
            "retry",
            [("tries", tries.to_string()), ("every", span(*every)), ("while_waiting", while_waiting.to_string())],
        );
    }

    fn worker(&mut self, worker: &Worker) {
        let Worker { binaries, os_user, probe_role, copy_workers, stall_timeout, start_timeout, environment } = worker;
        self.table(
            "worker",
            [
                ("binaries", paths(binaries)),
                ("os_user", text(os_user)),
                ("probe_role", text(probe_role)),
                ("copy_workers", copy_workers.to_string()),
                ("stall_timeout", span(*stall_timeout)),
                ("start_timeout", span(*start_timeout)),
                ("environment", list(environment.iter().map(|pattern| text(&String::from(pattern.clone()))))),
            ],
        );
    }

    fn job(&mut self, at: usize, job: &JobSetting) {
        let written = self.written.get("job").and_then(|jobs| jobs.get(at)).cloned();
        let source = |key: &str| {
            if written.as_ref().is_some_and(|job| job.get(key).is_some()) { Source::File } else { Source::Default }
        };
        self.out.push_str("\n[[job]]\n");
        for (key, value) in job.written() {
            self.line(&key, &in_line(&value), source(&key));
        }
    }

    fn hook(&mut self, HookSettings { command, on, time_limit }: &HookSettings) {
        self.table(
            "hook",
            [
                ("command", list(command.iter().map(|word| text(word)))),
                ("on", list(on.iter().map(|kind| text(kind.as_str())))),
                ("time_limit", span(*time_limit)),
            ],
        );
    }

    fn console(&mut self, Screen { theme, ascii, mouse, keys, bell }: &Screen, common: &Common) {
        self.out.push_str("\n[console]\n");
        // As the console chooses them; where it does not open, what it would begin with anywhere else.
        let here = look::capabilities().ok();
        let found = here.map_or(Base::Dark, |here| match here.theme() {
            Theme::Mono => Base::Mono,
            Theme::Sixteen => Base::Sixteen,
            Theme::Dark | Theme::Light | Theme::ColourBlind | Theme::XRay | Theme::Own(_) => Base::Dark,
        });
        match (&common.theme, theme) {
            (Some(theme), _) => self.line("theme", &text(theme), Source::Flag("--theme")),
            (None, Some(theme)) => self.line("theme", &text(theme), Source::File),
            (None, None) if found == Base::Dark => self.line("theme", &text(found.name()), Source::Default),
            (None, None) => {
                let by = if here.is_some_and(|here| here.no_color) { "NO_COLOR" } else { "TERM" };
                self.line("theme", &text(found.name()), Source::Environment(by));
            }
        }
        match (common.ascii, ascii, here) {
            (true, ..) => self.line("ascii", "true", Source::Flag("--ascii")),
            (false, Some(ascii), _) => self.line("ascii", &ascii.to_string(), Source::File),
            (false, None, Some(Capabilities { unicode: false, .. })) => {
                self.line("ascii", "true", Source::Environment("TERM, LC_ALL, LC_CTYPE, LANG"));
            }
            (false, None, _) => self.line("ascii", "false", Source::Default),
        }
        self.entry("console", "mouse", &mouse.to_string());
        self.entry("console", "bell", &bell.to_string());
        if !keys.is_empty() {
            self.out.push_str("\n[console.keys]\n");
        }
        for (action, keys) in keys {
            let name = if action.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') { action } else { &text(action) };
            self.line(name, &list(keys.iter().map(|key| text(key))), Source::File);
        }
    }

    fn theme(&mut self, name: &str, theme: &OwnTheme) {
        writeln!(self.out, "\n[themes.{}]", text(name)).expect("a string takes all that is written to it");
        self.line("base", &text(theme.base().name()), Source::File);
        for (role, colour) in theme.colours() {
            self.line(&role.name(), &text(&colour_text(colour)), Source::File);
        }
    }

    fn table<const N: usize>(&mut self, name: &str, settings: [(&str, String); N]) {
        writeln!(self.out, "\n[{name}]").expect("a string takes all that is written to it");
        for (key, value) in settings {
            self.entry(name, key, &value);
        }
    }

    fn top(&mut self, key: &str, value: &str) {
        let source = if self.written.contains_key(key) { Source::File } else { Source::Default };
        self.line(key, value, source);
    }

    fn entry(&mut self, table: &str, key: &str, value: &str) {
        let table = self.written.get(table).and_then(toml::Value::as_table);
        let source = if table.is_some_and(|table| table.contains_key(key)) { Source::File } else { Source::Default };
        self.line(key, value, source);
    }

    fn line(&mut self, key: &str, value: &str, source: Source) {
        writeln!(self.out, "{key} = {value}  # {source}").expect("a string takes all that is written to it");
    }

    fn comment(&mut self, what: &str, place: &Path, source: &str) {
        let place = printable(&place.to_string_lossy());
        writeln!(self.out, "# {what}: {place}  ({source})").expect("a string takes all that is written to it");
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::File => f.write_str("file"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Whether the command line or the environment gives it, as the reader of the command line knows.
fn given_by(given: &ArgMatches, name: &str, flag: &'static str, variable: &'static str) -> Option<Source> {
    let source = given.value_source(name)?;
    if source == ValueSource::CommandLine {
        Some(Source::Flag(flag))
    } else {
        (source == ValueSource::EnvVariable).then_some(Source::Environment(variable))
    }
}

fn paths(paths: &[PathBuf]) -> String {
    list(paths.iter().map(|place| path(place)))
}

fn path(place: &Path) -> String {
    text(&place.to_string_lossy())
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A value as the file may have it on one line.
fn in_line(value: &toml::Value) -> String {
    match value {
        toml::Value::String(raw) => text(raw),
        toml::Value::Array(items) => list(items.iter().map(in_line)),
        toml::Value::Table(table) => {
            let entries: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", in_line(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        plain @ (toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)) => plain.to_string(),
    }
}

/// As the settings read it.
fn span(span: Duration) -> String {
    text(&span_text(span))
}

/// A basic string of TOML 1.0: what is not printable is written as an escape, which every reader undoes.
fn text(raw: &str) -> String {
    let mut out = String::from("\"");
    for c in raw.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if printable(c.encode_utf8(&mut [0; 4])).starts_with(c) => out.push(c),
            c => write!(out, "\\U{:08X}", u32::from(c)).expect("a string takes all that is written to it"),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_as_it_was() {
        let written = "max_running = 7\nexplore_dir = \"/e\"\nexplore_limit = \"3G\"\n[retry]\nevery = \"1h 30m\"\n[worker]\nos_user = \"a\\\"b\\\\c\\u001b\\u202e\"\n\
                       environment = [\"PGBACKREST_*\"]\n[[repository]]\nkind = \"directory\"\npath = \"/b\"\n\
                       [console]\ntheme = \"light\"\nmouse = true\nascii = false\n\
                       [themes.\"o wn\"]\nbase = \"light\"\nstuck = 208\nrunning = \"#0087d7\"\nmark = \"red\"\n[console.keys]\nretry = [\"r\", \"f5\"]\n\"o dd\" = []\n\
                       [[job]]\nname = \"n\"\nkind = \"instance\"\nrepository = \"/b\"\nrate = \"3M\"\nform = \"tar\"\n\
                       objects = [{ name = \"a\", conninfo = \"host='a b'\" }]\npassword_command = [\"/bin/pw\"]\n\
                       [[job]]\nname = \"f\"\nkind = \"file-copy\"\ntarget = \"/t\"\nretry = { tries = 1 }\n\
                       objects = [{ name = \"a\", path = \"/etc\" }]\n";
        let (config, written): (Config, toml::Table) =
            (toml::from_str(written).unwrap(), toml::from_str(written).unwrap());
        let mut printer = Printer { out: String::new(), written };
        let common =
            Common { repo: Vec::new(), config: None, state_dir: None, ascii: false, theme: None, read_only: false };
        printer.settings(&config, &common, &Cli::command().try_get_matches_from(["howdah"]).unwrap());
        let out = printer.out;
        assert_eq!(toml::from_str::<Config>(&out).unwrap(), config, "{out}");
        for line in [
            "max_running = 7  # file",
            "explore_limit = \"3221225472\"  # file",
            "tries = 10  # default",
            "every = \"1h 30m\"  # file",
            "bell = true  # default",
            "parallel = 1  # default",
            "kind = \"file-copy\"  # file",
        ] {
            assert!(out.lines().any(|found| found == line), "{line}: {out}");
        }
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out}");
    }

    #[test]
    fn a_span_is_written_as_it_is_read() {
        for seconds in [1, 30, 60, 5400, 86_400 * 400] {
            let written = span(Duration::from_secs(seconds));
            let read = crate::cli::restore_options::span(written.trim_matches('"')).unwrap();
            assert_eq!(read, Duration::from_secs(seconds), "{written}");
        }
        assert_eq!(span(Duration::from_mins(5)), "\"5m\"");
    }
}
