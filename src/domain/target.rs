//! Where a restored cluster goes: its data directory, its port, the new homes of its tablespaces.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU16,
    path::{Component, Path, PathBuf},
    str::FromStr,
};
use thiserror::Error;

/// A TCP port that a server can listen on: 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(NonZeroU16);

/// The place that one session restores into. Valid by construction: absolute UTF-8 paths without `.` or `..`, never the
/// root.
/// That holds for one that another process wrote, too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Target {
    directory: PathBuf,
    port: Port,
    tablespaces: BTreeMap<u32, PathBuf>,
}

/// A target as it was written; nothing of it is checked yet.
#[derive(Deserialize)]
struct Written {
    directory: PathBuf,
    port: Port,
    tablespaces: BTreeMap<u32, PathBuf>,
}

/// Why a place cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The path does not begin at the root.
    #[error("{0:?} is not an absolute path: write it from the root on, such as /srv/pg/orders")]
    NotAbsolute(PathBuf),
    /// The path is not text.
    #[error("{0:?} is not UTF-8, and sessions are kept as text: choose another path")]
    NotText(PathBuf),
    /// The path has `.` or `..` in it.
    #[error("{0:?} has . or .. in it: write the path that is meant")]
    NotPlain(PathBuf),
    /// The path is `/`.
    #[error("the root directory cannot be a data directory: name a directory below it")]
    Root,
    /// The port is 0 or not a number up to 65535.
    #[error("{0:?} is not a port: use a number from 1 to 65535")]
    NotAPort(String),
    /// Two directories of one target lie in each other.
    #[error(
        "{0:?} and {1:?} lie in each other: give each tablespace a directory of its own, outside the data directory"
    )]
    Overlap(PathBuf, PathBuf),
}

impl Port {
    /// The port with this number; 0 is none.
    pub fn new(number: u16) -> Result<Self, TargetError> {
        NonZeroU16::new(number).map(Self).ok_or_else(|| TargetError::NotAPort(number.to_string()))
    }

    /// The number, 1 to 65535.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Port {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        text.trim().parse().map(Self).map_err(|_| TargetError::NotAPort(text.to_owned()))
    }
}

impl Target {
    /// A target whose tablespaces go to their default homes (see [`Target::tablespace`]).
    pub fn new(directory: impl Into<PathBuf>, port: Port) -> Result<Self, TargetError> {
        let directory = plain(directory.into())?;
        Ok(Self { directory, port, tablespaces: BTreeMap::new() })
    }

    /// The same target with one tablespace sent elsewhere.
    pub fn with_tablespace(mut self, oid: u32, directory: impl Into<PathBuf>) -> Result<Self, TargetError> {
        let directory = plain(directory.into())?;
        let others = self.tablespaces.iter().filter(|(other, _)| **other != oid).map(|(_, path)| path);
        for other in others.chain([&self.directory]) {
            if other.starts_with(&directory) || directory.starts_with(other) {
                return Err(TargetError::Overlap(directory, other.clone()));
            }
        }
        self.tablespaces.insert(oid, directory);
        Ok(self)
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The port that the restored server listens on.
    pub const fn port(&self) -> Port {
        self.port
    }

    /// Where the tablespace with this OID goes: where the request sends it, else `<data directory>.tablespaces/<oid>`.
    ///
    /// Never its original place: that may be the home of a cluster that is still in use.
    pub fn tablespace(&self, oid: u32) -> PathBuf {
        self.tablespaces.get(&oid).cloned().unwrap_or_else(|| self.tablespace_parent().join(oid.to_string()))
    }

    /// The directory that holds the tablespaces which the request does not name.
    pub fn tablespace_parent(&self) -> PathBuf {
        let mut name = self.directory.file_name().unwrap_or_default().to_owned();
        name.push(".tablespaces");
        self.directory.with_file_name(name)
    }

    /// The tablespaces that the request names, by OID.
    pub const fn tablespaces(&self) -> &BTreeMap<u32, PathBuf> {
        &self.tablespaces
    }
}

impl TryFrom<Written> for Target {
    type Error = TargetError;

    fn try_from(written: Written) -> Result<Self, TargetError> {
        let bare = Self::new(written.directory, written.port)?;
        written
            .tablespaces
            .into_iter()
            .try_fold(bare, |target, (oid, directory)| target.with_tablespace(oid, directory))
    }
}

/// The path without a trailing slash, if it is absolute, can be written down, and says what it means.
fn plain(path: PathBuf) -> Result<PathBuf, TargetError> {
    if path.to_str().is_none() {
        return Err(TargetError::NotText(path));
    }
    if !path.is_absolute() {
        return Err(TargetError::NotAbsolute(path));
    }
    let said_dots = path.as_os_str().as_encoded_bytes().split(|b| *b == b'/').any(|part| part == b"." || part == b"..");
    if said_dots {
        return Err(TargetError::NotPlain(path));
    }
    let clean: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    if clean.parent().is_none() { Err(TargetError::Root) } else { Ok(clean) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    fn port() -> Port {
        Port::new(5433).expect("a port")
    }

    #[test]
    fn a_target_is_an_absolute_path_without_dots() {
        assert_eq!(Target::new("/srv/pg//orders/", port()).expect("a target").directory(), Path::new("/srv/pg/orders"));
        assert_eq!(Target::new("pg", port()), Err(TargetError::NotAbsolute("pg".into())));
        assert_eq!(Target::new("/srv/../etc", port()), Err(TargetError::NotPlain("/srv/../etc".into())));
        assert_eq!(Target::new("/srv/./x", port()), Err(TargetError::NotPlain("/srv/./x".into())));
        assert_eq!(Target::new("/", port()), Err(TargetError::Root));
        assert!("0".parse::<Port>().is_err() && "65536".parse::<Port>().is_err() && "x".parse::<Port>().is_err());
    }

    #[test]
    fn a_target_can_be_written_down() {
        let odd = || PathBuf::from(OsStr::from_bytes(b"/srv/\xff/orders"));
        let refused = Target::new(odd(), port()).expect_err("not UTF-8");
        assert_eq!(refused, TargetError::NotText(odd()));
        assert!(refused.to_string().starts_with(r#""/srv/\xFF/orders" is not UTF-8"#), "{refused}");
        let target = Target::new("/srv/orders", port()).expect("a target");
        assert_eq!(target.with_tablespace(16384, odd()), Err(TargetError::NotText(odd())));
    }

    #[test]
    fn a_target_is_checked_when_it_is_read() {
        let target = Target::new("/srv/pg", port()).and_then(|target| target.with_tablespace(7, "/fast/ts"));
        let written = serde_json::to_string(&target.expect("a target")).expect("plain text");
        let read = |text: &str| serde_json::from_str::<Target>(text).map_err(|error| error.to_string());
        assert_eq!(serde_json::to_string(&read(&written).expect("it was valid")).expect("plain text"), written);
        for (bad, words) in [("../etc", "not an absolute"), ("/", "root"), ("/fast", "lie in each other")] {
            let problem = read(&written.replace("/srv/pg", bad)).expect_err(bad);
            assert!(problem.contains(words), "{bad}: {problem}");
        }
    }

    #[test]
    fn a_tablespace_never_goes_to_its_original_place_by_default() {
        let target = Target::new("/srv/pg/orders", port()).expect("a target");
        assert_eq!(target.tablespace(16384), Path::new("/srv/pg/orders.tablespaces/16384"));
        let moved = target.clone().with_tablespace(16384, "/fast/ts").expect("a mapping");
        assert_eq!(moved.tablespace(16384), Path::new("/fast/ts"));
        assert!(target.clone().with_tablespace(1, "/srv/pg/orders/in").is_err());
        assert!(target.with_tablespace(1, "/srv/pg").is_err());
    }
}
