//! The form of the wizard: for each instance a restore point, a directory, and a port, a name or a path; for all of them
//! the rest.
//!
//! Promises: every field begins with a default that works; what a person has edited is not changed behind their back.

use super::tree::InstanceKey;
use crate::{
    catalog::propose::Proposal,
    console::{
        format,
        ports::{CatalogEntry, CatalogInstance},
    },
    domain::{
        ClusterRestore, ExistingData, FilesRestore, InstanceName, MachineRestore, MissingWal, Port, Rate, Recovery,
        RestoreOrder, ServerWish, Target, Workload,
        restore::{SYSTEM_URI, restored_name},
    },
};
use std::path::{Path, PathBuf};
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

const PER_CHOICE: usize = 3;
const MACHINE: [MachineWish; 3] = [MachineWish::StartAlone, MachineWish::StartConnected, MachineWish::DefineOnly];
const SERVER: [ServerWish; 3] = [ServerWish::LeaveRunning, ServerWish::StopAfterProbe, ServerWish::FilesOnly];

impl Field {
    /// Whether text is typed into it.
    pub const fn is_text(self) -> bool {
        match self {
            Self::Directory(_) | Self::Port(_) | Self::Name(_) | Self::Include(_) | Self::Rate => true,
            Self::Point(_) | Self::Server | Self::Machine | Self::Existing | Self::MissingWal => false,
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
        self.choices.len() * PER_CHOICE + self.common().len()
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
    pub fn fields_of(&self, choice: usize) -> [Field; PER_CHOICE] {
        let detail = match self.choices.get(choice).map(|one| one.key.workload) {
            Some(Workload::Instance) | None => Field::Port(choice),
            Some(Workload::VirtualMachine) => Field::Name(choice),
            Some(Workload::FileTree) => Field::Include(choice),
        };
        [Field::Point(choice), Field::Directory(choice), detail]
    }

    /// Whether no instance is chosen.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// The field with this number.
    pub fn field_at(&self, number: usize) -> Field {
        let (choice, part) = (number / PER_CHOICE, number % PER_CHOICE);
        if choice < self.choices.len() {
            return self.fields_of(choice)[part];
        }
        let common = self.common();
        let at = number - self.choices.len() * PER_CHOICE;
        common.get(at).or(common.last()).copied().unwrap_or(Field::Point(0))
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
            Field::Point(_) | Field::Server | Field::Machine | Field::Existing | Field::MissingWal => None,
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
            Field::Directory(_) | Field::Port(_) | Field::Name(_) | Field::Include(_) | Field::Rate => {}
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

    /// One request for each choice, or which field has to be changed and why.
    pub fn requests(&self) -> Result<Vec<RestoreOrder>, (usize, String)> {
        let rate = (0..self.len()).find(|number| self.field_at(*number) == Field::Rate).unwrap_or(0);
        let max_rate = match self.rate.value().trim() {
            "" => None,
            text => Some(text.parse::<Rate>().map_err(|error| (rate, error.to_string()))?),
        };
        let mut made: Vec<(&Choice, RestoreOrder)> = Vec::new();
        for (number, choice) in self.choices.iter().enumerate() {
            let first = number * PER_CHOICE;
            let Some(request) = self.request(choice, max_rate).map_err(|(part, problem)| (first + part, problem))?
            else {
                continue;
            };
            for (other, earlier) in &made {
                let (mine, theirs) = (request.directory(), earlier.directory());
                if mine.starts_with(theirs) || theirs.starts_with(mine) {
                    let both = format!("{} and {} would lie in each other", choice.title, other.title);
                    return Err((first + 1, both + ": give each its own directory"));
                }
                let port = |order: &RestoreOrder| order.cluster().map(|order| order.target.port());
                if let Some(port) = port(&request).filter(|mine| port(earlier) == Some(*mine)) {
                    let both = format!("{} and {} would share port {port}", choice.title, other.title);
                    return Err((first + 2, both + ": give each its own"));
                }
            }
            made.push((choice, request));
        }
        Ok(made.into_iter().map(|(_, request)| request).collect())
    }

    /// The request of one choice, or which of its fields has to be changed and why.
    fn request(&self, choice: &Choice, max_rate: Option<Rate>) -> Result<Option<RestoreOrder>, (usize, String)> {
        let directory = || {
            let directory = PathBuf::from(choice.directory.value());
            let relative = || (1, problem_of(choice, &"the directory must be an absolute path"));
            if directory.is_absolute() { Ok(directory) } else { Err(relative()) }
        };
        let request = match choice.chosen() {
            None | Some(CatalogEntry::Unreadable { .. }) => return Ok(None),
            Some(CatalogEntry::Restorable(point)) => {
                let port: Port = choice.detail.value().parse().map_err(|error| (2, problem_of(choice, &error)))?;
                let target =
                    Target::new(choice.directory.value(), port).map_err(|error| (1, problem_of(choice, &error)))?;
                let (server, existing, missing_wal) = (self.server, self.existing, self.missing_wal);
                let (point, recovery) = (point.clone(), Recovery::to_consistency());
                RestoreOrder::Cluster(ClusterRestore {
                    point,
                    target,
                    recovery,
                    server,
                    max_rate,
                    existing,
                    missing_wal,
                })
            }
            Some(CatalogEntry::Machine(point)) => {
                if choice.detail.value().is_empty() {
                    return Err((2, problem_of(choice, &"give the restored machine a name")));
                }
                RestoreOrder::VirtualMachine(MachineRestore {
                    machine: point.machine.clone(),
                    label: point.label.clone(),
                    backup: point.directory.clone(),
                    size: point.size,
                    taken_at: point.taken_at,
                    directory: directory()?,
                    name: InstanceName::new(choice.detail.value()),
                    uri: point.uri.clone().unwrap_or_else(|| SYSTEM_URI.to_owned()),
                    start: self.machine != MachineWish::DefineOnly,
                    network: self.machine == MachineWish::StartConnected,
                    max_rate,
                })
            }
            Some(CatalogEntry::Tree(point)) => {
                let wanted = Some(choice.detail.value()).filter(|path| !path.is_empty());
                RestoreOrder::Files(FilesRestore {
                    tree: point.tree.clone(),
                    repository: point.repository.to_string_lossy().into_owned(),
                    password_file: Some(point.password_file.clone()),
                    label: point.label.clone(),
                    snapshot: point.snapshot.clone(),
                    taken_at: point.taken_at,
                    directory: directory()?,
                    include: wanted.into_iter().map(PathBuf::from).collect(),
                })
            }
        };
        Ok(Some(request))
    }
}

fn problem_of(choice: &Choice, error: &dyn std::fmt::Display) -> String {
    format::clean(&format!("{}: {error}", choice.title)).into_owned()
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
