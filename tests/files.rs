//! Real backups of trees by a real restic: what is made comes back, and what is ended leaves nothing that was not there.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "files/bed.rs"]
mod bed;
#[path = "files/cheap.rs"]
mod cheap;
#[path = "files/ended.rs"]
mod ended;
#[path = "files/job.rs"]
mod job;
#[path = "files/listed.rs"]
mod listed;
#[path = "files/made.rs"]
mod made;
#[path = "files/refused.rs"]
mod refused;
#[path = "files/restore_ended.rs"]
mod restore_ended;
#[path = "files/restore_refused.rs"]
mod restore_refused;
#[path = "files/restored.rs"]
mod restored;
#[path = "files/restoring.rs"]
mod restoring;
#[path = "backup/session.rs"]
#[expect(dead_code, reason = "the tests of other kinds need the rest")]
mod session;
#[path = "files/shell.rs"]
mod shell;
mod support;
