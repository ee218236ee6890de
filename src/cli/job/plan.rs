//! The plan of a run: what each object needs and what there is, before anything is begun (S7).

use crate::{
    cli::backup_list::escaped,
    domain::{
        BackupPlan, Failure, InstanceName,
        instance::{printable, printable_name},
        quantity::many,
    },
};
use serde::Serialize;

/// The plan of an object, or why it cannot be backed up.
pub type ObjectPlan = (InstanceName, Result<BackupPlan, Failure>);

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
    let files = if plan.files == 0 { String::new() } else { format!(" in {}", many(plan.files, "file")) };
    let inodes = plan.free_inodes.map_or_else(String::new, |inodes| format!(", {}", many(inodes, "inode")));
    let mut lines = vec![
        format!("  to          {}", printable_name(plan.directory.as_os_str())),
        format!("  writes      about {}{files}", plan.bytes),
        format!("  free space  {}{inodes}", plan.free_bytes),
    ];
    if let Some(version) = plan.version {
        let cluster = plan.system_identifier.map_or_else(String::new, |id| format!(", system identifier {id}"));
        lines.push(format!("  server      PostgreSQL {version}{cluster}"));
    }
    lines.extend(plan.method.iter().map(|clause| format!("  how         {}", printable(clause))));
    if let Some(keep) = &plan.keep {
        lines.push(format!("  keeps       {} of the job", many(keep.stays, "restore point")));
        lines.extend(keep.removes.iter().map(|label| format!("  removes     {} at the end", printable(label))));
    }
    lines.extend(plan.warnings.iter().map(|warning| format!("  warning     {}", printable(warning))));
    lines
}
