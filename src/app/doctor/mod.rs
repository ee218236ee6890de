//! `howdah doctor`: looks at all that howdah needs on this machine.
//!
//! Promises: every check answers, whatever hangs (a program, a disk, a network); they run at the same time. Never:
//! makes or changes anything, but for one file in the state directory that is removed before it is used; what is found
//! wrong is left as it is.

mod disk;
mod environment;
mod explore;
mod journal;
mod machine;
mod machines;
mod owner;
mod programs;
mod repositories;
mod restore_dir;
mod settings;
mod state;

use super::{
    config::{Config, state_dir},
    context::access_of,
    generate::print,
};
use crate::{
    cli::{
        args::{Common, DoctorArgs},
        doctor::{Finding, Fix, exit, json, text},
        exit::Exit,
    },
    domain::Timestamp,
    manager::Clock,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long all checks together may take. A program that is asked may take five seconds, and some checks ask two, one
/// after the other.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the checks stand on.
struct Env {
    /// The environment.
    variables: BTreeMap<OsString, OsString>,
    /// The settings; the built-in ones where the file cannot be used.
    config: Config,
    /// The state directory, unless none is known.
    state: Option<PathBuf>,
    /// The operator's own repositories.
    repositories: Vec<PathBuf>,
    /// Whether the screen shall be ASCII.
    ascii: bool,
    now: Timestamp,
}

/// Looks at one thing and reports what was found.
type CheckFn = Box<dyn FnOnce(&Env) -> Vec<Finding> + Send>;

/// One thing to look at.
struct Check {
    name: &'static str,
    look: CheckFn,
}

pub(super) fn run(common: &Common, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let (config, mut findings) = settings::check(common.config.as_deref());
    let state = state_dir(common.state_dir.as_deref());
    if let Err(error) = &state {
        let fix = Fix::Run("howdah --state-dir DIR".to_owned());
        findings.push(Finding::error("state", &error.to_string(), fix));
    }
    let named = config.repository_paths(&common.repo).into_iter();
    let absolute = named.map(|path| std::path::absolute(&path).unwrap_or(path));
    let env = Env {
        variables: std::env::vars_os().collect(),
        repositories: absolute.collect(),
        ascii: common.ascii || config.console.ascii == Some(true),
        state: state.ok(),
        config,
        now: Clock::system().now(),
    };
    let ascii = env.ascii || !machine::capabilities(&env).is_ok_and(|here| here.unicode);
    let checks = checks(&env);
    findings.extend(answers(&Arc::new(env), checks, TIMEOUT));
    let out = io::stdout();
    let columns = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).map_or(80, |size| size.ws_col.into()));
    print(if args.json { json(&findings)? } else { text(&findings, columns, ascii) }.as_bytes())?;
    Ok(exit(&findings))
}

fn checks(env: &Env) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |name, look: CheckFn| checks.push(Check { name, look });
    if let Some(state) = &env.state {
        let places = [state.clone(), state.clone(), state.clone()];
        let [first, second, third] = places;
        add("state", Box::new(move |_| state::check(&first)));
        add("owner", Box::new(move |_| owner::check(&second)));
        add("journal", Box::new(move |env| journal::check(&third, env.now)));
    }
    for path in env.repositories.clone() {
        add("repository", Box::new(move |env| vec![repositories::check(&path, &access_of(&env.config))]));
    }
    if env.repositories.is_empty() {
        add("repository", Box::new(|_| vec![repositories::none()]));
    }
    add("restore-dir", Box::new(|env| vec![restore_dir::check(env)]));
    add("explore", Box::new(|env| vec![explore::check(env)]));
    add("postgresql", Box::new(programs::postgresql));
    add("os-user", Box::new(|env| vec![programs::os_user(env)]));
    add("engines", Box::new(programs::engines));
    add("machines", Box::new(machines::check));
    add("environment", Box::new(|env| vec![environment::check(env)]));
    add("lingering", Box::new(|env| machine::lingering(&crate::app::logout::gather(), env.state.as_deref())));
    add("clock", Box::new(|env| vec![machine::clock(env)]));
    add("terminal", Box::new(|env| vec![machine::terminal(env)]));
    checks
}

/// Runs all checks at the same time and tells their findings in order. One that is late is left behind: what it waits
/// for may never come, and ends with this process.
fn answers(env: &Arc<Env>, checks: Vec<Check>, limit: Duration) -> Vec<Finding> {
    let end = Instant::now() + limit;
    let running: Vec<_> = checks
        .into_iter()
        .map(|Check { name, look }| {
            let (teller, answers) = mpsc::sync_channel(1);
            let env = Arc::clone(env);
            // A thread that cannot be had drops the other end of the channel, as one that panics does.
            let _: io::Result<thread::JoinHandle<()>> = thread::Builder::new().spawn(move || {
                let findings = look(&env);
                // Nobody waits any more for one that is late.
                teller.send(findings).unwrap_or_default();
            });
            (name, answers)
        })
        .collect();
    let mut findings = Vec::new();
    for (name, answers) in running {
        match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(found) => findings.extend(found),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let found = format!("no answer in {} s: a disk, a mount or a program hangs", limit.as_secs_f32());
                let fix = "see whether network mounts answer (findmnt -t nfs,nfs4,cifs), then ask again";
                findings.push(Finding::error(name, &found, Fix::Do(fix.to_owned())));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let fix = Fix::Do("report it with the lines above; the other checks stand".to_owned());
                findings.push(Finding::error(name, "this check broke down, which is a fault of howdah", fix));
            }
        }
    }
    findings
}

impl Env {
    /// A variable of the environment that says something.
    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::cli::doctor::FindingState;

    /// A machine of which nothing is known.
    pub(super) fn env() -> Env {
        Env {
            variables: BTreeMap::new(),
            config: Config::default(),
            state: None,
            repositories: Vec::new(),
            ascii: false,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_check_that_hangs_or_breaks_hides_no_other() {
        let (never, word) = mpsc::channel::<()>();
        let check = |name, look| Check { name, look };
        let checks = vec![
            check(
                "hangs",
                Box::new(move |_: &Env| {
                    let _: Result<(), mpsc::RecvError> = word.recv();
                    Vec::new()
                }),
            ),
            // As a panic does, but without printing a backtrace, which alone may take longer than the limit.
            Check { name: "breaks", look: Box::new(|_| std::panic::resume_unwind(Box::new("as it should"))) },
            Check { name: "good", look: Box::new(|_| vec![Finding::ok("good", "a"), Finding::ok("good", "b")]) },
        ];
        let found = answers(&Arc::new(env()), checks, Duration::from_secs(2));
        let shown: Vec<(FindingState, &str)> = found.iter().map(|finding| (finding.state(), finding.found())).collect();
        assert_eq!(shown[0], (FindingState::Error, "no answer in 2 s: a disk, a mount or a program hangs"));
        assert_eq!(shown[1].0, FindingState::Error);
        assert!(shown[1].1.contains("broke down"));
        assert_eq!(shown[2..], [(FindingState::Ok, "a"), (FindingState::Ok, "b")]);
        drop(never);
    }
}
