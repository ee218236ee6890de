//! Which chord means which action where: the one table behind keys, action bar, menu, footer, help and README.
//!
//! Promises: within one context a chord means one action; configuration that breaks this is refused, naming both.
//! Never: decides whether an action may be done now (that is the situation's part).

use super::{
    action::Action,
    chord::{Chord, NotAChord},
};
use std::collections::BTreeMap;
use thiserror::Error;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyContext {
    /// The tree on the left.
    Tree,
    /// The preview on the right.
    Preview,
    /// The log of a session in the preview.
    Log,
    /// The line at the foot of the log.
    LogInput,
    /// The line that filters the tree.
    Filter,
    /// The list of every action.
    Palette,
    /// The context menu.
    Menu,
    /// The help, a report, and other things to read and close.
    TextView,
    /// A question with buttons.
    Confirmation,
    /// A question that wants a name typed.
    TypeName,
    /// The wizard's list of instances.
    Instances,
    /// The wizard's form.
    Form,
    /// A text field of the wizard's form.
    FormText,
    /// The wizard's list of restore points.
    Points,
    /// The wizard's plan.
    Plan,
    /// The question where an item is taken to.
    Destination,
    /// The page of a recovery's goal.
    Goal,
    /// A text field of that page.
    GoalText,
}

/// A set of contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyContexts(u32);

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The key.
    pub chord: Chord,
    /// What it means.
    pub action: Action,
    /// Where it means that.
    pub contexts: KeyContexts,
}

/// The table in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

/// Why configured keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeymapError {
    /// No action has this name.
    #[error("keys: there is no action {0:?}; the help (?) and the README list the names")]
    NoSuchAction(String),
    /// This names no key.
    #[error("keys: {action}: {cause}")]
    NoSuchKey {
        /// The action it was meant for.
        action: &'static str,
        /// What was wrong with it.
        cause: NotAChord,
    },
    /// Two actions want the same key in the same context.
    #[error("keys: {chord} is given to both {first} and {second}: choose another key for one of them")]
    Conflict {
        /// The key.
        chord: Chord,
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Nothing would be left to close the screen or a dialog with.
    #[error("keys: {action} would have no key left: give it at least one")]
    Unreachable {
        /// The action.
        action: &'static str,
    },
}

impl KeyContexts {
    const fn of(contexts: &[KeyContext]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < contexts.len() {
            set |= 1 << contexts[at] as u16;
            at += 1;
        }
        Self(set)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set holds this context.
    pub const fn holds(self, context: KeyContext) -> bool {
        self.0 & (1 << context as u16) != 0
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl KeyContext {
    /// Whether plain characters are typed into a text here.
    pub const fn takes_text(self) -> bool {
        matches!(
            self,
            Self::LogInput
                | Self::Filter
                | Self::Palette
                | Self::TypeName
                | Self::FormText
                | Self::Destination
                | Self::GoalText
        )
    }
}

const TREE: KeyContexts = KeyContexts::of(&[KeyContext::Tree]);
const PREVIEW: KeyContexts = KeyContexts::of(&[KeyContext::Preview]);
const LOG: KeyContexts = KeyContexts::of(&[KeyContext::Log]);
/// Where some keys mean something else than in the log.
const OUTSIDE_LOG: KeyContexts = TREE.or(PREVIEW);
const MAIN: KeyContexts = OUTSIDE_LOG.or(LOG);
/// Lists and pages, where letters are free to move about.
const LISTS: KeyContexts = MAIN.or(KeyContexts::of(&[
    KeyContext::Menu,
    KeyContext::TextView,
    KeyContext::Confirmation,
    KeyContext::Instances,
    KeyContext::Points,
    KeyContext::Plan,
    KeyContext::Goal,
]));
const FORM: KeyContexts = KeyContexts::of(&[KeyContext::Form, KeyContext::FormText]);
const DESTINATION: KeyContexts = KeyContexts::of(&[KeyContext::Destination]);
const TEXTS: KeyContexts = DESTINATION
    .or(KeyContexts::of(&[KeyContext::LogInput, KeyContext::Filter]))
    .or(KeyContexts::of(&[KeyContext::Palette, KeyContext::TypeName]));
const GOAL: KeyContexts = KeyContexts::of(&[KeyContext::Goal]);
const TYPED: KeyContexts = TEXTS.or(KeyContexts::of(&[KeyContext::FormText, KeyContext::GoalText]));
const POPUPS: KeyContexts = KeyContexts::of(&[KeyContext::Menu, KeyContext::TextView, KeyContext::Confirmation]);
const EVERYWHERE: KeyContexts = LISTS.or(FORM).or(TYPED);
/// Where left and right change a value, a button or a tab; in a text they move the cursor instead.
const SIDEWAYS: KeyContexts = MAIN.or(KeyContexts::of(&[KeyContext::Confirmation, KeyContext::Form, KeyContext::Goal]));
const TEXT_VIEW: KeyContexts = KeyContexts::of(&[KeyContext::TextView]);
const CONFIRMATION: KeyContexts = KeyContexts::of(&[KeyContext::Confirmation]);
const TYPE_NAME: KeyContexts = KeyContexts::of(&[KeyContext::TypeName]);
/// Where there is something above and below: rows, lines, fields, matches of a search.
const ROWS: KeyContexts = EVERYWHERE.but(TYPE_NAME);
/// Where there may be more of them than a screen shows.
const PAGES: KeyContexts = PANES.but(CONFIRMATION).but(DESTINATION);
/// Where there is another pane, part or field.
const PANES: KeyContexts = ROWS.but(KeyContexts::of(&[KeyContext::LogInput]));
const PICKS: KeyContexts =
    TREE.or(KeyContexts::of(&[KeyContext::Instances, KeyContext::Form, KeyContext::Points, KeyContext::Confirmation]));

/// The keys as they come, in the order of the help.
const DEFAULTS: &[(&[&str], Action, KeyContexts)] = &[
    (&["up"], Action::Up, ROWS),
    (&["k"], Action::Up, LISTS.or(KeyContexts::of(&[KeyContext::Form]))),
    (&["down"], Action::Down, ROWS),
    (&["j"], Action::Down, LISTS.or(KeyContexts::of(&[KeyContext::Form]))),
    (&["left", "h"], Action::Left, SIDEWAYS),
    (&["right"], Action::Right, SIDEWAYS),
    // In the tree `l` shows the log, which is to the right as well.
    (&["l"], Action::Right, SIDEWAYS.but(TREE)),
    (&["pgup"], Action::PageUp, PAGES),
    (&["pgdn"], Action::PageDown, PAGES),
    (&["home", "g"], Action::Top, LISTS.but(CONFIRMATION)),
    (&["end", "G"], Action::Bottom, LISTS.but(CONFIRMATION)),
    (&["["], Action::PreviousGroup, TREE.or(GOAL)),
    (&["]"], Action::NextGroup, TREE.or(GOAL)),
    (&["tab"], Action::NextPane, PANES),
    (&["shift-tab"], Action::PreviousPane, PANES),
    (&["enter"], Action::Accept, EVERYWHERE),
    (&["esc"], Action::Back, EVERYWHERE),
    // What lies over the screen is closed as the screen is; in a text Ctrl-C leaves the text, as in a shell.
    (&["q"], Action::Back, POPUPS),
    (&["ctrl-c"], Action::Back, TYPED),
    (&["space"], Action::Mark, PICKS),
    (&["V"], Action::MarkRange, MAIN),
    (&["A"], Action::MarkAll, MAIN),
    (&["r"], Action::Retry, MAIN),
    (&["c"], Action::Cancel, MAIN),
    (&["F"], Action::Force, MAIN),
    (&["d"], Action::Dismiss, MAIN),
    (&["x"], Action::Stop, MAIN),
    (&["+"], Action::GoOn, MAIN),
    (&["P"], Action::Promote, MAIN),
    (&["X"], Action::StopHere, MAIN),
    (&["a"], Action::AskServer, MAIN),
    (&["S"], Action::StartJob, MAIN),
    (&["n"], Action::NewRestore, OUTSIDE_LOG),
    (&["E"], Action::OpenPoint, OUTSIDE_LOG),
    (&["t"], Action::TakeOut, OUTSIDE_LOG),
    (&["="], Action::Compare, OUTSIDE_LOG),
    (&["#"], Action::CountRows, OUTSIDE_LOG),
    (&["v"], Action::Verify, MAIN.or(KeyContexts::of(&[KeyContext::Points]))),
    (&["m"], Action::Menu, MAIN),
    (&[":"], Action::Palette, MAIN),
    (&["?"], Action::Help, LISTS.but(TEXT_VIEW)),
    (&["f1"], Action::Help, EVERYWHERE.but(TEXT_VIEW)),
    (&["/"], Action::Filter, OUTSIDE_LOG),
    (&["f"], Action::Freeze, MAIN),
    (&["M"], Action::Mouse, MAIN),
    (&["1", "p"], Action::Progress, MAIN),
    (&["l"], Action::Log, TREE),
    (&["2"], Action::Log, MAIN),
    (&["3"], Action::Request, MAIN),
    (&["4"], Action::Events, MAIN),
    (&["<"], Action::OlderAttempt, MAIN),
    (&[">"], Action::NewerAttempt, MAIN),
    (&["/"], Action::SearchLog, LOG),
    (&["n"], Action::NextMatch, LOG),
    (&["N"], Action::PreviousMatch, LOG),
    (&["w"], Action::WrapLog, LOG),
    (&["s"], Action::SaveLog, LOG),
    (&["R"], Action::Refresh, MAIN.or(KeyContexts::of(&[KeyContext::Instances]))),
    (&["!"], Action::NextInNeed, MAIN),
    (&["J"], Action::Jobs, MAIN),
    (&["e"], Action::Explore, MAIN),
    (&["H"], Action::History, MAIN),
    (&["o"], Action::Sort, MAIN),
    (&["O"], Action::SortBack, MAIN),
    (&["w"], Action::Widen, OUTSIDE_LOG),
    (&["y"], Action::Copy, MAIN),
    (&["ctrl-l"], Action::Repaint, EVERYWHERE),
    (&["ctrl-z"], Action::Suspend, EVERYWHERE),
    (&["q"], Action::Close, MAIN),
    (&["ctrl-c"], Action::Close, EVERYWHERE.but(TYPED)),
];

impl Default for Keymap {
    fn default() -> Self {
        let read = |text: &&str| text.parse().expect("the table above names keys only, and a test reads it");
        let rows = DEFAULTS.iter().flat_map(|(chords, action, contexts)| {
            chords.iter().map(move |chord| Binding { chord: read(chord), action: *action, contexts: *contexts })
        });
        Self { bindings: rows.collect() }
    }
}

impl Keymap {
    /// The default table with the keys of some actions replaced: action name to keys.
    ///
    /// An action's new keys apply wherever its old ones did.
    pub fn with(overrides: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        let mut map = Self::default();
        for (name, keys) in overrides {
            let action = Action::named(name).ok_or_else(|| KeymapError::NoSuchAction(name.clone()))?;
            map.rebind(action, keys)?;
        }
        map.check()?;
        Ok(map)
    }

    /// What a chord means in a context.
    pub fn action(&self, context: KeyContext, chord: Chord) -> Option<Action> {
        if context.takes_text() && chord.typed().is_some() {
            return None;
        }
        self.bindings.iter().find(|row| row.chord == chord && row.contexts.holds(context)).map(|row| row.action)
    }

    /// The first key of an action in a context.
    pub fn key(&self, context: KeyContext, action: Action) -> Option<Chord> {
        self.bindings.iter().find(|row| row.action == action && row.contexts.holds(context)).map(|row| row.chord)
    }

    /// Every key of an action in any of the contexts where it applies, each once.
    pub fn keys(&self, action: Action) -> Vec<Chord> {
        let mut keys: Vec<Chord> = Vec::new();
        for row in self.bindings.iter().filter(|row| row.action == action) {
            if !keys.contains(&row.chord) {
                keys.push(row.chord);
            }
        }
        keys
    }

    fn rebind(&mut self, action: Action, keys: &[String]) -> Result<(), KeymapError> {
        let contexts = self.bindings.iter().filter(|row| row.action == action);
        let contexts = contexts.fold(KeyContexts(0), |all, row| all.or(row.contexts));
        self.bindings.retain(|row| row.action != action);
        for key in keys {
            let chord = key.parse().map_err(|cause| KeymapError::NoSuchKey { action: action.name(), cause })?;
            self.bindings.push(Binding { chord, action, contexts });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), KeymapError> {
        for (at, one) in self.bindings.iter().enumerate() {
            let clash =
                |two: &&Binding| two.chord == one.chord && two.contexts.meets(one.contexts) && two.action != one.action;
            if let Some(two) = self.bindings[..at].iter().find(clash) {
                let (first, second) = (two.action.name(), one.action.name());
                return Err(KeymapError::Conflict { chord: one.chord, first, second });
            }
        }
        // Without these three a person could be caught in a dialog or on the screen.
        for action in [Action::Accept, Action::Back, Action::Close] {
            let reachable = |row: &Binding| row.action == action && row.chord.typed().is_none();
            if !self.bindings.iter().any(reachable) {
                return Err(KeymapError::Unreachable { action: action.name() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
