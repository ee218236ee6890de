//! A person who follows the script: waits for what it says, and presses keys at a human pace.

use crate::{
    console::{chord::Chord, recorder::Recorder},
    demo::script::{Action, Condition},
    manager::Snapshot,
};
use std::{sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// Between two keys of somebody who knows them and looks at what each does.
const KEY: Duration = Duration::from_millis(600);

/// Between two characters of somebody who types.
const CHARACTER: Duration = Duration::from_millis(120);

/// What has just happened is painted by then, whatever progresses.
const PAINTED: Duration = Duration::from_millis(600);

/// No recording is longer: what does not come by then never comes.
const LONGEST: Duration = Duration::from_hours(2);

/// Why a script cannot be followed to its end.
#[derive(Debug, Error)]
pub(super) enum ScriptError {
    /// A wait has no end.
    #[error("line {line} of the scenario waits for {wanted:?}, which did not come within two hours of the recording")]
    NeverCame {
        /// The line.
        line: usize,
        /// What was waited for.
        wanted: String,
    },
    /// The session manager has ended.
    #[error("the session manager has ended before the script")]
    ManagerGone,
}

/// Follows the script to its end, or until nobody takes keys any more.
pub(super) async fn follow(
    script: Vec<Action<Chord>>,
    recorder: Recorder,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    keys: mpsc::Sender<Chord>,
) -> Result<(), ScriptError> {
    for action in script {
        let (pace, pressed) = match action {
            Action::Wait(wanted, line) => {
                let never = |_| ScriptError::NeverCame { line, wanted: wanted.to_string() };
                timeout(LONGEST, until(&wanted, &recorder, &mut snapshots)).await.map_err(never)??;
                continue;
            }
            Action::Pause(time) => {
                sleep(time).await;
                continue;
            }
            Action::Mark(label) => {
                sleep(PAINTED).await;
                recorder.mark(&label);
                continue;
            }
            Action::Press(keys) => (KEY, keys),
            Action::Type(keys) => (CHARACTER, keys),
        };
        for key in pressed {
            sleep(pace).await;
            if keys.send(key).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn until(
    wanted: &Condition,
    recorder: &Recorder,
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
) -> Result<(), ScriptError> {
    let mut pictures = recorder.pictures();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        if wanted.holds(&snapshot, || recorder.text()) {
            return Ok(());
        }
        tokio::select! {
            biased;
            changed = snapshots.changed() => changed.map_err(|_| ScriptError::ManagerGone)?,
            // The recorder is here, so pictures can always come.
            _ = pictures.changed() => {}
        }
    }
}
