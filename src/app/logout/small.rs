//! Reading the small files in which a system says how it is set up.

use std::{fs::File, io::Read, path::Path};

/// The text of a small file; nothing where there is none. What the system writes about itself is far shorter than
/// what is read here.
pub(super) fn small(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut bytes));
    if read.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}
