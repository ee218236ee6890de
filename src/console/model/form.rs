//! The form of the wizard: for each instance a restore point, how far it is recovered, a directory, and a port, a name or a
//! path; for all of them the rest.
//!
//! Promises: every field begins with a default that works; what a person has edited is not changed behind their back.

use super::{goal_wish::GoalWish, tree::InstanceKey};
use crate::{
    catalog::propose::Proposal,
    console::ports::{CatalogEntry, CatalogInstance},
    domain::{ExistingData, MissingWal, Port, Rate, ServerWish, WalArchive, Workload, restore::restored_name},
};
use std::path::Path;
use tui_input::Input;

/// The form.
#[derive(Debug, Clone)]
pub struct Form {
    /// One for each instance.
    pub choices: Vec<Choice>,
    /// Whether a server is started.
    pub server: ServerWish,
    /// Whether a virtual machine is started.
    pub machine: MachineWish,
    /// The most bytes a second; empty is as fast as it goes.
    pub rate: Input,
    /// What to do with data that stands at a target.
    pub existing: ExistingData,
    /// What to do when a backup lacks WAL and no server is started.
    pub missing_wal: MissingWal,
    /// The number of the field that the keys go to.
    pub at: usize,
    /// Why the form cannot be planned as it is.
    pub problem: Option<String>,
}

/// What is chosen for one instance.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The instance.
    pub key: InstanceKey,
    /// Its name, and what tells it from others of the same.
    pub title: String,
    /// Its backups, newest first.
    pub rows: Vec<CatalogEntry>,
    /// The chosen one: an index of a restorable row.
    pub point: usize,
    /// The archive of its WAL, where one is known.
    pub archive: Option<WalArchive>,
    /// How far it is recovered.
    pub recovery: GoalWish,
    /// The directory.
    pub directory: TextField,
    /// The port of a server, the new name of a machine, or the only path that is wanted of a tree.
    pub detail: TextField,
}

/// What becomes of a restored virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineWish {
    /// It runs, and reaches nothing.
    StartAlone,
    /// It runs, and its network interfaces are connected.
    StartConnected,
    /// It is defined and not started.
    DefineOnly,
}

/// A text field that knows whether a person has edited it.
#[derive(Debug, Clone)]
pub struct TextField {
    /// The text.
    pub input: Input,
    /// Whether a person has edited it.
    pub edited: bool,
}

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The restore point of a choice.
    Point(usize),
    /// How far a cluster is recovered.
    Goal(usize),
    /// The directory of a choice.
    Directory(usize),
    /// The port of a choice.
    Port(usize),
    /// The new name of a virtual machine.
    Name(usize),
    /// The only path that is wanted of a tree.
    Include(usize),
    /// Whether a server is started.
    Server,
    /// Whether a virtual machine is started.
    Machine,
    /// The bandwidth.
    Rate,
    /// What to do with data that stands at a target.
    Existing,
    /// What to do when a backup lacks WAL.
    MissingWal,
}

const MACHINE: [MachineWish; 3] = [MachineWish::StartAlone, MachineWish::StartConnected, MachineWish::DefineOnly];
const SERVER: [ServerWish; 3] = [ServerWish::LeaveRunning, ServerWish::StopAfterProbe, ServerWish::FilesOnly];

impl Field {
    /// Whether text is typed into it.
    pub const fn is_text(self) -> bool {
        match self {
            Self::Directory(_) | Self::Port(_) | Self::Name(_) | Self::Include(_) | Self::Rate => true,
            Self::Point(_) | Self::Goal(_) | Self::Server | Self::Machine | Self::Existing | Self::MissingWal => false,
        }
    }
}

impl Form {
    /// A form without instances.
    pub fn new(rate: Option<Rate>) -> Self {
        let rate = rate.map_or_else(String::new, |rate| rate.to_string());
        Self {
            choices: Vec::new(),
            server: ServerWish::LeaveRunning,
            machine: MachineWish::StartAlone,
            rate: Input::new(rate),
            existing: ExistingData::Refuse,
            missing_wal: MissingWal::Refuse,
            at: 0,
            problem: None,
        }
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields().len()
    }

    /// All fields, in the order of the screen.
    pub fn fields(&self) -> Vec<Field> {
        let own = (0..self.choices.len()).flat_map(|choice| self.fields_of(choice));
        own.chain(self.common()).collect()
    }

    /// The fields that are of all choices.
    pub fn common(&self) -> Vec<Field> {
        let has = |workload: Workload| self.choices.iter().any(|choice| choice.key.workload == workload);
        let (clusters, machines) = (has(Workload::Instance), has(Workload::VirtualMachine));
        let all = [
            (clusters, Field::Server),
            (machines, Field::Machine),
            (clusters || machines, Field::Rate),
            (clusters, Field::Existing),
            (clusters, Field::MissingWal),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, field)| field).collect()
    }

    /// The fields of a choice.
    pub fn fields_of(&self, choice: usize) -> Vec<Field> {
        let (point, directory) = (Field::Point(choice), Field::Directory(choice));
        match self.choices.get(choice).map(|one| one.key.workload) {
            Some(Workload::Instance) | None => vec![point, Field::Goal(choice), directory, Field::Port(choice)],
            Some(Workload::VirtualMachine) => vec![point, directory, Field::Name(choice)],
            Some(Workload::FileTree) => vec![point, directory, Field::Include(choice)],
        }
    }

    /// Whether no instance is chosen.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// The field with this number.
    pub fn field_at(&self, number: usize) -> Field {
        let fields = self.fields();
        fields.get(number).or(fields.last()).copied().unwrap_or(Field::Point(0))
    }

    /// The field that the keys go to.
    pub fn field(&self) -> Field {
        self.field_at(self.at)
    }

    /// The text that a field holds, if it holds one.
    pub fn text(&mut self, field: Field) -> Option<&mut Input> {
        match field {
            Field::Directory(choice) => self.choices.get_mut(choice).map(|one| one.directory.edit()),
            Field::Port(choice) | Field::Name(choice) | Field::Include(choice) => {
                self.choices.get_mut(choice).map(|one| one.detail.edit())
            }
            Field::Rate => Some(&mut self.rate),
            Field::Point(_) | Field::Goal(_) | Field::Server | Field::Machine | Field::Existing | Field::MissingWal => {
                None
            }
        }
    }

    /// The value before (`-1`) or after (`1`) the present one, where a field has a few.
    pub fn step(&mut self, field: Field, by: isize) {
        match field {
            Field::Point(choice) => {
                if let Some(choice) = self.choices.get_mut(choice) {
                    choice.step(by);
                }
            }
            Field::Server => {
                let at = SERVER.iter().position(|wish| *wish == self.server).unwrap_or(0);
                self.server = SERVER[at.saturating_add_signed(by).min(SERVER.len() - 1)];
            }
            Field::Machine => {
                let at = MACHINE.iter().position(|wish| *wish == self.machine).unwrap_or(0);
                self.machine = MACHINE[at.saturating_add_signed(by).min(MACHINE.len() - 1)];
            }
            Field::Existing => {
                self.existing = if by < 0 { ExistingData::Refuse } else { ExistingData::SetAside };
            }
            Field::MissingWal => {
                self.missing_wal = if by < 0 { MissingWal::Refuse } else { MissingWal::Accept };
            }
            Field::Goal(_)
            | Field::Directory(_)
            | Field::Port(_)
            | Field::Name(_)
            | Field::Include(_)
            | Field::Rate => {}
        }
    }

    /// Takes in proposed places, where nobody has edited meanwhile.
    pub fn take(&mut self, proposals: Vec<Proposal>) {
        for (choice, proposal) in self.choices.iter_mut().zip(proposals) {
            choice.directory.propose(proposal.directory.to_string_lossy().into_owned());
            match choice.key.workload {
                Workload::Instance => choice.detail.propose(proposal.port.to_string()),
                Workload::VirtualMachine => {
                    choice.detail.propose(restored_name(&proposal.directory).as_str().to_owned());
                }
                Workload::FileTree => {}
            }
        }
    }
}

impl Choice {
    /// The newest restore point of an instance; `None` when none can be restored.
    pub fn newest(instance: &CatalogInstance, directory: &Path, port: Port) -> Option<Self> {
        let point = instance.rows.iter().position(CatalogEntry::is_restorable)?;
        let detail = match instance.workload {
            Workload::Instance => port.to_string(),
            Workload::VirtualMachine => restored_name(directory).as_str().to_owned(),
            Workload::FileTree => String::new(),
        };
        Some(Self {
            key: InstanceKey::of(instance),
            title: instance.title(),
            rows: instance.rows.clone(),
            point,
            archive: instance.wal.first().cloned(),
            recovery: GoalWish::own_end(),
            directory: TextField::new(directory.to_string_lossy().into_owned()),
            detail: TextField::new(detail),
        })
    }

    /// The chosen restore point.
    pub fn chosen(&self) -> Option<&CatalogEntry> {
        self.rows.get(self.point)
    }

    /// Whether the chosen one is the newest that can be restored.
    pub fn is_newest(&self) -> bool {
        self.rows.iter().position(CatalogEntry::is_restorable) == Some(self.point)
    }

    /// Chooses the restorable row before or after the present one.
    fn step(&mut self, by: isize) {
        let restorable = |at: &usize| self.rows[*at].is_restorable();
        let found = if by < 0 {
            (0..self.point).rev().find(restorable)
        } else {
            (self.point + 1..self.rows.len()).find(restorable)
        };
        self.point = found.unwrap_or(self.point);
    }
}

impl TextField {
    fn new(text: String) -> Self {
        Self { input: Input::new(text), edited: false }
    }

    /// What it says, without blanks around it.
    pub fn value(&self) -> &str {
        self.input.value().trim()
    }

    const fn edit(&mut self) -> &mut Input {
        self.edited = true;
        &mut self.input
    }

    fn propose(&mut self, text: String) {
        if !self.edited {
            self.input = Input::new(text);
        }
    }
}
