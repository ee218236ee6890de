//! `pg_control` on its way: it waits below the mark's directory until nothing else is missing, and is then put in its
//! place (S3). It waits as `global/pg_control`, so that PostgreSQL's own programs can read it there.
//!
//! Promises: what waits was verified; where it stands in its place, it is on the disk, and so is all that came before.

use super::{
    errors::at_target,
    ledger::{Ledger, LedgerAccount, Line, Stamp},
    root::Root,
    work::CopyContext,
};
use crate::{domain::Failure, postgres::control::CONTROL_FILE};
use rustix::fs::Mode;
use std::{
    io::{self, Read, Write},
    path::Path,
};

/// Where it waits: [`crate::engine::STAGED_CONTROL`] and its own path.
pub(super) const STAGED: &str = ".howdah/control/global/pg_control";

/// Lets verified bytes wait; the next attempt finds them there, too.
pub(super) fn put(work: &CopyContext, content: &[u8]) -> Result<(), Failure> {
    let (root, staged) = (&work.places.data, Path::new(STAGED));
    let put = || -> io::Result<()> {
        root.create_directory(staged.parent().unwrap_or(staged))?;
        root.remove(staged)?;
        let mut file = root.create(staged)?;
        file.write_all(content)?;
        let stamp = Stamp::of(&rustix::fs::fstat(&file)?);
        work.ledger.add(&[Line::Verified(staged.to_owned(), stamp)])
    };
    put().map_err(|error| at_target("write", &root.path().join(staged), &error))
}

/// The bytes that wait.
pub(super) fn read(root: &Root) -> Result<Vec<u8>, Failure> {
    let staged = Path::new(STAGED);
    let mut bytes = Vec::new();
    let read = root.open_file(staged).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| at_target("read", &root.path().join(staged), &error))?;
    Ok(bytes)
}

/// Puts what waits in its place, durably. A second time changes nothing.
pub(super) fn install(root: &Root, account: &LedgerAccount, ledger: &Ledger) -> Result<(), Failure> {
    let path = Path::new(CONTROL_FILE);
    let failed = |error: io::Error| at_target("write", &root.path().join(path), &error);
    if account.complete && root.stat(path).map_err(failed)?.is_some() {
        return Ok(());
    }
    let waits = root.stat(Path::new(STAGED)).map_err(failed)?;
    let verified = account.verified.get(Path::new(STAGED));
    let Some(waits) = waits.filter(|waits| verified == Some(&Stamp::of(waits))) else {
        let cause = format!("{STAGED} in {} was altered after it was verified", root.path().display());
        return Err(Failure::incurable(cause, "find out by whom, then retry: it is copied again"));
    };
    let bytes = read(root)?;
    let write = || -> io::Result<()> {
        root.remove(path)?;
        let mut file = root.create(path)?;
        file.write_all(&bytes)?;
        // The group may read it if it may read the other files.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(waits.st_mode & 0o777))?;
        file.sync_all()?;
        rustix::fs::fsync(root.open_directory(Path::new("global"))?)?;
        let stamp = Stamp::of(&rustix::fs::fstat(&file)?);
        ledger.add(&[Line::Verified(path.to_owned(), stamp), Line::Durable, Line::Complete])?;
        ledger.sync()
    };
    write().map_err(failed)
}
