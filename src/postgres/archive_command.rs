//! The directory that a server archived its WAL to, as the configuration of its backup says.
//!
//! Promises: only the plain form is understood, `cp %p DIR/%f`, and that of the manual, `test ! -f DIR/%f && cp %p DIR/%f`;
//! what comes from included files is not seen. Never: executes or expands anything.
//!
//! Source: "Setting Up WAL Archiving" in the PostgreSQL manual; strings as `guc-file.l` reads them.

use super::configure::DataDirectory;
use std::path::{Path, PathBuf};

/// A configuration file is text that people write; what is longer is something else.
const MAX_LEN: u64 = 1 << 20;

/// The files that can set it; the later one counts.
const FILES: [&str; 2] = ["postgresql.conf", "postgresql.auto.conf"];

/// The directory that the configuration in a plain backup names.
pub fn directory_in(backup: &Path) -> Option<PathBuf> {
    let place = DataDirectory::open(backup).ok()?;
    // A file that cannot be read names nothing; the archive can be named by a person.
    let files = FILES.iter().filter_map(|name| place.read(name, MAX_LEN).ok().flatten());
    let command = files.filter_map(|file| setting(&String::from_utf8_lossy(&file))).last()?;
    directory_of(&command)
}

/// The last value that a configuration file gives to `archive_command`.
fn setting(file: &str) -> Option<String> {
    file.lines().filter_map(value).last()
}

fn value(line: &str) -> Option<String> {
    const NAME: &str = "archive_command";
    let line = line.trim_start();
    let name = line.get(..NAME.len()).filter(|name| name.eq_ignore_ascii_case(NAME))?;
    let rest = &line[name.len()..];
    let rest = rest.trim_start().strip_prefix('=').unwrap_or(rest).trim_start();
    let mut chars = rest.strip_prefix('\'')?.chars().peekable();
    let mut value = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => drop(chars.next()),
            '\'' => return Some(value),
            // A path with such a character is better named by a person.
            '\\' => return Some(String::new()),
            _ => {}
        }
        value.push(c);
    }
    None
}

/// The directory in a command of one of the two forms.
fn directory_of(command: &str) -> Option<PathBuf> {
    let words = words(command)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let file = match words.as_slice() {
        ["cp" | "/bin/cp" | "/usr/bin/cp", "%p", file] => file,
        ["test", "!", "-f", tested, "&&", "cp" | "/bin/cp" | "/usr/bin/cp", "%p", file] if tested == file => file,
        _ => return None,
    };
    let directory = Path::new(file.strip_suffix("/%f")?);
    let plain = !directory.to_string_lossy().contains('%');
    (directory.is_absolute() && plain).then(|| directory.to_owned())
}

/// The words of a command in which quotes stand around whole words and nothing means anything to a shell.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = command.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c));
        let (word, behind) = match quote {
            Some(quote) => rest[1..].split_once(quote)?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c) || (quote.is_some() && c == ' ');
        let is_operator = quote.is_none() && ["!", "&&"].contains(&word);
        if !is_operator && !word.chars().all(is_plain) {
            return None;
        }
        if !(behind.is_empty() || behind.starts_with(char::is_whitespace)) {
            return None;
        }
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_form_and_that_of_the_manual_name_a_directory() {
        for command in [
            "cp %p /srv/wal/%f",
            "cp \"%p\" \"/srv/wal/%f\"",
            "test ! -f /srv/wal/%f && cp %p /srv/wal/%f",
            "/usr/bin/cp %p '/srv/wal/%f'",
            "  cp   %p  /srv/wal/%f ",
        ] {
            assert_eq!(directory_of(command).as_deref(), Some(Path::new("/srv/wal")), "{command}");
        }
        assert_eq!(directory_of("cp %p '/srv/my wal/%f'").as_deref(), Some(Path::new("/srv/my wal")));
    }

    #[test]
    fn nothing_else_is_understood() {
        for command in [
            "",
            "cp %p wal/%f",
            "cp %p /srv/wal/%f.gz",
            "cp %p /srv/wal/%f; rm -rf /",
            "cp %p /srv/$(id)/%f",
            "cp %p /srv/`id`/%f",
            "cp %p /srv/%r/%f",
            "cp -a %p /srv/wal/%f",
            "cp %p /srv/wal/%f && true",
            "test ! -f /srv/other/%f && cp %p /srv/wal/%f",
            "gzip < %p > /srv/wal/%f",
            "cp %p \"/srv/wal\"/%f",
            "cp %p '/srv/wal/%f",
            "pgbackrest --stanza=x archive-push %p",
        ] {
            assert_eq!(directory_of(command), None, "{command}");
        }
    }

    #[test]
    fn the_last_setting_of_a_file_counts() {
        let file = "#archive_command = 'cp %p /a/%f'\narchive_command = 'cp %p /b/%f'\nArchive_Command 'cp %p ''/c/%f'''\n\
                    archive_commands = 'x'\n";
        assert_eq!(setting(file).as_deref(), Some("cp %p '/c/%f'"));
        assert_eq!(setting("archive_command = 'a\\'b'").as_deref(), Some(""));
        assert_eq!(setting("archive_command = 'open"), None);
        assert_eq!(setting("\u{e4}"), None);
    }
}
