//! The words of the command line.

use super::{
    explore::args::ExploreArgs,
    job::args::JobArgs,
    recording_options::{ConsoleRecording, DemoArgs, PlayArgs},
    restore_options::RestoreOptions,
    session::{args::SessionArgs, name::SessionSelector},
    wal_fetch::FetchArgs,
};
use crate::domain::Rate;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Restores PostgreSQL instances and watches them come back.
#[derive(Debug, Parser)]
#[command(name = "howdah", version, about, long_about = None, after_help = AFTER)]
pub struct Cli {
    /// What to do; without a verb the console opens.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Print the settings in force as TOML, each with where it comes from, and stop
    #[arg(long)]
    pub print_config: bool,
    /// Whether the console is recorded.
    #[command(flatten)]
    pub recording: ConsoleRecording,
    /// What every verb takes.
    #[command(flatten)]
    pub common: Common,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every verb")]
pub struct Common {
    /// A directory with backups; may be given more than once
    #[arg(long, global = true, value_name = "DIR", env = "HOWDAH_REPO", value_delimiter = ':')]
    pub repo: Vec<PathBuf>,
    /// The settings file [default: howdah/howdah.toml in the user's configuration directory]
    #[arg(long, global = true, value_name = "FILE", env = "HOWDAH_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where sessions are kept [default: howdah in the user's state directory]
    #[arg(long, global = true, value_name = "DIR", env = "HOWDAH_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Only ASCII on the screen
    #[arg(long, global = true)]
    pub ascii: bool,
    /// How the screen looks: dark, light, colour-blind, 16, mono, or one of the settings [default: what the terminal can]
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Only look: own no sessions, start no keeper, and refuse every command that would change something
    #[arg(long, global = true)]
    pub read_only: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What can be restored
    #[command(subcommand)]
    Backup(BackupVerb),
    /// Restore one instance and wait for its end
    Restore(Box<RestoreArgs>),
    /// The sessions: list, start, watch and steer them
    Session(Box<SessionArgs>),
    /// The backup jobs of the settings: list, start, watch and stop their runs
    Job(JobArgs),
    /// Restore points held open, to look into them and take single items out
    Explore(ExploreArgs),
    /// The WAL archives: what an instance can be recovered to
    Wal(WalArgs),
    /// Tell all about one session: its order, plan, attempts, commands and outcome, for a post-mortem
    #[command(after_long_help = REPORT)]
    Report(ReportArgs),
    /// Own the sessions without a screen: try again when it is time, take commands
    Keeper(KeeperArgs),
    /// Play a recording of a terminal (asciicast 1, 2 or 3)
    Play(PlayArgs),
    /// List the keys of the console as they hold, those of the settings included
    Keys(KeysArgs),
    /// Play a story of restores that are only simulated, or record it
    Demo(DemoArgs),
    /// Check whether this machine has all that howdah needs
    Doctor(DoctorArgs),
    /// Write the completions of a shell to standard output
    Completions(CompletionsArgs),
    /// Write manual pages, to standard output or into a directory
    Man(ManArgs),
    /// One attempt from inside; howdah starts this itself
    #[command(hide = true)]
    Worker(WorkerArgs),
    /// A block overlay from inside; howdah starts this itself
    #[command(hide = true)]
    Overlay(OverlayArgs),
    /// One hook from inside; howdah starts this itself
    #[command(hide = true)]
    Hook,
}

impl Verb {
    /// Whether it may change sessions, or own them.
    pub const fn changes_sessions(&self) -> bool {
        match self {
            Self::Restore(args) => !args.plan,
            Self::Session(args) => args.verb.changes_sessions(),
            Self::Job(args) => args.verb.changes_runs(),
            Self::Explore(args) => args.verb.changes_sessions(),
            Self::Backup(BackupVerb::Verify(_)) | Self::Keeper(_) | Self::Worker(_) | Self::Overlay(_) | Self::Hook => {
                true
            }
            Self::Backup(BackupVerb::List { .. })
            | Self::Wal(_)
            | Self::Play(_)
            | Self::Demo(_)
            | Self::Report(_)
            | Self::Keys(_)
            | Self::Doctor(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}

/// `howdah backup ...`.
#[derive(Debug, Subcommand)]
pub enum BackupVerb {
    /// List every backup, newest first for each instance
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a backup to its end where it lies, and name everything in it that is damaged
    Verify(VerifyArgs),
}

/// `howdah wal ...`.
#[derive(Debug, Args)]
pub struct WalArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: WalVerb,
}

/// What there is to do with WAL archives.
#[derive(Debug, Subcommand)]
pub enum WalVerb {
    /// Show what the restore points of an instance can be recovered to with its archives
    Show(WalShowArgs),
    /// Hand one file of a WAL archive to PostgreSQL; its restore_command runs this
    #[command(hide = true)]
    Fetch(FetchArgs),
}

/// `howdah wal show`.
#[derive(Debug, Args)]
#[command(after_help = WAL_SHOW)]
pub struct WalShowArgs {
    /// The instance, as `howdah backup list` names it
    pub instance: String,
    /// Look for named restore points for up to ten seconds; the next call goes on where this one ended
    #[arg(long)]
    pub names: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `howdah backup verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY)]
pub struct VerifyArgs {
    /// The instance, as `howdah backup list` names it [default: the newest restore point of every one]
    pub instance: Option<String>,
    /// The restore point by its label or its path, as `howdah backup list` shows them [default: the newest]
    #[arg(long, value_name = "LABEL|PATH", requires = "instance")]
    pub point: Option<String>,
    /// Read at most so many bytes a second, such as 100M
    #[arg(long, value_name = "R")]
    pub max_rate: Option<Rate>,
    /// Print each session at its end as a JSON object, one a line; its fields: howdah session list --help
    #[arg(long)]
    pub json: bool,
}

/// `howdah restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE)]
pub struct RestoreArgs {
    /// The instance: NAME, REPOSITORY:NAME, NAME@SYSTEM-IDENTIFIER or both, as `howdah backup list` names it; vm:NAME for
    /// a virtual machine, files:NAME for a tree of files
    pub instance: String,
    /// How it is restored.
    #[command(flatten)]
    pub how: RestoreOptions,
    /// Print the plan and stop
    #[arg(long)]
    pub plan: bool,
    /// Print the session at its end, or the plan, as JSON; the fields of a session: howdah session list --help
    #[arg(long)]
    pub json: bool,
}

/// `howdah report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The session: its number, or at least 4 characters of the beginning of its uuid, of whatever kind it is; - reads
    /// session objects (JSON, one or many) from standard input
    #[arg(value_name = "SESSION | -")]
    pub session: SessionSelector,
    /// Print JSON: one object a line
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print Markdown, with tables, for a wiki
    #[arg(long)]
    pub markdown: bool,
    /// Make a recording (asciicast 2) of how the console would have shown it, for howdah play; - is standard output
    #[arg(long, value_name = "FILE | -", conflicts_with_all = ["json", "markdown"])]
    pub cast: Option<PathBuf>,
}

/// `howdah keeper`.
#[derive(Debug, Args)]
pub struct KeeperArgs {
    /// End when nothing is left to do and nobody is connected; what is stuck waits without a keeper
    #[arg(long)]
    pub until_idle: bool,
    /// Leave the terminal, print `ready` and the process id on standard output; howdah itself asks for this
    #[arg(long, hide = true)]
    pub detach: bool,
}

/// `howdah doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR)]
pub struct DoctorArgs {
    /// Print a JSON array of objects with check, state (ok, warning or error), found, and fix or null
    #[arg(long)]
    pub json: bool,
}

/// `howdah keys`.
#[derive(Debug, Args)]
#[command(after_help = KEYS)]
pub struct KeysArgs {
    /// Print a JSON array of objects with action, label, help, and keys: an array of {key, where}
    #[arg(long)]
    pub json: bool,
}

/// `howdah completions`.
#[derive(Debug, Args)]
#[command(after_help = "For bash: source <(howdah completions bash)")]
pub struct CompletionsArgs {
    /// The shell to complete for
    pub shell: Shell,
}

/// `howdah man`.
#[derive(Debug, Args)]
#[command(after_help = "To read one at once: howdah man restore | man -l -")]
pub struct ManArgs {
    /// The verb whose page is wanted, such as backup list [default: howdah itself]
    #[arg(value_name = "VERB")]
    pub verb: Vec<String>,
    /// Write one page for each verb into this directory, made if it is missing; older pages of the same names are
    /// replaced, nothing else is touched
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    pub dir: Option<PathBuf>,
}

/// `howdah worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The directory of the attempt
    #[arg(required_unless_present = "plan")]
    pub attempt: Option<PathBuf>,
    /// Read a request on standard input, write the plan to standard output
    #[arg(long)]
    pub plan: bool,
}

/// `howdah overlay`.
#[derive(Debug, Args)]
pub struct OverlayArgs {
    /// The file of its order
    pub order: PathBuf,
}

const AFTER: &str = "Exit codes: 0 done, 1 howdah failed, 2 wrong usage, 3 refused (nothing was begun), 4 stuck (a person is needed), 5 cancelled or stopped by a person, 6 done with something that a person should read, 7 ended and not good: a backup is damaged.";

const VERIFY: &str = "Nothing is written. Every file that the manifest lists is read and compared with it, in plain backups and in \
archives; files that it does not list are named; the WAL that the backup needs is read record by record. A backup is read to \
its end whatever is found in it. Each is a session of the kind verify: howdah session list --kind verify.

Exit codes: 0 all is sound, 1 howdah failed, 2 wrong usage, 3 refused (at least one was not begun), 4 stuck (a person is needed), 5 cancelled, 6 sound as far as it was checked (what was not is named), 7 damaged.";

const WAL_SHOW: &str = "\
Only read. An archive is named in howdah.toml (wal of a [[repository]]), or found by itself: the folder wal or wal_archive
beside the backups, and the directory of a plain archive_command in the newest backup, if its segments are of the cluster.
Times are those of commits, read with pg_waldump of the cluster's version; about marks times of files. Named restore points
are sought in the WAL from its end backwards, for a moment only; with --names longer.

JSON: an array with an object for each archive, the one that is taken first before the others. Moments are in UTC (RFC 3339),
what is not known is null; an edge is {lsn, at, exact}, at being the last commit up to it, or the time of a file.
  instance, instance_id, archive (its directory), origin (setting, beside or archive_command)
  problem            why it cannot be read; the fields below are then left out
  system_identifier, segment_size, segments, bytes
  timelines          {number, parent: [number, lsn] or null, begins, ends}: edges
  gaps               what is missing: {timeline, first, last, segments, from, to}: names of files, edges
  spans              what each restore point can be brought to, one for each timeline it can end on: {label, path, start,
                     from, to, last_record, ends_by}; path: its timelines; from and to: edges; ends_by:
                     end_of_archive, {gap: {segment}} or {unusable: {segment, why}}
  restore_points     made in the WAL, as far as it was looked at: {name, timeline, lsn, at}
  unsought           where it was not: {timeline, before}
  problems           sentences

Exit codes: 0 shown, 1 howdah failed, 2 wrong usage, 3 refused (no such instance, no archive, or none that can be read).";

const RESTORE: &str = "The restored copy does nothing to the world around it by itself: it listens on this machine only, \
archives nothing, follows no primary, and leaves subscriptions and scheduled jobs of its source alone. What keeps it so \
stands in a block at the end of its postgresql.auto.conf; --plan lists the lines. Remove them, and restart the server, when \
the copy replaces its source. A preloaded library that howdah does not know is a warning.

A virtual machine (vm:NAME) becomes one image a disk in the directory, and is defined at libvirt under a new name (--name), \
without its UUID, with new MAC addresses, its network not connected (--network connects it), and started unless --no-start \
is given. A tree of files (files:NAME) comes from its restic repository, all of it or what --include names; --point is its \
snapshot.

Without a goal recovery ends where the backup does. With one (--latest, --immediate, --time, --lsn, --xid, --restore-point) \
the WAL comes from the archive of the instance, and --plan says beforehand whether it is all there. At --at-target pause the \
command ends with 6 and the server stays, read-only, on a private socket: howdah session go-on moves it to a later goal, \
promote opens it, stop-here shuts it down, cancel ends it. What ends or interrupts this command then changes nothing.

Exit codes: 0 done, 1 howdah failed, 2 wrong usage, 3 refused (nothing was begun), 4 stuck (a person is needed), 5 cancelled, 6 done with a warning that a person should read, or paused at its goal.";

const REPORT: &str = "\
Nothing is changed, and nobody need own the sessions. Of several sessions one that cannot be told is named on stderr with \
the reason, the others are told, and the exit code is 3.

A recording (--cast) shows the clock of then. What took long is leapt through, so that hours play in a minute or two; the
header says REPLAY. How far a copy had come is in it as long as the attempts' files are there. No file is written over.

The JSON object. What does not apply or is not known is null; moments are in UTC (RFC 3339).
  session      the object of the session as howdah session show --json prints it; its fields are
               explained by howdah session list --help
  state        how it stands, in a sentence
  plan         {bytes, files, found, tablespaces, warnings}; found: bytes that stood at the
               target before the first attempt; tablespaces: {oid, original, directory}
  attempts     oldest first: {number, cause, try_number, waited_seconds, launched, ended,
               took_seconds, end, failure, steps}; cause: first, try, retry, resume, or disposal
               (of partial data); waited_seconds: since the order, or the end of the attempt
               before; end: running, lost, done, failed, stopped or unrecorded; failure: {class,
               step, cause, advice}; steps: {step, began, took_seconds, state, detail}
  commands     what people asked for after the order: {at, command, by, disposition}; command:
               retry, resume, cancel, stop, force or dismiss
  notes        what else happened: {at, text}
  copied       by all attempts together: {bytes, seconds, bytes_per_second}";

const KEYS: &str = "Each action can be given other keys by its name under [console.keys] in howdah.toml. Where text is \
typed, a key that is a character types it.";

const DOCTOR: &str = "Nothing is changed, and nothing is begun. What is not ok comes with a fix.

Exit codes: 0 no error, though there may be warnings; 1 at least one error; 2 wrong usage.";
