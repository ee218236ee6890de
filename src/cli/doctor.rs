//! `howdah doctor`: what was found on this machine, as lines for people or as JSON for programs.
//!
//! Promises: each finding is shown by sign and word, never by colour; whatever is not ok comes with a fix; nothing that
//! was found can steer a terminal. Never: looks at anything itself.

use super::exit::Exit;
use crate::domain::instance::printable;
use ratatui::text::Span;
use serde::{Serialize, Serializer};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    check: &'static str,
    state: FindingState,
    found: String,
    fix: Option<Fix>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// As it should be.
    Ok,
    /// howdah works, but not in every way, or not for long.
    Warning,
    /// howdah cannot do its work.
    Error,
}

/// What a person can do about it. In JSON both are the text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// A command to type.
    Run(String),
    /// Words, where no command would do.
    Do(String),
}

/// The column in which the findings stand: a sign, a word of seven letters, the longest name of a check, and gaps.
const INDENT: usize = 24;

impl Finding {
    /// It is as it should be.
    pub fn ok(check: &'static str, found: &str) -> Self {
        Self { check, state: FindingState::Ok, found: printable(found), fix: None }
    }

    /// howdah works, but.
    pub fn warning(check: &'static str, found: &str, fix: Fix) -> Self {
        Self { state: FindingState::Warning, ..Self::ok(check, found) }.with(fix)
    }

    /// howdah cannot do its work.
    pub fn error(check: &'static str, found: &str, fix: Fix) -> Self {
        Self { state: FindingState::Error, ..Self::ok(check, found) }.with(fix)
    }

    /// The same with something that can be done about it.
    #[must_use]
    pub fn with(self, fix: Fix) -> Self {
        let fix = match fix {
            Fix::Run(command) => Fix::Run(printable(&command)),
            Fix::Do(words) => Fix::Do(printable(&words)),
        };
        Self { fix: Some(fix), ..self }
    }

    /// How it stands.
    pub fn state(&self) -> FindingState {
        self.state
    }

    /// What was found; printable.
    pub fn found(&self) -> &str {
        &self.found
    }
}

/// How `howdah doctor` ends.
pub fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(|finding| finding.state == FindingState::Error) { Exit::Broken } else { Exit::Done }
}

/// One JSON array, an element a finding: `check`, `state`, `found`, and `fix` or null.
pub fn json(findings: &[Finding]) -> serde_json::Result<String> {
    let rows = findings.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n{}\n]\n", rows.join(",\n")))
}

/// A line for each finding and a line for its fix, wrapped where a width is given. Commands are never wrapped, so that
/// they can be copied.
pub fn text(findings: &[Finding], columns: Option<usize>, ascii: bool) -> String {
    let mut out = String::new();
    let shown = |text: &str| if ascii { escaped(text) } else { text.to_owned() };
    for Finding { check, state, found, fix } in findings {
        let head = format!("{} {:7}  {check:11}  ", state.sign(ascii), state.word());
        paragraph(&mut out, &head, &shown(found), columns);
        let margin = " ".repeat(INDENT);
        match fix {
            Some(Fix::Run(command)) => paragraph(&mut out, &format!("{margin}run: "), &shown(command), None),
            Some(Fix::Do(words)) => {
                let label = if *state == FindingState::Ok { "note" } else { "fix" };
                paragraph(&mut out, &format!("{margin}{label}: "), &shown(words), columns);
            }
            None => {}
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let counted = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    let wrong = [counted(count(FindingState::Error), "error"), counted(count(FindingState::Warning), "warning")];
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    let verdict = if wrong.is_empty() { "Nothing is wrong.".to_owned() } else { format!("{}.", wrong.join(", ")) };
    out + &verdict + "\n"
}

impl FindingState {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The signs of the console for the same.
    const fn sign(self, ascii: bool) -> char {
        match (self, ascii) {
            (Self::Ok, false) => '✓',
            (Self::Warning, false) => '⚑',
            (Self::Error, false) => '✖',
            (Self::Ok, true) => '+',
            (Self::Warning, true) => '!',
            (Self::Error, true) => 'x',
        }
    }
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Run(text) | Self::Do(text) => serializer.serialize_str(text),
        }
    }
}

/// Writes a text behind a head, further lines under its beginning. A word that is wider than a line stays whole.
fn paragraph(out: &mut String, head: &str, text: &str, columns: Option<usize>) {
    let indent = width_of(head);
    let mut line = head.to_owned();
    let mut used = indent;
    for word in text.split(' ') {
        let width = width_of(word);
        if columns.is_some_and(|columns| used > indent && used + 1 + width > columns) {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
            used = indent;
        } else if used > indent {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += width;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// How many columns of a terminal the text takes.
fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

/// What a terminal that knows only ASCII can show.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("settings", "none; defaults apply"),
            Finding::error(
                "state",
                "/var/lib/state of the operators/howdah is open to other users (mode 0755)",
                Fix::Run("chmod 700 '/var/lib/state of the operators/howdah' # all of it in one line".to_owned()),
            ),
            Finding::warning(
                "repository",
                "/srv/\u{1b}[2J\u{202e}gr\u{f6}\u{5009}\u{5eab}: 3 restore points, 1 backup cannot be read",
                Fix::Do("howdah backup list says for each of them what is wrong with it, and what can be done".into()),
            ),
            Finding::ok("systemd-run", "not needed here").with(Fix::Do("but good to have".to_owned())),
        ]
    }

    #[test]
    fn a_person_reads_lines_of_eighty_columns_and_commands_in_one_piece() {
        insta::assert_snapshot!(text(&findings(), Some(80), false), @r#"
        ✓ ok       settings     none; defaults apply
        ✖ error    state        /var/lib/state of the operators/howdah is open to other
                                users (mode 0755)
                                run: chmod 700 '/var/lib/state of the operators/howdah' # all of it in one line
        ⚑ warning  repository   /srv/\u{1b}[2J\u{202e}grö倉庫: 3 restore points, 1
                                backup cannot be read
                                fix: howdah backup list says for each of them what is
                                     wrong with it, and what can be done
        ✓ ok       systemd-run  not needed here
                                note: but good to have
        1 error, 1 warning.
        "#);
    }

    #[test]
    fn a_pipe_gets_each_finding_in_one_line() {
        insta::assert_snapshot!(text(&findings(), None, false), @r#"
        ✓ ok       settings     none; defaults apply
        ✖ error    state        /var/lib/state of the operators/howdah is open to other users (mode 0755)
                                run: chmod 700 '/var/lib/state of the operators/howdah' # all of it in one line
        ⚑ warning  repository   /srv/\u{1b}[2J\u{202e}grö倉庫: 3 restore points, 1 backup cannot be read
                                fix: howdah backup list says for each of them what is wrong with it, and what can be done
        ✓ ok       systemd-run  not needed here
                                note: but good to have
        1 error, 1 warning.
        "#);
    }

    #[test]
    fn a_terminal_that_knows_ascii_gets_nothing_else() {
        let text = text(&findings(), Some(80), true);
        assert!(text.is_ascii());
        insta::assert_snapshot!(text, @r#"
        + ok       settings     none; defaults apply
        x error    state        /var/lib/state of the operators/howdah is open to other
                                users (mode 0755)
                                run: chmod 700 '/var/lib/state of the operators/howdah' # all of it in one line
        ! warning  repository   /srv/\u{1b}[2J\u{202e}gr\u{f6}\u{5009}\u{5eab}: 3
                                restore points, 1 backup cannot be read
                                fix: howdah backup list says for each of them what is
                                     wrong with it, and what can be done
        + ok       systemd-run  not needed here
                                note: but good to have
        1 error, 1 warning.
        "#);
    }

    #[test]
    fn a_program_reads_one_array_with_the_same_words() {
        insta::assert_snapshot!(json(&findings()).unwrap(), @r#"
        [
        {"check":"settings","state":"ok","found":"none; defaults apply","fix":null},
        {"check":"state","state":"error","found":"/var/lib/state of the operators/howdah is open to other users (mode 0755)","fix":"chmod 700 '/var/lib/state of the operators/howdah' # all of it in one line"},
        {"check":"repository","state":"warning","found":"/srv/\\u{1b}[2J\\u{202e}grö倉庫: 3 restore points, 1 backup cannot be read","fix":"howdah backup list says for each of them what is wrong with it, and what can be done"},
        {"check":"systemd-run","state":"ok","found":"not needed here","fix":"but good to have"}
        ]
        "#);
        assert_eq!(json(&[]).unwrap(), "[\n\n]\n");
    }

    #[test]
    fn only_an_error_makes_the_exit_code_one() {
        let [ok, error, warning, _] = findings().try_into().unwrap();
        assert_eq!(exit(&[ok.clone(), warning.clone()]), Exit::Done);
        assert_eq!(exit(&[ok.clone(), warning, error]), Exit::Broken);
        assert_eq!(text(std::slice::from_ref(&ok), None, true).lines().last(), Some("Nothing is wrong."));
        assert_eq!((ok.state(), ok.found()), (FindingState::Ok, "none; defaults apply"));
    }

    #[test]
    fn a_terminal_narrower_than_the_margin_still_shows_every_word() {
        for columns in [0, 1, 24, 30] {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&text(&findings(), Some(columns), false)), words(&text(&findings(), None, false)));
        }
    }
}
