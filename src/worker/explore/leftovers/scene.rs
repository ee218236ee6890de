//! One place as it is found: its mark, its claim, what is mounted and what works there. Nothing is judged here.

use super::{
    super::{
        overlay,
        scratch::{self, Stands},
    },
    AskStanding, judge,
    processes::{self, Processes},
};
use crate::{
    domain::{ByteCount, Failure, Remnant, RemnantKind, Timestamp, Verdict, path_text::shown},
    engine::{
        claim::{self, ClaimError, FoundClaim},
        watched::Heartbeat,
    },
    overlay::{Mounted, mounted_below, mounts_named},
    postgres::server::{classify, isolation},
    worker::server::isolation_name,
};
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// So many files are counted in a second on a slow disk; a session leaves a few thousand, unless it had copied a cluster.
const MOST_FILES: usize = 200_000;

/// All that there is to see of a place.
pub(super) struct Scene {
    pub(super) place: PathBuf,
    pub(super) stands: Stands,
    pub(super) claims: Result<Vec<FoundClaim>, ClaimError>,
    /// The session, by its mark or else by its claim.
    pub(super) session: Option<Uuid>,
    /// What bears the name of the session's overlay, wherever it is mounted.
    pub(super) named: Vec<Mounted>,
    /// Whatever is mounted in the place.
    pub(super) mounts: Vec<PathBuf>,
    /// Where the overlay of the session belongs, without links.
    pub(super) files: PathBuf,
    pub(super) processes: Processes,
    sockets: Vec<PathBuf>,
    bytes: ByteCount,
}

impl Scene {
    /// Looks at a place; `None` where nothing is there.
    pub(super) fn of(place: &Path, heartbeat: &Heartbeat) -> Result<Option<Self>, Failure> {
        let failed = |error: io::Error| classify::of_io(&format!("looking at {}", shown(place)), &error);
        // The mark first, and who is asked about it afterwards: whoever has marked it was stored before.
        let stands = scratch::stands(place).map_err(failed)?;
        let claims = claim::found_on(place);
        if matches!((&stands, &claims), (Stands::Nothing, Ok(claims)) if claims.is_empty()) {
            return Ok(None);
        }
        let claimed = claims.as_ref().ok().and_then(|claims| claims.first());
        let session = match &stands {
            Stands::Marked { mark, .. } => Some(mark.session),
            Stands::Empty | Stands::Nothing | Stands::Foreign(_) => claimed.map(|found| found.claim.session),
        };
        let real = real(place).map_err(failed)?;
        let mounts = match &stands {
            Stands::Marked { .. } | Stands::Empty => {
                mounted_below(&real).map_err(|error| failed(io::Error::other(error.to_string())))?
            }
            Stands::Nothing | Stands::Foreign(_) => Vec::new(),
        };
        let named = session.map(|session| mounts_named(&overlay::name(session))).transpose();
        let named = named.map_err(|error| failed(io::Error::other(error.to_string())))?.unwrap_or_default();
        let processes = match session {
            Some(_) => processes::of(&real).map_err(failed)?,
            None => Processes::default(),
        };
        let data = [place.join("files/data"), real.join("files/data")];
        let sockets = session.map(|session| sockets(session, &data)).transpose().map_err(failed)?.unwrap_or_default();
        let bytes = match &stands {
            Stands::Marked { .. } | Stands::Empty => occupied(&real, &mounts, heartbeat),
            Stands::Nothing | Stands::Foreign(_) => ByteCount(0),
        };
        let (place, files) = (place.to_owned(), real.join("files"));
        Ok(Some(Self { place, stands, claims, session, named, mounts, files, processes, sockets, bytes }))
    }

    /// The claim, if there is exactly one.
    pub(super) fn claim(&self) -> Option<&FoundClaim> {
        match self.claims.as_deref() {
            Ok([claim]) => Some(claim),
            Ok(_) | Err(_) => None,
        }
    }

    /// The state directory of the session, as who holds the place writes it.
    fn state(&self) -> Option<PathBuf> {
        let marked = || match &self.stands {
            Stands::Marked { mark, .. } => Some(mark.state.clone()),
            Stands::Nothing | Stands::Empty | Stands::Foreign(_) => None,
        };
        self.claim().map(|found| found.claim.holder.state.clone()).or_else(marked)
    }

    /// Whether nothing is left but the claim.
    pub(super) fn is_cleared(&self) -> bool {
        let Processes { servers, overlays, foreign } = &self.processes;
        matches!(self.stands, Stands::Nothing)
            && self.named.is_empty()
            && self.sockets.is_empty()
            && servers.is_empty()
            && overlays.is_empty()
            && foreign.is_none()
    }

    /// With what may be done with it.
    pub(super) fn judged(self, standing: &AskStanding) -> Remnant {
        let verdict = judge::judge(&self, standing);
        let since = match &self.stands {
            Stands::Marked { since, .. } => Timestamp::try_from(*since).ok(),
            Stands::Nothing | Stands::Empty | Stands::Foreign(_) => None,
        };
        let pids = |marks: &[crate::domain::fact::ProcessMark]| marks.iter().map(|mark| mark.pid).collect();
        Remnant {
            kind: RemnantKind::Scratch,
            session: self.session,
            state: self.state(),
            since: self.claim().map(|found| found.claim.since).or(since),
            bytes: self.bytes,
            servers: pids(&self.processes.servers),
            overlays: pids(&self.processes.overlays),
            verdict,
            place: self.place,
            mounts: self.mounts,
            sockets: self.sockets,
        }
    }
}

/// A place that cannot be looked at.
pub(super) fn out_of_sight(place: &Path, failure: &Failure) -> Remnant {
    Remnant::plain(RemnantKind::Scratch, place, Verdict::OutOfSight(failure.to_string()))
}

/// The place without links above it; its own name stays, since a link there is not followed.
fn real(place: &Path) -> io::Result<PathBuf> {
    match (place.parent(), place.file_name()) {
        (Some(above), Some(name)) => Ok(above.canonicalize()?.join(name)),
        (_, _) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The private directories of the session's server. One whose socket is of other data is another session's.
fn sockets(session: Uuid, data: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let made = isolation::made_under(&isolation_name(session))?.into_iter();
    let is_its = |directory: &PathBuf| match isolation::data_of(directory) {
        Ok(of) => of.is_none_or(|of| data.contains(&of)),
        // Another user's.
        Err(_) => false,
    };
    Ok(made.filter(is_its).collect())
}

/// What the files occupy, but for what is mounted between them: that may be served by nobody, and even to open its root is
/// to wait for ever. What vanishes meanwhile counts nothing.
pub(super) fn occupied(place: &Path, mounts: &[PathBuf], heartbeat: &Heartbeat) -> ByteCount {
    /// st_blocks counts these, whatever the file system's own are (stat(2)).
    const BLOCK: u64 = 512;
    let (mut blocks, mut files) = (0, 0);
    let mut directories = vec![place.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok) {
            heartbeat.beat();
            let path = entry.path();
            if mounts.contains(&path) {
                continue;
            }
            let Ok(about) = entry.metadata() else { continue };
            blocks += about.blocks();
            files += 1;
            if files == MOST_FILES {
                return ByteCount(blocks * BLOCK);
            }
            if about.is_dir() {
                directories.push(path);
            }
        }
    }
    ByteCount(blocks * BLOCK)
}
