//! How far one cluster is to be recovered, and whether its recoverable window lets it get there.
//!
//! Promises: what is refused says why and what would be possible; a restore point is named for every goal that is not. Never:
//! calls a goal possible whose WAL is missing.

use crate::domain::{
    AtTarget, Lsn, NearbyCommits, RecoverableSpan, RecoveryGoal, RecoveryTimeline, SpanEnd, Timeline, Timestamp,
    WalRestorePoint, WalWindow, instance::printable, recovery::moment,
};

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
            return self.path.iter().copied().find(|one| is_on(window, &self.path, *one, at));
        }
        let at = self.at?;
        let begins = |timeline: Timeline| {
            let parent = window.timelines.iter().find(|one| one.number == timeline)?.parent;
            parent.and_then(|(_, fork)| time_at(window, &self.path, fork))
        };
        self.path.iter().rev().copied().find(|one| begins(*one).is_none_or(|from| from <= at))
    }
}

/// Where a goal stands in a window.
#[derive(Debug, Clone, Copy)]
enum Sought<'a> {
    Time(Timestamp),
    Position(Lsn),
    Point(&'a WalRestorePoint),
    Latest,
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
        commits: Option<&NearbyCommits>,
    ) -> Result<Reachable, String> {
        match &self.goal {
            RecoveryGoal::Consistent => {
                Ok(Reachable { base: self.base.clone(), path: Vec::new(), at: None, lsn: None, doubt: None })
            }
            RecoveryGoal::Immediate => {
                let base = self.base.as_deref().or(own);
                let known = self.spans(window)?;
                let span = known.iter().find(|span| base.is_none_or(|base| base == span.label));
                let Some(span) = span else { return Err(self.no_span(window)) };
                Ok(found(span, span.from.at, Some(span.from.lsn), None))
            }
            RecoveryGoal::Latest => self.sought(window, Sought::Latest, None),
            RecoveryGoal::Time(at) => self.sought(window, Sought::Time(*at), None),
            RecoveryGoal::Lsn(at) => self.sought(window, Sought::Position(*at), None),
            RecoveryGoal::Xid(xid) => {
                let all = commits.iter().flat_map(|near| near.before.iter().chain(&near.after));
                let seen = all.into_iter().find(|commit| u64::from(commit.xid) == *xid);
                if let Some(commit) = seen {
                    return self.sought(window, Sought::Position(commit.lsn), None);
                }
                let doubt = "whether this transaction is in the archive is known only when it is reached";
                let base = self.base.as_deref().or(own);
                let known = self.spans(window)?;
                let span = known.iter().rev().find(|span| base.is_none_or(|base| base == span.label));
                let Some(span) = span else { return Err(self.no_span(window)) };
                Ok(found(span, None, None, Some(doubt.to_owned())))
            }
            RecoveryGoal::Name(name) => {
                let known = self.spans(window)?;
                let named = || window.restore_points.iter().filter(|point| point.name == *name);
                let on_path =
                    named().find(|point| known.iter().any(|span| holds(window, span, point.timeline, point.lsn)));
                match (on_path, named().next()) {
                    (Some(point), _) => self.sought(window, Sought::Point(point), None),
                    (None, Some(other)) => Err(format!(
                        "restore point {} is on timeline {}, where this recovery does not pass: choose that timeline, or a \
                         backup before it",
                        printable(name),
                        other.timeline
                    )),
                    (None, None) => Err(format!(
                        "no restore point {} was found in the archive: choose one of the list",
                        printable(name)
                    )),
                }
            }
        }
    }

    /// The spans that end on the timeline that is wanted, of the restore point that is wanted.
    fn spans<'a>(&self, window: &'a WalWindow) -> Result<Vec<&'a RecoverableSpan>, String> {
        let newest = window.spans.iter().filter_map(|span| span.path.last()).max();
        let wanted = |span: &&RecoverableSpan| match self.timeline {
            RecoveryTimeline::Latest => span.path.last() == newest,
            RecoveryTimeline::Current => span.path.len() == 1,
            RecoveryTimeline::Number(number) => span.path.last() == Some(&number),
        };
        let all: Vec<_> = window.spans.iter().filter(wanted).collect();
        let based = |span: &&&RecoverableSpan| self.base.as_ref().is_none_or(|base| *base == span.label);
        let spans: Vec<_> = all.iter().filter(based).copied().collect();
        if spans.is_empty() { Err(self.no_span(window)) } else { Ok(spans) }
    }

    /// Why there is nothing to choose from.
    fn no_span(&self, window: &WalWindow) -> String {
        if window.spans.is_empty() {
            return "no restore point can be brought further than its own end: the WAL that follows none of them is in the \
                    archive"
                .to_owned();
        }
        let ends: Vec<String> = timelines(window).iter().map(ToString::to_string).collect();
        match &self.base {
            Some(base) => format!(
                "restore point {} cannot be brought to timeline {}: choose another timeline ({}) or restore point",
                printable(base),
                self.timeline.word(),
                ends.join(", ")
            ),
            None => {
                format!(
                    "no restore point can be brought to timeline {}: possible are {}",
                    self.timeline.word(),
                    ends.join(", ")
                )
            }
        }
    }

    /// The newest restore point from which the goal is reached.
    fn sought(&self, window: &WalWindow, sought: Sought<'_>, doubt: Option<String>) -> Result<Reachable, String> {
        let spans = self.spans(window)?;
        let reaches = |span: &&&RecoverableSpan| match sought {
            Sought::Time(at) => span.from.at.is_none_or(|from| from <= at) && span.to.at.is_none_or(|to| at <= to),
            Sought::Position(at) => (span.from.lsn..=span.to.lsn).contains(&at),
            Sought::Point(point) => holds(window, span, point.timeline, point.lsn),
            // To the end of the archive goes what no gap ends.
            Sought::Latest => span.ends_by == SpanEnd::EndOfArchive,
        };
        let Some(span) = spans.iter().filter(reaches).max_by_key(|span| span.from.lsn) else {
            return Err(refusal(window, &spans, sought));
        };
        let (at, lsn) = match sought {
            Sought::Time(at) => (Some(at), None),
            Sought::Position(at) => (time_at(window, &span.path, at), Some(at)),
            Sought::Point(point) => (point.at, Some(point.lsn)),
            Sought::Latest => (span.to.at, Some(span.to.lsn)),
        };
        let vague = matches!(sought, Sought::Time(_)) && !(span.from.exact && span.to.exact);
        let vague = vague.then(|| "the times of this window are about right: no commit was read".to_owned());
        Ok(found(span, at, lsn, doubt.or(vague)))
    }
}

fn found(span: &RecoverableSpan, at: Option<Timestamp>, lsn: Option<Lsn>, doubt: Option<String>) -> Reachable {
    Reachable { base: Some(span.label.clone()), path: span.path.clone(), at, lsn, doubt }
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
        if !is_on(window, path, timeline, lsn) {
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

/// Whether a position of a timeline is passed by who follows this path.
pub fn is_on(window: &WalWindow, path: &[Timeline], timeline: Timeline, at: Lsn) -> bool {
    let Some(place) = path.iter().position(|one| *one == timeline) else { return false };
    // Of a timeline that is left on the way, what comes behind the fork is not passed.
    let left = path.get(place + 1).and_then(|next| window.timelines.iter().find(|one| one.number == *next));
    left.and_then(|next| next.parent).is_none_or(|(_, fork)| at <= fork)
}

fn holds(window: &WalWindow, span: &RecoverableSpan, timeline: Timeline, at: Lsn) -> bool {
    (span.from.lsn..=span.to.lsn).contains(&at) && is_on(window, &span.path, timeline, at)
}

/// Why no span reaches what is sought, and what would be possible.
fn refusal(window: &WalWindow, spans: &[&RecoverableSpan], sought: Sought<'_>) -> String {
    match sought {
        Sought::Latest => {
            let ends = spans.iter().max_by_key(|span| span.to.lsn);
            let why = ends.map_or_else(String::new, |span| format!(": {}", why_it_ends(&span.ends_by)));
            let last = ends
                .and_then(|span| span.to.at)
                .map_or_else(String::new, |at| format!("; the latest that is possible is {}", moment(at)));
            format!("the end of the archive cannot be reached{why}{last}")
        }
        Sought::Time(at) => out_of_reach(window, &Scale::of_times(window, spans, at), &moment(at)),
        Sought::Position(at) => out_of_reach(window, &Scale::of_positions(window, spans, at), &format!("LSN {at}")),
        Sought::Point(point) => {
            let name = format!("restore point {}", printable(&point.name));
            out_of_reach(window, &Scale::of_positions(window, spans, point.lsn), &name)
        }
    }
}

/// What lies around a goal that is out of reach, as text.
#[derive(Default)]
struct Scale {
    /// The latest goal before it.
    before: Option<String>,
    /// The earliest goal behind it.
    after: Option<String>,
    /// The segments that are missing where it is.
    gap: Option<(String, String)>,
}

impl Scale {
    fn of_times(window: &WalWindow, spans: &[&RecoverableSpan], at: Timestamp) -> Self {
        let before = spans.iter().filter_map(|span| span.to.at).filter(|to| *to < at).max();
        let after = spans.iter().filter_map(|span| span.from.at).filter(|from| *from > at).min();
        let inside = |gap: &&crate::domain::WalGap| {
            gap.from.at.is_some_and(|from| from <= at) && gap.to.at.is_none_or(|to| at <= to)
        };
        Self {
            before: before.map(moment),
            after: after.map(moment),
            gap: window.gaps.iter().find(inside).map(|gap| (gap.first.clone(), gap.last.clone())),
        }
    }

    fn of_positions(window: &WalWindow, spans: &[&RecoverableSpan], at: Lsn) -> Self {
        let before = spans.iter().map(|span| span.to.lsn).filter(|to| *to < at).max();
        let after = spans.iter().map(|span| span.from.lsn).filter(|from| *from > at).min();
        let inside = |gap: &&crate::domain::WalGap| gap.from.lsn <= at && at <= gap.to.lsn;
        Self {
            before: before.map(|at| format!("LSN {at}")),
            after: after.map(|at| format!("LSN {at}")),
            gap: window.gaps.iter().find(inside).map(|gap| (gap.first.clone(), gap.last.clone())),
        }
    }
}

fn out_of_reach(window: &WalWindow, around: &Scale, goal: &str) -> String {
    let why = match (&around.gap, &around.before, &around.after) {
        (Some((first, last)), ..) if first == last => format!("{goal} lies in a gap: segment {first} is missing"),
        (Some((first, last)), ..) => format!("{goal} lies in a gap: segments {first} to {last} are missing"),
        (None, None, Some(_)) => format!("{goal} is before the end of the earliest backup"),
        (None, Some(_), None) => format!("{goal} is behind the last commit in the archive"),
        (None, Some(_), Some(_)) => format!("{goal} cannot be reached: WAL is missing before it"),
        (None, None, None) => format!("{goal} is outside of what can be recovered"),
    };
    let possible = match (&around.before, &around.after) {
        (Some(before), Some(after)) => format!("; possible is up to {before}, or from {after} on"),
        (Some(before), None) => format!("; possible is up to {before}"),
        (None, Some(after)) => format!("; possible is from {after} on"),
        (None, None) => String::new(),
    };
    let others = timelines(window);
    let other = if others.len() > 1 { ", and other timelines may reach it" } else { "" };
    format!("{why}{possible}{other}")
}

/// Why nothing further is possible: a clause.
pub fn why_it_ends(end: &SpanEnd) -> String {
    match end {
        SpanEnd::EndOfArchive => "the archive holds no more".to_owned(),
        SpanEnd::Gap { segment } => format!("segment {segment} is missing"),
        SpanEnd::Unusable { segment, why } => format!("segment {segment} cannot be used: {why}"),
    }
}
