//! Members of uncompressed tars, listed for an overlay.

use howdah::overlay::{Member, MemberKind};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Writes the list of the members of some archives, each below a directory.
pub(crate) fn list(to: &Path, archives: &[(&Path, &str)]) -> PathBuf {
    let mut out = File::create(to).unwrap();
    for (archive, below) in archives {
        let mut tar = tar::Archive::new(File::open(archive).unwrap());
        for entry in tar.entries().unwrap() {
            let entry = entry.unwrap();
            let kind = match entry.header().entry_type() {
                tar::EntryType::Directory => MemberKind::Directory,
                tar::EntryType::Regular => MemberKind::File {
                    archive: archive.to_path_buf(),
                    offset: entry.raw_file_position(),
                    length: entry.size(),
                },
                other => panic!("{other:?}"),
            };
            let path: PathBuf = Path::new(below).join(entry.path().unwrap()).components().collect();
            let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
            if path.as_os_str().is_empty() {
                continue;
            }
            let modified = i64::try_from(entry.header().mtime().unwrap()).unwrap();
            Member { path, modified, kind }.write(&mut out).unwrap();
        }
    }
    to.to_owned()
}
