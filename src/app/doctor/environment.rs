//! The variables that workers get, and whether the owner who starts them has what this shell has.

use super::Env;
use crate::{
    app::environment::{lacking, of_shell_alone, wanted},
    cli::doctor::{Finding, Fix},
    domain::{JobKind, instance::printable_name},
};

const CHECK: &str = "environment";

pub(super) fn check(env: &Env) -> Finding {
    let patterns = &env.config.worker.environment;
    let of_servers = [JobKind::Instance, JobKind::Replication];
    let backs_up_servers = env.config.jobs().0.iter().any(|job| of_servers.contains(&job.kind()));
    if let Some(found) = of_shell_alone(env.variables.keys().cloned(), patterns).filter(|_| backs_up_servers) {
        return Finding::warning(CHECK, &found, Fix::Do("let the job say it, or the settings name it".to_owned()));
    }
    if patterns.is_empty() {
        let found = "workers get PATH, HOME, TZ and LANG=C; [worker] environment in howdah.toml names no others";
        return Finding::ok(CHECK, found);
    }
    if let Some(lacking) = env.state.as_deref().and_then(|state| lacking(state, patterns)) {
        let (found, command) = lacking.sentence();
        return Finding::warning(CHECK, &found, Fix::Run(format!("{command}; howdah")));
    }
    let shown: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    let here = wanted(env.variables.keys().cloned(), patterns);
    let here: Vec<String> = here.iter().map(|name| printable_name(name)).collect();
    let here = if here.is_empty() { "none is set here".to_owned() } else { format!("set here: {}", here.join(", ")) };
    Finding::ok(CHECK, &format!("workers get {}, too; {here}", shown.join(", ")))
}
