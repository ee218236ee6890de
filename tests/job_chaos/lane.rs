//! What the rounds of one thread have in common: a server, and a repository with earlier points.

use crate::{
    plan::Plan,
    round::Round,
    server::Server,
    support::{cluster::server_scratch, place::scratch},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The objects of the job.
pub(crate) const OBJECTS: [&str; 3] = ["c", "a", "b"];

/// A file or directory: its permissions, its time and the checksum of its content.
type Entry = (u32, i64, i64, u32);

/// The lane.
pub(crate) struct Lane {
    pub(crate) server: Server,
    pub(crate) repository: PathBuf,
    /// Every file of the points that were there before any round.
    earlier: BTreeMap<PathBuf, Entry>,
    /// How long a run takes that nobody disturbs.
    pub(crate) course: Duration,
}

impl Lane {
    /// Makes a server and a first point of each object.
    pub(crate) fn make() -> Self {
        let (server, repository) = (Server::make(), server_scratch("repository"));
        let mut lane = Self { server, repository, earlier: BTreeMap::new(), course: Duration::ZERO };
        let (plan, begun) = (Plan::undisturbed(), Instant::now());
        let mut round = Round::begin(&plan, &lane);
        let run = round.play(&plan, &lane).unwrap_or_else(|why| panic!("{why}\n{}", round.story()));
        let course = begun.elapsed();
        round.judge(&plan, &lane, &run).unwrap_or_else(|why| panic!("{why}\n{}", round.story()));
        round.end();
        lane.course = course;
        lane.earlier = OBJECTS.iter().flat_map(|object| contents(&lane.repository.join(object))).collect();
        lane
    }

    /// The points of an object that were not there before.
    pub(crate) fn new_points(&self, object: &str) -> Vec<String> {
        let folder = self.repository.join(object);
        let mut found = names(&folder);
        found.retain(|name| !self.earlier.contains_key(&folder.join(name)));
        found
    }

    /// What is not as it was in an earlier point (R36).
    pub(crate) fn altered(&self) -> Option<String> {
        let now: BTreeMap<PathBuf, Entry> =
            OBJECTS.iter().flat_map(|object| contents(&self.repository.join(object))).collect();
        let found = self.earlier.iter().find(|(path, entry)| now.get(*path) != Some(entry));
        found.map(|(path, _)| path.display().to_string())
    }

    /// Makes the repository what it was before the round.
    pub(crate) fn clear(&self) {
        for object in OBJECTS {
            for name in self.new_points(object) {
                fs::remove_dir_all(self.repository.join(object).join(name)).unwrap();
            }
        }
    }

    /// A place for one round.
    pub(crate) fn room() -> PathBuf {
        scratch("round")
    }
}

/// The names below a directory, those with a dot included.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All that stands below a directory of points; the directory itself changes with each new one.
fn contents(folder: &Path) -> Vec<(PathBuf, Entry)> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).into_iter().map(Result::unwrap);
    let entry = |entry: walkdir::DirEntry| {
        let about = entry.metadata().unwrap();
        let sum = if about.is_file() { crc32c::crc32c(&fs::read(entry.path()).unwrap()) } else { 0 };
        (entry.into_path(), (about.mode(), about.mtime(), about.mtime_nsec(), sum))
    };
    entries.map(entry).collect()
}
