//! The hidden verb `worker`: one attempt, or one plan, in a process of its own.

use super::planner::{PlanReply, PlanRequest};
use crate::{
    cli::{args::WorkerArgs, exit::Exit},
    worker,
};
use anyhow::Context;
use std::io::{self, Write};
use uuid::Uuid;

pub(super) fn run(args: &WorkerArgs) -> anyhow::Result<Exit> {
    match &args.attempt {
        Some(directory) if !args.plan => {
            let ended = worker::run(directory).with_context(|| directory.display().to_string())?;
            Ok(if ended == 0 { Exit::Done } else { Exit::Broken })
        }
        Some(_) | None => plan(),
    }
}

fn plan() -> anyhow::Result<Exit> {
    let request: PlanRequest = serde_json::from_reader(io::stdin().lock()).context("the question cannot be read")?;
    let answer = match worker::plan(&request.request, &request.settings, Uuid::nil()) {
        Ok(plan) => PlanReply::Plan(Box::new(plan)),
        Err(failure) => PlanReply::Refused(failure),
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.flush()?;
    Ok(Exit::Done)
}
