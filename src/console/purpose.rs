//! What each action is for, and the other words that people look for it by: what help and palette are ordered by.

use super::action::Action;

/// What an action is for: the headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To steer sessions.
    Session,
    /// To begin work.
    Begin,
    /// To choose what an action is for, and to find it.
    Choose,
    /// To see more, or other things.
    See,
    /// To move about.
    Move,
    /// The program itself.
    Program,
}

impl Purpose {
    /// Its heading.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Session => "Sessions",
            Self::Begin => "New work",
            Self::Choose => "Choose and open",
            Self::See => "What is shown",
            Self::Move => "Movement",
            Self::Program => "This console",
        }
    }
}

impl Action {
    /// What it is for.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Retry
            | Self::Cancel
            | Self::Force
            | Self::Dismiss
            | Self::Stop
            | Self::GoOn
            | Self::Promote
            | Self::StopHere
            | Self::AskServer => Purpose::Session,
            Self::NewRestore
            | Self::StartJob
            | Self::OpenPoint
            | Self::TakeOut
            | Self::Compare
            | Self::CountRows
            | Self::Verify => Purpose::Begin,
            Self::Mark
            | Self::MarkRange
            | Self::MarkAll
            | Self::Accept
            | Self::Back
            | Self::Menu
            | Self::Palette
            | Self::Help => Purpose::Choose,
            Self::NextInNeed
            | Self::Jobs
            | Self::Explore
            | Self::History
            | Self::Filter
            | Self::Sort
            | Self::SortBack
            | Self::Widen
            | Self::Copy
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
            | Self::Freeze => Purpose::See,
            Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::PageUp
            | Self::PageDown
            | Self::Top
            | Self::Bottom
            | Self::PreviousGroup
            | Self::NextGroup
            | Self::NextPane
            | Self::PreviousPane => Purpose::Move,
            Self::Repaint | Self::Mouse | Self::Suspend | Self::Close => Purpose::Program,
        }
    }

    /// Other words that a person may look for it by.
    pub const fn synonyms(self) -> &'static [&'static str] {
        match self {
            Self::Retry => &["again", "rerun", "try"],
            Self::Cancel => &["stop", "abort", "end"],
            Self::Force => &["kill"],
            Self::Dismiss => &["hide", "remove", "clear"],
            Self::Stop => &["stop server", "shut down", "shutdown", "end", "graceful", "immediate", "close point"],
            Self::GoOn => &["resume", "continue", "replay", "later"],
            Self::Promote => &["open", "write", "resume"],
            Self::StopHere => &["shut down", "shutdown", "end"],
            Self::AskServer => &["probe", "query", "paused"],
            Self::StartJob => &["run", "backup", "begin"],
            Self::Jobs => &["backups", "runs"],
            Self::OpenPoint => &["explore", "look inside", "items"],
            Self::TakeOut => &["restore table", "extract", "dump", "items"],
            Self::Compare => &["diff", "difference", "missing rows"],
            Self::CountRows => &["how many", "number"],
            Self::Explore => &["open points", "items", "tables"],
            Self::NewRestore => &["start", "create", "recover"],
            Self::Verify => &["check", "test"],
            Self::Mark | Self::MarkRange | Self::MarkAll => &["select"],
            Self::Accept => &["enter", "choose"],
            Self::Palette => &["find", "actions"],
            Self::Help => &["keys", "legend"],
            Self::NextInNeed => &["stuck", "attention", "jump"],
            Self::Filter => &["search", "find"],
            Self::Sort | Self::SortBack => &["order"],
            Self::Widen => &["zoom", "maximize", "full"],
            Self::Copy => &["yank", "clipboard"],
            Self::Log => &["output"],
            Self::SearchLog => &["find", "grep"],
            Self::SaveLog => &["write", "export", "file"],
            Self::Request => &["plan", "command"],
            Self::History => &["past", "dismissed"],
            Self::Events => &["happened"],
            Self::Refresh => &["reload", "rescan"],
            Self::Freeze => &["pause", "hold"],
            Self::Repaint => &["redraw", "clear"],
            Self::Close => &["quit", "exit", "leave", "detach"],
            Self::Back
            | Self::Menu
            | Self::Progress
            | Self::OlderAttempt
            | Self::NewerAttempt
            | Self::NextMatch
            | Self::PreviousMatch
            | Self::WrapLog
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::PageUp
            | Self::PageDown
            | Self::Top
            | Self::Bottom
            | Self::PreviousGroup
            | Self::NextGroup
            | Self::NextPane
            | Self::PreviousPane
            | Self::Mouse
            | Self::Suspend => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_one_purpose_stand_together() {
        let mut seen: Vec<Purpose> = Vec::new();
        for action in Action::all() {
            if seen.last() != Some(&action.purpose()) {
                assert!(!seen.contains(&action.purpose()), "{}", action.name());
                seen.push(action.purpose());
            }
        }
    }
}
