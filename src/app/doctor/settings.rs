//! The settings file: whether it can be used, and which one it is.

use crate::{
    app::config::{Config, ConfigError, settings_file},
    cli::doctor::{Finding, Fix},
    console::{
        keymap::Keymap,
        theme::{Depth, Theme},
    },
    domain::path_text::shown,
};
use std::path::Path;

const CHECK: &str = "settings";

/// The settings that hold, and what is to be said of them. Where the file cannot be used the built-in ones hold, so
/// that the other checks can be made.
pub(super) fn check(named: Option<&Path>) -> (Config, Vec<Finding>) {
    let file = settings_file(named);
    match Config::read(named) {
        Ok(config) => {
            let finding = finding(&config, file.as_deref());
            (config, vec![finding])
        }
        Err(error) => (Config::default(), vec![unusable(&error)]),
    }
}

fn finding(config: &Config, file: Option<&Path>) -> Finding {
    let keys = config.console.keys.iter().map(|(action, keys)| (action.clone(), keys.clone())).collect();
    let keys = Keymap::with(&keys).map(drop).map_err(|error| error.to_string());
    let theme = config.console.theme.as_deref().map(|name| Theme::named(name, &config.themes, Depth::True));
    let theme = theme.transpose().map(drop).map_err(|error| error.to_string());
    let Some(file) = file else {
        return Finding::ok(CHECK, "there is no home directory to look in; defaults apply");
    };
    if let Err(wrong) = keys.and(theme) {
        let found = format!("{} under [console]: {wrong}; the console does not open", shown(file));
        return Finding::error(CHECK, &found, Fix::Do("mend the line or remove it".to_owned()));
    }
    let (_, problems) = config.jobs();
    if !problems.is_empty() {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let found = format!("{}: {}; that does not start, all else does", shown(file), problems.join("; "));
        return Finding::error(CHECK, &found, Fix::Do("mend the job or remove it".to_owned()));
    }
    let found = if file.exists() {
        format!("{} holds", shown(file))
    } else {
        format!("{} is not there; defaults apply", shown(file))
    };
    Finding::ok(CHECK, &found)
}

fn unusable(error: &ConfigError) -> Finding {
    match error {
        ConfigError::Unreadable { path, cause } => Finding::error(
            CHECK,
            &format!("{} cannot be read: {cause}", shown(path)),
            Fix::Do("make it readable for this user, or name another one with --config".to_owned()),
        ),
        ConfigError::Wrong { path, cause } => {
            // The first of its lines tells the place, the last the fault; between them stands a drawing.
            let whole = cause.to_string();
            let place = whole.lines().next().unwrap_or_default();
            let found = format!("{}: {place}: {}", shown(path), cause.message());
            Finding::error(CHECK, &found, Fix::Do("mend the line or remove it; nothing else starts before".to_owned()))
        }
        ConfigError::Keys(_)
        | ConfigError::Theme(_)
        | ConfigError::Terminal(_)
        | ConfigError::Job { .. }
        | ConfigError::TwoJobs(_) => {
            Finding::error(CHECK, &error.to_string(), Fix::Do("mend the line or remove it".to_owned()))
        }
        ConfigError::NoHome => Finding::error(CHECK, &error.to_string(), Fix::Run("howdah --state-dir DIR".to_owned())),
    }
}
