//! Plans, made in a process of their own: no engine code runs in the process that draws.

use super::{
    environment,
    wal::read::{CommitsRequest, WindowRequest},
};
use crate::{
    attempt::worker_command,
    domain::{
        AnyRestorePlan, BackupObject, BackupOrder, BackupPlan, ExploreOrder, ExplorePlan, Failure, ItemOrder, ItemPlan,
        JobId, JobSpec, NearbyCommits, ObjectPlan, RestoreOrder, WalWindow, WorkerSettings,
    },
    process::OWN_PROGRAM,
};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::{path::Path, process::Stdio};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

/// The planning process answers what it is asked, unless it is another program.
const OTHER: &str = "the plan is one of another work";

/// The request to the planning process, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What would be done.
    pub work: PlannedWork,
    /// How.
    pub settings: WorkerSettings,
}

/// What there are plans for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedWork {
    /// A restore.
    Restore(Box<RestoreOrder>),
    /// The backup of an object of a job.
    Backup(Box<BackupOrder>),
    /// The opening of a restore point.
    Explore(Box<ExploreOrder>),
    /// The taking out of items.
    Items(Box<ItemOrder>),
    /// The reading of WAL archives.
    Window(Box<WindowRequest>),
    /// The same, of commits.
    Commits(Box<CommitsRequest>),
}

/// Its answer, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanReply {
    /// It can be restored, like this.
    Restore(AnyRestorePlan),
    /// It can be backed up, like this.
    Backup(Box<BackupPlan>),
    /// It can be opened, like this.
    Explore(Box<ExplorePlan>),
    /// They can be taken out, like this.
    Items(Box<ItemPlan>),
    /// What can be recovered.
    Window(Box<WalWindow>),
    /// The commits.
    Commits(NearbyCommits),
    /// It cannot.
    Refused(Failure),
}

/// Asks another process for the plan of a restore that the owner of the settings' state directory would carry out;
/// nothing is written.
pub async fn plan(request: RestoreOrder, settings: WorkerSettings) -> Result<AnyRestorePlan, Failure> {
    let lacking = settings.state.as_deref().and_then(|state| environment::lacking(state, &settings.environment));
    match ask(&PlanRequest { work: PlannedWork::Restore(Box::new(request)), settings }).await {
        Ok(PlanReply::Restore(mut plan)) => {
            let lacking = lacking.map(|lacking| {
                let (sentence, command) = lacking.sentence();
                format!("{sentence}; {command} lets the next one have what is set here")
            });
            match &mut plan {
                AnyRestorePlan::Cluster(plan) => plan.warnings.extend(lacking),
                AnyRestorePlan::Data(plan) => plan.warnings.extend(lacking),
            }
            Ok(plan)
        }
        Ok(PlanReply::Refused(failure)) => Err(failure),
        Ok(
            PlanReply::Backup(_)
            | PlanReply::Explore(_)
            | PlanReply::Items(_)
            | PlanReply::Window(_)
            | PlanReply::Commits(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the plan could not be made: {error}"))),
    }
}

/// Asks another process for the plan of a backup; nothing is written, here or at what is backed up.
pub async fn plan_backup(order: BackupOrder, settings: WorkerSettings) -> Result<BackupPlan, Failure> {
    let is_server = matches!(order.object, BackupObject::Instance { .. });
    let names = std::env::vars_os().map(|(name, _)| name);
    let alone = environment::of_shell_alone(names, &settings.environment).filter(|_| is_server);
    match ask(&PlanRequest { work: PlannedWork::Backup(Box::new(order)), settings }).await {
        Ok(PlanReply::Backup(mut plan)) => {
            plan.warnings.extend(alone);
            Ok(*plan)
        }
        Ok(PlanReply::Refused(failure)) => Err(match alone {
            Some(alone) if failure.advice.is_empty() => Failure { advice: alone, ..failure },
            Some(alone) => Failure { advice: format!("{}; {alone}", failure.advice), ..failure },
            None => failure,
        }),
        Ok(
            PlanReply::Restore(_)
            | PlanReply::Explore(_)
            | PlanReply::Items(_)
            | PlanReply::Window(_)
            | PlanReply::Commits(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the plan could not be made: {error}"))),
    }
}

/// Asks another process for the plan of an opening; nothing is written.
pub async fn plan_explore(order: ExploreOrder, settings: WorkerSettings) -> Result<ExplorePlan, Failure> {
    match ask(&PlanRequest { work: PlannedWork::Explore(Box::new(order)), settings }).await {
        Ok(PlanReply::Explore(plan)) => Ok(*plan),
        Ok(PlanReply::Refused(failure)) => Err(failure),
        Ok(
            PlanReply::Restore(_)
            | PlanReply::Backup(_)
            | PlanReply::Items(_)
            | PlanReply::Window(_)
            | PlanReply::Commits(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the plan could not be made: {error}"))),
    }
}

/// Asks another process for the plan of taking items out; nothing is written.
pub async fn plan_items(order: ItemOrder, settings: WorkerSettings) -> Result<ItemPlan, Failure> {
    match ask(&PlanRequest { work: PlannedWork::Items(Box::new(order)), settings }).await {
        Ok(PlanReply::Items(plan)) => Ok(*plan),
        Ok(PlanReply::Refused(failure)) => Err(failure),
        Ok(
            PlanReply::Restore(_)
            | PlanReply::Backup(_)
            | PlanReply::Explore(_)
            | PlanReply::Window(_)
            | PlanReply::Commits(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the plan could not be made: {error}"))),
    }
}

/// Asks another process for the window of an instance; an archive on a disk that hangs holds up nobody here.
pub async fn window(request: WindowRequest, settings: WorkerSettings) -> Result<WalWindow, Failure> {
    match ask(&PlanRequest { work: PlannedWork::Window(Box::new(request)), settings }).await {
        Ok(PlanReply::Window(window)) => Ok(*window),
        Ok(PlanReply::Refused(failure)) => Err(failure),
        Ok(
            PlanReply::Restore(_)
            | PlanReply::Backup(_)
            | PlanReply::Explore(_)
            | PlanReply::Items(_)
            | PlanReply::Commits(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the archive could not be looked at: {error}"))),
    }
}

/// The same for the commits around a place.
pub async fn commits(request: CommitsRequest, settings: WorkerSettings) -> Result<NearbyCommits, Failure> {
    match ask(&PlanRequest { work: PlannedWork::Commits(Box::new(request)), settings }).await {
        Ok(PlanReply::Commits(commits)) => Ok(commits),
        Ok(PlanReply::Refused(failure)) => Err(failure),
        Ok(
            PlanReply::Restore(_)
            | PlanReply::Backup(_)
            | PlanReply::Explore(_)
            | PlanReply::Items(_)
            | PlanReply::Window(_),
        ) => Err(Failure::bug(OTHER)),
        Err(error) => Err(Failure::bug(format!("the archive could not be looked at: {error}"))),
    }
}

/// The plans of all objects of a job, in their order; a few at a time.
pub async fn plan_job(spec: &JobSpec, settings: &WorkerSettings) -> Vec<ObjectPlan> {
    /// Each is a process that asks a server.
    const AT_ONCE: usize = 8;
    // A plan is of no run.
    let orders = (0..spec.objects().len()).filter_map(|at| spec.order(at, JobId(0), Uuid::nil()));
    let plans = orders.map(|order| async { (order.object.name().clone(), plan_backup(order, settings.clone()).await) });
    stream::iter(plans).buffered(AT_ONCE).collect().await
}

async fn ask(request: &PlanRequest) -> std::io::Result<PlanReply> {
    // With what a worker would have: a plan that sees more would promise more.
    let mut child = worker_command(Path::new(OWN_PROGRAM), &request.settings.environment)
        .arg("--plan")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Whoever asked has gone away: a plan that nobody reads is not worth a process.
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(request)?).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(serde_json::from_slice(&output.stdout)?)
}
