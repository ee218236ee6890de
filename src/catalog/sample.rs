//! The sample repository: real backups of three small clusters, embedded in the binary (`assets/sample/make.sh`).
//!
//! Promises: it is unpacked once for each state directory and version of the sample, whole or not at all, whoever else
//! does the same at that moment; what it writes stays below the state directory. Never: removes an older sample, since
//! a session may still be restoring from it.

use super::wording;
use crate::postgres::compression;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The packed sample.
static PACKED: &[u8] = include_bytes!("../../assets/sample/sample.tar.zst");

/// Its SHA-256 in hex, made beside it by the script.
const SHA256: &str = include_str!("../../assets/sample/sample.sha256");

/// Of the SHA-256, what tells the samples of different builds apart.
const NAME_DIGITS: usize = 12;

/// Unpacks the sample below `state_dir`, unless it is there, and returns the repository's path.
pub fn unpack(state_dir: &Path) -> io::Result<PathBuf> {
    /// Two threads of one process must not share a temporary directory either.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("sample-{}", &SHA256[..NAME_DIGITS]);
    let home = state_dir.join(&name);
    if home.is_dir() {
        return Ok(home);
    }
    private().recursive(true).create(state_dir)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let beside = state_dir.join(format!("{name}.{}-{number}.tmp", process::id()));
    // What a killed process with the same id left behind.
    if beside.exists() {
        fs::remove_dir_all(&beside)?;
    }
    let done = unpack_into(&beside).and_then(|()| fs::rename(&beside, &home));
    if let Err(error) = done {
        // The first error is the one worth telling; what is left of the directory is small and does no harm.
        fs::remove_dir_all(&beside).unwrap_or_default();
        // A directory in that place can only be the work of another process that was faster.
        return if home.is_dir() { Ok(home) } else { Err(error) };
    }
    File::open(state_dir)?.sync_all()?;
    Ok(home)
}

fn unpack_into(directory: &Path) -> io::Result<()> {
    private().create(directory)?;
    let (_, plain) = compression::unpack(PACKED)?;
    write_entries(tar::Archive::new(plain), directory)
}

/// Writes the members of an archive below `directory`: plain files and directories with plain names, nothing else.
fn write_entries<R: io::Read>(mut archive: tar::Archive<R>, directory: &Path) -> io::Result<()> {
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(strange(&path));
        }
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            private().create(directory.join(&path))?;
        } else if kind.is_file() {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.join(&path))?;
            io::copy(&mut entry, &mut file)?;
            // The rename must never be on disk before the bytes are: the directory's name says that it is whole.
            file.sync_all()?;
        } else {
            return Err(strange(&path));
        }
    }
    Ok(())
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn strange(path: &Path) -> io::Error {
    let what = format!("the sample holds {}, which is no plain file or directory", wording::path(path));
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{
        catalog::{Catalog, RepositoryKind, RepositoryPath, read},
        domain::{BackupForm, BackupSource, Compression, MajorVersion, RestorePoint},
    };
    use sha2::{Digest, Sha256};
    use std::thread;

    fn sample() -> (tempfile::TempDir, Catalog) {
        let state = tempfile::tempdir().unwrap();
        let path = unpack(&state.path().join("new")).unwrap();
        (state, read(&[RepositoryPath::sample(path)]))
    }

    #[test]
    fn the_checked_in_digest_is_that_of_the_checked_in_sample() {
        let recorded: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&SHA256[at..at + 2], 16).unwrap()).collect();
        assert_eq!(recorded[..], Sha256::digest(PACKED)[..], "run assets/sample/make.sh, which writes both");
        assert!(PACKED.len() <= 6 << 20);
    }

    fn form_of(point: &RestorePoint) -> BackupForm {
        match point.source {
            BackupSource::BaseBackup { form, .. } => form,
            BackupSource::Incremental { .. } | BackupSource::PgBackRest { .. } | BackupSource::Barman { .. } => {
                panic!("{point:?}")
            }
        }
    }

    #[test]
    fn the_sample_has_three_instances_and_each_form_of_archive() {
        let (_state, catalog) = sample();
        let point = |name| -> RestorePoint { catalog.named(name)[0].newest().unwrap().clone() };
        assert_eq!(catalog.rows().filter_map(|(_, row)| row.problem()).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(catalog.instances.len(), 3);
        assert!(catalog.instances.iter().all(|instance| instance.kind == RepositoryKind::Sample));
        assert_eq!(form_of(&point("orders")), BackupForm::Tar(Compression::Zstd));
        assert_eq!(form_of(&point("crm")), BackupForm::Tar(Compression::Gzip));
        assert_eq!(form_of(&point("depot")), BackupForm::Tar(Compression::None));
        for name in ["orders", "crm", "depot"] {
            let facts = point(name).facts;
            assert_eq!(facts.version, Some(MajorVersion(15)), "{name}");
            assert!(facts.system_identifier.is_some() && facts.start_lsn < facts.stop_lsn, "{name}");
        }
    }

    #[test]
    fn the_restore_points_of_the_sample_come_newest_first() {
        let (_state, catalog) = sample();
        let points: Vec<_> = catalog.named("orders")[0].points().collect();
        assert!(points.len() == 2 && points[0].facts.taken_at > points[1].facts.taken_at);
        assert!(points[0].facts.start_lsn > points[1].facts.start_lsn);
    }

    #[test]
    fn racing_for_the_sample_gives_everyone_the_same_whole_one() {
        let state = tempfile::tempdir().unwrap();
        let homes: Vec<PathBuf> = thread::scope(|scope| {
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(|| unpack(state.path()).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(homes.iter().all(|home| *home == homes[0]));
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "no temporary directory is left");
        assert_eq!(read(&[RepositoryPath::sample(&homes[0])]).rows().count(), 4);
    }

    #[test]
    fn an_entry_that_would_leave_the_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.as_mut_bytes()[..7].copy_from_slice(b"../away");
        header.set_cksum();
        let escape = header.as_bytes().to_vec();
        header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_path("link").unwrap();
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        for bytes in [escape, header.as_bytes().to_vec()] {
            let error = write_entries(tar::Archive::new(bytes.as_slice()), directory.path()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
