//! The hidden verb `worker`: one attempt, or one plan, in a process of its own.

use super::{
    planner::{PlanReply, PlanRequest, PlannedWork},
    wal,
};
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
    let PlanRequest { work, settings } = request;
    let answer = match work {
        PlannedWork::Restore(request) => worker::plan_restore(&request, &settings, Uuid::nil()).map(PlanReply::Restore),
        PlannedWork::Backup(order) => {
            worker::plan_backup(&order, &settings).map(|plan| PlanReply::Backup(Box::new(plan)))
        }
        PlannedWork::Items(order) => worker::plan_items(&order, &settings).map(|plan| PlanReply::Items(Box::new(plan))),
        PlannedWork::Window(request) => {
            wal::read::window(&request, &settings).map(|window| PlanReply::Window(Box::new(window)))
        }
        PlannedWork::Commits(request) => wal::read::commits(&request, &settings).map(PlanReply::Commits),
        PlannedWork::Explore(order) => {
            worker::plan_explore(&order, &settings).map(|plan| PlanReply::Explore(Box::new(plan)))
        }
    };
    let answer = answer.unwrap_or_else(PlanReply::Refused);
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.flush()?;
    Ok(Exit::Done)
}
