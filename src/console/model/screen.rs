//! The screens: what the tree shows, one at a time.

use super::node::Group;

/// What the tree shows, one at a time; the tabs of the action bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// What goes on, what is completed and not dismissed, and what can be restored.
    Restore,
    /// Backup jobs, their runs and objects.
    Jobs,
    /// Restore points that are held open.
    Explore,
    /// All that has ever ended.
    History,
}

impl Screen {
    /// All of them, in the order of the bar.
    pub const ALL: [Self; 4] = [Self::Restore, Self::Jobs, Self::Explore, Self::History];

    /// The heading that stands first on it.
    pub const fn first(self) -> Group {
        match self {
            Self::Restore => Group::Restore,
            Self::Jobs => Group::Jobs,
            Self::Explore => Group::Explore,
            Self::History => Group::History,
        }
    }

    /// The word of its tab.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restore => "Restore",
            Self::Jobs => "Jobs",
            Self::Explore => "Explore",
            Self::History => "History",
        }
    }
}
