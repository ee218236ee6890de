//! The words of `howdah explore`.

use super::items::ItemSelector;
use crate::{
    cli::{
        recovery_options::TargetOptions,
        session::name::{SessionName, SessionSelector},
    },
    domain::{ItemName, Port, Reach},
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `howdah explore ...`.
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: ExploreVerb,
}

/// The verbs of `howdah explore`.
#[derive(Debug, Subcommand)]
pub enum ExploreVerb {
    /// Open a restore point: a server on the backup, on a private socket, read-only
    #[command(after_help = START)]
    Start(StartArgs),
    /// List what is held open, in the order of creation
    #[command(after_long_help = FIELDS)]
    List(ListArgs),
    /// List what there is in an open restore point: databases, or what is in a database, a schema or a table
    #[command(after_help = ITEMS)]
    Items(ItemsArgs),
    /// Take databases, schemas or tables out, into a running server or into a directory
    #[command(after_help = RESTORE)]
    Restore(RestoreItemsArgs),
    /// Close what a session holds open: its server, its files and its scratch go
    #[command(after_help = STOP)]
    Stop(StopArgs),
    /// Clear away what crashed sessions have left below explore_dir: servers, mounts, files
    #[command(after_help = CLEAN)]
    Clean(CleanArgs),
}

/// `howdah explore start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The instance: NAME, REPOSITORY:NAME, NAME@SYSTEM-IDENTIFIER or both, as `howdah backup list` names it
    pub instance: String,
    /// The restore point by its label or its path, as `howdah backup list` shows them [default: the newest]
    #[arg(long, value_name = "LABEL|PATH")]
    pub point: Option<String>,
    /// What is to be seen: the cluster as it was then, where the backup alone is not it.
    #[command(flatten)]
    pub target: TargetOptions,
    /// Where the server's writes go: a directory that does not exist yet [default: one below explore_dir]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
    /// Listen on this TCP port of this machine, too, with the passwords of the cluster's own roles
    #[arg(long)]
    pub port: Option<Port>,
    /// Print the plan and stop: how the files are provided, what that takes, what is replayed
    #[arg(long, conflicts_with = "wait")]
    pub plan: bool,
    /// Return when the first query was answered, or when it is stuck
    #[arg(long)]
    pub wait: bool,
    /// Print the session, or the plan, as JSON; its fields: howdah explore list --help
    #[arg(long)]
    pub json: bool,
}

/// `howdah explore list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// `howdah explore items`.
#[derive(Debug, Args)]
pub struct ItemsArgs {
    /// The session: its number, [n] of the list (counted from 0), or at least 4 characters of the beginning of its uuid
    pub session: SessionName,
    /// What to look into: DATABASE[/SCHEMA[/TABLE]], each part plain or a JSON string [default: the databases]
    pub item: Option<ItemName>,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

/// `howdah explore restore`.
#[derive(Debug, Args)]
pub struct RestoreItemsArgs {
    /// The session: its number, [n] of the list (counted from 0), or at least 4 characters of the beginning of its uuid
    pub session: SessionName,
    /// What to take: DATABASE[/SCHEMA[/TABLE]], each part plain or a JSON string; - reads items (JSON, one or many) from
    /// standard input
    #[arg(required = true, value_name = "ITEM | -")]
    pub items: Vec<ItemSelector>,
    /// Where they go.
    #[command(flatten)]
    pub way: WayArgs,
    /// What of them.
    #[command(flatten)]
    pub part: PartArgs,
    /// Print the plan and stop: what stands there, what becomes of it, what is missing
    #[arg(long, conflicts_with = "wait")]
    pub plan: bool,
    /// Follow the session to its end; an interrupt cancels it
    #[arg(long)]
    pub wait: bool,
    /// Print the session, or the plan, as JSON; its fields: howdah session list --help
    #[arg(long)]
    pub json: bool,
}

/// Where items go, and what is done where they are already.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("destination").required(true).args(["to", "dump"])))]
pub struct WayArgs {
    /// Into this running server: a connection string of libpq without a password (passfile= and service= are fine)
    #[arg(long, value_name = "CONNINFO")]
    pub to: Option<String>,
    /// Into this directory, which does not exist yet (pg_dump -Fd)
    #[arg(long, value_name = "DIR")]
    pub dump: Option<PathBuf>,
    /// Under this name there, for a single item
    #[arg(long, value_name = "NAME", requires = "to")]
    pub rename: Option<String>,
    /// Only the rows whose primary key is not there, into tables that are there
    #[arg(long, requires = "to", conflicts_with_all = ["rename", "schema_only", "data_only"])]
    pub append_missing: bool,
}

/// What of an item is taken.
#[derive(Debug, Args)]
pub struct PartArgs {
    /// Definitions without rows
    #[arg(long, conflicts_with = "data_only")]
    pub schema_only: bool,
    /// Rows without definitions
    #[arg(long)]
    pub data_only: bool,
}

/// `howdah explore stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// The session: its number, [n] of the list (counted from 0), or at least 4 characters of the beginning of its uuid;
    /// - reads session objects (JSON, one or many) from standard input
    #[arg(value_name = "SESSION | -")]
    pub session: SessionSelector,
    /// Close sessions that were opened from a console, too
    #[arg(long)]
    pub any_origin: bool,
    /// Cancel first what is being taken out of it
    #[arg(long)]
    pub force: bool,
}

/// `howdah explore clean`.
#[derive(Debug, Args)]
pub struct CleanArgs {
    /// Print what would be removed, and what would be kept and why, and stop
    #[arg(long)]
    pub plan: bool,
    /// Print a JSON array
    #[arg(long)]
    pub json: bool,
}

impl ExploreVerb {
    /// Whether it may change sessions.
    pub const fn changes_sessions(&self) -> bool {
        match self {
            Self::Start(args) => !args.plan,
            Self::Stop(_) => true,
            Self::Restore(args) => !args.plan,
            Self::Clean(args) => !args.plan,
            Self::List(_) | Self::Items(_) => false,
        }
    }
}

impl StopArgs {
    /// Which sessions the stop may touch (R27).
    pub const fn reach(&self) -> Reach {
        if self.any_origin { Reach::AnyOrigin } else { Reach::CommandLine }
    }
}

const ITEMS: &str = "\
In JSON each item is an object with item (as it is written to take it), kind, bytes, and what else is known: rows (about),
index_bytes, relations, connectable. Of a table its columns: column, type, not_null, default, generated, identity, key.";

const RESTORE: &str = "\
Each command is one session under Restore, with tries, retry and cancel as every restore; it belongs to the session that
holds the restore point open, which cannot be closed before it has ended. What stands at the destination is never changed:
an item that is there is refused, unless it is given another name, or only its missing rows are wanted.

Exit codes: 0 begun, or with --wait done; 3 refused, nothing was begun; 4 stuck, 5 cancelled, 6 done with a warning that a
person should read (with --wait).";

const START: &str = "\
The number and the uuid of the session are printed, and it goes on without this command: howdah explore list shows it,
howdah explore stop closes it. The backup is only read.

Exit codes: 0 begun, or with --wait open; 3 refused, nothing was begun; 4 stuck (with --wait); 5 stopped (with --wait).";

const STOP: &str = "\
Nothing is printed on success: the server is gone, nothing is mounted and the scratch is removed then. A session that is
not active is refused, and so is one that was opened from a console; it is left untouched. While items are being taken
out, the stop is refused and names who does.

Exit codes: 0 closed; 3 at least one was refused (stderr names each with its reason, and the others were closed); 6 closed,
and data was left (stderr names the directories).";

const CLEAN: &str = "\
Only what a session of howdah has made is removed, and only where nobody owns that session any more: its state directory is
gone, or does not know it, or has it as ended, and nobody works there. Sessions of every state directory and user count. All
else is kept; what cannot be proven to be one or the other is named with the reason.

The JSON objects have these fields: kind, place, session, state, since, bytes, servers and overlays (process numbers), mounts,
sockets, verdict (remove, in_use, unproven or out_of_sight), reason, and removed (null with --plan).

Exit codes: 0 nothing is left that nobody owns; 3 something was kept that could not be proven to be anybody's or nobody's, or
could not be removed (stderr names each with its reason; the others were removed).";

const FIELDS: &str = "\
The sessions stand in the order of their creation, so [n] means the same one while sessions change their state; it moves
up when an older one is closed. Quote it where the shell takes brackets as a pattern: '[0]'. Free of that race is the pipe:
howdah explore list --json > before; howdah explore stop - < before.

The JSON object has the fields of howdah session list --help, and these:
  open       whether the server answers now
  psql       the command line that opens psql there, or null
  sockets    the directory of its Unix socket, or null
  method     how the files are provided: reflink, overlay or copy; null before that is known
  children   the numbers of the sessions that take items out of it";
