//! What the filter of the tree means: which rows its words let through.
//!
//! Promises: pure; any text is a filter, and a word that means nothing is named as a problem, never skipped in silence.

use super::{
    Model,
    facts::{COMPLETED, Facts},
};
use crate::domain::Timestamp;
use std::time::Duration;

/// The words that may follow `phase:`: those of the rows, and those of `howdah session list --json`.
const PHASES: [&str; 15] = [
    "queued",
    "running",
    "waiting",
    "stuck",
    "paused",
    "cancelling",
    "stopping",
    "failing",
    COMPLETED,
    "succeeded",
    "warning",
    "damaged",
    "cancelled",
    "stopped",
    "failed",
];

/// A text and what it means: all of its words must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
    problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    negated: bool,
    test: Test,
}

/// Texts are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Text(String),
    Phase(&'static str),
    By(String),
    Host(String),
    Since(Duration),
}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Self {
        let mut filter = Self { text: text.to_owned(), ..Self::default() };
        for word in words(text) {
            match word.test() {
                Ok(Some(asked)) => filter.terms.push(Term { negated: word.negated, test: asked }),
                Ok(None) => {}
                Err(problem) => filter.problem = filter.problem.or(Some(problem)),
            }
        }
        filter
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which of its words means nothing, and what there is instead. The others hold.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.problem.is_none()
    }

    /// Whether a row is let through.
    pub(super) fn holds(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        self.terms.iter().all(|term| term.test.holds(facts, now) != term.negated)
    }

    /// When the passing of time alone changes the answer for this row.
    pub(super) fn due(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Timestamp> {
        let ends = |term: &Term| match term.test {
            Test::Since(span) => facts.at?.checked_add(span).ok().filter(|end| *end > now),
            Test::Text(_) | Test::Phase(_) | Test::By(_) | Test::Host(_) => None,
        };
        self.terms.iter().filter_map(ends).min()
    }
}

impl Test {
    fn holds(&self, facts: &Facts<'_>, now: Timestamp) -> bool {
        match self {
            Self::Text(part) => contains(facts.name, part) || contains(&facts.target, part),
            Self::Phase(phase) => facts.phases.contains(&Some(phase)),
            Self::By(part) => facts.account().is_some_and(|account| contains(account, part)),
            Self::Host(part) => {
                let host = facts.account().and_then(|account| account.rsplit_once('@'));
                host.is_some_and(|(_, host)| contains(host, part))
            }
            // A span that reaches back before all time lets everything through.
            Self::Since(span) => facts.at.is_some_and(|at| at.checked_add(*span).map_or(true, |end| end > now)),
        }
    }
}

/// A word as it was typed.
#[derive(Debug, Default)]
struct Word {
    negated: bool,
    key: Option<String>,
    value: String,
    quoted: bool,
}

impl Word {
    /// What it asks; `None` while it is only begun.
    fn test(&self) -> Result<Option<Test>, String> {
        let value = self.value.to_lowercase();
        let some = |test: fn(String) -> Test| Ok(Some(value.clone()).filter(|value| !value.is_empty()).map(test));
        match self.key.as_deref() {
            None => some(Test::Text),
            Some("by") => some(Test::By),
            Some("host") => some(Test::Host),
            Some("phase") => match PHASES.into_iter().find(|phase| *phase == value) {
                Some(phase) => Ok(Some(Test::Phase(phase))),
                None => Err(no_phase(&value)),
            },
            Some("since") => match span(&value) {
                Some(span) => Ok(Some(Test::Since(span))),
                None => Err(format!("since:{value} is no time: use a number with m, h or d, such as since:90m")),
            },
            Some(key) => Err(format!("there is no {key}: but phase:, host:, by:, since:; text goes in quotes")),
        }
    }
}

/// Those that begin with what was typed come to mind; else all are named.
fn no_phase(value: &str) -> String {
    let begun: Vec<&str> = PHASES.into_iter().filter(|phase| phase.starts_with(value)).collect();
    let those = if begun.is_empty() { PHASES.to_vec() } else { begun };
    format!("no phase {value:?}: use {}", those.join(", "))
}

/// A whole number of minutes, hours or days.
fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

/// The words of a text: apart by blanks, `!` before them, `key:` before their value, quotes around what holds any of these.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut word = Word::default();
        let (mut next, mut within) = (Some(first), false);
        while let Some(c) = next {
            match c {
                '"' => (within, word.quoted) = (!within, true),
                c if within => word.value.push(c),
                '!' if word.value.is_empty() && word.key.is_none() && !word.quoted => word.negated = !word.negated,
                ':' if word.key.is_none() && !word.quoted && is_key(&word.value) => {
                    word.key = Some(std::mem::take(&mut word.value).to_lowercase());
                }
                c => word.value.push(c),
            }
            next = chars.next_if(|c| within || !c.is_whitespace());
        }
        words.push(word);
    }
    words
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic())
}

/// Whether `text` holds `part`, which is in lower case.
fn contains(text: &str, part: &str) -> bool {
    if text.is_ascii() && part.is_ascii() {
        let part = part.as_bytes();
        return text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    }
    text.to_lowercase().contains(part)
}

impl Model {
    /// Changes the filter of the tree.
    pub(in crate::console) fn set_filter(&mut self, text: &str) {
        let now = self.now();
        self.tree.set_filter(Filter::parse(text), &self.shown, now);
    }

    /// How many rows are shown of all there are; `None` without a filter.
    pub fn filtered(&self) -> Option<(usize, usize)> {
        if self.tree.filter().is_empty() {
            return None;
        }
        let all = super::tree::Group::ALL.into_iter().filter(|group| group.screen() == self.tree.screen());
        let add = |(shown, of): (usize, usize), group| (shown + self.tree.count(group), of + self.all_of(group));
        Some(all.fold((0, 0), add))
    }

    /// How many rows a heading has, with those that the filter hides.
    pub fn all_of(&self, group: super::tree::Group) -> usize {
        use super::tree::Group;
        let (snapshot, catalog) = (&self.shown.snapshot, &self.shown.catalog);
        match (group, group.kind()) {
            (Group::Restore, Some(kind)) => snapshot.ongoing_of(kind).count(),
            (Group::Completed, Some(kind)) => snapshot.counts.ended.of(kind).total(),
            (Group::Backup, Some(kind)) => {
                let all = snapshot.ongoing_of(kind).count() + snapshot.counts.ended.of(kind).total();
                all.saturating_sub(self.shown.jobs.sessions.len())
            }
            (_, Some(kind)) => snapshot.ongoing_of(kind).count() + snapshot.counts.ended.of(kind).total(),
            (Group::Unreadable, None) => snapshot.unreadable.len(),
            (Group::History, None) => self.shown.past.len(),
            (Group::Jobs, None) => self.shown.jobs.lines.len(),
            (Group::Runs, None) => {
                snapshot.ended_runs.iter().filter(|row| !row.dismissed).count() + snapshot.unreadable_runs.len()
            }
            (_, None) => catalog.instances.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    const NOW: &str = "2026-11-20T14:00:00Z";

    fn row<'a>(name: &'a str, phases: [Option<&'static str>; 2], by: &'a str, at: &str) -> Facts<'a> {
        Facts { name, target: format!("{name}-2 :5440").into(), phases, by: Some(by), at: Some(at.parse().unwrap()) }
    }

    /// The names of the rows that are let through.
    fn found(text: &str) -> String {
        let rows = [
            row("orders", [Some("stuck"), None], "amy@db1 (process 1, no terminal)", "2026-11-20T13:30:00Z"),
            row("Orders-Archive", [Some("running"), None], "bob@db2 (process 2 on pts/1)", "2026-11-20T11:30:00Z"),
            row("crm", [Some(COMPLETED), Some("failed")], "amy@db2 (process 3 on pts/1)", "2026-11-18T14:00:00Z"),
            Facts { name: "no: such \"one\"", target: "".into(), phases: [None, None], by: None, at: None },
        ];
        let filter = Filter::parse(text);
        let now = NOW.parse().unwrap();
        let names: Vec<&str> = rows.iter().filter(|row| filter.holds(row, now)).map(|row| &row.name[..3]).collect();
        names.join(" ")
    }

    #[test]
    fn all_words_must_hold() {
        for (text, names) in [
            ("", "ord Ord crm no:"),
            ("  ", "ord Ord crm no:"),
            ("ORD", "ord Ord"),
            ("ord arch", "Ord"),
            ("CRM-2", "crm"),
            (":5440 !crm-2", "ord Ord"),
            ("!ord", "crm no:"),
            ("!", "ord Ord crm no:"),
            ("!!ord", "ord Ord"),
            ("ord !arch", "ord"),
            ("phase:stuck", "ord"),
            ("Phase:STUCK", "ord"),
            ("!phase:stuck", "Ord crm no:"),
            ("phase:completed", "crm"),
            ("phase:failed", "crm"),
            ("by:amy", "ord crm"),
            ("by:db2", "Ord crm"),
            ("by:process", ""),
            ("host:db2", "Ord crm"),
            ("host:amy", ""),
            ("host:db2 by:amy", "crm"),
            ("by:", "ord Ord crm no:"),
            ("since:1h", "ord"),
            ("since:30m", ""),
            ("since:31m", "ord"),
            ("since:3h", "ord Ord"),
            ("since:2d", "ord Ord"),
            ("since:3d !since:1h", "Ord crm"),
            ("since:4294967295d", "ord Ord crm"),
            ("\"no: such\"", "no:"),
            ("\"o: su", "no:"),
            ("by:\"amy@db1\"", "ord"),
            ("\"phase:stuck\"", ""),
            ("ord \u{1b}[31m", ""),
        ] {
            assert_eq!(found(text), names, "{text}");
        }
    }

    #[test]
    fn a_word_that_means_nothing_is_named_and_the_others_hold() {
        for (text, problem) in [
            ("ord phase:stuk", Some("no phase \"stuk\": use queued, running")),
            ("phase:st", Some("no phase \"st\": use stuck, stopping, stopped")),
            ("phase:", Some("no phase \"\": use queued")),
            ("since:1y", Some("since:1y is no time")),
            ("since:-1h", Some("since:-1h is no time")),
            ("since:99999999999h", Some("is no time")),
            ("since:h", Some("since:h is no time")),
            ("hots:db1", Some("there is no hots:")),
            ("phase:stuck", None),
            (":5433", None),
            ("a.b:c", None),
            ("by: host: \"", None),
        ] {
            let filter = Filter::parse(text);
            match problem {
                Some(problem) => assert!(filter.problem().unwrap().contains(problem), "{filter:?}"),
                None => assert_eq!(filter.problem(), None, "{text}"),
            }
        }
        assert_eq!(found("ord phase:stuk"), "ord Ord");
    }

    #[test]
    fn a_row_that_leaves_its_time_says_when() {
        let row = row("orders", [None, None], "amy@db1", "2026-11-20T13:30:00Z");
        let now = NOW.parse().unwrap();
        let due = |text| Filter::parse(text).due(&row, now).map(|at| at.to_string());
        assert_eq!(due("since:1h"), Some("2026-11-20T14:30:00Z".to_owned()));
        assert_eq!(due("!since:2h ord since:3h"), Some("2026-11-20T15:30:00Z".to_owned()));
        assert_eq!(due("since:10m"), None);
        assert_eq!(due("orders"), None);
    }
}
