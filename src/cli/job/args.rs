//! The words of `howdah job`.

use super::name::{JobName, JobSelector};
use crate::domain::StopMode;
use clap::{Args, Subcommand};

/// `howdah job ...`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: JobVerb,
}

/// The verbs of `howdah job`.
#[derive(Debug, Subcommand)]
pub enum JobVerb {
    /// List the jobs of the settings, each with its newest run, then those that ran once
    #[command(after_long_help = FIELDS)]
    List(ListArgs),
    /// Show a run: a line for each object, in the order of the settings
    #[command(after_help = NAMES)]
    Show(ShowArgs),
    /// Start a run of each job and return at once
    #[command(after_help = START)]
    Start(StartArgs),
    /// Stop a run: immediately, or when what is in process has its restore point
    #[command(after_help = STOP)]
    Stop(StopArgs),
    /// Print a line for each change of a run, until it has ended
    #[command(after_help = START)]
    Watch(ShowArgs),
    /// Print what happened in a run, in order
    #[command(after_help = NAMES)]
    Log(ShowArgs),
    /// Take a run that has ended off the screen; its history is kept
    #[command(after_help = NAMES)]
    Dismiss(DismissArgs),
    /// Delete the checkpoints that sessions of jobs have left at libvirt
    Clean(CleanArgs),
}

/// `howdah job list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// `howdah job show`, `watch` and `log`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which job, or which run of it.
    #[arg(help = NAME)]
    pub job: JobName,
    /// Print JSON: one object, or one a line
    #[arg(long)]
    pub json: bool,
}

/// `howdah job start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Which jobs.
    #[arg(required = true, value_name = "JOB", help = NAME)]
    pub jobs: Vec<JobName>,
    /// Print the plan of each object and stop: what goes where, what it needs and what there is
    #[arg(long, conflicts_with = "wait")]
    pub plan: bool,
    /// Return when all runs have ended; the exit code tells how
    #[arg(long)]
    pub wait: bool,
    /// Print each run as a JSON object: at its start, or with --wait at its end
    #[arg(long)]
    pub json: bool,
}

/// `howdah job stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Which runs.
    #[arg(required = true, value_name = "JOB | -", help = PIPED)]
    pub jobs: Vec<JobSelector>,
    /// What is in process gets its restore point, and nothing else is begun
    #[arg(long)]
    pub graceful: bool,
    /// Kill the processes of objects that an immediate stop waits for, where that is overdue
    #[arg(long, conflicts_with = "graceful")]
    pub force: bool,
    /// Return when the run has ended
    #[arg(long)]
    pub wait: bool,
}

/// `howdah job dismiss`.
#[derive(Debug, Args)]
pub struct DismissArgs {
    /// Which runs.
    #[arg(required = true, value_name = "JOB | -", help = PIPED)]
    pub jobs: Vec<JobSelector>,
}

/// `howdah job clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Print what would be deleted, and what would be kept and why, and stop
    #[arg(long)]
    pub plan: bool,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

impl JobVerb {
    /// Whether it may change runs.
    pub const fn changes_runs(&self) -> bool {
        match self {
            Self::Start(args) => !args.plan,
            Self::Clean(args) => !args.plan,
            Self::Stop(_) | Self::Dismiss(_) => true,
            Self::List(_) | Self::Show(_) | Self::Watch(_) | Self::Log(_) => false,
        }
    }
}

impl StopArgs {
    /// How it is stopped.
    pub const fn mode(&self) -> StopMode {
        if self.graceful { StopMode::Graceful } else { StopMode::Immediate }
    }
}

const NAME: &str =
    "The name of a job or the beginning of one, [n] of the list, NAME#RUN, or the beginning of a run's uuid";

const PIPED: &str = "As for howdah job show; - reads the objects of runs from standard input: one, or a list of them";

const NAMES: &str = "A name means the run of the job that goes on, else its newest one.";

const START: &str = "\
Exit codes, at the end of a run:
  0  success: every object has its restore point, or its standby
  3  refused: nothing was begun
  5  stopped gracefully
  6  warning: some objects failed
  7  failed, or stopped immediately
Of several runs the worst counts.";

const STOP: &str = "\
Immediately: what is in process gets no restore point, what it had made is removed, and the run has failed.
Gracefully: what is in process gets its restore point, and nothing else is begun.
A second stop makes an immediate one of a graceful one, never the reverse.";

const FIELDS: &str = "\
The fields of a job in JSON:
  index      its place in the list, from 0
  job        its name
  kind       instance, file-copy, backup-copy or replication
  objects    the names of its objects, in the order of the settings
  settings   whether it is in the settings
  last_run   its newest run, or null
The fields of a run:
  run, uuid  its number here, and its name everywhere
  job, kind  as above
  phase      running, stopping_gracefully, stopping_immediately or done
  result     success, warning, failed, stopped, or null while it goes on
  detail     why so, in a sentence, or null while it goes on
  started_at, ended_at, took_s   times in UTC, and seconds
  by, origin who started it, and through what
  objects    name; state (not_started, in_process, done, failed, stopped); session, the number of its session or null;
             detail, a sentence or null";
