//! What tells instances apart (rule S14): the repository, the folder in it, and the cluster; never a name alone.
//!
//! Promises: two instances never share a spelling that [`CatalogInstance::id`] gives, whatever bytes their folders are
//! named with; a spelling that is offered leads back to its instance and to no other. Never: looks at a disk.

use super::model::{Catalog, CatalogInstance, Repository, RepositoryKind};
use crate::domain::{InstanceName, SystemIdentifier, Workload, instance::printable, point_mark::RESTIC};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// How the cluster of backups is written that do not tell theirs before they are read.
const UNKNOWN: &str = "unknown";

/// The fewest digits at the end of a system identifier that are shown: its beginning is the time of `initdb`, which
/// clusters that were made together share.
const TAIL: usize = 4;

/// Which instance: the same name in two repositories, folders or clusters is as many instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// Whose it is.
    pub kind: RepositoryKind,
    /// What was backed up.
    pub workload: Workload,
    /// Its name.
    pub name: InstanceName,
    /// The repository that holds it.
    pub repository: PathBuf,
    /// The directory of its backups.
    pub folder: PathBuf,
    /// The cluster; `None` is not yet known.
    pub cluster: Option<SystemIdentifier>,
}

impl InstanceKey {
    /// The key of an instance.
    pub fn of(instance: &CatalogInstance) -> Self {
        let CatalogInstance { name, workload, kind, repository, folder, cluster, .. } = instance.clone();
        Self { kind, workload, name, repository, folder, cluster }
    }

    /// Whether it is the key of this instance. The folder is a path from the root on, so it is of one repository.
    pub fn is(&self, instance: &CatalogInstance) -> bool {
        self.kind == instance.kind
            && self.workload == instance.workload
            && self.name == instance.name
            && self.cluster == instance.cluster
            && self.folder == instance.folder
    }

    /// Its name, and what tells it from others of the same, if the catalog still has it.
    pub fn title(&self, catalog: &Catalog) -> String {
        self.find(catalog).map_or_else(|| self.name.to_string(), CatalogInstance::title)
    }

    /// The instance in the catalog.
    pub fn find<'a>(&self, catalog: &'a Catalog) -> Option<&'a CatalogInstance> {
        catalog.instances.iter().find(|one| self.is(one))
    }
}

impl Catalog {
    /// What these repositories hold: each instance gets its spelling, and what tells it from its namesakes.
    pub fn new(repositories: Vec<Repository>, mut instances: Vec<CatalogInstance>) -> Self {
        name(&mut instances);
        Self { repositories, instances }
    }
}

impl CatalogInstance {
    /// Its whole identity in one word: `REPOSITORY:NAME@SYSTEM-IDENTIFIER`, with `unknown` for a cluster that is not yet
    /// known. Bytes of a folder's name that could make two of them alike are escaped.
    pub fn id(&self) -> String {
        format!("{}:{}@{}", exact(&self.repository, false), self.exact_name(), self.cluster_text())
    }

    /// Whether it is what somebody means by this word: `NAME`, `REPOSITORY:NAME`, `NAME@SYSTEM-IDENTIFIER`, or both.
    /// `is_repository` says whether a text leads to its repository.
    pub(super) fn is_meant(&self, word: &str, is_repository: &dyn Fn(&str) -> bool) -> bool {
        let suffix = format!("@{}", self.cluster_text());
        let without_cluster = word.strip_suffix(&suffix);
        let (name, exact) = (self.name.as_str(), self.exact_name());
        [Some(word), without_cluster].into_iter().flatten().any(|text| {
            let before = |name: &str| text.strip_suffix(name).map(str::to_owned);
            [before(name), before(&exact)]
                .into_iter()
                .flatten()
                .any(|before| before.is_empty() || before.strip_suffix(':').is_some_and(is_repository))
        })
    }

    /// The spellings that are offered, shortest first; the last one is its id.
    fn spellings(&self) -> [String; 5] {
        let [name, in_repository, of_cluster, both] = self.spelled(self.name.as_str());
        [name, in_repository, of_cluster, both, self.id()]
    }

    /// The ways to write it with this for a name.
    fn spelled(&self, name: &str) -> [String; 4] {
        let (repository, cluster) = (exact(&self.repository, false), self.cluster_text());
        [
            name.to_owned(),
            format!("{repository}:{name}"),
            format!("{name}@{cluster}"),
            format!("{repository}:{name}@{cluster}"),
        ]
    }

    /// The name of its folder, such that no other folder has the same.
    fn exact_name(&self) -> String {
        let below = self.folder.strip_prefix(&self.repository).unwrap_or(&self.folder);
        let own_name = || Path::new(self.folder.file_name().unwrap_or(self.folder.as_os_str()));
        let below = if below.as_os_str().is_empty() { own_name() } else { below };
        let folder = exact(below, true);
        match self.workload {
            Workload::Instance => folder,
            Workload::VirtualMachine => format!("{}{folder}", self.workload.prefix()),
            Workload::FileTree => {
                format!("{}{}", self.workload.prefix(), folder.strip_suffix(RESTIC).unwrap_or(&folder))
            }
        }
    }

    fn cluster_text(&self) -> String {
        self.cluster.map_or_else(|| UNKNOWN.to_owned(), |cluster| cluster.to_string())
    }
}

/// Gives each instance the shortest spelling that means no other, and a word that tells it from others of its name.
fn name(instances: &mut [CatalogInstance]) {
    let mut meanings: BTreeMap<String, usize> = BTreeMap::new();
    let mut namesakes: BTreeMap<InstanceName, Vec<usize>> = BTreeMap::new();
    for (at, one) in instances.iter().enumerate() {
        let words = one.spelled(one.name.as_str()).into_iter().chain(one.spelled(&one.exact_name()));
        for word in words.collect::<BTreeSet<_>>() {
            *meanings.entry(word).or_default() += 1;
        }
        namesakes.entry(one.name.clone()).or_default().push(at);
    }
    for one in instances.iter_mut() {
        let unique = |word: &String| meanings.get(word).is_none_or(|meant| *meant == 1);
        one.spelling = one.spellings().into_iter().find(unique).unwrap_or_else(|| one.id());
    }
    for group in namesakes.into_values().filter(|group| group.len() > 1) {
        let distinctions = distinctions(&group.iter().map(|at| &instances[*at]).collect::<Vec<_>>());
        for (at, distinction) in group.into_iter().zip(distinctions) {
            instances[at].distinction = Some(distinction);
        }
    }
}

/// What of its identity each of these namesakes does not share with all the others, as short as tells them apart.
fn distinctions(namesakes: &[&CatalogInstance]) -> Vec<String> {
    let repositories: BTreeSet<&Path> = namesakes.iter().map(|one| one.repository.as_path()).collect();
    let parts = path_parts(&repositories);
    let mut folders: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    let mut clusters: BTreeMap<&Path, Vec<String>> = BTreeMap::new();
    for one in namesakes {
        folders.entry(&one.repository).or_default().insert(&one.folder);
        clusters.entry(&one.folder).or_default().push(one.cluster_text());
    }
    let digits: BTreeMap<&Path, usize> = clusters.iter().map(|(folder, texts)| (*folder, last_digits(texts))).collect();
    let distinction = |one: &&CatalogInstance| {
        let mut words = Vec::new();
        if repositories.len() > 1 {
            words.push(exact(&path_tail(&one.repository, parts), false));
        }
        if folders[one.repository.as_path()].len() > 1 {
            words.push(one.exact_name());
        }
        if clusters[one.folder.as_path()].len() > 1 {
            let (text, digits) = (one.cluster_text(), digits[one.folder.as_path()]);
            let is_whole = one.cluster.is_none() || text.len() <= digits;
            words.push(if is_whole { format!("@{text}") } else { format!("@..{}", &text[text.len() - digits..]) });
        }
        words.join(" ")
    };
    namesakes.iter().map(distinction).collect()
}

/// How many parts at the end of these paths tell them apart.
fn path_parts(paths: &BTreeSet<&Path>) -> usize {
    let longest = paths.iter().map(|path| path.iter().count()).max().unwrap_or(1);
    let apart = |parts: &usize| paths.iter().map(|path| path_tail(path, *parts)).collect::<BTreeSet<_>>().len();
    (1..longest).find(|parts| apart(parts) == paths.len()).unwrap_or(longest)
}

fn path_tail(path: &Path, parts: usize) -> PathBuf {
    path.iter().skip(path.iter().count().saturating_sub(parts)).collect()
}

/// How many digits at the end of these identifiers tell them apart.
fn last_digits(texts: &[String]) -> usize {
    let tail = |text: &String, digits: usize| text[text.len().saturating_sub(digits)..].to_owned();
    let apart = |digits: &usize| texts.iter().map(|text| tail(text, *digits)).collect::<BTreeSet<_>>().len();
    // No identifier has more digits than this.
    let most = u64::MAX.to_string().len();
    (TAIL..most).find(|digits| apart(digits) == texts.len()).unwrap_or(most)
}

/// A path in printable characters, such that no other path has the same text: what would be changed by being shown is
/// written as `\x..`, and so is the backslash. In a name the colon is, too, since it ends a repository.
pub(super) fn exact(path: &Path, is_name: bool) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut bytes = [0; 4];
            let shown = c.encode_utf8(&mut bytes);
            if c == '\\' || (is_name && c == ':') || *printable(shown) != *shown {
                push_bytes(&mut text, shown.as_bytes());
            } else {
                text.push(c);
            }
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a string takes all that is written to it");
    }
}
