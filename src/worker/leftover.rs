//! The server that an earlier attempt of this session has left running.
//!
//! Promises: after this, no server of ours runs on the target. Never: a server that the session did not start is not
//! touched; the engine refuses it.

use super::{
    dead_lock,
    ledger::{self, State},
    start::guard_name,
    tether,
};
use crate::{
    domain::{Failure, fact::ProcessMark},
    postgres::server::{
        classify, guard, pidfile,
        stop::{Manner, stop},
    },
    process,
};
use std::{path::Path, time::Duration};
use uuid::Uuid;

/// Stops what this session has left on its data directory; says whether there was anything.
pub(super) fn clear(session: Uuid, data: &Path, attempt_dir: &Path) -> Result<bool, Failure> {
    let mut found = false;
    let records = ledger::of_session(session, data, attempt_dir)?;
    let started = !records.is_empty();
    for record in &records {
        let server = match record.state {
            State::Stopped => None,
            State::Started(mark) => runs_here(mark, data).then_some(mark),
            State::Starting => pidfile::running(data)
                .or_else(missing)
                .map_err(|e| classify::of_io("looking for a running server", &e))?,
        };
        if let Some(mark) = server {
            // Its work is begun anew in any case, so there is nothing to be gained by patience.
            stop(mark, Manner::Immediate, Duration::ZERO, &|| false)?;
            found = true;
        }
    }
    // What no record tells of: a server that was being started, and children that outlive theirs.
    found |= tether::cut(attempt_dir)?;
    // By name, not by record: one that was just made may not have been noted.
    guard::remove_all(&guard_name(session)).map_err(|e| classify::of_io("removing private directories", &e))?;
    if started {
        let dropped = dead_lock::drop_from(data, pidfile::NAME, data);
        dropped.map_err(|e| classify::of_io(&format!("removing {} of a dead server", pidfile::NAME), &e))?;
    }
    Ok(found)
}

/// Whether a server that this session has started runs on its data directory.
pub(super) fn runs(session: Uuid, data: &Path, attempt_dir: &Path) -> Result<bool, Failure> {
    let records = ledger::of_session(session, data, attempt_dir)?;
    Ok(records.iter().any(|record| matches!(record.state, State::Started(mark) if runs_here(mark, data))))
}

/// Exactly this process is alive, and its data directory is this one.
fn runs_here(mark: ProcessMark, data: &Path) -> bool {
    process::is_alive(mark) && data.canonicalize().is_ok_and(|data| process::directory(mark.pid) == Some(data))
}

/// Without a data directory no server runs on it.
fn missing(error: std::io::Error) -> std::io::Result<Option<ProcessMark>> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{ledger::Record, *};
    use std::{path::PathBuf, process::Command};

    struct Places {
        _root: tempfile::TempDir,
        data: PathBuf,
        attempts: [PathBuf; 2],
    }

    fn places() -> Places {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let attempts = [root.path().join("s/1"), root.path().join("s/2")];
        for path in attempts.iter().chain([&data]) {
            std::fs::create_dir_all(path).unwrap();
        }
        Places { _root: root, data, attempts }
    }

    #[test]
    fn only_a_server_that_this_session_started_here_is_stopped() {
        let Places { data, attempts, _root } = places();
        let ours = Uuid::from_u128(1);
        let mut child = Command::new("sleep").arg("1000").current_dir(&data).spawn().unwrap();
        let mark = process::mark(child.id()).unwrap();
        let check = |session: Uuid, mark: ProcessMark, found: bool| {
            let mut record = Record::new(session, &data, None, Path::new("/bin"), "postgres");
            record.state = State::Started(mark);
            record.keep(&attempts[0]).unwrap();
            assert_eq!(clear(ours, &data, &attempts[1]).unwrap(), found);
            assert_eq!(process::is_alive(mark), found == process::is_alive(mark) && !found);
        };
        let reused = ProcessMark { started: mark.started + 1, ..mark };
        let mut record = Record::new(ours, &data, None, Path::new("/bin"), "postgres");
        record.state = State::Started(reused);
        record.keep(&attempts[0]).unwrap();
        assert!(!clear(ours, &data, &attempts[1]).unwrap(), "a reused pid");
        record.session = Uuid::from_u128(2);
        record.state = State::Started(mark);
        record.keep(&attempts[0]).unwrap();
        assert!(!clear(ours, &data, &attempts[1]).unwrap(), "another session's server");
        assert!(process::is_alive(mark));
        check(ours, mark, true);
        child.wait().unwrap();
        assert!(!clear(ours, &data, &attempts[1]).unwrap(), "it is gone already");
    }

    #[test]
    fn the_lock_of_a_dead_server_is_removed_where_this_session_has_started_one() {
        let Places { data, attempts, _root } = places();
        let ours = Uuid::from_u128(1);
        let lock = data.join(pidfile::NAME);
        let mut dead = Command::new("true").spawn().unwrap();
        std::fs::write(&lock, format!("{}\n{}\n", dead.id(), data.display())).unwrap();
        while !process::stat(dead.id()).unwrap().zombie {
            std::thread::yield_now();
        }
        assert!(!clear(ours, &data, &attempts[0]).unwrap());
        assert!(lock.exists(), "this session has started nothing here");
        Record::new(ours, &data, None, Path::new("/bin"), "postgres").keep(&attempts[0]).unwrap();
        assert!(!clear(ours, &data, &attempts[1]).unwrap());
        assert!(!lock.exists());
        dead.wait().unwrap();
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_passed_over() {
        let Places { data, attempts, _root } = places();
        assert!(!clear(Uuid::from_u128(1), &data, &attempts[0]).unwrap());
        std::fs::write(attempts[0].join("server.json"), "{").unwrap();
        assert!(clear(Uuid::from_u128(1), &data, &attempts[1]).is_err());
    }
}
