//! The words of `howdah session`.

use super::name::{SessionName, SessionSelector};
use crate::{
    cli::{recovery_options::GoalOptions, restore_options::RestoreOptions},
    domain::{Disposition, KindFilter, Reach},
};
use clap::{ArgGroup, Args, Subcommand};

/// `howdah session ...`.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: SessionVerb,
    /// The kind of sessions that is listed and may be named: restore, verify, explore, backup or all
    #[arg(long, global = true, value_name = "KIND", default_value = "restore", hide_default_value = true)]
    pub kind: KindFilter,
}

/// The verbs of `howdah session`.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// List the ongoing sessions, oldest first
    #[command(after_long_help = FIELDS)]
    List(ListArgs),
    /// Show one session
    #[command(after_help = OBJECT)]
    Show(ShowArgs),
    /// Show the events of a session, in order
    Events(ShowArgs),
    /// Print the raw output of an attempt
    Log(LogArgs),
    /// Print a line for each change, until no session is active
    Watch(WatchArgs),
    /// Start restores and return at once
    Start(Box<StartArgs>),
    /// Make another attempt now, for a session that waits or is stuck
    Retry(RetryArgs),
    /// Let recovery that is paused at its goal go on to a later one, without another copy
    GoOn(GoOnArgs),
    /// Open the server of recovery that is paused at its goal for writing
    Promote(ResumeArgs),
    /// End recovery where it is paused: the server is shut down there, and not opened
    StopHere(ResumeArgs),
    /// Cancel a session
    Cancel(CancelArgs),
    /// Take a completed session off the screen; its history is kept
    Dismiss(DismissArgs),
    /// Bring back sessions that a lost journal does not know, from the files of their attempts
    #[command(after_help = RECOVER)]
    Recover(RecoverArgs),
}

/// `howdah session list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
    /// List completed sessions, too: behind the ongoing ones, the newest end first
    #[arg(long)]
    pub all: bool,
}

/// `howdah session show` and `howdah session events`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which session.
    #[arg(help = NAME)]
    pub session: SessionName,
    /// Print JSON: one object, or one a line
    #[arg(long)]
    pub json: bool,
}

/// `howdah session log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Which session.
    #[arg(help = NAME)]
    pub session: SessionName,
    /// Go on until the session is completed, with the output of further attempts
    #[arg(short, long)]
    pub follow: bool,
    /// The attempt, counted from 1 [default: the newest]
    #[arg(long, value_name = "N")]
    pub attempt: Option<u32>,
}

/// `howdah session watch`.
#[derive(Debug, Args)]
#[command(after_help = WATCH)]
pub struct WatchArgs {
    /// Watch this one only: its number, [n] of the list, or the beginning of its uuid
    pub session: Option<SessionName>,
    /// Print a JSON object for each change
    #[arg(long)]
    pub json: bool,
}

/// `howdah session start`.
#[derive(Debug, Args)]
#[command(after_help = OBJECT)]
pub struct StartArgs {
    /// The instances, as `howdah backup list` names them; each gets a session of its own
    #[arg(required = true, value_name = "INSTANCE")]
    pub instances: Vec<String>,
    /// How each is restored.
    #[command(flatten)]
    pub how: RestoreOptions,
    /// Print each session as a JSON object instead of its number and uuid
    #[arg(long)]
    pub json: bool,
}

/// `howdah session retry`.
#[derive(Debug, Args)]
#[command(after_help = ACTING)]
pub struct RetryArgs {
    /// Which session, or the pipe; `None` is all.
    #[arg(help = PIPED, required_unless_present = "all", value_name = "SESSION | -")]
    pub session: Option<SessionSelector>,
    /// Every ongoing session; those that cannot be retried are listed with the reason
    #[arg(long, conflicts_with = "session")]
    pub all: bool,
}

/// `howdah session go-on`.
#[derive(Debug, Args)]
#[command(after_help = RESUMING, group = ArgGroup::new("goal").required(true))]
pub struct GoOnArgs {
    /// Which session, or the pipe, and whether to wait.
    #[command(flatten)]
    pub which: ResumeArgs,
    /// Where recovery goes on to.
    #[command(flatten)]
    pub to: GoalOptions,
}

/// `howdah session promote` and `howdah session stop-here`.
#[derive(Debug, Args)]
#[command(after_help = RESUMING)]
#[group(skip)]
pub struct ResumeArgs {
    /// Which session, or the pipe.
    #[arg(help = PIPED, value_name = "SESSION | -")]
    pub session: SessionSelector,
    /// Return when it has ended, is paused again or is stuck
    #[arg(long)]
    pub wait: bool,
}

/// `howdah session cancel`.
#[derive(Debug, Args)]
#[command(after_help = CANCEL, group = ArgGroup::new("disposition"))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, which is what clap wants")]
pub struct CancelArgs {
    /// Which session, or the pipe; `None` is all.
    #[arg(help = PIPED, required_unless_present = "all", value_name = "SESSION | -")]
    pub session: Option<SessionSelector>,
    /// Every ongoing session
    #[arg(long, conflicts_with = "session")]
    pub all: bool,
    /// Keep the partial data, for a later restore to the same place
    #[arg(long, group = "disposition")]
    pub keep: bool,
    /// Remove what the session created, and nothing else
    #[arg(long, group = "disposition")]
    pub remove: bool,
    /// Rename the partial data
    #[arg(long, group = "disposition")]
    pub set_aside: bool,
    /// Kill the processes of an attempt that is to stop, or of a cleaning up that is overdue, and wait for the end
    #[arg(long)]
    pub force: bool,
    /// Return when the processes are gone and the partial data is dealt with
    #[arg(long)]
    pub wait: bool,
    /// Cancel sessions that were started from a console, too
    #[arg(long)]
    pub any_origin: bool,
}

/// `howdah session dismiss`.
#[derive(Debug, Args)]
#[command(after_help = ACTING)]
pub struct DismissArgs {
    /// Which session, or the pipe; `None` is all.
    #[arg(help = PIPED, required_unless_present = "all", value_name = "SESSION | -")]
    pub session: Option<SessionSelector>,
    /// Every completed session
    #[arg(long, conflicts_with = "session")]
    pub all: bool,
}

/// `howdah session recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Their numbers; without any, they are listed and nothing is changed
    #[arg(value_name = "NUMBER")]
    pub sessions: Vec<u64>,
    /// Every one that is listed
    #[arg(long, conflicts_with = "sessions")]
    pub all: bool,
    /// Print the list as a JSON array
    #[arg(long, conflicts_with_all = ["sessions", "all"])]
    pub json: bool,
}

impl SessionVerb {
    /// Whether it may change sessions.
    pub const fn changes_sessions(&self) -> bool {
        match self {
            Self::Start(_)
            | Self::Retry(_)
            | Self::GoOn(_)
            | Self::Promote(_)
            | Self::StopHere(_)
            | Self::Cancel(_)
            | Self::Dismiss(_) => true,
            Self::Recover(args) => args.all || !args.sessions.is_empty(),
            Self::List(_) | Self::Show(_) | Self::Events(_) | Self::Log(_) | Self::Watch(_) => false,
        }
    }
}

impl CancelArgs {
    /// What is to be done with partial data.
    pub const fn disposition(&self) -> Disposition {
        match (self.keep, self.remove, self.set_aside) {
            (true, _, _) => Disposition::Keep,
            (_, true, _) => Disposition::Remove,
            (_, _, true) => Disposition::SetAside,
            (false, false, false) => Disposition::Default,
        }
    }

    /// Which sessions the cancel may touch (R27).
    pub const fn reach(&self) -> Reach {
        if self.any_origin { Reach::AnyOrigin } else { Reach::CommandLine }
    }
}

const NAME: &str = "The session: its number, [n] of the list (counted from 0), or at least 4 characters of the \
                    beginning of its uuid";

const PIPED: &str = "The session: its number, [n] of the list (counted from 0), or at least 4 characters of the \
                     beginning of its uuid; - reads session objects (JSON, one or many) from standard input";

const ACTING: &str = "Nothing is printed on success. Exit code 3: at least one session was refused; stderr names each \
                      with its reason, and the others were carried out.";

const RESUMING: &str = "\
The session must be paused (howdah restore --at-target pause; the wizard of the console pauses, too). Recovery only goes
forward: a goal that it has passed needs a new copy. Replay begins again where the backup began, so the WAL from there on is
needed once more.

Nothing is printed on success. Exit codes: 0 accepted, or with --wait done; 3 at least one session was refused (stderr names
each with its reason, and the others were carried out); with --wait also 4 stuck, 5 cancelled, 6 paused at the new goal, or
done with a warning that a person should read.";

const CANCEL: &str = "Without --keep, --remove or --set-aside, partial data is removed when the session created the \
                      directory, and kept otherwise. Nothing is printed on success. Exit code 3: at least one session \
                      was refused (stderr names each with its reason, and the others were done), or, with --wait or \
                      --force, at least one had succeeded before the cancel reached it or did not come to its end in \
                      time. Exit code 6: all were cancelled, and partial data was left (stderr names the directories).";

const RECOVER: &str = "A session that had not ended is queued again: its next attempt goes on from what the earlier ones \
                       left. One that was being cancelled goes on being cancelled. One that had ended is listed again under \
                       Completed. Nothing is printed on success; exit code 3: at least one was refused.";

const WATCH: &str = "A change of state is printed at once, progress alone every few seconds. It ends when \
                     nothing is ongoing (exit code 0), or all that is ongoing waits for a person (4). With SESSION, \
                     exit code 0: it succeeded, 4: it is stuck, 5: it was cancelled. The fields of the JSON object \
                     are explained by howdah session list --help.";

const OBJECT: &str = "The fields of the JSON object are explained by howdah session list --help.";

/// The fields of the JSON object, for people who write scripts.
const FIELDS: &str = "\
Ongoing sessions stand in the order of their creation, so [n] means the same session while sessions change their \
state; it moves up when an older one is completed. Quote it where the shell takes brackets as a pattern: '[0]'.

The JSON object of a session is the same for list, show, watch, start and restore. What does not apply or is not known is null.
  index          its place among the ongoing ones, counted from 0 (list only)
  id, uuid       its number in this state directory, and its name everywhere
  kind           restore, verify, explore or backup
  instance, restore_point
  backup         the directory of the backup
  system_identifier    of the cluster that was backed up, as a string
  phase          queued, running, waiting, stuck, paused, cancelling, succeeded, damaged,
                 cancelled, stopped or failed
  origin, by     console or command_line; who started it
  created        when, as all moments in UTC (RFC 3339)
  target, port   the directory that is written to, and the port of its server
  attempt        the number of its newest attempt
  step           of a restore check, copy, configure, start, replay, probe or finish;
                 of a verification check, read, wal or finish
  percent        bytes on disk and verified, 0 to 100; 100 only when it is all
  wal_percent    WAL replayed, 0 to 100, once replay has begun
  bytes_done, bytes_total    what earlier attempts left counts, also while the session waits
  bytes_reused, files_done   of the newest attempt: bytes that an earlier one had left, files
  tries_used, tries_limit, next_try   of the present disruption; when the next try is due
  tries_total    tries in all
  first_cause    the failure that began the disruption
  failure        the last failure, as {class, step, cause, advice}; its class is
                 disruption, incurable or bug
  reason         why it is stuck: tries_used_up, incurable or bug
  disposition    of a cancel that is under way: default, remove, keep or set_aside
  overdue        of a cancel that is under way: whether a process is still alive past its time
  pid            the process id of the worker, while an attempt is under way
  recovery       of a restore or an opening that goes beyond the backup's own end: {goal, inclusive,
                 timeline, at_target, archive, standby_of}; goal: latest, immediate, or {time}, {lsn},
                 {xid}, {name}, consistent for a standby; timeline: latest, current or its number;
                 at_target: promote, pause or shut_down; standby_of: {conninfo, slot}
  paused         of one that is paused at its goal: {lsn, committed, answer, server}; committed: the
                 time of the last replayed commit; answer: what the server said; server: {sockets,
                 port, psql}, psql being the command line that opens psql there
  server         of one that succeeded: running, stopped or not_started
  warnings       of one that succeeded: what a person should read, an array of sentences
  unchecked      of one that succeeded: what was not verified, an array of sentences
  damages, damages_total   of a damaged backup: the first thousand damages, an array of
                 sentences, and how many there are
  disposed       what a cancel did with partial data: nothing, gone, removed, removed_except,
                 kept, set_aside or failed
  left           the directories in which a cancel left data that it should have dealt with
  ending         how it ended, in a sentence
  ended, took_seconds
  dismissed      whether it was taken off the screen
  lost           whether its worker is gone and nobody owns the sessions: the phase is the
                 last one known, and it goes on as soon as an owner is there (howdah keeper)";
