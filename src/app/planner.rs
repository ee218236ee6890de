//! Plans, made in a process of their own: no engine code runs in the process that draws.

use crate::domain::{Failure, Plan, RestoreRequest, WorkerSettings};
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use tokio::{io::AsyncWriteExt, process::Command};

/// The question to the planning process, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Question {
    /// What would be restored.
    pub request: RestoreRequest,
    /// How.
    pub settings: WorkerSettings,
}

/// Its answer, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It can be done, like this.
    Plan(Box<Plan>),
    /// It cannot.
    Refused(Failure),
}

/// Asks another process for the plan of a restore; nothing is written.
pub async fn plan(request: RestoreRequest, settings: WorkerSettings) -> Result<Plan, Failure> {
    match ask(&Question { request, settings }).await {
        Ok(Answer::Plan(plan)) => Ok(*plan),
        Ok(Answer::Refused(failure)) => Err(failure),
        Err(error) => Err(Failure::bug(format!("the plan could not be made: {error}"))),
    }
}

async fn ask(question: &Question) -> std::io::Result<Answer> {
    let mut child = Command::new("/proc/self/exe")
        .arg0("howdah")
        .args(["worker", "--plan"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Whoever asked has gone away: a plan that nobody reads is not worth a process.
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(question)?).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(serde_json::from_slice(&output.stdout)?)
}
