//! What a command says of a session and of a plan: lines for people, JSON for programs.

use super::{
    backup_list::escaped,
    exit::Exit,
    session::object::SessionObject,
    state::{CommandForm, commands, left, state},
    streams::Streams,
};
use crate::{
    domain::{
        Achieved, Disposed, Kind, Outcome, RestorePlan, Timestamp, Verification,
        instance::{printable, printable_name},
        plan::{ServerPlan, SwitchedOff, TargetState, WalFinding},
        quantity::many,
    },
    machine::{CancelStage, Phase, Session},
};
use serde_json::{Value, json};
use std::{fmt, io, path::PathBuf, time::Duration};

/// Why a restore was refused before anything was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One sentence.
    pub sentence: String,
    /// What could have been meant, where the words mean several.
    pub candidates: Vec<Candidate>,
}

/// One thing that could have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The instance, as `howdah backup list --json` names it.
    pub instance_id: String,
    /// The directory of its backups, or of the backup.
    pub path: PathBuf,
    /// The arguments that mean this and nothing else, as a shell takes them.
    pub words: String,
    /// What a person knows it by; may be empty.
    pub about: String,
}

/// On a pipe, a line is written when the state changes, and then at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How one session comes along, on stderr: a bar on a terminal, lines otherwise.
#[derive(Debug, Default)]
pub struct ProgressLine {
    form: CommandForm,
    last: Option<(String, Timestamp)>,
    painted: bool,
}

impl ProgressLine {
    /// ProgressLine whose commands are written like this.
    pub fn new(form: CommandForm) -> Self {
        Self { form, ..Self::default() }
    }

    /// Shows how the session stands, if that is news. A reader of stderr that has gone away stops nothing.
    pub fn show(&mut self, streams: &mut Streams<'_>, session: &Session, now: Timestamp) -> io::Result<()> {
        let line = status(session, &self.form, now);
        if streams.live {
            let bar = bar(session, streams.columns, &line);
            self.painted = true;
            return ignore_closed(write!(streams.err, "\r\x1b[K{bar}").and_then(|()| streams.err.flush()));
        }
        let kind = kind(session);
        let due = self.last.as_ref().is_none_or(|(last, at)| *last != kind || is_due(*at, LINE_EVERY, now));
        if !due {
            return Ok(());
        }
        self.last = Some((kind, now));
        ignore_closed(writeln!(streams.err, "{line}"))
    }

    /// Writes one sentence in between.
    pub fn message(&mut self, streams: &mut Streams<'_>, sentence: &str) -> io::Result<()> {
        self.end(streams)?;
        ignore_closed(writeln!(streams.err, "howdah: {}", printable(sentence)))
    }

    /// Leaves the painted line behind.
    pub fn end(&mut self, streams: &mut Streams<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.painted) { ignore_closed(writeln!(streams.err)) } else { Ok(()) }
    }
}

/// Whether so much time has passed since `at`. A clock that was set back since makes it due: what is printed now and then
/// must not fall silent for the time that it lost.
pub(in crate::cli) fn is_due(at: Timestamp, every: Duration, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(at)).map_or(true, |since| since >= every)
}

pub(in crate::cli) fn ignore_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// What a change of is worth a line of its own.
fn kind(session: &Session) -> String {
    match session.phase() {
        Phase::Queued { .. } => "queued".to_owned(),
        Phase::Running { attempt, .. } => format!("running {attempt} {:?}", session.current_step()),
        Phase::Waiting { tries_used, .. } => format!("waiting {tries_used}"),
        Phase::Stuck { .. } => "stuck".to_owned(),
        Phase::Paused { .. } => "paused".to_owned(),
        Phase::Cancelling { stage, .. } => {
            let (CancelStage::Stopping { urgency, .. } | CancelStage::Disposing { urgency, .. }) = stage;
            format!("cancelling {:?} {urgency:?}", std::mem::discriminant(stage))
        }
        Phase::Completed { .. } => "completed".to_owned(),
    }
}

/// One line about an ongoing session.
fn status(session: &Session, form: &CommandForm, now: Timestamp) -> String {
    // Of what is stuck the end of this command tells.
    let overdue = commands(session, form).filter(|_| matches!(session.phase(), Phase::Cancelling { .. }));
    let commands = overdue.map_or_else(String::new, |commands| format!("; {commands}"));
    printable(&format!("{}: {}{commands}", session.title(), state(session, now)))
}

fn bar(session: &Session, columns: usize, line: &str) -> String {
    const WIDTH: usize = 20;
    let tenths = (session.ratio() * WIDTH as f64).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a ratio of 0 to 1 times 20")]
    let filled = (tenths as usize).min(WIDTH);
    let text = format!("[{}{}] {line}", "#".repeat(filled), ".".repeat(WIDTH - filled));
    text.chars().take(columns.saturating_sub(1)).collect()
}

/// The end, as a sentence on stderr and, if wanted, as one JSON object on stdout.
pub fn result(streams: &mut Streams<'_>, session: &Session, form: &CommandForm, now: Timestamp) -> io::Result<()> {
    let name = session.title().as_str();
    let sentence = match session.phase() {
        Phase::Completed { outcome: Outcome::Succeeded(success), .. } => {
            let mut text = match (&success.result, session.order().directory()) {
                (Achieved::Cluster(server), Some(directory)) => {
                    format!("{name}: restored into {}; {server}", printable_name(directory.as_os_str()))
                }
                (_, _) => format!("{}: {}", titled(session), session.achieved(success)),
            };
            text.extend(success.warnings.iter().map(|warning| format!("\nwarning: {warning}")));
            text.extend(success.unchecked.iter().map(|unchecked| format!("\nnot verified: {unchecked}")));
            text
        }
        Phase::Completed { outcome: Outcome::Cancelled { disposed: Disposed::Failed { cause } }, .. } => {
            format!("{name}: cancelled; {}", printable(&left(session, cause)))
        }
        Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } => format!("{name}: cancelled; {disposed}"),
        Phase::Completed { outcome: Outcome::Stopped { disposed }, .. } => format!("{name}: stopped; {disposed}"),
        Phase::Completed { outcome: Outcome::Damaged(found), .. } => damaged(session, found, form),
        Phase::Completed { outcome: Outcome::Failed { failure, disposed }, .. } => {
            format!("{name}: failed: {failure}; {disposed}")
        }
        Phase::Stuck { since, .. } => {
            let commands = commands(session, form).unwrap_or_default();
            format!("{name}: {}\n{commands}; so do the keys of the console, howdah", state(session, *since))
        }
        Phase::Paused { since, at } => {
            let commands = commands(session, form).unwrap_or_default();
            let psql = at.server.as_ref().map(|server| format!("\n{}", printable(&server.address.psql("postgres"))));
            format!("{name}: {}{}\n{commands}", state(session, *since), psql.unwrap_or_default())
        }
        Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => {
            format!("{name}: goes on without this command")
        }
    };
    ignore_closed(writeln!(streams.err, "{sentence}"))?;
    if streams.json { writeln!(streams.out, "{}", SessionObject::of(session, None, now).line()?) } else { Ok(()) }
}

/// What a session is about: its name, and the restore point that it reads.
fn titled(session: &Session) -> String {
    let label = session.order().label().map(|label| format!(" ({})", printable(label)));
    format!("{}{}", session.title(), label.unwrap_or_default())
}

/// All that is damaged in a backup, as far as the record keeps it, then what was not checked.
fn damaged(session: &Session, found: &Verification, form: &CommandForm) -> String {
    let many = many(found.damages_total, "damage");
    let mut text = format!("{}: damaged: {many} found", titled(session));
    text.extend(found.damages.iter().map(|damage| format!("\n{damage}")));
    let more = found.damages_total - found.damages.len() as u64;
    if more > 0 {
        let log = form.of(&format!("log {} --kind verify", session.id()));
        text.extend(["\nand ", &more.to_string(), " more, which ", &log, " names"]);
    }
    text.extend(found.unchecked.iter().map(|unchecked| format!("\nnot verified: {}", printable(unchecked))));
    text
}

/// A refusal before anything was begun.
pub fn refused(streams: &mut Streams<'_>, kind: Kind, instance: &str, reason: &Refused) -> io::Result<Exit> {
    let done = match kind {
        Kind::Restore => "restored",
        Kind::Verify => "verified",
        Kind::Explore => "opened",
        Kind::Backup => "backed up",
    };
    let Refused { sentence, candidates } = reason;
    let (name, text) = (printable(instance), printable(sentence));
    ignore_closed(writeln!(streams.err, "howdah: {name} was not {done}: {text}"))?;
    write_candidates(streams, candidates)?;
    if streams.json {
        let candidates: Vec<Value> = candidates
            .iter()
            .map(|one| json!({ "instance_id": one.instance_id, "path": one.path.to_string_lossy() }))
            .collect();
        let object = json!({ "instance": instance, "phase": "refused", "reason": sentence, "candidates": candidates });
        writeln!(streams.out, "{}", escaped(&object.to_string()))?;
    }
    Ok(Exit::Refused)
}

/// What could have been meant, a line each.
pub fn write_candidates(streams: &mut Streams<'_>, candidates: &[Candidate]) -> io::Result<()> {
    let mut line = |candidate: &Candidate| writeln!(streams.err, "{}", printable(&candidate.to_string()));
    ignore_closed(candidates.iter().try_for_each(&mut line))
}

impl From<String> for Refused {
    fn from(sentence: String) -> Self {
        Self { sentence, candidates: Vec::new() }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}", self.words)?;
        if self.about.is_empty() { Ok(()) } else { write!(f, "  ({})", self.about) }
    }
}

/// One line of the copy's settings and what it is good for; a long one stands alone.
fn switched_off(one: &SwitchedOff) -> String {
    /// The longest of those that every copy gets.
    const COLUMN: usize = 38;
    let (line, effect) = (printable(&one.line), printable(&one.effect));
    let between = if line.chars().count() > COLUMN { format!("\n  {:COLUMN$}", "") } else { String::new() };
    format!("  {line:<COLUMN$}{between}  {effect}")
}

/// The plan of a restore of a cluster for programs: one flat JSON object.
pub fn plan_json(plan: &RestorePlan) -> serde_json::Result<String> {
    let mut object = serde_json::to_value(plan)?;
    if let Some(fields) = object.as_object_mut()
        && let Some(Value::Object(mut files)) = fields.remove("files")
    {
        // In the flat object the word alone would not say what it is.
        if let Some(target) = files.remove("target") {
            fields.insert("target_state".to_owned(), target);
        }
        fields.extend(files);
    }
    serde_json::to_string(&object)
}

/// What a plan says of itself, for people.
pub fn rows_text(rows: &[(&'static str, String)]) -> String {
    /// The longest name, and a blank.
    const COLUMN: usize = 14;
    let lines = rows.iter().map(|(name, text)| format!("{name:<COLUMN$}{}", printable(text)));
    lines.collect::<Vec<_>>().join("\n")
}

/// The plan of a restore of a cluster for people.
pub fn plan_text(plan: &RestorePlan) -> String {
    let files = &plan.files;
    let path = |path: &std::path::Path| printable_name(path.as_os_str());
    let stands = match &files.target {
        TargetState::Missing => "does not exist yet and will be created".to_owned(),
        TargetState::Empty => "is empty".to_owned(),
        TargetState::Leftover => "holds what an earlier attempt left; it is reused".to_owned(),
        TargetState::SetAside { to } => format!("holds other data, which will be renamed to {}", path(to)),
    };
    let mut lines = Vec::new();
    if let Some(backup) = &plan.backup {
        lines.push(format!("backup      {}", path(backup)));
        lines.push(match files.system_identifier {
            Some(cluster) => format!("cluster     system identifier {cluster}"),
            None => "cluster     not known before the copy".to_owned(),
        });
    }
    lines.extend([
        format!("target      {} {stands}", path(&plan.directory)),
        format!(
            "files       {} in {}, of which {} are there already; checksums {}",
            files.bytes,
            many(files.files, "file"),
            files.reused,
            files.checksum
        ),
        format!(
            "free space  {}{}",
            files.free_bytes,
            files.free_inodes.map_or(String::new(), |n| format!(", {}", many(n, "inode")))
        ),
    ]);
    for space in &files.tablespaces {
        lines.push(format!("tablespace  {}: {} (was {})", space.oid, path(&space.directory), path(&space.original)));
    }
    lines.push(match &files.wal {
        WalFinding::Included { start, stop } => format!("WAL         included, from {start} to {stop}"),
        WalFinding::Missing { what } => format!("WAL         missing: {}", printable(what)),
    });
    let of_recovery = plan.recovery.iter().flat_map(|recovery| recovery.rows());
    lines.extend(of_recovery.map(|(name, text)| format!("{name:<12}{}", printable(&text))));
    lines.push(match &plan.server {
        ServerPlan::Start { binaries, version, user, port, leave_running } => {
            let then = if *leave_running { "left running" } else { "stopped after it has answered a query" };
            format!("server      PostgreSQL {version} from {}, as {user}, port {port}, {then}", path(binaries))
        }
        ServerPlan::NoServer { reason } => format!("server      none is started: {}", printable(reason)),
    });
    lines.extend(plan.warnings.iter().map(|warning| format!("warning     {}", printable(warning))));
    if !plan.switched_off.is_empty() {
        lines.push("without these lines of its postgresql.auto.conf the copy would".to_owned());
        lines.extend(plan.switched_off.iter().map(switched_off));
    }
    lines.join("\n")
}
