//! The question where items are taken to, and how.

use crate::domain::{ExistingItem, InstanceName, ItemName, ItemPart, OpenPoint};
use tui_input::Input;

/// Where items are taken to, and how.
#[derive(Debug, Clone)]
pub struct TakeDialog {
    /// The instance that they are of.
    pub instance: InstanceName,
    /// What they are taken out of.
    pub from: OpenPoint,
    /// The items; never none.
    pub items: Vec<ItemName>,
    /// Where the keys go.
    pub field: TakeField,
    /// Into what.
    pub place: TakePlace,
    /// How the server is reached.
    pub server: Input,
    /// The directory of a dump.
    pub directory: Input,
    /// Definitions, rows, or both.
    pub part: ItemPart,
    /// What is done where they exist.
    pub way: TakeWay,
    /// The new name.
    pub name: Input,
    /// What is wrong with the fields.
    pub problem: Option<String>,
}

/// The fields of that question, in the order of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeField {
    /// Into what.
    Place,
    /// Which server, or which directory.
    To,
    /// Definitions, rows, or both.
    Part,
    /// What is done where they exist.
    Way,
    /// The new name.
    Name,
}

/// Into what items are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakePlace {
    /// A running server.
    Server,
    /// A directory that is made for a dump.
    Dump,
}

/// What is done with an item that exists where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeWay {
    /// Refuse.
    Refuse,
    /// Another name.
    Rename,
    /// Only the rows whose key is not there.
    AppendMissing,
}

impl TakeDialog {
    /// The fields that it has now, from above to below.
    pub fn fields(&self) -> &'static [TakeField] {
        use TakeField::{Name, Part, Place, To, Way};
        match (self.place, self.way) {
            (TakePlace::Dump, _) => &[Place, To, Part],
            (TakePlace::Server, TakeWay::Rename) => &[Place, To, Part, Way, Name],
            (TakePlace::Server, TakeWay::Refuse | TakeWay::AppendMissing) => &[Place, To, Part, Way],
        }
    }

    /// Puts the keys on the field below, or above, around the end.
    pub fn go(&mut self, below: bool) {
        let fields = self.fields();
        let at = fields.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = fields[(at + if below { 1 } else { fields.len() - 1 }) % fields.len()];
    }

    /// The next choice of the field that the keys go to, or the one before, around the end; `false` where a text is typed.
    pub fn choose(&mut self, next: bool) -> bool {
        match self.field {
            TakeField::Place => self.place = self.place.other(),
            TakeField::Part => self.part = moved(&PARTS, self.part, next),
            TakeField::Way => self.way = moved(&TakeWay::ALL, self.way, next),
            TakeField::To | TakeField::Name => return false,
        }
        self.problem = None;
        true
    }

    /// The wish for an item that exists; `None` while a new name is wanted and not typed.
    pub fn existing(&self) -> Option<ExistingItem> {
        match self.way {
            TakeWay::Refuse => Some(ExistingItem::Refuse),
            TakeWay::AppendMissing => Some(ExistingItem::AppendMissing),
            TakeWay::Rename => {
                let to = self.name.value().to_owned();
                (!to.is_empty()).then_some(ExistingItem::Rename { to })
            }
        }
    }

    /// The line of text that the keys go to.
    pub const fn input(&mut self) -> Option<&mut Input> {
        match (self.field, self.place) {
            (TakeField::To, TakePlace::Server) => Some(&mut self.server),
            (TakeField::To, TakePlace::Dump) => Some(&mut self.directory),
            (TakeField::Name, _) => Some(&mut self.name),
            (TakeField::Place | TakeField::Part | TakeField::Way, _) => None,
        }
    }
}

impl TakePlace {
    /// The words of it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Server => "a running server",
            Self::Dump => "a directory, as a dump",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Server => Self::Dump,
            Self::Dump => Self::Server,
        }
    }
}

impl TakeWay {
    /// All of them, in the order of the screen.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::Rename, Self::AppendMissing];

    /// The words of it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Rename => "take it under another name",
            Self::AppendMissing => "add the rows that are missing",
        }
    }
}

/// The parts of an item, in the order of the screen.
const PARTS: [ItemPart; 3] = [ItemPart::All, ItemPart::Schema, ItemPart::Data];

/// The words for what of an item is taken.
pub const fn part_label(part: ItemPart) -> &'static str {
    match part {
        ItemPart::All => "definitions and rows",
        ItemPart::Schema => "definitions only",
        ItemPart::Data => "rows only",
    }
}

fn moved<T: Copy + PartialEq>(all: &[T], from: T, next: bool) -> T {
    let at = all.iter().position(|one| *one == from).unwrap_or(0);
    all[(at + if next { 1 } else { all.len() - 1 }) % all.len()]
}
