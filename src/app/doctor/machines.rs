//! What jobs over virtual machines need, and the checkpoints that they have left. Nothing is said where no job is one.

use super::Env;
use crate::{
    app::{checkpoints, logout::on_path},
    cli::doctor::{Finding, Fix},
    domain::{CheckpointVerdict, JobKind, quantity::many},
};

const CHECK: &str = "machines";

/// The programs, with the packages that have them.
const PROGRAMS: [(&str, &str); 2] = [("virsh", "libvirt-clients"), ("qemu-img", "qemu-utils")];

pub(super) fn check(env: &Env) -> Vec<Finding> {
    let (specs, _) = env.config.jobs();
    if specs.iter().all(|spec| spec.kind() != JobKind::Vm) {
        return Vec::new();
    }
    let missing = PROGRAMS.iter().filter(|(program, _)| on_path(env.variable("PATH"), program).is_none());
    let missing: Vec<Finding> = missing
        .map(|(program, package)| {
            let found = format!("{program} is not installed, and jobs of the kind vm need it");
            Finding::error(CHECK, &found, Fix::Do(format!("install it (package {package})")))
        })
        .collect();
    if !missing.is_empty() {
        return missing;
    }
    let (mut findings, mut seen, mut stale, mut unproven) = (Vec::new(), 0, 0, 0);
    for (order, found) in checkpoints::look(&specs, &env.config.worker_settings(), env.state.as_deref()) {
        match found {
            Ok(found) => {
                seen += 1;
                for left in found {
                    match left.verdict {
                        CheckpointVerdict::Stale => stale += 1,
                        CheckpointVerdict::Unproven(_) => unproven += 1,
                        CheckpointVerdict::Needed { .. } | CheckpointVerdict::InUse(_) => {}
                    }
                }
            }
            Err(failure) => {
                let found = format!("{} of {}: {}", order.object.name(), order.job, failure.cause);
                findings.push(Finding::warning(CHECK, &found, Fix::Do(failure.advice)));
            }
        }
    }
    if stale + unproven > 0 {
        let mut parts = Vec::new();
        if stale > 0 {
            parts.push(many(stale, "stale checkpoint"));
        }
        if unproven > 0 {
            parts.push(format!("{} that may be stale", many(unproven, "checkpoint")));
        }
        let found = format!("{} at libvirt", parts.join(", "));
        findings.push(Finding::warning(CHECK, &found, Fix::Run("howdah job clean --plan".to_owned())));
    } else if seen > 0 {
        let found = format!("{} of jobs seen at libvirt, without a stale checkpoint", many(seen, "machine"));
        findings.push(Finding::ok(CHECK, &found));
    }
    findings
}
