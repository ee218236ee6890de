//! What must be true when two state directories have come to the end of a quarrel.

use super::{
    cluster::cluster,
    observer,
    plan::Victim,
    processes,
    quarrel::{BYSTANDER, LOST, Quarrel, Side},
    quarrel_plan::{Deed, Ground, Plan},
    verify::Difference,
    watch::Watch,
};
use howdah::{
    domain::{
        Disposed, Outcome, Step, Timestamp,
        fact::{Fact, FactLine},
    },
    machine::{Phase, Session},
};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long processes may take to go after the last word was said.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What several quarrels came to.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) quarrels: u64,
    pub(crate) kills: u32,
    pub(crate) succeeded: u32,
    pub(crate) cancelled: u32,
    /// Orders that were refused by the name of the other one, by what was wanted.
    pub(crate) refused: BTreeMap<Ground, u32>,
    /// Orders that were refused for another reason.
    pub(crate) refused_otherwise: u32,
    /// Orders that nobody was left to answer.
    pub(crate) unanswered: u32,
}

impl Score {
    pub(crate) fn add(&mut self, other: Self) {
        self.quarrels += other.quarrels;
        self.kills += other.kills;
        self.succeeded += other.succeeded;
        self.cancelled += other.cancelled;
        self.refused_otherwise += other.refused_otherwise;
        self.unanswered += other.unanswered;
        for (ground, times) in other.refused {
            *self.refused.entry(ground).or_default() += times;
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quarrels, kills, succeeded, cancelled, refused, refused_otherwise, unanswered } = self;
        write!(
            f,
            "{quarrels} quarrels, {kills} kills, {succeeded} restored, {cancelled} cancelled; refused by name: \
             {refused:?}, otherwise: {refused_otherwise}; {unanswered} orders without an answer"
        )
    }
}

/// Checks all of it.
pub(crate) fn judge(
    quarrel: &mut Quarrel,
    plan: &Plan,
    watch: &Watch,
    references: &BTreeMap<&'static str, Difference>,
) -> Result<Score, String> {
    let mut score = Score { quarrels: 1, kills: quarrel.kills, ..Score::default() };
    let sessions = quarrel.sides.each_mut().map(Side::sessions);
    no_stranger(quarrel)?;
    let twice = watch.twice(&quarrel.home);
    if !twice.is_empty() {
        return Err(format!("seen at work {}", twice.join("; ")));
    }
    answers(quarrel, plan, &mut score)?;
    each_alone(quarrel, &sessions)?;
    what_was_kept_stands(quarrel, &sessions)?;
    for (side, sessions) in quarrel.sides.iter().zip(&sessions) {
        for session in sessions {
            ended(side, session, &references[side.form], &mut score)?;
        }
        let done = sessions.iter().filter(|session| succeeded(session)).count();
        if done > 1 {
            return Err(format!("{} was restored {done} times", side.target.display()));
        }
        let log = fs::read_to_string(side.howdah.state.join("howdah.log")).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains("panicked") || line.contains("fell over")) {
            return Err(format!("something fell over: {line}"));
        }
    }
    let in_one_place = !matches!(plan.ground, Ground::Port | Ground::Tablespaces);
    if in_one_place && score.succeeded > 1 {
        return Err("both have restored to one place".to_owned());
    }
    let left = claims(quarrel);
    if !left.is_empty() {
        return Err(format!("claims were left: {left:?}"));
    }
    if fs::read_to_string(quarrel.ground.join(BYSTANDER)).ok().as_deref() != Some(BYSTANDER) {
        return Err("a file that has nothing to do with it was touched".to_owned());
    }
    Ok(score)
}

/// Each order was taken, or refused with a reason, and where the other one was the reason, by its name.
fn answers(quarrel: &Quarrel, plan: &Plan, score: &mut Score) -> Result<(), String> {
    /// Other reasons to be refused: what either has left there, or a server that runs at this moment.
    const OTHERWISE: [&str; 9] = [
        "is in use by session",
        "is taken by session",
        "is not empty",
        "partial data of another",
        "lies in the data directory",
        "restores into",
        "is in use",
        "a server runs on",
        "another restore came to",
    ];
    /// What an order hears whose owner is killed while it comes to be; nothing was asked of it yet.
    const KILLED: [&str; 2] = ["the keeper ended at once", "the connection to the owner of the sessions was lost"];
    let owner_killed = plan.blows.iter().any(|blow| matches!(blow.deed, Deed::Kill(Victim::Owner)));
    for (at, side) in quarrel.sides.iter().enumerate() {
        let [own, other] = [at, 1 - at].map(|at| quarrel.sides[at].howdah.state.display().to_string());
        for (code, said) in &side.answers {
            match code {
                Some(0) => {}
                Some(_) | None if said.contains(LOST) => score.unanswered += 1,
                // The blow met a keeper that had only just been started for this order.
                Some(1) if owner_killed && KILLED.iter().any(|reason| said.contains(reason)) => score.unanswered += 1,
                Some(3) if said.contains(&format!("state directory {other},")) => {
                    *score.refused.entry(plan.ground).or_default() += 1;
                }
                // Of its own sessions it can say more, and of those that were never created it can say this.
                Some(3) if said.contains("is held by") && !said.contains(&format!("state directory {own},")) => {
                    return Err(format!("refused by no name: {said}"));
                }
                Some(3) if OTHERWISE.iter().any(|reason| said.contains(reason)) || said.contains("is held by") => {
                    score.refused_otherwise += 1;
                }
                Some(_) | None => return Err(format!("an order was answered {code:?}: {said}")),
            }
        }
    }
    Ok(())
}

/// At most one of the two has held the place at a time: what came first had told its last when the next was created.
fn each_alone(quarrel: &mut Quarrel, sessions: &[Vec<Session>; 2]) -> Result<(), String> {
    let mut spans = Vec::new();
    for (side, sessions) in quarrel.sides.iter_mut().zip(sessions) {
        for session in sessions {
            let name = format!("session {} of {}", session.id(), side.howdah.state.display());
            let last = last_sign(side, session).max(side.cancelled_at(session.id()));
            spans.push((session.created_at(), last, name));
        }
    }
    spans.sort();
    for (at, (_, last, earlier)) in spans.iter().enumerate() {
        for (created, _, later) in &spans[at + 1..] {
            if let Some(last) = last.filter(|last| last > created) {
                return Err(format!("{later} was created at {created}, and {earlier} held the place until {last}"));
            }
        }
    }
    Ok(())
}

/// What a session has kept stands where it was, unless a later one has gone on with it.
fn what_was_kept_stands(quarrel: &Quarrel, sessions: &[Vec<Session>; 2]) -> Result<(), String> {
    let all = || quarrel.sides.iter().zip(sessions).flat_map(|(side, all)| all.iter().map(move |one| (side, one)));
    for (side, session) in all() {
        let Phase::Completed { at, outcome: Outcome::Cancelled { disposed: Disposed::Kept } } = session.phase() else {
            continue;
        };
        let gone_on = all().any(|(other, later)| {
            other.target == side.target
                && later.created_at() > session.created_at()
                && last_copy(other, later) > Some(*at)
        });
        if !gone_on && !side.target.exists() {
            return Err(format!("session {} kept its data in {}, and it is gone", session.id(), side.target.display()));
        }
    }
    Ok(())
}

/// When a session has begun to copy for the last time.
fn last_copy(side: &Side, session: &Session) -> Option<Timestamp> {
    let lines = lines_of(side, session);
    let copies = |fact: &Fact| matches!(fact, Fact::Step { step: Step::Copy, .. });
    lines.iter().filter(|line| copies(&line.fact)).map(|line| line.at).max()
}

/// When a session has worked last; its very last words are said when the place has been given back.
fn last_sign(side: &Side, session: &Session) -> Option<Timestamp> {
    let lines = lines_of(side, session);
    let work = |fact: &Fact| match fact {
        Fact::Step { step, .. } => *step != Step::Finish,
        Fact::Planned(_) => true,
        _ => false,
    };
    lines.iter().filter(|line| work(&line.fact)).map(|line| line.at).max()
}

fn lines_of(side: &Side, session: &Session) -> Vec<FactLine> {
    observer::lines_below(&side.howdah.state.join("attempts").join(session.id().to_string()))
}

/// One session has ended, and what it says of its data is so.
fn ended(side: &Side, session: &Session, reference: &Difference, score: &mut Score) -> Result<(), String> {
    let id = session.id();
    match session.phase() {
        Phase::Completed { outcome: Outcome::Succeeded(_), .. } => {
            score.succeeded += 1;
            if side.target.join(".howdah").exists() {
                return Err(format!("session {id} succeeded, and its mark is there still"));
            }
            let found = Difference::between(&side.target, cluster().manifest(side.form));
            match found.beyond(reference) {
                Some(beyond) => Err(format!("the restored cluster is not what the backup was: {beyond:?}")),
                None => Ok(()),
            }
        }
        Phase::Completed { outcome: Outcome::Cancelled { disposed }, .. } => {
            score.cancelled += 1;
            match disposed {
                Disposed::SetAside { to } if !to.exists() => {
                    Err(format!("session {id} set {} aside, and it is gone", to.display()))
                }
                Disposed::Failed { cause } => Err(format!("session {id} could not deal with its data: {cause}")),
                _ => Ok(()),
            }
        }
        phase => Err(format!("session {id} has not ended: {phase:?}")),
    }
}

fn succeeded(session: &Session) -> bool {
    matches!(session.phase(), Phase::Completed { outcome: Outcome::Succeeded(_), .. })
}

/// Nobody who has to do with it is left.
fn no_stranger(quarrel: &Quarrel) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let left = processes::strangers(&quarrel.home);
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > TIMEOUT {
            return Err(format!("orphans: {left:?}"));
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Claims of directories and of ports, whole or half written, and directories half made.
fn claims(quarrel: &Quarrel) -> Vec<PathBuf> {
    let is_claim = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // The mark of data that was kept stays with it.
        name != ".howdah" && name.contains(".howdah")
    };
    let entries = walkdir::WalkDir::new(&quarrel.ground).into_iter().map(Result::unwrap);
    let mut found: Vec<PathBuf> = entries.map(walkdir::DirEntry::into_path).filter(|path| is_claim(path)).collect();
    let ports = quarrel.sides.each_ref().map(|side| format!("{}-", side.port));
    let room = fs::read_dir("/var/tmp/howdah-ports").into_iter().flatten().flatten().map(|entry| entry.path());
    let of_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = ports.iter().any(|port| name.starts_with(port));
        is_ours && fs::metadata(path).and_then(|about| about.modified()).is_ok_and(|at| at >= quarrel.since)
    };
    found.extend(room.filter(of_ours));
    found
}
