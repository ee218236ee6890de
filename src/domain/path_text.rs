//! Paths in sentences, and paths in commands that a person may copy.

use super::instance::{printable, printable_name};
use std::{os::unix::ffi::OsStrExt, path::Path};

/// A path as it can be shown.
pub fn shown(path: &Path) -> String {
    printable_name(path.as_os_str())
}

/// A path as a shell takes it, whatever it is made of (bash and zsh know the form with `$`).
pub fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(byte);
    match path.to_str() {
        Some(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) if printable(text) == text => format!("'{}'", text.replace('\'', r"'\''")),
        Some(_) | None => format!("$'{}'", bytes.iter().copied().map(escaped).collect::<String>()),
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        0x20..=0x7e => char::from(byte).into(),
        _ => format!("\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{ffi::OsStr, process::Command};

    #[test]
    fn a_quoted_path_comes_back_whole_from_a_shell() {
        for bytes in [
            &b"/srv/pg-15_a.b"[..],
            b"/srv/with space",
            b"/srv/it's $HOME `id` \"x\" \\ * ~",
            "/srv/größe".as_bytes(),
            b"/srv/\x1b[2J'\\\n\t\x7f",
            b"/srv/\xff\xfe1",
            "/srv/a\u{202e}b".as_bytes(),
            b"",
        ] {
            let path = Path::new(OsStr::from_bytes(bytes));
            let typed = quoted(path);
            assert_eq!(printable(&typed), typed);
            let output = Command::new("bash").args(["-c", &format!("printf %s {typed}")]).output().unwrap();
            assert_eq!(output.stdout, bytes, "{typed}");
        }
        assert_eq!(quoted(Path::new("/srv/pg")), "/srv/pg");
        assert_eq!(shown(Path::new("/srv/\u{1b}")), "/srv/\\u{1b}");
    }
}
