//! What crashed sessions that held a restore point open have left below `explore_dir`. It is left as it is.

use super::Env;
use crate::{
    app::explore,
    cli::doctor::{Finding, Fix},
    domain::{ByteCount, Remnant, Verdict, path_text::shown, quantity::many},
};
use std::time::Duration;

const CHECK: &str = "explore";

/// How long nothing may be seen of one place: less than all checks together may take.
const STALL_TIMEOUT: Duration = Duration::from_secs(4);

/// Places that are named one by one; of more, the first.
const NAMED: usize = 3;

pub(super) fn check(env: &Env) -> Finding {
    let explore_dir = env.config.explore_dir();
    let explore_dir = std::path::absolute(&explore_dir).unwrap_or(explore_dir);
    match explore::leftovers(&explore_dir, env.state.as_deref(), STALL_TIMEOUT) {
        Ok(found) => of(&found),
        Err(failure) => {
            let fix = Fix::Do("see whether the disk of explore_dir answers, then ask again".to_owned());
            Finding::warning(CHECK, &format!("what was left below it cannot be seen: {failure}"), fix)
        }
    }
}

fn of(found: &[Remnant]) -> Finding {
    let left: Vec<&Remnant> = found.iter().filter(|remnant| remnant.verdict.is_removable()).collect();
    // What bears no mark of a session is somebody's own, and no matter for a doctor.
    let unproven = found.iter().filter(|remnant| match &remnant.verdict {
        Verdict::Unproven(_) => remnant.session.is_some(),
        Verdict::OutOfSight(_) => true,
        Verdict::Removable(_) | Verdict::InUse(_) => false,
    });
    let unproven = unproven.count();
    if left.is_empty() && unproven == 0 {
        return Finding::ok(CHECK, "no crashed session has left anything");
    }
    let mut parts = Vec::new();
    if !left.is_empty() {
        let bytes = ByteCount(left.iter().map(|remnant| remnant.bytes.0).sum());
        let named: Vec<String> = left.iter().take(NAMED).map(|remnant| shown(&remnant.place)).collect();
        let more = if left.len() > NAMED { ", ..." } else { "" };
        let left = many(left.len() as u64, "leftover");
        parts.push(format!("{left} of crashed sessions, {bytes} ({}{more})", named.join(", ")));
    }
    if unproven > 0 {
        parts.push(format!("{} that may be left over", many(unproven as u64, "place")));
    }
    Finding::warning(CHECK, &parts.join("; "), Fix::Run("howdah explore clean --plan".to_owned()))
}
