//! The server that an earlier attempt of this session has left running.
//!
//! Promises: after this, no server of ours runs on the target. Never: touches a server that the session did not
//! start; the engine refuses it.

use super::{
    isolation_name, server_lock,
    server_record::{self, ServerState},
};
use crate::{
    domain::{Failure, fact::ProcessMark},
    postgres::server::{
        classify, isolation, pidfile,
        stop::{self, StopMode},
    },
    process,
    worker::workspace::Workspace,
};
use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

/// Stops what this session has left on its data directory; returns whether there was anything. The files may be out of
/// reach: what has served them may be dead.
pub(in crate::worker) fn stop(workspace: &Workspace<'_>) -> Result<bool, Failure> {
    let (mut found, data) = (false, workspace.data);
    for record in &server_record::of_session(workspace)? {
        let server = match record.state {
            ServerState::Stopped => None,
            ServerState::Started(mark) => runs_here(mark, data).then_some(mark),
            ServerState::Starting => pidfile::running(data)
                .or_else(missing)
                .map_err(|e| classify::of_io("looking for a running server", &e))?,
        };
        if let Some(mark) = server {
            // Its work is begun anew in any case, so there is nothing to be gained by patience.
            stop::stop(mark, StopMode::Immediate, Duration::ZERO, &|| false)?;
            found = true;
        }
    }
    // What no record names: a server that was being started, and children that outlive theirs.
    found |= server_lock::kill_holders(workspace.attempt, server_lock::SERVER)?;
    // By name, not by record: one that was just made may not have been noted.
    isolation::remove_all(&isolation_name(workspace.session))
        .map_err(|e| classify::of_io("removing private directories", &e))?;
    Ok(found)
}

/// Whether a server that this session has started runs on its data directory.
pub(in crate::worker) fn runs(workspace: &Workspace<'_>) -> Result<bool, Failure> {
    let records = server_record::of_session(workspace)?;
    Ok(records
        .iter()
        .any(|record| matches!(record.state, ServerState::Started(mark) if runs_here(mark, workspace.data))))
}

/// Exactly this process is alive, and its data directory is this one.
fn runs_here(mark: ProcessMark, data: &Path) -> bool {
    process::is_alive(mark) && data.canonicalize().is_ok_and(|data| process::directory(mark.pid) == Some(data))
}

/// Without a data directory no server runs on it; of one that nobody serves any more the locks that are held tell.
fn missing(error: io::Error) -> io::Result<Option<ProcessMark>> {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotConnected) { Ok(None) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{server_record::ServerRecord, *};
    use std::{
        path::{Path, PathBuf},
        process::Command,
    };
    use uuid::Uuid;

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
            let mut record = ServerRecord::new(
                &Workspace { attempt: &attempts[0], session, data: &data },
                None,
                Path::new("/bin"),
                "postgres",
            );
            record.state = ServerState::Started(mark);
            record.keep(&attempts[0]).unwrap();
            assert_eq!(stop(&Workspace { attempt: &attempts[1], session: ours, data: &data }).unwrap(), found);
            assert_eq!(process::is_alive(mark), found == process::is_alive(mark) && !found);
        };
        let reused = ProcessMark { started: mark.started + 1, ..mark };
        let mut record = ServerRecord::new(
            &Workspace { attempt: &attempts[0], session: ours, data: &data },
            None,
            Path::new("/bin"),
            "postgres",
        );
        record.state = ServerState::Started(reused);
        record.keep(&attempts[0]).unwrap();
        assert!(!stop(&Workspace { attempt: &attempts[1], session: ours, data: &data }).unwrap(), "a reused pid");
        record.session = Uuid::from_u128(2);
        record.state = ServerState::Started(mark);
        record.keep(&attempts[0]).unwrap();
        assert!(
            !stop(&Workspace { attempt: &attempts[1], session: ours, data: &data }).unwrap(),
            "another session's server"
        );
        assert!(process::is_alive(mark));
        check(ours, mark, true);
        child.wait().unwrap();
        assert!(!stop(&Workspace { attempt: &attempts[1], session: ours, data: &data }).unwrap(), "it is gone already");
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_passed_over() {
        let Places { data, attempts, _root } = places();
        assert!(!stop(&Workspace { attempt: &attempts[0], session: Uuid::from_u128(1), data: &data }).unwrap());
        std::fs::write(attempts[0].join("server.json"), "{").unwrap();
        assert!(stop(&Workspace { attempt: &attempts[1], session: Uuid::from_u128(1), data: &data }).is_err());
    }
}
