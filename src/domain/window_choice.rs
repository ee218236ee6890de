//! Which restore point to take for a goal, by the window alone.
//!
//! Promises: the newest one that can reach the goal on the timeline that is wished, with nothing missing between; where none
//! can, a sentence that says what would be possible. Never: takes one that could reach the goal only if it lies where
//! nobody has looked, while another could as well.

use super::{
    Edge, Lsn, RecoverableSpan, Recovery, RecoveryGoal, RecoveryTimeline, SpanEnd, Timeline, Timestamp, WalWindow,
    instance::printable, recovery::moment,
};
use std::cmp::Reverse;

/// Whether a span reaches a goal.
enum Reach {
    Yes,
    /// The goal is before the restore point's own end.
    Before,
    /// It is behind what can be replayed.
    Behind,
    /// Only replay shows it.
    Unknown,
}

impl WalWindow {
    /// The span that a recovery would take: of the newest restore point that can reach the goal, or of the one that is named.
    ///
    /// # Errors
    ///
    /// A printable sentence with what would be possible.
    pub fn choose(&self, wish: &Recovery, label: Option<&str>) -> Result<&RecoverableSpan, String> {
        let mut spans: Vec<&RecoverableSpan> = self.spans.iter().filter(|span| is_on(span, wish.timeline)).collect();
        if let Some(label) = label {
            spans.retain(|span| span.label == label);
        }
        if spans.is_empty() {
            return Err(self.nothing(wish, label));
        }
        // Of one restore point the newest timeline, of all the newest restore point.
        spans.sort_by_key(|span| Reverse((span.from.lsn, span.path.last().copied())));
        let newest_path = |span: &&RecoverableSpan| match wish.timeline {
            RecoveryTimeline::Latest => self.newest_of(&span.label) == span.path.last().copied(),
            RecoveryTimeline::Current | RecoveryTimeline::Number(_) => true,
        };
        let candidates: Vec<&RecoverableSpan> = spans.iter().copied().filter(newest_path).collect();
        let reached = candidates.iter().find(|span| matches!(self.reaches(span, wish), Reach::Yes));
        if let Some(span) = reached {
            return Ok(span);
        }
        let unknown: Vec<&RecoverableSpan> =
            candidates.iter().copied().filter(|span| matches!(self.reaches(span, wish), Reach::Unknown)).collect();
        match unknown.as_slice() {
            [] => Err(self.refusal(&candidates, wish)),
            [only] => Ok(only),
            [..] => Err(format!(
                "whether a restore point is older than {} shows only in replay, and there are {}: name one",
                wish.goal,
                unknown.len()
            )),
        }
    }

    fn newest_of(&self, label: &str) -> Option<Timeline> {
        self.spans.iter().filter(|span| span.label == label).filter_map(|span| span.path.last().copied()).max()
    }

    fn reaches(&self, span: &RecoverableSpan, wish: &Recovery) -> Reach {
        let ends = matches!(span.ends_by, SpanEnd::EndOfArchive);
        match &wish.goal {
            RecoveryGoal::Consistent | RecoveryGoal::Immediate => Reach::Yes,
            RecoveryGoal::Latest if ends && span.last_record.is_some() => Reach::Yes,
            RecoveryGoal::Time(at) => reaches_time(span, *at, wish.inclusive),
            RecoveryGoal::Lsn(at) if *at < span.from.lsn => Reach::Before,
            RecoveryGoal::Lsn(at) if *at <= span.to.lsn => Reach::Yes,
            RecoveryGoal::Latest | RecoveryGoal::Lsn(_) => Reach::Behind,
            RecoveryGoal::Xid(_) => Reach::Unknown,
            RecoveryGoal::Name(name) => {
                let mut found = self.restore_points.iter().filter(|point| {
                    point.name == *name
                        && self.passes(&span.path, point.timeline, point.lsn)
                        && point.lsn <= span.to.lsn
                });
                let is_known = self.restore_points.iter().any(|point| point.name == *name);
                match (found.any(|point| span.from.lsn <= point.lsn), is_known) {
                    (true, _) => Reach::Yes,
                    (false, true) => Reach::Behind,
                    (false, false) => Reach::Unknown,
                }
            }
        }
    }

    /// Whether replay along this path comes to a record that begins here: on a timeline of it, before that is left.
    pub fn passes(&self, path: &[Timeline], timeline: Timeline, at: Lsn) -> bool {
        let Some(place) = path.iter().position(|one| *one == timeline) else { return false };
        let next = path.get(place + 1).and_then(|next| self.timelines.iter().find(|one| one.number == *next));
        next.and_then(|next| next.parent).is_none_or(|(_, fork)| at < fork)
    }

    /// Where a restore point of this name was made, for a sentence.
    fn made_on(&self, goal: &RecoveryGoal) -> String {
        let RecoveryGoal::Name(name) = goal else { return String::new() };
        let made = self.restore_points.iter().filter(|point| point.name == *name);
        let mut timelines: Vec<String> = made.map(|point| point.timeline.to_string()).collect();
        timelines.dedup();
        if timelines.is_empty() {
            String::new()
        } else {
            format!(", which was made on timeline {},", timelines.join(" and "))
        }
    }

    fn nothing(&self, wish: &Recovery, label: Option<&str>) -> String {
        let of = label
            .map_or_else(|| "no restore point can".to_owned(), |label| format!("the restore point {label} cannot"));
        let spans = self.spans.iter().filter(|span| label.is_none_or(|label| span.label == label));
        let mut others: Vec<String> = spans.filter_map(|span| span.path.last().map(ToString::to_string)).collect();
        others.sort();
        others.dedup();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        let timeline = wish.timeline.word();
        printable(&format!(
            "{of} be recovered on timeline {timeline} with this archive; timelines that can be: {others}"
        ))
    }

    fn refusal(&self, spans: &[&RecoverableSpan], wish: &Recovery) -> String {
        let before = spans.iter().all(|span| matches!(self.reaches(span, wish), Reach::Before));
        let why = if before { "is before the end of the oldest backup" } else { "cannot be reached" };
        let missing = spans.iter().find_map(|span| match &span.ends_by {
            SpanEnd::Gap { segment } => Some(format!(": the segment {segment} is missing")),
            SpanEnd::Unusable { segment, why } => Some(format!(": the segment {segment} cannot be used, {why}")),
            SpanEnd::EndOfArchive => None,
        });
        let missing = missing.filter(|_| !before).unwrap_or_default();
        let mut possible: Vec<String> =
            spans.iter().rev().map(|span| format!("{} {}", span.label, range(span))).collect();
        let left = possible.len().saturating_sub(MAX_NAMED);
        // The newest are the likeliest to be meant.
        possible.drain(..left);
        let older = if left > 0 { format!(", and {left} older") } else { String::new() };
        let made = self.made_on(&wish.goal);
        printable(&format!("{}{made} {why}{missing}; possible are: {}{older}", wish.goal, possible.join("; ")))
    }
}

/// Restore points that a sentence names.
const MAX_NAMED: usize = 5;

fn is_on(span: &RecoverableSpan, wish: RecoveryTimeline) -> bool {
    match wish {
        RecoveryTimeline::Latest => true,
        RecoveryTimeline::Current => span.path.len() == 1,
        RecoveryTimeline::Number(number) => span.path.last() == Some(&number),
    }
}

fn reaches_time(span: &RecoverableSpan, at: Timestamp, inclusive: bool) -> Reach {
    let is_before =
        |from: Edge| from.at.is_some_and(|from_at| at < from_at || (!inclusive && from.exact && at == from_at));
    if is_before(span.from) {
        return Reach::Before;
    }
    match span.to.at {
        Some(to) if at <= to => Reach::Yes,
        Some(_) => Reach::Behind,
        None => Reach::Unknown,
    }
}

fn range(span: &RecoverableSpan) -> String {
    let shown = |edge: Edge| match edge.at {
        Some(at) if edge.exact => moment(at),
        Some(at) => format!("about {}", moment(at)),
        None => format!("LSN {}", edge.lsn),
    };
    format!("from {} to {} (LSN {} to {})", shown(span.from), shown(span.to), span.from.lsn, span.to.lsn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArchiveOrigin, ByteCount, WalArchive, WalRestorePoint, WindowTimeline};

    fn edge(lsn: u64, second: i64) -> Edge {
        Edge { lsn: Lsn(lsn), at: Timestamp::from_second(second).ok(), exact: true }
    }

    fn span(label: &str, path: &[u32], from: u64, to: u64, gap: bool) -> RecoverableSpan {
        RecoverableSpan {
            label: label.to_owned(),
            path: path.iter().copied().map(Timeline).collect(),
            start: Lsn(from - 5),
            from: edge(from, i64::try_from(from).unwrap_or(0)),
            to: edge(to, i64::try_from(to).unwrap_or(0)),
            last_record: Some(Lsn(to)),
            ends_by: if gap { SpanEnd::Gap { segment: "GONE".to_owned() } } else { SpanEnd::EndOfArchive },
        }
    }

    fn timeline(number: u32, fork: Option<u64>, to: u64) -> WindowTimeline {
        let parent = fork.map(|at| (Timeline(number - 1), Lsn(at)));
        WindowTimeline { number: Timeline(number), parent, begins: edge(fork.unwrap_or(90), 90), ends: edge(to, 400) }
    }

    fn window() -> WalWindow {
        let point =
            |name: &str, lsn| WalRestorePoint { name: name.to_owned(), timeline: Timeline(1), lsn: Lsn(lsn), at: None };
        WalWindow {
            archive: WalArchive { directory: "/a".into(), origin: ArchiveOrigin::Setting },
            system_identifier: None,
            segment_size: None,
            segments: 0,
            bytes: ByteCount(0),
            timelines: vec![timeline(1, None, 400), timeline(2, Some(150), 190)],
            gaps: Vec::new(),
            // Timeline 2 forked from 1 at 150; a gap lies between 250 and 300 on timeline 1.
            spans: vec![
                span("a", &[1], 100, 250, true),
                span("a", &[1, 2], 100, 190, false),
                span("b", &[1], 120, 250, true),
                span("b", &[1, 2], 120, 190, false),
                span("c", &[1], 310, 400, false),
            ],
            restore_points: vec![point("early", 110), point("behind the fork", 160), point("late", 240)],
            unsought: Vec::new(),
            moments: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn chosen(goal: RecoveryGoal, timeline: RecoveryTimeline, label: Option<&str>) -> Result<(String, usize), String> {
        let wish = Recovery { goal, timeline, ..Recovery::to_consistency() };
        window().choose(&wish, label).map(|span| (span.label.clone(), span.path.len()))
    }

    fn at(second: i64) -> RecoveryGoal {
        RecoveryGoal::Time(Timestamp::from_second(second).unwrap_or_default())
    }

    #[test]
    fn the_newest_restore_point_that_reaches_the_goal_is_taken() {
        use RecoveryTimeline::{Current, Latest, Number};
        let ok = |label: &str, path: usize| Ok((label.to_owned(), path));
        assert_eq!(chosen(at(110), Current, None), ok("a", 1));
        assert_eq!(chosen(at(120), Current, None), ok("b", 1));
        assert_eq!(chosen(at(250), Current, None), ok("b", 1));
        assert_eq!(chosen(at(130), Current, Some("a")), ok("a", 1));
        assert_eq!(chosen(at(130), Latest, None), ok("b", 2));
        assert_eq!(chosen(at(350), Latest, None), ok("c", 1));
        assert_eq!(chosen(RecoveryGoal::Latest, Current, None), ok("c", 1));
        assert_eq!(chosen(RecoveryGoal::Latest, Number(Timeline(2)), None), ok("b", 2));
        assert_eq!(chosen(RecoveryGoal::Lsn(Lsn(119)), Current, None), ok("a", 1));
        assert_eq!(chosen(RecoveryGoal::Name("early".to_owned()), Current, None), ok("a", 1));
        assert_eq!(chosen(RecoveryGoal::Name("late".to_owned()), Current, None), ok("b", 1));
        assert_eq!(chosen(RecoveryGoal::Xid(7), Current, Some("b")), ok("b", 1));
    }

    #[test]
    fn what_cannot_be_reached_is_refused_with_what_can() {
        use RecoveryTimeline::{Current, Latest, Number};
        let refused = |goal, timeline, label| chosen(goal, timeline, label).expect_err("it cannot be reached");
        let gap = refused(at(280), Current, None);
        assert!(gap.contains("GONE is missing") && gap.contains("a from 1970-01-01 00:01:40"), "{gap}");
        assert!(refused(at(99), Current, None).contains("before the end of the oldest backup"));
        assert!(refused(RecoveryGoal::Latest, Current, Some("a")).contains("GONE"));
        // On the newest timeline there is no such position, though an older one has it.
        assert!(refused(RecoveryGoal::Lsn(Lsn(240)), Latest, Some("a")).contains("cannot be reached"));
        assert!(refused(at(130), Number(Timeline(9)), None).contains("timelines that can be: 1, 2"));
        assert!(refused(at(130), Current, Some("x")).contains("the restore point x"));
        assert!(refused(RecoveryGoal::Xid(7), Current, None).contains("name one"));
        assert!(refused(RecoveryGoal::Name("none".to_owned()), Current, None).contains("name one"));
        let left = || RecoveryGoal::Name("behind the fork".to_owned());
        let refusal = refused(left(), Latest, Some("b"));
        assert!(refusal.contains("was made on timeline 1") && refusal.contains("cannot be reached"), "{refusal}");
        assert_eq!(chosen(left(), Current, Some("b")), Ok(("b".to_owned(), 1)));
        let exclusive = Recovery { inclusive: false, goal: at(100), ..Recovery::to_consistency() };
        assert!(window().choose(&exclusive, None).is_err());
    }
}
