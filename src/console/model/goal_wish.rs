//! How far one cluster is to be recovered, and whether its recoverable window lets it get there.
//!
//! Promises: what is refused says why and what would be possible; a restore point is named for every goal that is not. Never:
//! calls a goal possible whose WAL is missing.

use super::surroundings::Surroundings;
use crate::domain::{
    AtTarget, Lsn, RecoverableSpan, Recovery, RecoveryGoal, RecoveryTimeline, SpanEnd, Timeline, Timestamp, WalCommit,
    WalGap, WalRestorePoint, WalWindow, instance::printable,
};
use std::path::Path;

/// How far, and what happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalWish {
    /// Where recovery ends.
    pub goal: RecoveryGoal,
    /// Whether what happened exactly there is part of the result.
    pub inclusive: bool,
    /// Which timeline it follows.
    pub timeline: RecoveryTimeline,
    /// What happens there.
    pub at_target: AtTarget,
    /// The label of the restore point that a person has chosen; `None`: the one that suits the goal best.
    pub base: Option<String>,
}

/// What a goal was found to need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// The label of the restore point that is restored first; `None` where it stays the one that the form has.
    pub base: Option<String>,
    /// The timelines that recovery passes, where the window tells them.
    pub path: Vec<Timeline>,
    /// The moment of the goal, where one is known.
    pub at: Option<Timestamp>,
    /// The position of the goal, where one is known.
    pub lsn: Option<Lsn>,
    /// What is not certain: a printable sentence.
    pub doubt: Option<String>,
}

impl Reachable {
    /// The timeline that the goal lies on, where the window tells it.
    pub fn timeline(&self, window: &WalWindow) -> Option<Timeline> {
        if let Some(at) = self.lsn {
            return self.path.iter().copied().find(|one| window.passes(&self.path, *one, at));
        }
        let at = self.at?;
        let begins = |timeline: Timeline| {
            let parent = window.timelines.iter().find(|one| one.number == timeline)?.parent;
            parent.and_then(|(_, fork)| time_at(window, &self.path, fork))
        };
        self.path.iter().rev().copied().find(|one| begins(*one).is_none_or(|from| from <= at))
    }
}

impl GoalWish {
    /// To the backup's own end, then open for writing, as a backup without an archive is recovered.
    pub const fn own_end() -> Self {
        Self {
            goal: RecoveryGoal::Consistent,
            inclusive: true,
            timeline: RecoveryTimeline::Latest,
            at_target: AtTarget::Promote,
            base: None,
        }
    }

    /// The wish as an order says it, with this archive.
    pub fn recovery(&self, archive: &Path) -> Recovery {
        Recovery {
            goal: self.goal.clone(),
            inclusive: self.inclusive,
            timeline: self.timeline,
            at_target: self.at_target,
            standby_of: None,
            archive: Some(archive.to_owned()),
        }
    }

    /// What it needs of this window, or why it cannot be.
    ///
    /// `own` is the label of the restore point that is restored where the goal names none by itself.
    ///
    /// # Errors
    ///
    /// A printable sentence: why not, and what would be possible.
    pub fn judged(
        &self,
        window: &WalWindow,
        own: Option<&str>,
        commits: Option<&Surroundings>,
    ) -> Result<Reachable, String> {
        let base = match &self.goal {
            RecoveryGoal::Consistent => {
                return Ok(Reachable { base: self.base.clone(), path: Vec::new(), at: None, lsn: None, doubt: None });
            }
            // Any restore point would do for these.
            RecoveryGoal::Immediate | RecoveryGoal::Xid(_) => self.base.as_deref().or(own),
            RecoveryGoal::Latest | RecoveryGoal::Time(_) | RecoveryGoal::Lsn(_) | RecoveryGoal::Name(_) => {
                self.base.as_deref()
            }
        };
        let recovery = self.recovery(&window.archive.directory);
        let span = window.choose(&recovery, base).map_err(|why| self.in_gap(window, why))?;
        let (at, lsn, doubt) = match &self.goal {
            RecoveryGoal::Consistent | RecoveryGoal::Immediate => (span.from.at, Some(span.from.lsn), None),
            RecoveryGoal::Latest => (span.to.at, Some(span.to.lsn), None),
            RecoveryGoal::Time(at) => {
                let vague = !(span.from.exact && span.to.exact);
                (Some(*at), None, vague.then_some("the times of this window are about right: no commit was read"))
            }
            RecoveryGoal::Lsn(at) => (time_at(window, &span.path, *at), Some(*at), None),
            RecoveryGoal::Xid(xid) => match commit_of(window, span, commits, *xid) {
                Some(commit) => (Some(commit.at), Some(commit.lsn), None),
                None => {
                    (None, None, Some("whether this transaction is in the archive is known only when it is reached"))
                }
            },
            RecoveryGoal::Name(name) => {
                let point = point_on(window, span, name)?;
                (point.at, Some(point.lsn), None)
            }
        };
        let doubt = doubt.map(str::to_owned);
        Ok(Reachable { base: Some(span.label.clone()), path: span.path.clone(), at, lsn, doubt })
    }

    /// The reason with the gap that the goal lies in, if it lies in one.
    fn in_gap(&self, window: &WalWindow, why: String) -> String {
        let inside = |gap: &&WalGap| match &self.goal {
            RecoveryGoal::Time(at) => {
                gap.from.at.is_some_and(|from| from < *at) && gap.to.at.is_some_and(|to| *at < to)
            }
            RecoveryGoal::Lsn(at) => gap.from.lsn < *at && *at < gap.to.lsn,
            RecoveryGoal::Consistent
            | RecoveryGoal::Immediate
            | RecoveryGoal::Latest
            | RecoveryGoal::Xid(_)
            | RecoveryGoal::Name(_) => false,
        };
        match window.gaps.iter().find(inside) {
            Some(gap) if gap.first == gap.last => format!("in a gap, segment {} is missing: {why}", gap.first),
            Some(gap) => format!("in a gap, segments {} to {} are missing: {why}", gap.first, gap.last),
            None => why,
        }
    }
}

/// The commit of a transaction among those that were read, where this recovery passes it.
fn commit_of<'a>(
    window: &WalWindow,
    span: &RecoverableSpan,
    commits: Option<&'a Surroundings>,
    xid: u64,
) -> Option<&'a WalCommit> {
    let read = commits?;
    let is_it =
        |commit: &&WalCommit| u64::from(commit.xid) == xid && window.passes(&span.path, read.of.timeline, commit.lsn);
    read.all().find(is_it)
}

/// The restore point of this name that recovery passes on this path.
fn point_on<'a>(window: &'a WalWindow, span: &RecoverableSpan, name: &str) -> Result<&'a WalRestorePoint, String> {
    let mut named = window.restore_points.iter().filter(|point| point.name == name);
    let is_passed = |point: &&WalRestorePoint| {
        (span.from.lsn..=span.to.lsn).contains(&point.lsn) && window.passes(&span.path, point.timeline, point.lsn)
    };
    if let Some(point) = named.clone().find(is_passed) {
        return Ok(point);
    }
    Err(match named.next() {
        Some(other) => format!(
            "restore point {} is on timeline {}, where this recovery does not pass: choose that timeline, or a backup \
             before it",
            printable(name),
            other.timeline
        ),
        None => format!("no restore point {} was found in the archive: choose one of the list", printable(name)),
    })
}

/// The timelines that a restore point can be brought to, by number.
pub fn timelines(window: &WalWindow) -> Vec<Timeline> {
    let mut found: Vec<Timeline> = window.spans.iter().filter_map(|span| span.path.last().copied()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The restore points that can be brought further than their own end, oldest first.
pub fn bases(window: &WalWindow) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for span in &window.spans {
        if !found.contains(&span.label.as_str()) {
            found.push(&span.label);
        }
    }
    found
}

/// About when a position on this path of timelines was written: between two known moments in proportion.
pub fn time_at(window: &WalWindow, path: &[Timeline], at: Lsn) -> Option<Timestamp> {
    let mut before: Option<(Lsn, Timestamp)> = None;
    let mut after: Option<(Lsn, Timestamp)> = None;
    let edges = window
        .timelines
        .iter()
        .flat_map(|one| [(one.number, one.begins.lsn, one.begins.at), (one.number, one.ends.lsn, one.ends.at)]);
    let edges = edges.filter_map(|(timeline, lsn, at)| Some((timeline, lsn, at?)));
    let moments = window.moments.iter().map(|one| (one.timeline, one.lsn, one.at));
    for (timeline, lsn, moment) in moments.chain(edges) {
        if !window.passes(path, timeline, lsn) {
            continue;
        }
        if lsn <= at && before.is_none_or(|(known, _)| known <= lsn) {
            before = Some((lsn, moment));
        }
        if lsn >= at && after.is_none_or(|(known, _)| known >= lsn) {
            after = Some((lsn, moment));
        }
    }
    match (before, after) {
        (Some((from, start)), Some((to, end))) if to > from && end > start => {
            let share = (at.0 - from.0) as f64 / (to.0 - from.0) as f64;
            let length = std::time::Duration::try_from(end.duration_since(start)).ok()?;
            start.checked_add(length.mul_f64(share)).ok()
        }
        (Some((_, at)), _) | (None, Some((_, at))) => Some(at),
        (None, None) => None,
    }
}

/// Why nothing further is possible: a clause.
pub fn why_it_ends(end: &SpanEnd) -> String {
    match end {
        SpanEnd::EndOfArchive => "the archive holds no more".to_owned(),
        SpanEnd::Gap { segment } => format!("segment {segment} is missing"),
        SpanEnd::Unusable { segment, why } => format!("segment {segment} cannot be used: {why}"),
    }
}
