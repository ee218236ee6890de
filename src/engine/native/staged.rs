//! `pg_control` on its way: it waits below the mark's directory until nothing else is missing, and is then put in its
//! place (S3). It waits as `global/pg_control`, so that PostgreSQL's own programs can read it there.
//!
//! Promises: what waits was verified; where it stands in its place, it is on the disk, and so is all that came before.

use super::{
    errors::at_target,
    ledger::{Ledger, LedgerAccount, Line, Stamp},
    mark_place::MarkPlace,
    root::Root,
    work::CopyContext,
};
use crate::{domain::Failure, engine::STAGED_CONTROL, postgres::control::CONTROL_FILE};
use rustix::fs::Mode;
use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// What the ledger calls it, wherever the mark stands.
pub(super) const STAGED: &str = ".howdah/control/global/pg_control";

/// Where it waits, from the root of the mark's place.
pub(super) fn path(place: &MarkPlace) -> PathBuf {
    place.within(STAGED_CONTROL).join(CONTROL_FILE)
}

/// Lets verified bytes wait; the next attempt finds them there, too.
pub(super) fn put(work: &CopyContext, content: &[u8]) -> Result<(), Failure> {
    let (root, staged) = (work.places.mark.root(), path(&work.places.mark));
    let put = || -> io::Result<()> {
        root.create_directory(staged.parent().unwrap_or(&staged))?;
        root.remove(&staged)?;
        let mut file = root.create(&staged)?;
        file.write_all(content)?;
        let stamp = Stamp::of(&rustix::fs::fstat(&file)?);
        work.ledger.add(&[Line::Verified(STAGED.into(), stamp)])
    };
    put().map_err(|error| at_target("write", &root.path().join(&staged), &error))
}

/// The bytes that wait.
pub(super) fn read(place: &MarkPlace) -> Result<Vec<u8>, Failure> {
    let (root, staged) = (place.root(), path(place));
    let mut bytes = Vec::new();
    let read = root.open_file(&staged).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| at_target("read", &root.path().join(&staged), &error))?;
    Ok(bytes)
}

/// Puts what waits in its place, durably. A second time changes nothing.
pub(super) fn install(root: &Root, place: &MarkPlace, account: &LedgerAccount, ledger: &Ledger) -> Result<(), Failure> {
    let control = Path::new(CONTROL_FILE);
    let failed = |error: io::Error| at_target("write", &root.path().join(control), &error);
    if account.complete && root.stat(control).map_err(failed)?.is_some() {
        return Ok(());
    }
    let waits = place.root().stat(&path(place)).map_err(failed)?;
    let verified = account.verified.get(Path::new(STAGED));
    let Some(waits) = waits.filter(|waits| verified == Some(&Stamp::of(waits))) else {
        let staged = place.root().path().join(path(place));
        let cause = format!("{} was altered after it was verified", staged.display());
        return Err(Failure::incurable(cause, "find out by whom, then retry: it is copied again"));
    };
    let bytes = read(place)?;
    let write = || -> io::Result<()> {
        root.remove(control)?;
        let mut file = root.create(control)?;
        file.write_all(&bytes)?;
        // The group may read it if it may read the other files.
        rustix::fs::fchmod(&file, Mode::from_raw_mode(waits.st_mode & 0o777))?;
        file.sync_all()?;
        rustix::fs::fsync(root.open_directory(Path::new("global"))?)?;
        let stamp = Stamp::of(&rustix::fs::fstat(&file)?);
        ledger.add(&[Line::Verified(control.to_owned(), stamp), Line::Durable, Line::Complete])?;
        ledger.sync()
    };
    write().map_err(failed)
}
