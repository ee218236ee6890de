//! `howdah job`: the backup jobs of the settings and their runs, listed, shown, started, watched and stopped from a shell.
//!
//! Reading needs no owner, as for sessions. Starting and stopping ask one, through [`crate::manager::Service`].
//!
//! Promises: data on stdout, talk on stderr; the same object of a run everywhere; each refusal is reported with its
//! reason, and the other jobs go on. Never: decides anything about a run.

pub mod args;
pub mod clean;
pub mod list;
pub mod log;
pub mod name;
pub mod object;
pub mod plan;
pub mod show;
pub mod steer;
pub mod watch;

use super::session::{SessionError, reader::Reader};
use crate::{
    domain::{InstanceName, JobSpec},
    machine::job::JobRun,
};

/// A job of the settings, or one that ran once.
#[derive(Debug)]
pub struct ListedJob {
    /// Its name.
    pub name: InstanceName,
    /// What the settings say of it; `None` for one that is in them no more.
    pub spec: Option<JobSpec>,
    /// Its newest run.
    pub last: Option<JobRun>,
}

/// All jobs: those of the settings in their order, then those that ran once, by their names. What cannot be read of the
/// journal is given beside them.
pub fn jobs(reader: &mut Reader, specs: &[JobSpec]) -> Result<(Vec<ListedJob>, Vec<String>), SessionError> {
    let found = reader.journal.last_runs()?;
    let mut runs = found.runs;
    let mut all = Vec::new();
    for spec in specs {
        let at = runs.iter().position(|run| run.spec().name() == spec.name());
        let last = at.map(|at| runs.remove(at));
        all.push(ListedJob { name: spec.name().clone(), spec: Some(spec.clone()), last });
    }
    all.extend(runs.into_iter().map(|run| ListedJob { name: run.spec().name().clone(), spec: None, last: Some(run) }));
    let problem = |run: &crate::machine::job::UnreadableJob| format!("run {} cannot be read: {}", run.id, run.problem);
    Ok((all, found.unreadable.iter().map(problem).collect()))
}
