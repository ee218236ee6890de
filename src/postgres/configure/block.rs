//! The marked block that a restore appends to a configuration file.
//!
//! Promises: whatever stood in the file still stands there, byte for byte; a second restore replaces the block instead
//! of adding another. The last setting of a name wins in PostgreSQL, so the block overrides. Never: no I/O.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

const BEGIN: &[u8] = b"# howdah begin: settings of this restored copy; remove this block to have the source's back";
const END: &[u8] = b"# howdah end";

/// How the first line of a block begins, whatever version wrote it.
const ANY_BEGIN: &[u8] = b"# howdah begin";

/// One setting and its value, which may be a path of any bytes.
pub(super) type Setting = (&'static str, Vec<u8>);

/// A setting whose value is text or a path.
pub(super) fn setting(name: &'static str, value: impl AsRef<OsStr>) -> Setting {
    (name, value.as_ref().as_bytes().to_vec())
}

/// The file with its block replaced by these settings; without settings there is no block.
pub(super) fn with_block(old: &[u8], settings: &[Setting]) -> Vec<u8> {
    let mut out = without_block(old);
    if settings.is_empty() {
        return out;
    }
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    out.extend_from_slice(BEGIN);
    out.push(b'\n');
    for setting in settings {
        out.extend_from_slice(&line(setting));
        out.push(b'\n');
    }
    out.extend_from_slice(END);
    out.push(b'\n');
    out
}

/// The file with these settings in its block, in place of those of the same names; a file without a block stays as it is.
pub(super) fn with_in_block(file: &[u8], settings: &[Setting]) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len());
    let mut in_block = false;
    for whole in file.split_inclusive(|byte| *byte == b'\n') {
        let bare = whole.trim_ascii_end();
        if bare == BEGIN {
            in_block = true;
        } else if in_block && bare == END {
            in_block = false;
            for setting in settings {
                out.extend_from_slice(&line(setting));
                out.push(b'\n');
            }
        } else if in_block && names(bare).iter().any(|name| settings.iter().any(|(own, _)| own == name)) {
            continue;
        }
        out.extend_from_slice(whole);
    }
    out
}

/// A setting as it stands in a configuration file, without the line feed.
pub(super) fn line((name, value): &Setting) -> Vec<u8> {
    let mut out = format!("{name} = '").into_bytes();
    quote_into(&mut out, value);
    out.push(b'\'');
    out
}

/// Where the last block of a restored copy begins in a configuration file.
pub fn block_at(file: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut last = None;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(ANY_BEGIN) {
            last = Some(at);
        }
        at += line.len();
    }
    last
}

/// The names that a configuration file sets, lower case; what it includes counts as `include`.
pub(super) fn names(file: &[u8]) -> Vec<String> {
    let lines = file.split(|byte| *byte == b'\n');
    let name = |line: &[u8]| {
        let line = line.trim_ascii_start();
        let end =
            line.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_' && *b != b'.').unwrap_or(line.len());
        String::from_utf8_lossy(&line[..end]).to_ascii_lowercase()
    };
    let plain = |name: String| if name.starts_with("include") { "include".to_owned() } else { name };
    lines.map(name).filter(|name| !name.is_empty()).map(plain).collect()
}

/// `guc-file.l`: a quote is doubled; a backslash begins an escape; a line feed cannot stand in a string as it is.
fn quote_into(out: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match byte {
            b'\'' => out.extend_from_slice(b"''"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(*other),
        }
    }
}

fn without_block(old: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(old.len());
    let mut inside = Vec::new();
    let mut in_block = false;
    for line in old.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii_end();
        if !in_block && bare == BEGIN {
            in_block = true;
        } else if in_block && bare == END {
            in_block = false;
            inside.clear();
        } else if in_block {
            inside.extend_from_slice(line);
        } else {
            out.extend_from_slice(line);
        }
    }
    // A begin without an end is not a block of ours: somebody edited it, and their lines stay.
    out.extend_from_slice(&inside);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_replaced_and_the_rest_stays() {
        let old = b"# Do not edit\nport = '5432'\nodd = '\xff'";
        let once = with_block(old, &[setting("port", "5433")]);
        assert!(once.starts_with(b"# Do not edit\nport = '5432'\nodd = '\xff'\n# howdah begin"));
        let twice = with_block(&once, &[setting("port", "5434"), setting("ssl", "off")]);
        let text = String::from_utf8_lossy(&twice);
        assert_eq!(text.matches("howdah begin").count(), 1);
        assert!(text.contains("port = '5434'\nssl = 'off'\n# howdah end\n") && !text.contains("5433"));
        assert_eq!(with_block(&twice, &[]), b"# Do not edit\nport = '5432'\nodd = '\xff'\n");
        assert_eq!(with_block(b"", &[]), b"");
    }

    #[test]
    fn a_setting_in_the_block_is_replaced_and_those_around_it_stay() {
        let file = with_block(b"ssl = 'on'\n", &[setting("port", "1"), setting("ssl", "off")]);
        let more = with_in_block(&file, &[setting("ssl", "on"), setting("fsync", "on")]);
        let text = String::from_utf8(more).unwrap_or_default();
        assert!(text.starts_with("ssl = 'on'\n# howdah begin"), "{text}");
        assert!(text.ends_with("\nport = '1'\nssl = 'on'\nfsync = 'on'\n# howdah end\n"), "{text}");
        assert_eq!(with_in_block(b"ssl = 'on'\n", &[setting("ssl", "off")]), b"ssl = 'on'\n");
    }

    #[test]
    fn a_block_is_found_where_it_begins() {
        let old = b"# Do not edit\nport = '5432'\n";
        let file = with_block(old, &[setting("port", "5433")]);
        assert_eq!(block_at(&file), Some(old.len()));
        assert_eq!(block_at(old), None);
        assert_eq!(block_at(b"x\n# howdah begin: of another version\n\n# howdah begin\n"), Some(38));
    }

    #[test]
    fn lines_of_an_unfinished_block_are_somebodys_and_stay() {
        let mut old = BEGIN.to_vec();
        old.extend_from_slice(b"\nwork_mem = '1GB'\n");
        assert_eq!(with_block(&old, &[]), b"work_mem = '1GB'\n");
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let text = with_block(b"", &[setting("data_directory", "/a'b\\c\nport = 1")]);
        assert!(String::from_utf8_lossy(&text).contains("data_directory = '/a''b\\\\c\\nport = 1'\n"));
    }

    #[test]
    fn names_are_found_as_postgresql_reads_them() {
        let file = b"# data_directory = 'x'\n  Data_Directory='/x'\ninclude_dir 'conf.d'\nhba_file '/y'\n\n=\n";
        assert_eq!(names(file), ["data_directory", "include", "hba_file"]);
    }
}
