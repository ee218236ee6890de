//! The restore points of one machine's folder in a repository, as a list shows them.
//!
//! Promises: only looks, at records and the lengths of files; what cannot be read or gone on from is there with the reason,
//! and hides no other (S10). What is printable says so; the disks themselves are compared when they are restored.

use super::point::{self, FoundPoint};
use crate::domain::{
    ByteCount, Timestamp,
    instance::{printable, printable_name},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A directory that bears the record of a machine's restore point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPoint {
    /// The directory's name, not yet safe to show; printable where it is not UTF-8.
    pub label: String,
    /// The directory.
    pub path: PathBuf,
    /// What its record says; a printable sentence where that cannot be read.
    pub facts: Result<PointFacts, String>,
}

/// What the record of a point says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointFacts {
    /// The machine's name at libvirt when it was backed up, printable.
    pub machine: String,
    /// When its backup began: the disks are those of that moment.
    pub taken_at: Timestamp,
    /// The bytes of all files that a restore reads.
    pub size: ByteCount,
    /// Whether it holds all of the machine's disks, or what was written since the point before.
    pub is_full: bool,
    /// How many points before it a restore reads as well; 0 where they are not all there.
    pub increments: u64,
    /// Why it cannot be restored, a printable sentence: a point that it rests on is gone, a file has another length.
    pub problem: Option<String>,
}

/// The restore points of a folder, by their names. What bears no record of one is passed over.
pub fn list(folder: &Path) -> io::Result<Vec<ListedPoint>> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_point = fs::symlink_metadata(entry.path().join(point::POINT)).is_ok();
        // What begins with a dot is being made or removed.
        if is_point && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            directories.push(entry.path());
        }
    }
    directories.sort();
    let points = point::find(directories.iter().map(PathBuf::as_path));
    Ok(directories.iter().map(|path| listed(path, &points)).collect())
}

fn listed(path: &Path, points: &[FoundPoint]) -> ListedPoint {
    let name = path.file_name().unwrap_or_default();
    let label = name.to_str().map_or_else(|| printable_name(name), str::to_owned);
    let found = points.iter().find(|point| point.path == path);
    let unread = || format!("{} in it is not whole, or was written by a newer howdah", point::POINT);
    ListedPoint { label, path: path.to_owned(), facts: found.map(|found| facts(found, points)).ok_or_else(unread) }
}

fn facts(point: &FoundPoint, points: &[FoundPoint]) -> PointFacts {
    let (chain, problem) = match point::chain(points, point) {
        Ok(chain) => (chain, None),
        Err(why) => (vec![point], Some(printable(&why))),
    };
    PointFacts {
        machine: printable(&point.record.machine),
        taken_at: point.record.started,
        size: ByteCount(point::bytes_of(&chain)),
        is_full: point.record.rests_on.is_none(),
        increments: chain.len() as u64 - 1,
        problem,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    fn write(point: &FoundPoint) {
        point::write(&point.path, point::POINT, &point.record).unwrap();
    }

    #[test]
    fn each_point_is_listed_with_what_it_rests_on_and_what_is_wrong_with_it() {
        let place = tempfile::tempdir().unwrap();
        let mut points = Vec::new();
        for (number, on) in [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(9))] {
            points.push(point::tests::point(place.path(), number, on));
        }
        points[1].record.machine = "a\u{1b}[2J".to_owned();
        points.iter().for_each(write);
        for name in ["bad", "other", ".incoming-1"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        for name in ["bad", ".incoming-1"] {
            fs::write(place.path().join(name).join(point::POINT), "{").unwrap();
        }
        let listed = list(place.path()).unwrap();
        let labels: Vec<_> = listed.iter().map(|point| point.label.as_str()).collect();
        assert_eq!(labels, ["bad", "p1", "p2", "p3", "p4"]);
        assert!(listed[0].facts.as_ref().unwrap_err().contains("is not whole"));
        let facts = |at: usize| listed[at].facts.clone().unwrap();
        assert_eq!((facts(1).increments, facts(2).increments, facts(3).increments), (0, 1, 2));
        assert_eq!((facts(1).size, facts(3).size, facts(3).problem), (ByteCount(3), ByteCount(9), None));
        assert_eq!((facts(1).taken_at, facts(2).machine), (points[0].record.started, "a\\u{1b}[2J".to_owned()));
        assert_eq!((facts(1).is_full, facts(2).is_full, facts(4).is_full), (true, false, false));
        assert_eq!(facts(4).problem.unwrap(), "p4 rests on p9, which is gone");
        fs::remove_dir_all(&points[0].path).unwrap();
        let problem = list(place.path()).unwrap()[2].facts.clone().unwrap().problem;
        assert_eq!(problem.unwrap(), "p2 rests on p1, which is gone", "told of each that rests on it");
    }
}
