//! What damages call files and archives: printable, and relative to the cluster's data directory.

use crate::domain::instance::printable_name;
use std::path::Path;

/// A path as damages name it.
pub(super) fn name_of(path: &Path) -> String {
    printable_name(path.as_os_str())
}

/// An archive as damages name it.
pub(super) fn archive_name(path: &Path) -> String {
    printable_name(path.file_name().unwrap_or_default())
}
