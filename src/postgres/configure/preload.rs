//! What the libraries that a cluster preloads amount to in a copy.
//!
//! Promises: what is known to reach beyond its server is left out or switched off; what is not installed here is left out
//! where the server can do without it; what is not known is reported. Never: changes the order of the others.

use super::{
    DataDirectory, UnknownLibrary,
    block::{Setting, names, setting},
    defaults::Named,
    libraries::{self, Needed, Treatment},
    switched_off::line,
};
use crate::{
    domain::{Failure, instance::printable, plan::SwitchedOff},
    postgres::{
        account::{Account, bare},
        binaries::Binaries,
        command_output::{LIMIT, command_output},
    },
};
use std::path::{Path, PathBuf};

/// The settings that list libraries, and where a bare name in them is looked for if not along `dynamic_library_path`
/// (`load_libraries` in `miscinit.c`).
const LISTS: [(&str, Option<&str>); 3] = [
    ("shared_preload_libraries", None),
    ("session_preload_libraries", None),
    // Any user may set it, so that only a directory of its own counts.
    ("local_preload_libraries", Some("$libdir/plugins/")),
];

/// What a copy makes of its libraries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preloaded {
    /// The lines of its block.
    pub(super) settings: Vec<Setting>,
    /// What they switch off.
    pub switched_off: Vec<SwitchedOff>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

/// Judges what the settings list; `setting` gives a setting's value.
pub(super) fn of(
    binaries: &Binaries,
    account: Option<&Account>,
    unknown: UnknownLibrary,
    setting: impl Fn(&'static str) -> Result<String, Failure>,
) -> Result<Preloaded, Failure> {
    let mut lists = Vec::new();
    for (name, below) in LISTS {
        let value = setting(name)?;
        if !value.trim().is_empty() {
            lists.push((name, below, value));
        }
    }
    if lists.is_empty() {
        return Ok(Preloaded::default());
    }
    let places = Places { own: own_directory(binaries, account), path: setting("dynamic_library_path")? };
    let mut preloaded = Preloaded::default();
    for (name, below, value) in lists {
        let installed = |listed: &str| match below {
            Some(below) if !listed.contains('/') => places.hold(&format!("{below}{listed}")),
            Some(_) | None => places.hold(listed),
        };
        preloaded.judge(name, &value, unknown, &installed);
    }
    Ok(preloaded)
}

/// Judges a plain backup before it is copied, by its own configuration files. Writes nothing.
pub fn of_backup(backup: &Path, binaries: &Binaries) -> Result<Preloaded, Failure> {
    let named = DataDirectory::open(backup).and_then(|place| Named::in_files_of(&place));
    let question = |name: &str| {
        if let Some(default) = named.as_ref().ok().and_then(|named| named.default_of(name)) {
            return Ok(default.to_owned());
        }
        // The question is put first, so that root may ask it: the backup may be root's alone (`main.c`).
        let mut command = bare(binaries.postgres());
        command.args(["-C", name, "-D"]).arg(backup);
        let mut own = std::ffi::OsString::from("data_directory=");
        own.push(backup);
        command.args(["-c", "lc_messages=C", "-c"]).arg(own);
        if !backup.join("postgresql.conf").exists() {
            command.args(["-c", "config_file=/dev/null"]);
        }
        let answer = command_output(&mut command, LIMIT);
        answer.map(|value| value.trim_end_matches('\n').to_owned()).map_err(|error| {
            let program = binaries.postgres();
            Failure::disruption(format!("the backup's settings cannot be read with {}: {error}", program.display()), "")
        })
    };
    of(binaries, None, UnknownLibrary::Kept, question)
}

/// The message about libraries before the copy where they are not known yet.
pub fn unsettled() -> SwitchedOff {
    SwitchedOff {
        line: "shared_preload_libraries = '...'".to_owned(),
        effect:
            "load libraries that reach beyond its server, such as pg_cron; which ones, the Configure step finds out"
                .to_owned(),
    }
}

/// What cannot be known of libraries without the programs that read the settings, where these files may list any.
pub(super) fn unseen(files: &[&[u8]]) -> Option<String> {
    let lists = |name: &String| name == "include" || LISTS.iter().any(|(list, _)| name == list);
    files.iter().flat_map(|file| names(file)).any(|name| lists(&name)).then(|| {
        "whether libraries that the copy preloads reach beyond its own server: no programs of its version are here to \
         read its settings; look at shared_preload_libraries before it is started"
            .to_owned()
    })
}

impl Preloaded {
    fn judge(
        &mut self,
        setting_name: &'static str,
        value: &str,
        unknown: UnknownLibrary,
        installed: &dyn Fn(&str) -> bool,
    ) {
        // What PostgreSQL cannot read as a list it passes over as a whole.
        let Some(listed) = parse(value) else { return };
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for listed in &listed {
            let library = libraries::find(listed);
            let name = printable(library.map_or(listed.as_str(), |library| library.name));
            let missing = !installed(listed);
            let needless = |needed: Needed| missing && needed == Needed::No;
            match library.map(|library| library.treatment) {
                Some(Treatment::LeftOut { effect }) => left_out.push(format!("{effect} ({name}, which is left out)")),
                Some(Treatment::Harmless) if missing => left_out.push(not_here(&name)),
                Some(Treatment::SwitchedOff { needed, .. }) if needless(needed) => left_out.push(not_here(&name)),
                Some(Treatment::SwitchedOff { effect, name: switch, value, .. }) => {
                    self.switch_off(setting(switch, value), format!("{effect} ({name})"));
                    kept.push(listed.as_str());
                }
                Some(Treatment::Harmless | Treatment::Needed) => kept.push(listed),
                None if missing && unknown == UnknownLibrary::LeftOut => left_out.push(not_here(&name)),
                None => {
                    self.warnings.push(format!(
                        "the copy preloads {name} ({setting_name}), which howdah does not know: see whether it starts \
                         background workers that reach beyond its own server; if it does, set {setting_name} without \
                         it at the end of postgresql.auto.conf"
                    ));
                    kept.push(listed);
                }
            }
        }
        if !left_out.is_empty() {
            self.switch_off(setting(setting_name, written(&kept)), left_out.join("; "));
        }
    }

    fn switch_off(&mut self, setting: Setting, effect: String) {
        self.switched_off.push(SwitchedOff { line: line(&setting), effect });
        self.settings.push(setting);
    }
}

fn not_here(name: &str) -> String {
    format!("load {name}, which is not installed here")
}

/// Where PostgreSQL looks for libraries.
struct Places {
    /// What it calls `$libdir`; `None` where it does not report it.
    own: Option<PathBuf>,
    /// `dynamic_library_path`.
    path: String,
}

impl Places {
    /// Whether the server would find this library (`expand_dynamic_library_name` in `dfmgr.c`). Where that cannot be
    /// known the server itself shall report.
    fn hold(&self, listed: &str) -> bool {
        let Some(own) = &self.own else { return true };
        let expanded = |name: &str| match name.strip_prefix("$libdir") {
            Some(rest) => own.join(rest.trim_start_matches('/')),
            None => PathBuf::from(name),
        };
        let files = |path: PathBuf| {
            let mut with_ending = path.clone().into_os_string();
            with_ending.push(".so");
            path.is_file() || Path::new(&with_ending).is_file()
        };
        if listed.contains('/') {
            return files(expanded(listed));
        }
        self.path.split(':').any(|directory| files(expanded(directory.trim_end_matches('/')).join(listed)))
    }
}

fn own_directory(binaries: &Binaries, account: Option<&Account>) -> Option<PathBuf> {
    let program = binaries.directory().join("pg_config");
    let mut command = account.map_or_else(|| bare(&program), |account| account.command(&program));
    let output = command_output(command.arg("--pkglibdir"), LIMIT).ok()?;
    Some(PathBuf::from(output.trim_end_matches('\n')))
}

/// The names in a list, as `SplitDirectoriesString` (`varlena.c`) reads them; `None` where it refuses.
fn parse(list: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted;
            loop {
                let (part, after) = rest.split_once('"')?;
                name.push_str(part);
                rest = after;
                // A quote is doubled to stand for itself.
                match rest.strip_prefix('"') {
                    Some(after) => {
                        name.push('"');
                        rest = after;
                    }
                    None => break,
                }
            }
        } else {
            let (unquoted, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            unquoted.trim_end().clone_into(&mut name);
            rest = after;
            if name.is_empty() {
                return None;
            }
        }
        names.push(name);
        rest = rest.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(names)
}

/// A list of these names.
fn written(names: &[&str]) -> String {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./$".contains(c));
    let quoted = |name: &&str| {
        if plain(name) { (*name).to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
    };
    names.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
