//! Somebody who looks at all processes all the time, and sees when one session runs twice at once.

use super::processes::{arguments, pids, postmaster_of, worker_of};
use crate::support::place;
use howdah::{
    domain::fact::ProcessMark,
    process::{is_alive, mark},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Often enough to see what lives for a moment, seldom enough to leave the processors to the rounds.
const POLL_INTERVAL: Duration = Duration::from_millis(40);

/// The watcher; it looks as long as the tests run.
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

/// The one of all tests of this binary: a look costs as much for one as for all.
pub(crate) fn watch() -> &'static Watch {
    static WATCH: OnceLock<Watch> = OnceLock::new();
    WATCH.get_or_init(|| Watch::over(place::root()))
}

#[derive(Default)]
struct Shared {
    looks: AtomicU64,
    twice: Mutex<Vec<String>>,
}

impl Watch {
    /// Watches what happens below this directory.
    fn over(root: &Path) -> Self {
        let shared = Arc::<Shared>::default();
        let (theirs, root) = (Arc::clone(&shared), root.to_owned());
        thread::spawn(move || {
            let mut before = Observation::default();
            loop {
                let seen = Observation::of(&root);
                theirs.twice.lock().unwrap().extend(at_once(&seen.workers).chain(at_once(&before.servers)));
                before = seen;
                theirs.looks.fetch_add(1, Ordering::Relaxed);
                thread::park_timeout(POLL_INTERVAL);
            }
        });
        Self { shared }
    }

    /// What was seen twice at once below this directory.
    pub(crate) fn twice(&self, directory: &Path) -> Vec<String> {
        let name = directory.to_str().unwrap();
        self.shared.twice.lock().unwrap().iter().filter(|seen| seen.contains(name)).cloned().collect()
    }

    pub(crate) fn looks(&self) -> u64 {
        self.shared.looks.load(Ordering::Relaxed)
    }
}

/// What one look has shown.
#[derive(Default)]
struct Observation {
    /// Workers of different attempts of one session.
    workers: Vec<Vec<(PathBuf, ProcessMark)>>,
    /// Servers of one data directory. Orphans of one that was just killed look like it for a few milliseconds, so these
    /// count only if they are still there at the next look.
    servers: Vec<Vec<(PathBuf, ProcessMark)>>,
}

impl Observation {
    fn of(root: &Path) -> Self {
        let (mut workers, mut servers) = (BTreeMap::new(), BTreeMap::new());
        for pid in pids() {
            let arguments = arguments(pid);
            let Some(mark) = mark(pid) else { continue };
            if let Some(attempt) = worker_of(&arguments).filter(|attempt| attempt.starts_with(root)) {
                // A child of a worker shows the same line before it becomes something else: one attempt counts once.
                let of_session: &mut Vec<_> = workers.entry(attempt.parent().unwrap().to_owned()).or_default();
                if of_session.iter().all(|(known, _)| *known != attempt) {
                    of_session.push((attempt, mark));
                }
            } else if let Some(data) = postmaster_of(pid, &arguments).filter(|data| data.starts_with(root)) {
                servers.entry(data.clone()).or_insert_with(Vec::new).push((data, mark));
            }
        }
        let several = |all: BTreeMap<PathBuf, Vec<_>>| all.into_values().filter(|all| all.len() > 1).collect();
        Self { workers: several(workers), servers: several(servers) }
    }
}

/// Those of which more than one is alive now. A look takes a while: who lives when it is over lived at once.
fn at_once(all: &[Vec<(PathBuf, ProcessMark)>]) -> impl Iterator<Item = String> {
    let alive = |one: &&Vec<(PathBuf, ProcessMark)>| one.iter().filter(|(_, mark)| is_alive(*mark)).count() > 1;
    all.iter().filter(alive).map(|one| format!("at once: {one:?}"))
}
