//! `[[repository]]` in `howdah.toml`: one repository, its kind and its name.
//!
//! Promises: what is not known is refused with what is; each name means one repository. Never: looks whether the place is
//! there, which may change while howdah runs.

use crate::domain::instance::printable_name;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct RepositorySetting {
    /// What it is called: as written, else the last part of its path.
    pub name: String,
    /// How what is in it is read.
    pub kind: SourceKind,
    /// Where it is.
    pub path: PathBuf,
    /// Where the WAL of its instances is archived; `{instance}` stands for an instance's folder.
    pub wal: Option<PathBuf>,
}

/// The kinds of repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// A directory with what `pg_basebackup` wrote.
    #[default]
    Directory,
}

/// The table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<Name>,
    #[serde(default)]
    kind: SourceKind,
    path: PathBuf,
    wal: Option<WalPath>,
}

struct WalPath(PathBuf);

struct Name(String);

/// Each kind and how it is written.
const KINDS: [(&str, SourceKind); 1] = [("directory", SourceKind::Directory)];

impl From<Written> for RepositorySetting {
    fn from(Written { name, kind, path, wal }: Written) -> Self {
        let name = name.map_or_else(|| last_part(&path), |Name(name)| name);
        Self { name, kind, path, wal: wal.map(|WalPath(path)| path) }
    }
}

impl<'de> Deserialize<'de> for SourceKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let known = KINDS.iter().find(|(written, _)| *written == word).map(|(_, kind)| *kind);
        known.ok_or_else(|| {
            let words: Vec<&str> = KINDS.iter().map(|(written, _)| *written).collect();
            D::Error::custom(format!("{word:?} is no kind of repository that is known; known: {}", words.join(", ")))
        })
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.trim().is_empty() {
            return Err(D::Error::invalid_value(Unexpected::Str(&name), &"a name, or none for the path's last part"));
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for WalPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = PathBuf::deserialize(deserializer)?;
        whole("wal", &path).map(Self).map_err(D::Error::custom)
    }
}

/// Repositories by their names: those of `[[repository]]`, and those of the short form by the last part of their paths.
pub(super) struct Repositories<'a> {
    pub(super) short: &'a [PathBuf],
    pub(super) named: &'a [RepositorySetting],
}

impl Repositories<'_> {
    /// The directory of a repository: a whole path as it is, else the one of that name.
    pub(super) fn find(&self, key: &str, wanted: &Path) -> Result<PathBuf, String> {
        if wanted.is_absolute() {
            return Ok(wanted.to_owned());
        }
        let named = self.named.iter().map(|one| (one.name.as_str(), &one.path));
        let short = self.short.iter().filter_map(|path| Some((path.file_name()?.to_str()?, path)));
        let all: Vec<(&str, &PathBuf)> = named.chain(short).collect();
        let shown = printable_name(wanted.as_os_str());
        let mut found = all.iter().filter(|(name, _)| Path::new(name) == wanted);
        match (found.next(), found.next()) {
            (Some((_, path)), None) => whole(key, path),
            (Some(_), Some(_)) => Err(format!("{key} \"{shown}\" is the name of more than one: write its whole path")),
            (None, _) => {
                let known = all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                let known = if all.is_empty() { "none is set" } else { &known };
                Err(format!("{key} \"{shown}\" is no whole path and the name of no repository; known: {known}"))
            }
        }
    }
}

/// A path that means the same wherever its reader was started: the owner of sessions may have any working directory.
pub(super) fn whole(key: &str, path: &Path) -> Result<PathBuf, String> {
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        let shown = printable_name(path.as_os_str());
        Err(format!("{key} \"{shown}\" is not a whole path: write it from the root on"))
    }
}

/// Reads all repositories, of which no two may have one name.
pub(super) fn all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RepositorySetting>, D::Error> {
    let all = Vec::<RepositorySetting>::deserialize(deserializer)?;
    let mut names = BTreeSet::new();
    if let Some(again) = all.iter().find(|repository| !names.insert(repository.name.as_str())) {
        let (name, path) = (&again.name, again.path.display());
        return Err(D::Error::custom(format!(
            "two repositories have the name {name:?}: give the one in {path} a name of its own"
        )));
    }
    Ok(all)
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use crate::app::config::Config;
    use std::path::{Path, PathBuf};

    fn of(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_repository_has_the_name_that_is_written_or_that_of_its_directory() {
        for (path, name, expected) in
            [("/srv/nas", "name = \"north\"\n", "north"), ("/srv/nas/", "", "nas"), ("/", "", "/")]
        {
            let text = format!("[[repository]]\n{name}kind = \"directory\"\npath = \"{path}\"");
            let all = of(&text).unwrap().repository;
            assert_eq!((all[0].name.as_str(), all[0].path.as_path()), (expected, Path::new(path)));
        }
    }

    #[test]
    fn both_forms_stand_together_the_short_one_first_and_flags_before_both() {
        // Without a kind it is a directory.
        let text = "repositories = [\"/a\"]\n[[repository]]\npath = \"/b\"\n\
                    [[repository]]\nkind = \"directory\"\npath = \"/c\"";
        let config = of(text).unwrap();
        let paths = |flags: &[&str]| config.repository_paths(&flags.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(paths(&[]), ["/a", "/b", "/c"].map(PathBuf::from));
        assert_eq!(paths(&["/flag"]), [PathBuf::from("/flag")]);
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused_with_what_would_be_right() {
        let whole = "[[repository]]\nkind = \"directory\"\npath = \"/a/x\"\n";
        for (text, says) in [
            (
                "[[repository]]\nkind = \"tape\"\npath = \"/a\"",
                "\"tape\" is no kind of repository that is known; known: directory",
            ),
            (
                "[[repository]]\nkind = \"directory\"\npth = \"/a\"",
                "unknown field `pth`, expected one of `name`, `kind`, `path`, `wal`",
            ),
            (&format!("{whole}wal = \"wal/x\""), "wal \"wal/x\" is not a whole path"),
            ("[[repository]]\nkind = \"directory\"", "missing field `path`"),
            (&format!("{whole}name = \" \""), "a name, or none for the path's last part"),
            (
                &format!("{whole}{}", whole.replace("/a/", "/b/")),
                "two repositories have the name \"x\": give the one in /b/x",
            ),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        of(&format!("{whole}{}name = \"y\"", whole.replace("/a/", "/b/"))).unwrap();
    }
}
