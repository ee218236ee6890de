//! What a terminal can show, as far as its environment says.
//!
//! Promises: pure; what a person asked for wins over what is found. Never: asks the terminal itself (late answers arrive
//! as typed garbage).

use super::theme::{Depth, Theme};
use std::ffi::OsString;
use thiserror::Error;

/// What is known of the terminal: variables of the environment, an empty one being none.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "each is named after its variable")]
pub struct TerminalVariables<'a> {
    pub term: Option<&'a str>,
    pub colorterm: Option<&'a str>,
    pub lc_all: Option<&'a str>,
    pub lc_ctype: Option<&'a str>,
    pub lang: Option<&'a str>,
    pub no_color: bool,
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether it has signs beyond ASCII.
    pub unicode: bool,
    /// How many colours it has.
    pub depth: Depth,
    /// Whether none are wanted (`NO_COLOR`).
    pub no_color: bool,
}

/// A terminal that the screen cannot be painted on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "TERM={0} says that the cursor of this terminal cannot be moved, which the screen needs: use another terminal, or a verb that prints lines (howdah session list, howdah session watch, howdah restore, howdah backup list)"
)]
pub struct NoCursor(String);

impl Capabilities {
    /// What an environment says whose variables are read like this.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoCursor> {
        let read = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let [term, colorterm, lc_all, lc_ctype, lang] = ["TERM", "COLORTERM", "LC_ALL", "LC_CTYPE", "LANG"].map(read);
        Self::of(&TerminalVariables {
            term: term.as_deref(),
            colorterm: colorterm.as_deref(),
            lc_all: lc_all.as_deref(),
            lc_ctype: lc_ctype.as_deref(),
            lang: lang.as_deref(),
            no_color: variable("NO_COLOR").is_some(),
        })
    }

    /// What the environment says.
    pub fn of(variables: &TerminalVariables<'_>) -> Result<Self, NoCursor> {
        let term = variables.term.unwrap_or_default().to_ascii_lowercase();
        if matches!(term.as_str(), "dumb" | "unknown") {
            return Err(NoCursor(crate::domain::instance::printable(&term)));
        }
        let kind = TerminalKind::of(&term);
        let unicode = kind == TerminalKind::Emulator && is_utf8(variables);
        let colorterm = variables.colorterm.unwrap_or_default();
        let depth = match kind {
            TerminalKind::Unknown | TerminalKind::Mono => Depth::Mono,
            TerminalKind::Sixteen => Depth::Sixteen,
            TerminalKind::Emulator if matches!(colorterm, "truecolor" | "24bit") || term.ends_with("-direct") => {
                Depth::True
            }
            TerminalKind::Emulator => Depth::Indexed,
        };
        Ok(Self { unicode, depth, no_color: variables.no_color })
    }

    /// The built-in theme that suits it.
    pub const fn theme(self) -> Theme {
        match self.depth {
            _ if self.no_color => Theme::Mono,
            Depth::Mono => Theme::Mono,
            Depth::Sixteen => Theme::Sixteen,
            Depth::Indexed | Depth::True => Theme::Dark,
        }
    }
}

/// What the name of a terminal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TerminalKind {
    /// Nobody said which it is: nothing is taken for granted but that its cursor moves.
    Unknown,
    /// Without colour, and with no signs but ASCII.
    Mono,
    /// Sixteen colours, and a font of a few hundred signs: the consoles of kernels.
    Sixteen,
    /// A window, or what runs in one. Those that say less than 256 colours understand them all the same.
    Emulator,
}

impl TerminalKind {
    fn of(term: &str) -> Self {
        let is_console = |name: &str| term == name || term.starts_with(&format!("{name}-"));
        if term.is_empty() {
            Self::Unknown
        } else if ["linux", "cons25", "ansi", "pcansi", "hurd", "sun-color"].into_iter().any(is_console)
            || term.strip_suffix(".linux").is_some()
        {
            Self::Sixteen
        } else if is_hardware(term) || term.ends_with("-mono") || term.ends_with("-m") {
            Self::Mono
        } else {
            Self::Emulator
        }
    }
}

/// The terminals that were machines: `vt100`, `vt220-8bit`, `wyse60`, `sun`.
fn is_hardware(term: &str) -> bool {
    let numbered =
        |name: &str| term.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered("vt") || numbered("wyse") || numbered("wy") || term == "sun"
}

/// Whether texts are UTF-8: the first of the variables that is set decides, as in the C library.
fn is_utf8(variables: &TerminalVariables<'_>) -> bool {
    let set = [variables.lc_all, variables.lc_ctype, variables.lang];
    let locale = set.into_iter().flatten().find(|value| !value.is_empty());
    let codeset =
        locale.and_then(|locale| locale.split_once('.')).map(|(_, rest)| rest.split('@').next().unwrap_or(rest));
    codeset.is_some_and(|codeset| codeset.eq_ignore_ascii_case("utf-8") || codeset.eq_ignore_ascii_case("utf8"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn the_name_of_a_terminal_tells_its_colours_and_signs() {
        for (term, colorterm, unicode, depth) in [
            ("xterm-256color", "", true, Depth::Indexed),
            ("xterm-256color", "truecolor", true, Depth::True),
            ("xterm-256color", "24bit", true, Depth::True),
            ("xterm-256color", "yes", true, Depth::Indexed),
            ("xterm-direct", "", true, Depth::True),
            ("xterm", "", true, Depth::Indexed),
            ("tmux", "", true, Depth::Indexed),
            ("screen.xterm-256color", "", true, Depth::Indexed),
            ("linux", "", false, Depth::Sixteen),
            // A variable that came along from another terminal gives a console no more colours.
            ("linux", "truecolor", false, Depth::Sixteen),
            ("linux-16color", "", false, Depth::Sixteen),
            ("screen.linux", "", false, Depth::Sixteen),
            ("LINUX", "", false, Depth::Sixteen),
            ("vt100", "", false, Depth::Mono),
            ("vt220-8bit", "truecolor", false, Depth::Mono),
            ("vte-256color", "", true, Depth::Indexed),
            ("xterm-mono", "", false, Depth::Mono),
            ("", "", false, Depth::Mono),
            ("\u{1b}[2J", "", true, Depth::Indexed),
        ] {
            let variables = TerminalVariables {
                term: Some(term).filter(|term| !term.is_empty()),
                colorterm: Some(colorterm),
                lang: Some("C.UTF-8"),
                ..TerminalVariables::default()
            };
            let expected = Capabilities { unicode, depth, no_color: false };
            assert_eq!(Capabilities::of(&variables), Ok(expected), "{term} {colorterm}");
            let no_color = Capabilities::of(&TerminalVariables { no_color: true, ..variables }).unwrap();
            assert_eq!((no_color.unicode, no_color.theme()), (unicode, Theme::Mono), "{term}");
            let theme = match depth {
                Depth::Mono => Theme::Mono,
                Depth::Sixteen => Theme::Sixteen,
                Depth::Indexed | Depth::True => Theme::Dark,
            };
            assert_eq!(expected.theme(), theme);
        }
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        for (lc_all, lc_ctype, lang, unicode) in [
            ("", "", "C.UTF-8", true),
            ("", "", "de_DE.utf8@euro", true),
            ("", "", "de_DE.ISO-8859-1", false),
            ("", "", "de_DE@euro.UTF-8", true),
            ("", "", "C", false),
            ("", "", "POSIX", false),
            ("", "", "", false),
            ("C", "C.UTF-8", "C.UTF-8", false),
            ("C.UTF-8", "C", "C", true),
            ("", "C", "C.UTF-8", false),
            ("", "en_US.UTF-8", "C", true),
            ("", "", "C.UTF-80", false),
        ] {
            let variables = TerminalVariables {
                term: Some("xterm"),
                lc_all: Some(lc_all),
                lc_ctype: Some(lc_ctype),
                lang: Some(lang),
                ..TerminalVariables::default()
            };
            assert_eq!(Capabilities::of(&variables).unwrap().unicode, unicode, "{variables:?}");
        }
    }

    #[test]
    fn a_terminal_whose_cursor_stands_is_refused_with_what_works_there() {
        let variables = TerminalVariables { term: Some("dumb"), ..TerminalVariables::default() };
        let refused = Capabilities::of(&variables).unwrap_err().to_string();
        assert!(refused.contains("TERM=dumb") && refused.contains("howdah session list"), "{refused}");
    }
}
