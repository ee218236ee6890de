//! How the Log page is looked at: wrapped or cut, what is searched in it, and the line that is typed at its foot.
//!
//! Promises: a search is found in whatever case it is written. Never: holds a copy of the log.

use std::ops::Range;
use tui_input::Input;

/// The state of the Log page beside the log itself.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// Whether long lines are wrapped; else they are cut.
    pub wrap: bool,
    /// What is searched.
    pub search: Option<LogSearch>,
    /// What is being typed at the foot of the page.
    pub typed: Option<LogInput>,
}

/// A search in the log.
#[derive(Debug, Clone, Default)]
pub struct LogSearch {
    /// The text; empty when it was just begun.
    pub text: String,
    /// The line of the match that is shown, counted from 0.
    pub line: Option<usize>,
}

/// A line that is typed.
#[derive(Debug, Clone)]
pub enum LogInput {
    /// What to search.
    Search(Input),
    /// The file that the log is saved to.
    Save(Input),
}

impl LogInput {
    /// The text with its caret.
    pub const fn input(&self) -> &Input {
        match self {
            Self::Search(input) | Self::Save(input) => input,
        }
    }

    /// The same, to be changed.
    pub const fn input_mut(&mut self) -> &mut Input {
        match self {
            Self::Search(input) | Self::Save(input) => input,
        }
    }
}

/// Where a text stands in a line, whatever its case, as bytes of the line.
pub fn found(line: &str, text: &str) -> Vec<Range<usize>> {
    let wanted: Vec<char> = text.chars().map(lower).collect();
    let chars: Vec<(usize, char)> = line.char_indices().map(|(at, c)| (at, lower(c))).collect();
    let mut found = Vec::new();
    let mut from = 0;
    while !wanted.is_empty() && from + wanted.len() <= chars.len() {
        let here = &chars[from..from + wanted.len()];
        if here.iter().map(|(_, c)| c).eq(&wanted) {
            let end = chars.get(from + wanted.len()).map_or(line.len(), |(at, _)| *at);
            found.push(here[0].0..end);
            from += wanted.len();
        } else {
            from += 1;
        }
    }
    found
}

/// The numbers of the lines that hold the text.
pub fn matches(lines: &[String], text: &str) -> Vec<usize> {
    let holds = |(_, line): &(usize, &String)| !found(line, text).is_empty();
    lines.iter().enumerate().filter(holds).map(|(number, _)| number).collect()
}

/// How many of the lines that were read before are not among those that were read now. The log only grows, and only its
/// end is read; the last line may have been unfinished.
pub fn dropped(before: &[String], now: &[String]) -> usize {
    let whole = before.len().saturating_sub(1);
    let goes_on = |at: &usize| now.starts_with(&before[*at..whole]);
    (0..whole).find(goes_on).unwrap_or(whole)
}

/// One character for one: what grows when its case changes would shift all that comes after it.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case_wherever_it_stands() {
        let check = |line: &str, text: &str, wanted: &[&str]| {
            let words: Vec<&str> = found(line, text).into_iter().map(|at| &line[at]).collect();
            assert_eq!(words, wanted, "{text} in {line}");
        };
        check("FATAL: fatal", "Fatal", &["FATAL", "fatal"]);
        check("aaaa", "aa", &["aa", "aa"]);
        check("Straße in KÖLN", "köln", &["KÖLN"]);
        check("İstanbul", "STAN", &["stan"]);
        check("short", "longer than it", &[]);
        check("any", "", &[]);
    }

    #[test]
    fn what_was_dropped_at_the_beginning_is_counted() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        for (before, now, wanted) in
            [("abc", "abcd", 0), ("abc", "abx", 0), ("abcd", "cdef", 2), ("abc", "xyz", 2), ("", "a", 0)]
        {
            assert_eq!(dropped(&lines(before), &lines(now)), wanted, "{before} {now}");
        }
    }
}
