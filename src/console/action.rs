//! What a person can do on the screen: one value for each, with its name, label and help.
//!
//! Promises: the names are what configuration, palette, help and README use. Never: holds a Tick, Render or Resize:
//! plumbing is no action.

/// One thing a person can do. Where it applies is the key map's matter, whether it may be done now the situation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table below says what each one does")]
pub enum Action {
    Retry,
    Cancel,
    Force,
    Dismiss,
    Stop,
    GoOn,
    Promote,
    StopHere,
    AskServer,
    NewRestore,
    StartJob,
    OpenPoint,
    TakeOut,
    Compare,
    CountRows,
    Verify,
    Mark,
    MarkRange,
    MarkAll,
    Accept,
    Back,
    Menu,
    Palette,
    Help,
    NextInNeed,
    Jobs,
    Explore,
    History,
    Filter,
    Sort,
    SortBack,
    Widen,
    Copy,
    Progress,
    Log,
    Request,
    Events,
    OlderAttempt,
    NewerAttempt,
    SearchLog,
    NextMatch,
    PreviousMatch,
    WrapLog,
    SaveLog,
    Refresh,
    Freeze,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    PreviousGroup,
    NextGroup,
    NextPane,
    PreviousPane,
    Repaint,
    Mouse,
    Suspend,
    Close,
}

/// An action as lists, dialogs and pages take it: most of the actions mean nothing there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// To another row.
    Go(Go),
    /// To the value before.
    Left,
    /// To the value after.
    Right,
    /// Mark or check the row, or list the values.
    Mark,
    /// Go on.
    Accept,
    /// One step back.
    Back,
    /// Something else.
    Other(Action),
}

/// Whether something may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Ready,
    /// No, for this reason.
    No(String),
}

/// Rows that a page key goes in a list that is never longer than a screen.
pub const PAGE: usize = 10;

/// A way through rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the action it comes from")]
pub enum Go {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    PreviousGroup,
    NextGroup,
    Next,
    Previous,
}

/// What the screen and the configuration call an action.
struct Words {
    action: Action,
    name: &'static str,
    label: &'static str,
    help: &'static str,
}

const fn words(action: Action, name: &'static str, label: &'static str, help: &'static str) -> Words {
    Words { action, name, label, help }
}

/// In the order of the help: what sessions are steered with first, movement last. The order of the enum, so that a lookup
/// is an index.
const TABLE: [Words; 62] = [
    words(Action::Retry, "retry", "Retry", "make another attempt now, for a session that waits or is stuck"),
    words(Action::Cancel, "cancel", "Cancel", "cancel the session; asks first"),
    words(Action::Force, "force", "Force", "kill the processes of a cancel that is overdue; asks first"),
    words(Action::Dismiss, "dismiss", "Dismiss", "take a completed session off the screen; its history is kept"),
    words(
        Action::Stop,
        "stop",
        "Stop",
        "stop a run, close what is held open, or stop the server that a restore left; asks first",
    ),
    words(Action::GoOn, "go-on", "Go on", "let a paused recovery go on to a later goal; asks which"),
    words(
        Action::Promote,
        "promote",
        "Promote",
        "end the pause of a recovery: the server is opened for writing; asks first",
    ),
    words(
        Action::StopHere,
        "stop-here",
        "Stop here",
        "end a recovery at its pause: the server is shut down there; asks first",
    ),
    words(Action::AskServer, "ask-server", "Ask server", "ask a paused server which databases it has"),
    words(Action::NewRestore, "new-restore", "New restore", "choose instances, restore points and targets"),
    words(Action::StartJob, "start-job", "Start job", "start a run of the backup job; shows its plan first"),
    words(Action::OpenPoint, "open-point", "Open point", "open a restore point to look into it; shows its plan first"),
    words(
        Action::TakeOut,
        "take-out",
        "Take out",
        "take out the marked items, or the selected one; asks where to, shows the plan",
    ),
    words(Action::Compare, "compare", "Compare", "compare the table with the live one, row by row; changes nothing"),
    words(Action::CountRows, "count-rows", "Count rows", "count the rows of the table, which reads all of it"),
    words(Action::Verify, "verify", "Verify", "read a backup to its end, name its damages"),
    words(Action::Mark, "mark", "Mark", "mark a row, so that the next action is for all that are marked"),
    words(Action::MarkRange, "mark-range", "Mark range", "mark all rows from the one that was marked last"),
    words(Action::MarkAll, "mark-all", "Mark all", "mark all rows of the group, or unmark them"),
    words(Action::Accept, "accept", "Open", "open what is selected, or go on with the defaults"),
    words(Action::Back, "back", "Back", "one step back; never quits"),
    words(Action::Menu, "menu", "Menu", "what can be done with the selection"),
    words(Action::Palette, "palette", "All", "find any action by its name"),
    words(Action::Help, "help", "Help", "every key"),
    words(Action::NextInNeed, "next-in-need", "Next in need", "to the next session that needs a person"),
    words(Action::Jobs, "jobs", "Jobs", "the backup jobs, their runs and objects; again: back"),
    words(Action::Explore, "explore", "Explore", "the restore points that are held open; again: back"),
    words(Action::History, "history", "History", "all that has ended, dismissed sessions too; again: back"),
    words(
        Action::Filter,
        "filter",
        "Filter",
        "show only rows that match: words, !word, phase:stuck, host:, by:, since:1h",
    ),
    words(Action::Sort, "sort", "Sort", "sort the table by the next column; past the last, as in the tree"),
    words(Action::SortBack, "sort-back", "Sort back", "sort the table by the previous column"),
    words(Action::Widen, "widen", "Widen", "give the preview the whole screen, or back"),
    words(Action::Copy, "copy", "Copy", "copy path, uuid or a command through the terminal (OSC 52)"),
    words(Action::Progress, "progress", "Progress", "steps, speed and attempts"),
    words(Action::Log, "log", "Log", "what an attempt does, and its programs' output"),
    words(Action::Request, "request", "Request", "the plan and the exact command"),
    words(Action::Events, "events", "Events", "what happened, in order"),
    words(Action::OlderAttempt, "older-attempt", "Older attempt", "the log of the previous attempt"),
    words(Action::NewerAttempt, "newer-attempt", "Newer attempt", "the log of the next attempt"),
    words(Action::SearchLog, "search-log", "Search log", "search the log as you type, in any case"),
    words(Action::NextMatch, "next-match", "Next match", "to the next match in the log"),
    words(Action::PreviousMatch, "previous-match", "Previous match", "to the previous match in the log"),
    words(Action::WrapLog, "wrap-log", "Wrap log", "wrap long lines of the log, or cut them"),
    words(Action::SaveLog, "save-log", "Save log", "save the log to a file, which must not exist yet"),
    words(Action::Refresh, "refresh", "Read again", "read the repositories again"),
    words(Action::Freeze, "freeze", "Freeze", "freeze the display; the work goes on"),
    words(Action::Up, "up", "Up", "one row up"),
    words(Action::Down, "down", "Down", "one row down"),
    words(Action::Left, "left", "Left", "close the group, or previous tab or value"),
    words(Action::Right, "right", "Right", "open the group, or next tab or value"),
    words(Action::PageUp, "page-up", "Page up", "one page up; on the line of a recovery, one hour back"),
    words(Action::PageDown, "page-down", "Page down", "one page down; on the line of a recovery, one hour on"),
    words(Action::Top, "top", "Top", "to the first row"),
    words(Action::Bottom, "bottom", "Bottom", "to the last row"),
    words(
        Action::PreviousGroup,
        "previous-group",
        "Previous group",
        "to the heading above; on the line of a recovery, to the commit before",
    ),
    words(
        Action::NextGroup,
        "next-group",
        "Next group",
        "to the heading below; on the line of a recovery, to the next commit",
    ),
    words(Action::NextPane, "next-pane", "Next pane", "to the next pane or field"),
    words(Action::PreviousPane, "previous-pane", "Previous pane", "to the previous pane or field"),
    words(Action::Repaint, "repaint", "Repaint", "paint the whole screen anew, after other output has torn it"),
    words(Action::Mouse, "mouse", "Mouse", "switch the mouse on or off; off lets the terminal select text"),
    words(Action::Suspend, "suspend", "Suspend", "back to the shell for a while; fg returns"),
    words(Action::Close, "close", "Close", "leave; the work goes on"),
];

impl Verdict {
    /// Whether it is yes.
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }
}

impl Go {
    /// The row this leads to from row `at` of `len`, where a page has `page` rows.
    pub fn from(self, at: usize, len: usize, page: usize) -> usize {
        let last = len.saturating_sub(1);
        match self {
            Self::Up | Self::Previous => at.saturating_sub(1),
            Self::Down | Self::Next => (at + 1).min(last),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => (at + page).min(last),
            Self::Top | Self::PreviousGroup => 0,
            Self::Bottom | Self::NextGroup => last,
        }
    }
}

impl Action {
    /// Every action, in the order of the help.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|words| words.action)
    }

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// The label on the screen.
    pub const fn label(self) -> &'static str {
        TABLE[self as usize].label
    }

    /// One clause that says what it does.
    pub const fn help(self) -> &'static str {
        TABLE[self as usize].help
    }

    /// What it means to a list, a dialog or a page.
    pub const fn press(self) -> Press {
        match self {
            Self::Up => Press::Go(Go::Up),
            Self::Down => Press::Go(Go::Down),
            Self::PageUp => Press::Go(Go::PageUp),
            Self::PageDown => Press::Go(Go::PageDown),
            Self::Top => Press::Go(Go::Top),
            Self::Bottom => Press::Go(Go::Bottom),
            Self::PreviousGroup => Press::Go(Go::PreviousGroup),
            Self::NextGroup => Press::Go(Go::NextGroup),
            Self::NextPane => Press::Go(Go::Next),
            Self::PreviousPane => Press::Go(Go::Previous),
            Self::Left => Press::Left,
            Self::Right => Press::Right,
            Self::Mark => Press::Mark,
            Self::Accept => Press::Accept,
            Self::Back => Press::Back,
            Self::Retry
            | Self::Cancel
            | Self::Force
            | Self::Dismiss
            | Self::Stop
            | Self::GoOn
            | Self::Promote
            | Self::StopHere
            | Self::AskServer
            | Self::NewRestore
            | Self::StartJob
            | Self::OpenPoint
            | Self::TakeOut
            | Self::Compare
            | Self::CountRows
            | Self::Verify
            | Self::Menu
            | Self::Palette
            | Self::Help
            | Self::Filter
            | Self::Freeze
            | Self::Mouse
            | Self::Progress
            | Self::Log
            | Self::Request
            | Self::Events
            | Self::OlderAttempt
            | Self::NewerAttempt
            | Self::SearchLog
            | Self::NextMatch
            | Self::PreviousMatch
            | Self::WrapLog
            | Self::SaveLog
            | Self::Refresh
            | Self::Jobs
            | Self::Explore
            | Self::History
            | Self::Copy
            | Self::MarkRange
            | Self::MarkAll
            | Self::NextInNeed
            | Self::Sort
            | Self::SortBack
            | Self::Widen
            | Self::Repaint
            | Self::Suspend
            | Self::Close => Press::Other(self),
        }
    }

    /// The action with this name.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|words| words.name == name).map(|words| words.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum_and_names_are_unique() {
        for (index, words) in TABLE.iter().enumerate() {
            assert_eq!(words.action as usize, index, "{}", words.name);
            assert_eq!(Action::named(words.name), Some(words.action));
        }
    }
}
