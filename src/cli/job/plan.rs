//! The plan of a run: what each object needs and what there is, before anything is begun (S7).

use crate::{
    cli::backup_list::escaped,
    domain::{BackupPlan, InstanceName, ObjectPlan, instance::printable, quantity::many},
};
use serde::Serialize;

/// One line of JSON.
#[derive(Serialize)]
struct PlanObject<'a> {
    job: &'a InstanceName,
    object: &'a InstanceName,
    plan: Option<&'a BackupPlan>,
    refused: Option<String>,
}

/// The plans of a job's objects as text.
pub fn text(job: &InstanceName, plans: &[ObjectPlan]) -> String {
    let mut lines = vec![format!("job {job}: {}, in this order", many(plans.len() as u64, "object"))];
    for (object, plan) in plans {
        lines.push(format!("{object}"));
        match plan {
            Ok(plan) => lines.extend(of(plan)),
            Err(failure) => lines.push(format!("  refused     {}", printable(&failure.to_string()))),
        }
    }
    lines.join("\n")
}

/// The same as JSON, an object a line.
pub fn json(job: &InstanceName, plans: &[ObjectPlan]) -> serde_json::Result<String> {
    let line = |(object, plan): &ObjectPlan| {
        let refused = plan.as_ref().err().map(ToString::to_string);
        let line = PlanObject { job, object, plan: plan.as_ref().ok(), refused };
        serde_json::to_string(&line).map(|line| escaped(&line))
    };
    Ok(plans.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

fn of(plan: &BackupPlan) -> Vec<String> {
    plan.rows().into_iter().map(|(name, text)| format!("  {name:<10}  {}", printable(&text))).collect()
}
