//! Taking places, all or none, and giving them back.

use super::{
    ClaimError, Claimant,
    directory::{self, ExistingClaim},
    file::{self, ClaimFile},
    filesystem::filesystem_of,
    record::{Claim, Own},
    shared_room,
};
use crate::domain::{HeldDirectory, Hold};
use std::{
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use uuid::Uuid;

/// Two sessions that claim places in each other in the same instant see each other and both step back; after this, times
/// one to four by chance, each tries once more.
const STEP_BACK: Duration = Duration::from_millis(20);

/// What is known of the state directory in whose name places are claimed.
pub struct ClaimScope<'a> {
    /// The user and group that directories are made for, when those are not ours.
    pub owner: Option<(u32, u32)>,
    /// Whether a claim of this state directory means nothing any more. Never asked of another one's.
    pub is_stale: &'a dyn Fn(&Claim) -> bool,
    /// Where ports are claimed; the machine's own place but in tests.
    pub ports: Option<&'a Path>,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct TakenClaims {
    /// The directories, each with its file system.
    pub directories: Vec<HeldDirectory>,
    /// Why a port could not be claimed, though it may be used: one sentence.
    pub unclaimed: Option<String>,
}

/// Claims all places, or none. What the session has claimed already stays its own.
pub fn take(holds: &[Hold], claimant: &Claimant, scope: &ClaimScope<'_>) -> Result<TakenClaims, ClaimError> {
    match take_once(holds, claimant, scope) {
        Err(ClaimError::Held { .. }) => {
            let chance = u32::from(claimant.session.as_bytes()[15] % 4) + 1;
            thread::sleep(STEP_BACK * chance);
            take_once(holds, claimant, scope)
        }
        settled => settled,
    }
}

/// Refuses where somebody else has claimed one of these places, or a directory above or below one.
pub fn refuse_if_held(holds: &[Hold], own: &Own, ports: Option<&Path>) -> Result<(), ClaimError> {
    refuse_unless(holds, &|claim| own.has(claim), ports)
}

/// Whether any session has claimed this place, or a directory above or below it.
pub fn is_held(hold: &Hold) -> bool {
    matches!(refuse_unless(std::slice::from_ref(hold), &|_| false, None), Err(ClaimError::Held { .. }))
}

fn refuse_unless(holds: &[Hold], is_ours: &dyn Fn(&Claim) -> bool, ports: Option<&Path>) -> Result<(), ClaimError> {
    for hold in holds {
        let mut existing = existing_claims(hold, ports)?;
        if let Hold::Directory(directory) = hold {
            existing.extend(directory::claims_above(directory, hold)?);
            // Whoever claimed a directory below this one looked above itself then, and saw nobody.
            existing.extend(directory::claims_below(directory));
        }
        refuse_others(hold, existing, is_ours)?;
    }
    Ok(())
}

/// Gives back what this session has claimed of these places.
pub fn release(holds: &[Hold], session: Uuid, state: &Path, ports: Option<&Path>) -> Result<(), ClaimError> {
    // The claim of a directory may stand in one that was made for another: from the last to the first.
    for hold in holds.iter().rev() {
        let unfinished: Vec<PathBuf> = match hold {
            Hold::Directory(directory) => directory::claim_paths(directory).collect(),
            Hold::Port(port) => vec![shared_room::of_port(room(ports), *port)],
            Hold::Object(object) => vec![shared_room::of_object(room(ports), object)],
        };
        for path in unfinished {
            file::remove_unfinished(&path, session).map_err(ClaimError::io("remove", &path))?;
        }
        for ExistingClaim { path, claim, file } in existing_claims(hold, ports)? {
            if claim.is_of(session, state) {
                file::remove_claim(&path, &file).map_err(ClaimError::io("remove", &path))?;
                directory::remove_made(&claim.created)?;
            }
        }
    }
    Ok(())
}

fn take_once(holds: &[Hold], claimant: &Claimant, scope: &ClaimScope<'_>) -> Result<TakenClaims, ClaimError> {
    let state = &claimant.holder.state;
    let mut taken = TakenClaims::default();
    let give_back = |error: ClaimError| {
        // What cannot be given back is reported by the error that follows from it, at the next order.
        release(holds, claimant.session, state, scope.ports).map_or_else(|second| second, |()| error)
    };
    for hold in holds {
        claim_one(hold, claimant, scope, &mut taken).map_err(give_back)?;
    }
    // Only now: whoever claims a directory above or below one of these sees ours, or is seen here.
    let is_ours =
        |claim: &Claim| claim.is_of(claimant.session, state) || (claim.is_kept_in(state) && (scope.is_stale)(claim));
    refuse_unless(holds, &is_ours, scope.ports).map_err(give_back)?;
    for directory in holds.iter().filter_map(Hold::directory) {
        let filesystem = filesystem_of(directory).map_err(ClaimError::io("look at", directory)).map_err(give_back)?;
        taken.directories.push(HeldDirectory { directory: directory.to_owned(), filesystem });
    }
    Ok(taken)
}

fn claim_one(
    hold: &Hold,
    claimant: &Claimant,
    scope: &ClaimScope<'_>,
    taken: &mut TakenClaims,
) -> Result<(), ClaimError> {
    let state = &claimant.holder.state;
    loop {
        let mut own = false;
        for existing in existing_claims(hold, scope.ports)? {
            let ExistingClaim { path, claim, file } = existing;
            if claim.is_of(claimant.session, state) {
                own = true;
            } else if claim.is_kept_in(state) && (scope.is_stale)(&claim) && file.try_lock().is_ok() {
                // Nobody works under it, and nobody begins to while it is locked here.
                file::remove_claim(&path, &file).map_err(ClaimError::io("remove", &path))?;
            } else {
                refuse_others(hold, vec![ExistingClaim { path, claim, file }], &|_| false)?;
            }
        }
        if own {
            return Ok(());
        }
        let (path, created) = match hold {
            Hold::Directory(directory) => directory::place_for(directory, scope.owner)?,
            Hold::Port(port) => (shared_room::of_port(room(scope.ports), *port), Vec::new()),
            Hold::Object(object) => (shared_room::of_object(room(scope.ports), object), Vec::new()),
        };
        if hold.directory().is_none() {
            let room = room(scope.ports);
            // Where it cannot be claimed it can be used all the same; whoever comes second learns of it later.
            if let Err(error) = shared_room::make_room(room).and_then(|()| remove_abandoned(&path)) {
                let why = format!("{} cannot be used: {error}", room.display());
                taken.unclaimed = Some(format!("{hold} could not be claimed for this session: {why}"));
                return Ok(());
            }
        }
        let made_in = path.parent().unwrap_or(&path);
        let claim = Claim::new(claimant, hold, made_in, created.clone()).map_err(ClaimError::io("look at", made_in))?;
        remove_copy(&path)?;
        match file::create(&path, &claim) {
            Ok(true) => return Ok(()),
            // Somebody else was faster: see who.
            Ok(false) => {}
            Err(error) => {
                directory::remove_made(&created)?;
                return Err(ClaimError::io("claim with", &path)(error));
            }
        }
    }
}

/// The claim of a port or object whose state directory is no more stands in the way of the next one.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    match file::read(path)? {
        ClaimFile::Claim(claim, file) if claim.is_abandoned() => file::remove_claim(path, &file),
        ClaimFile::Claim(..) | ClaimFile::Nothing | ClaimFile::Unreadable(_) => Ok(()),
    }
}

/// A claim that was copied here along with its directory holds nothing, but stands in the way.
fn remove_copy(path: &Path) -> Result<(), ClaimError> {
    let ClaimFile::Claim(claim, file) = file::read(path).map_err(ClaimError::io("read", path))? else { return Ok(()) };
    if path.parent().is_some_and(|stands_in| claim.stands_in(stands_in)) {
        return Ok(());
    }
    file::remove_claim(path, &file).map_err(ClaimError::io("remove", path))
}

/// The claims of exactly this place, but for ports and objects that were given up with their state directory.
fn existing_claims(hold: &Hold, ports: Option<&Path>) -> Result<Vec<ExistingClaim>, ClaimError> {
    let path = match hold {
        Hold::Directory(directory) => return directory::claims_of(directory, hold),
        Hold::Port(port) => shared_room::of_port(room(ports), *port),
        Hold::Object(object) => shared_room::of_object(room(ports), object),
    };
    match file::read(&path).map_err(ClaimError::io("read", &path))? {
        ClaimFile::Nothing => Ok(Vec::new()),
        ClaimFile::Claim(claim, _) if claim.is_abandoned() => Ok(Vec::new()),
        ClaimFile::Claim(claim, file) => Ok(vec![ExistingClaim { path, claim, file }]),
        ClaimFile::Unreadable(problem) => Err(ClaimError::Unreadable { wanted: hold.clone(), file: path, problem }),
    }
}

/// Where ports and objects are claimed.
fn room(named: Option<&Path>) -> &Path {
    named.unwrap_or(Path::new(shared_room::ROOM))
}

fn refuse_others(
    hold: &Hold,
    existing: Vec<ExistingClaim>,
    is_ours: &dyn Fn(&Claim) -> bool,
) -> Result<(), ClaimError> {
    match existing.into_iter().find(|existing| !is_ours(&existing.claim)) {
        None => Ok(()),
        Some(ExistingClaim { path, claim, file }) => {
            let worker = file::lock_holder(&file);
            Err(ClaimError::Held { wanted: hold.clone(), by: claim, worker, file: path })
        }
    }
}
