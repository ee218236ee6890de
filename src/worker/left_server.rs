//! The server that a finished restore left running, looked at long afterwards.
//!
//! Promises: what is called the session's server is exactly the process that the session started, at work on the data
//! that the session restored; it is asked to stop as `pg_ctl stop -m fast` asks, and never more than that. Never: touches
//! a server that somebody else has started there since.

use super::{server::server_record, server::server_record::ServerState, workspace::Workspace};
use crate::{
    domain::{
        Failure, LeftServer, RunningServer,
        fact::ProcessMark,
        restored::{MAX_RECORD_LEN, RECORD, RestoreRecord},
    },
    postgres::{
        configure::DataDirectory,
        server::{classify, pidfile, stop},
    },
};
use std::{io, path::Path, time::Duration};
use uuid::Uuid;

/// What a shutdown checkpoint may take before a person is told that it goes on.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Looks at the data that a session has restored. `attempt` is the directory of any of its attempts.
pub fn look(data: &Path, session: Uuid, attempt: &Path) -> Result<LeftServer, Failure> {
    let failed = |error: io::Error| classify::of_io(&format!("looking at {}", data.display()), &error);
    match restored_by(data) {
        Ok(Some(by)) if by == session => {}
        Ok(Some(_) | None) => return Ok(LeftServer::Replaced),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(LeftServer::Replaced),
        Err(error) => return Err(failed(error)),
    }
    let Some(process) = pidfile::running(data).map_err(failed)? else { return Ok(LeftServer::Down) };
    let file = pidfile::read(data).map_err(failed)?;
    let (port, since) = file.map_or((None, None), |file| (file.port, file.since));
    let running = RunningServer { process, port, since };
    let records = server_record::of_session(&Workspace { attempt, session, data })?;
    let is_its = |state: ServerState| state == ServerState::Started(process);
    Ok(if records.iter().any(|record| is_its(record.state)) {
        LeftServer::Runs(running)
    } else {
        LeftServer::Other(running)
    })
}

/// Asks the session's server to stop and waits for its end; `false` where it is not at its end yet. A server that the
/// session did not start, or that was not seen before, is refused.
pub fn stop(data: &Path, session: Uuid, attempt: &Path, seen: ProcessMark) -> Result<bool, Failure> {
    match look(data, session, attempt)? {
        LeftServer::Runs(running) if running.process == seen => stop::request(seen, TIMEOUT),
        LeftServer::Runs(_) | LeftServer::Other(_) => Err(Failure::incurable(
            "the server that runs there now is not the one that this restore started",
            format!("stop it as it was started, or with pg_ctl stop -D {}", data.display()),
        )),
        LeftServer::Down => Ok(true),
        LeftServer::Replaced => Err(Failure::incurable(
            "the directory of this restore is gone, or holds something else by now",
            "look for a server of it with pg_lsclusters or ps",
        )),
    }
}

/// The session that restored what lies there; `None` where nothing says so.
fn restored_by(data: &Path) -> io::Result<Option<Uuid>> {
    let Some(text) = DataDirectory::open(data)?.read(RECORD, MAX_RECORD_LEN)? else { return Ok(None) };
    let record: RestoreRecord = serde_json::from_slice(&text)?;
    Ok(Some(record.session))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::{
        domain::{Port, Timestamp},
        process,
        worker::server::server_record::ServerRecord,
    };
    use std::{fs, path::PathBuf, process::Child, process::Command};

    const OURS: Uuid = Uuid::from_u128(1);

    struct Place {
        root: tempfile::TempDir,
        data: PathBuf,
        attempt: PathBuf,
    }

    impl Place {
        /// Data that the session has restored.
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let (data, attempt) = (root.path().join("data"), root.path().join("7/1"));
            fs::create_dir_all(&data).unwrap();
            fs::create_dir_all(&attempt).unwrap();
            let place = Self { root, data, attempt };
            place.restored_by(OURS);
            place
        }

        fn restored_by(&self, session: Uuid) {
            let record = serde_json::json!({ "version": 1, "session": session, "by": null,
                "finished": "2026-11-20T14:00:00Z", "backup": "/b", "repository": null, "instance": "orders",
                "label": "b1", "manifest": null });
            fs::write(self.data.join(RECORD), record.to_string()).unwrap();
        }

        fn look(&self) -> LeftServer {
            look(&self.data, OURS, &self.attempt).unwrap()
        }

        /// A process at work on the data, with a lock file that names it.
        fn serve(&self) -> (Child, ProcessMark) {
            // A shell makes what it runs in the background ignore SIGINT, which a server never does.
            let mut serve = Command::new("env");
            serve.args(["--default-signal=INT", "sleep", "1000"]).current_dir(&self.data);
            let child = serve.spawn().unwrap();
            let text = format!("{}\n{}\n1763640000\n5433\n/tmp\n", child.id(), self.data.display());
            fs::write(self.data.join(pidfile::NAME), text).unwrap();
            let mark = process::mark(child.id()).unwrap();
            (child, mark)
        }

        fn started(&self, mark: ProcessMark) {
            let workspace = Workspace { attempt: &self.attempt, session: OURS, data: &self.data };
            let mut record = ServerRecord::new(&workspace, None, Path::new("/bin"), "postgres");
            record.state = ServerState::Started(mark);
            record.keep(&self.attempt).unwrap();
        }
    }

    #[test]
    fn only_the_process_that_the_session_started_is_its_server() {
        let place = Place::new();
        assert_eq!(place.look(), LeftServer::Down);
        let (mut child, mark) = place.serve();
        let since = Some(Timestamp::from_second(1_763_640_000).unwrap());
        let running = RunningServer { process: mark, port: Some(Port::new(5433).unwrap()), since };
        assert_eq!(place.look(), LeftServer::Other(running.clone()), "somebody has started it");
        let failure = stop(&place.data, OURS, &place.attempt, mark).unwrap_err();
        assert!(failure.cause.contains("is not the one") && failure.advice.contains("pg_ctl stop -D"), "{failure:?}");
        assert!(process::is_alive(mark));
        place.started(mark);
        assert_eq!(place.look(), LeftServer::Runs(running));
        let reused = ProcessMark { started: mark.started + 1, ..mark };
        assert!(stop(&place.data, OURS, &place.attempt, reused).is_err(), "it is not the one that was seen");
        // Another session has restored to the same place since.
        place.restored_by(Uuid::from_u128(2));
        assert_eq!(place.look(), LeftServer::Replaced);
        assert!(stop(&place.data, OURS, &place.attempt, mark).unwrap_err().cause.contains("something else"));
        assert!(process::is_alive(mark), "it is none of this session's");
        place.restored_by(OURS);
        // A test is the parent of what it starts, and has to take it away.
        let waits = std::thread::spawn(move || child.wait().unwrap());
        assert!(stop(&place.data, OURS, &place.attempt, mark).unwrap());
        waits.join().unwrap();
        assert_eq!(place.look(), LeftServer::Down);
    }

    #[test]
    fn data_that_is_gone_has_no_server() {
        let place = Place::new();
        fs::remove_file(place.data.join(RECORD)).unwrap();
        assert_eq!(place.look(), LeftServer::Replaced);
        fs::remove_dir(&place.data).unwrap();
        assert_eq!(place.look(), LeftServer::Replaced);
        drop(place.root);
    }
}
