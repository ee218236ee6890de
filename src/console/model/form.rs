//! The form of the wizard: for each instance a restore point, a directory and a port; for all of them the rest.
//!
//! Promises: every field begins with a default that works; what a person has edited is not changed behind their back.

use super::tree::InstanceKey;
use crate::{
    catalog::propose::Proposal,
    console::{
        format,
        ports::{CatalogEntry, CatalogInstance},
    },
    domain::{ClusterRestore, ExistingData, MissingWal, Port, Rate, Recovery, RestorePoint, ServerWish, Target},
};
use tui_input::Input;

/// The form.
#[derive(Debug, Clone)]
pub struct Form {
    /// One for each instance.
    pub choices: Vec<Choice>,
    /// Whether a server is started.
    pub server: ServerWish,
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
    /// The data directory.
    pub directory: TextField,
    /// The port.
    pub port: TextField,
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
    /// The data directory of a choice.
    Directory(usize),
    /// The port of a choice.
    Port(usize),
    /// Whether a server is started.
    Server,
    /// The bandwidth.
    Rate,
    /// What to do with data that stands at a target.
    Existing,
    /// What to do when a backup lacks WAL.
    MissingWal,
}

const PER_CHOICE: usize = 3;
const COMMON: [Field; 4] = [Field::Server, Field::Rate, Field::Existing, Field::MissingWal];
const SERVER: [ServerWish; 3] = [ServerWish::LeaveRunning, ServerWish::StopAfterProbe, ServerWish::FilesOnly];

impl Form {
    /// A form without instances.
    pub fn new(rate: Option<Rate>) -> Self {
        let rate = rate.map_or_else(String::new, |rate| rate.to_string());
        Self {
            choices: Vec::new(),
            server: ServerWish::LeaveRunning,
            rate: Input::new(rate),
            existing: ExistingData::Refuse,
            missing_wal: MissingWal::Refuse,
            at: 0,
            problem: None,
        }
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.choices.len() * PER_CHOICE + COMMON.len()
    }

    /// Whether no instance is chosen.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// The field with this number.
    pub fn field_at(&self, number: usize) -> Field {
        let (choice, part) = (number / PER_CHOICE, number % PER_CHOICE);
        if choice < self.choices.len() {
            return [Field::Point(choice), Field::Directory(choice), Field::Port(choice)][part];
        }
        COMMON[(number - self.choices.len() * PER_CHOICE).min(COMMON.len() - 1)]
    }

    /// The field that the keys go to.
    pub fn field(&self) -> Field {
        self.field_at(self.at)
    }

    /// The text that a field holds, if it holds one.
    pub fn text(&mut self, field: Field) -> Option<&mut Input> {
        match field {
            Field::Directory(choice) => self.choices.get_mut(choice).map(|one| one.directory.edit()),
            Field::Port(choice) => self.choices.get_mut(choice).map(|one| one.port.edit()),
            Field::Rate => Some(&mut self.rate),
            Field::Point(_) | Field::Server | Field::Existing | Field::MissingWal => None,
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
            Field::Existing => {
                self.existing = if by < 0 { ExistingData::Refuse } else { ExistingData::SetAside };
            }
            Field::MissingWal => {
                self.missing_wal = if by < 0 { MissingWal::Refuse } else { MissingWal::Accept };
            }
            Field::Directory(_) | Field::Port(_) | Field::Rate => {}
        }
    }

    /// Takes in proposed places, where nobody has edited meanwhile.
    pub fn take(&mut self, proposals: Vec<Proposal>) {
        for (choice, proposal) in self.choices.iter_mut().zip(proposals) {
            choice.directory.propose(proposal.directory.to_string_lossy().into_owned());
            choice.port.propose(proposal.port.to_string());
        }
    }

    /// One request for each choice, or which field has to be changed and why.
    pub fn requests(&self) -> Result<Vec<ClusterRestore>, (usize, String)> {
        let common = self.choices.len() * PER_CHOICE;
        let max_rate = match self.rate.value().trim() {
            "" => None,
            text => Some(text.parse::<Rate>().map_err(|error| (common + 1, error.to_string()))?),
        };
        let mut made: Vec<(&Choice, ClusterRestore)> = Vec::new();
        for (number, choice) in self.choices.iter().enumerate() {
            let first = number * PER_CHOICE;
            let port: Port = choice.port.value().parse().map_err(|error| (first + 2, problem_of(choice, &error)))?;
            let target =
                Target::new(choice.directory.value(), port).map_err(|error| (first + 1, problem_of(choice, &error)))?;
            for (other, request) in &made {
                let (mine, theirs) = (target.directory(), request.target.directory());
                if mine.starts_with(theirs) || theirs.starts_with(mine) {
                    let both = format!("{} and {} would lie in each other", choice.title, other.title);
                    return Err((first + 1, both + ": give each its own directory"));
                }
                if request.target.port() == port {
                    let both = format!("{} and {} would share port {port}", choice.title, other.title);
                    return Err((first + 2, both + ": give each its own"));
                }
            }
            let Some(point) = choice.chosen().cloned() else { continue };
            let (server, existing, missing_wal) = (self.server, self.existing, self.missing_wal);
            let recovery = Recovery::to_consistency();
            made.push((choice, ClusterRestore { point, target, recovery, server, max_rate, existing, missing_wal }));
        }
        Ok(made.into_iter().map(|(_, request)| request).collect())
    }
}

fn problem_of(choice: &Choice, error: &dyn std::fmt::Display) -> String {
    format::clean(&format!("{}: {error}", choice.title)).into_owned()
}

impl Choice {
    /// The newest restore point of an instance; `None` when none can be restored.
    pub fn newest(instance: &CatalogInstance, directory: &std::path::Path, port: Port) -> Option<Self> {
        let point = instance.rows.iter().position(|row| matches!(row, CatalogEntry::Restorable(_)))?;
        Some(Self {
            key: InstanceKey::of(instance),
            title: instance.title(),
            rows: instance.rows.clone(),
            point,
            directory: TextField::new(directory.to_string_lossy().into_owned()),
            port: TextField::new(port.to_string()),
        })
    }

    /// The chosen restore point.
    pub fn chosen(&self) -> Option<&RestorePoint> {
        self.rows.get(self.point)?.point()
    }

    /// Whether the chosen one is the newest that can be restored.
    pub fn is_newest(&self) -> bool {
        self.rows.iter().position(|row| matches!(row, CatalogEntry::Restorable(_))) == Some(self.point)
    }

    /// Chooses the restorable row before or after the present one.
    fn step(&mut self, by: isize) {
        let restorable = |at: &usize| matches!(self.rows[*at], CatalogEntry::Restorable(_));
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
