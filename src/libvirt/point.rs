//! What a restore point of a machine says of itself, and which points rest on which.
//!
//! A point is a directory: a qcow2 file for each disk, libvirt's description of the machine, and this record. The file of
//! an increment names that of the point before it, `../LABEL/DISK.qcow2`, as its backing file.
//!
//! Promises: a name in a record that leads out of the repository's directory makes it no record; a chain that is called
//! whole has all its files, each as long as it was.

use crate::{
    domain::{InstanceName, JobId, Timestamp},
    postgres::configure::DataDirectory,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The version of both records that this build writes.
pub(crate) const VERSION: u32 = 1;

/// The record's name in a point.
pub(crate) const POINT: &str = crate::domain::point_mark::MACHINE_RECORD;

/// The same in a directory in which one is being made: what was asked of libvirt.
pub(crate) const BEGUN: &str = "howdah_begun.json";

/// libvirt's description of the machine.
pub(crate) const XML: &str = "machine.xml";

/// A machine has few disks; what is longer is no record.
const MAX_LEN: u64 = 1 << 20;

/// What stands in [`POINT`]. A later version may add fields; those that stand here stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachinePoint {
    pub(crate) version: u32,
    pub(crate) job: InstanceName,
    pub(crate) run: JobId,
    pub(crate) run_uuid: Uuid,
    pub(crate) session: Uuid,
    pub(crate) object: InstanceName,
    pub(crate) by: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) finished: Timestamp,
    /// The machine's name and UUID at libvirt.
    pub(crate) machine: String,
    pub(crate) uuid: String,
    /// The checkpoint that the next increment is made from.
    pub(crate) checkpoint: String,
    /// The point that this one is an increment of; `None` for a full one.
    pub(crate) rests_on: Option<RestsOn>,
    pub(crate) disks: Vec<DiskFile>,
    /// SHA-256 of [`XML`], in hexadecimal digits.
    pub(crate) xml_sha256: String,
}

/// The point before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestsOn {
    pub(crate) label: String,
    pub(crate) session: Uuid,
}

/// The file of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiskFile {
    /// Its name in the guest.
    pub(crate) name: String,
    /// The bytes that the guest sees.
    pub(crate) capacity: u64,
    /// The bytes of the file.
    pub(crate) bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: String,
}

/// What stands in [`BEGUN`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) version: u32,
    pub(crate) session: Uuid,
    pub(crate) machine: String,
    pub(crate) uuid: String,
    pub(crate) checkpoint: String,
    pub(crate) started: Timestamp,
    pub(crate) rests_on: Option<RestsOn>,
    /// Each disk and the bytes that the guest sees.
    pub(crate) disks: Vec<(String, u64)>,
}

/// A point that is there.
#[derive(Debug, Clone)]
pub(crate) struct FoundPoint {
    pub(crate) label: String,
    pub(crate) path: PathBuf,
    pub(crate) record: MachinePoint,
}

/// The name of a disk's file.
pub(crate) fn file_of(disk: &str) -> String {
    format!("{disk}.qcow2")
}

/// The points of machines among directories; what has no such record is passed over.
pub(crate) fn find<'a>(directories: impl IntoIterator<Item = &'a Path>) -> Vec<FoundPoint> {
    directories.into_iter().filter_map(at).collect()
}

/// The point that a directory is.
pub(crate) fn at(path: &Path) -> Option<FoundPoint> {
    let record: MachinePoint = read(path, POINT)?;
    let label = path.file_name()?.to_str()?.to_owned();
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_sound = record.version <= VERSION && record.disks.iter().all(|disk| is_name(&disk.name));
    is_sound.then(|| FoundPoint { label, path: path.to_owned(), record })
}

/// A record in a directory; what cannot be read as one is none.
pub(crate) fn read<T: DeserializeOwned>(directory: &Path, name: &str) -> Option<T> {
    let text = DataDirectory::open(directory).ok()?.read(name, MAX_LEN).ok()??;
    serde_json::from_slice(&text).ok()
}

/// Puts a record in place, durably.
pub(crate) fn write<T: Serialize>(directory: &Path, name: &str, record: &T) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    DataDirectory::open(directory)?.replace(name, &text, None)
}

/// The point and those that it rests on, the full one last; or why it cannot be gone on from.
pub(crate) fn chain<'a>(points: &'a [FoundPoint], newest: &'a FoundPoint) -> Result<Vec<&'a FoundPoint>, String> {
    let mut chain = vec![newest];
    let mut at = newest;
    loop {
        for disk in &at.record.disks {
            let path = at.path.join(file_of(&disk.name));
            let is_there = fs::symlink_metadata(&path).is_ok_and(|about| about.is_file() && about.len() == disk.bytes);
            if !is_there {
                return Err(format!("the file of {} in {} is gone or of another length", disk.name, at.label));
            }
        }
        let Some(before) = &at.record.rests_on else { return Ok(chain) };
        let is_meant = |point: &&FoundPoint| point.label == before.label && point.record.session == before.session;
        at = points
            .iter()
            .find(is_meant)
            .ok_or_else(|| format!("{} rests on {}, which is gone", at.label, before.label))?;
        if chain.len() > points.len() {
            return Err(format!("{} rests on itself", at.label));
        }
        chain.push(at);
    }
}

/// The bytes of all files of these points.
pub(crate) fn bytes_of(chain: &[&FoundPoint]) -> u64 {
    chain.iter().flat_map(|point| &point.record.disks).fold(0, |sum, disk| sum.saturating_add(disk.bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// A point in a directory, with a file of three bytes.
    pub(crate) fn point(place: &Path, number: u8, on: Option<u8>) -> FoundPoint {
        let label = format!("p{number}");
        let path = place.join(&label);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("vda.qcow2"), "123").unwrap();
        let time = Timestamp::from_second(i64::from(number)).unwrap();
        let record = MachinePoint {
            version: VERSION,
            job: InstanceName::new("nightly"),
            run: JobId(1),
            run_uuid: Uuid::nil(),
            session: Uuid::from_u128(number.into()),
            object: InstanceName::new("a"),
            by: None,
            started: time,
            finished: time,
            machine: "a".to_owned(),
            uuid: "u".to_owned(),
            checkpoint: format!("c{number}"),
            rests_on: on.map(|on| RestsOn { label: format!("p{on}"), session: Uuid::from_u128(on.into()) }),
            disks: vec![DiskFile { name: "vda".to_owned(), capacity: 100, bytes: 3, sha256: String::new() }],
            xml_sha256: String::new(),
        };
        FoundPoint { label, path, record }
    }

    #[test]
    fn a_chain_is_whole_or_says_what_is_not() {
        let place = tempfile::tempdir().unwrap();
        let mut points =
            vec![point(place.path(), 1, None), point(place.path(), 2, Some(1)), point(place.path(), 3, Some(2))];
        let labels = |points: &[FoundPoint]| {
            chain(points, points.last().unwrap()).map(|all| all.iter().map(|one| one.label.clone()).collect::<Vec<_>>())
        };
        assert_eq!(labels(&points).unwrap(), ["p3", "p2", "p1"]);
        points[0].record.session = Uuid::from_u128(9);
        assert_eq!(labels(&points).unwrap_err(), "p2 rests on p1, which is gone", "one of the same name");
        points[0].record.session = Uuid::from_u128(1);
        points[0].record.rests_on = Some(RestsOn { label: "p3".to_owned(), session: Uuid::from_u128(3) });
        assert!(labels(&points).unwrap_err().ends_with("rests on itself"));
        fs::write(points[1].path.join("vda.qcow2"), "12").unwrap();
        assert!(labels(&points).unwrap_err().contains("of vda in p2 is gone or of another length"));
    }
}
