//! How names and faults from disk become text.

pub(super) use crate::domain::instance::printable_name as name;

use crate::domain::instance::printable;
use std::{io, path::Path};

/// A path as it can be shown.
pub(super) fn path(raw: &Path) -> String {
    name(raw.as_os_str())
}

/// One printable sentence: what is wrong, and what to do about it.
pub(super) fn problem(cause: &str, advice: &str) -> String {
    printable(&format!("{cause}: {advice}"))
}

/// The sentence for something that the system refused.
pub(super) fn refused(what: &str, error: &io::Error) -> String {
    let advice = if error.kind() == io::ErrorKind::PermissionDenied {
        "let the user that runs howdah read it"
    } else if error.kind() == io::ErrorKind::NotFound {
        "put it back, or use another backup"
    } else {
        "look at the disk or the mount it lies on"
    };
    problem(&format!("{what} cannot be read ({error})"), advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    #[test]
    fn names_that_differ_are_shown_differently() {
        assert_eq!(name(OsStr::from_bytes(b"a\xffb\xfe")), "a\\xffb\\xfe");
        assert_eq!(name(OsStr::from_bytes(b"gr\xc3\xb6\x1b[2J")), "gr\u{f6}\\u{1b}[2J");
    }

    #[test]
    fn what_the_system_refuses_comes_with_what_to_do() {
        let shown = |number| refused("x", &io::Error::from_raw_os_error(number));
        assert_eq!(
            shown(13),
            "x cannot be read (Permission denied (os error 13)): let the user that runs howdah read it"
        );
        assert!(shown(2).ends_with("put it back, or use another backup"));
        assert!(shown(5).ends_with("look at the disk or the mount it lies on"));
    }
}
