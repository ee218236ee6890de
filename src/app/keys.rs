//! `howdah keys`: the table of keys as the console would have it.

use super::{
    config::{Config, ConfigError},
    generate,
};
use crate::{
    cli::{
        args::{Common, KeysArgs},
        exit::Exit,
        keys::{self, ActionKeys, KeyPlaces},
    },
    console::{
        action::Action,
        keymap::{KeyContext, Keymap},
    },
};

/// Every context, in the order in which a person meets them.
const CONTEXTS: [KeyContext; 15] = [
    KeyContext::Tree,
    KeyContext::Preview,
    KeyContext::Log,
    KeyContext::LogInput,
    KeyContext::Filter,
    KeyContext::Palette,
    KeyContext::Menu,
    KeyContext::TextView,
    KeyContext::Confirmation,
    KeyContext::TypeName,
    KeyContext::Instances,
    KeyContext::Form,
    KeyContext::FormText,
    KeyContext::Points,
    KeyContext::Plan,
];

pub(super) fn run(common: &Common, args: &KeysArgs) -> anyhow::Result<Exit> {
    let overrides = Config::read(common.config.as_deref())?.console.keys;
    let keymap = Keymap::with(&overrides).map_err(ConfigError::Keys)?;
    let rows: Vec<ActionKeys> = Action::all().map(|action| row(&keymap, action)).collect();
    let text = if args.json { keys::json(&rows)? } else { keys::table(&rows, CONTEXTS.len()) };
    generate::print(text.as_bytes())
}

fn row(keymap: &Keymap, action: Action) -> ActionKeys {
    let places = |chord| {
        let means_it = |context: &KeyContext| keymap.action(*context, chord) == Some(action);
        CONTEXTS.into_iter().filter(means_it).map(word).collect()
    };
    let keys = keymap.keys(action).into_iter();
    let keys = keys.map(|chord| KeyPlaces { key: chord.to_string(), places: places(chord) }).collect();
    ActionKeys { action: action.name(), label: action.label(), help: action.help(), keys }
}

/// What a context is called.
const fn word(context: KeyContext) -> &'static str {
    match context {
        KeyContext::Tree => "tree",
        KeyContext::Preview => "preview",
        KeyContext::Log => "log",
        KeyContext::LogInput => "log input",
        KeyContext::Filter => "filter",
        KeyContext::Palette => "palette",
        KeyContext::Menu => "menu",
        KeyContext::TextView => "text",
        KeyContext::Confirmation => "question",
        KeyContext::TypeName => "typed name",
        KeyContext::Instances => "instances",
        KeyContext::Form => "form",
        KeyContext::FormText => "text field",
        KeyContext::Points => "restore points",
        KeyContext::Plan => "plan",
        KeyContext::Destination => "destination",
        KeyContext::Goal => "recovery goal",
        KeyContext::GoalText => "recovery goal text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_has_its_place() {
        for (at, context) in CONTEXTS.into_iter().enumerate() {
            assert_eq!(context as usize, at, "{}", word(context));
        }
        assert_eq!(CONTEXTS.len(), KeyContext::Plan as usize + 1);
    }
}
