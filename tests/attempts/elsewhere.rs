//! Marks whose numbers mean other processes: of another boot, of another container.

use super::{ATTEMPT, Harness, SESSION, kill, state::State, uuid};
use howdah::{
    attempt::Attempts as _,
    domain::fact::{ProcessMark, Realm},
    process::{group_members, mark},
};

#[tokio::test]
async fn a_mark_from_another_boot_or_another_container_names_nobody_here() {
    // A group of ours whose numbers an old attempt had before the reboot: alive, leader and child.
    let script = "tail -f /dev/null & wait";
    // Ended with the directory that it names.
    let place = State::new();
    let mut bystander =
        tokio::process::Command::new("setsid").args(["sh", "-c", script]).arg(&place.0).spawn().unwrap();
    let real = mark(bystander.id().unwrap()).unwrap();
    while group_members(real).unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let realm = real.realm.unwrap();
    for elsewhere in [Realm { boot: uuid::Uuid::nil(), ..realm }, Realm { namespace: realm.namespace + 1, ..realm }] {
        let mut harness = Harness::new("");
        harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(ProcessMark { realm: Some(elsewhere), ..real }));
        harness.attempts.stop(SESSION, ATTEMPT);
        harness.attempts.kill(SESSION, ATTEMPT);
        harness.lost().await;
        assert_eq!(group_members(real).unwrap().len(), 2);
    }
    // The same numbers, here and now, and yet no worker of this attempt: its command line names another one, or none.
    let mut harness = Harness::new("");
    harness.attempts.adopt(SESSION, uuid(), ATTEMPT, Some(real));
    harness.attempts.kill(SESSION, ATTEMPT);
    harness.lost().await;
    let members = group_members(real).unwrap();
    assert_eq!(members.len(), 2);
    for member in members {
        kill(member);
    }
    bystander.wait().await.unwrap();
}
