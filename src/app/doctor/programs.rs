//! The programs of others: PostgreSQL, the user that runs it, and the engines.

use super::Env;
use crate::{
    app::logout::on_path,
    cli::doctor::{Finding, Fix},
    domain::{JobKind, path_text::shown},
    postgres::{
        account::{Account, bare, is_root},
        binaries::{Installed, installed},
        command_output::{CommandError, LIMIT, command_output},
    },
    worker,
};
use std::collections::BTreeSet;

/// A program that a restore asks for what a control file holds (postgres::server).
const HELPER: &str = "pg_controldata";

/// Every major version whose server can be started; of two in one version, the first is taken.
pub(super) fn postgresql(env: &Env) -> Vec<Finding> {
    let settings = env.config.worker_settings();
    let account = Account::for_server(&settings.os_user).ok();
    versions(&installed(&settings, env.variable("PATH"), account.as_ref()))
}

fn versions(installed: &[Installed]) -> Vec<Finding> {
    const CHECK: &str = "postgresql";
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for Installed { directory, version } in installed {
        let Some(version) = version else {
            let found = format!("the program postgres in {} does not report its version", shown(directory));
            let fix = "see whether the user that runs servers may run it: postgres --version";
            findings.push(Finding::warning(CHECK, &found, Fix::Do(fix.to_owned())));
            continue;
        };
        if !seen.insert(*version) {
            continue;
        }
        let found = format!("{version} in {}", shown(directory));
        findings.push(if directory.join(HELPER).is_file() {
            Finding::ok(CHECK, &found)
        } else {
            let fix = format!("install the whole server package of PostgreSQL {version}");
            Finding::warning(CHECK, &format!("{found}, without {HELPER}"), Fix::Do(fix))
        });
    }
    if seen.is_empty() {
        let found = "no server programs: files are restored and verified, but no server is started";
        let fix = "install PostgreSQL of the major version of your backups, or name its directory with binaries under \
                    [worker] in howdah.toml";
        findings.push(Finding::warning(CHECK, found, Fix::Do(fix.to_owned())));
    }
    findings
}

/// The user that owns restored files and runs the server.
pub(super) fn os_user(env: &Env) -> Finding {
    const CHECK: &str = "os-user";
    let name = &env.config.worker.os_user;
    let key = if is_root() { name.clone() } else { rustix::process::geteuid().as_raw().to_string() };
    // The account is asked for without a limit; a directory service that hangs is met here.
    if let Err(error @ CommandError::Late(_)) = command_output(bare("getent").args(["passwd", "--", &key]), LIMIT) {
        let found = format!("the system cannot tell who {key} is: getent: {error}");
        return Finding::error(CHECK, &found, Fix::Run(format!("getent passwd {key}")));
    }
    if !is_root() {
        return match Account::own() {
            Ok(own) => Finding::ok(CHECK, &format!("{}: restored files and servers are this user's own", own.name())),
            Err(failure) => Finding::error(CHECK, &failure.cause, Fix::Do(failure.advice)),
        };
    }
    match Account::for_server(name) {
        Ok(account) => match account.lost_groups() {
            None => Finding::ok(CHECK, &format!("{} owns restored files and runs their servers", account.name())),
            Some(lost) => Finding::warning(CHECK, &lost, Fix::Do("install util-linux".to_owned())),
        },
        Err(failure) => Finding::error(CHECK, &failure.cause, Fix::Do(failure.advice)),
    }
}

/// The engine of our own, and those of others as far as they are here.
pub(super) fn engines(env: &Env) -> Vec<Finding> {
    let mut findings = vec![
        Finding::ok("native", "built in; reads what pg_basebackup writes, plain and tar"),
        engine(env, "pgbackrest", "version"),
        engine(env, "barman", "--version"),
    ];
    findings.extend(restic(env));
    findings
}

/// Looked for where workers look, and where a job needs it.
fn restic(env: &Env) -> Option<Finding> {
    const CHECK: &str = "restic";
    env.config.jobs().0.iter().any(|job| job.kind() == JobKind::Files).then(|| {
        match worker::restic_version(&env.config.worker_settings()) {
            Ok(version) => Finding::ok(CHECK, &format!("{version}; backs up the trees of jobs of the kind files")),
            Err(failure) => Finding::error(CHECK, &failure.cause, Fix::Do(failure.advice)),
        }
    })
}

fn engine(env: &Env, name: &'static str, question: &str) -> Finding {
    let Some(program) = on_path(env.variable("PATH"), name) else {
        return Finding::ok(
            name,
            "not installed; only its own repositories need it, which this howdah does not read yet",
        );
    };
    match command_output(bare(&program).arg(question), LIMIT) {
        Ok(answer) => {
            let version = answer.lines().next().unwrap_or_default().trim();
            let found = format!("{version} in {}; not supported yet", shown(&program));
            Finding::ok(name, &found)
        }
        Err(error) => {
            let found = format!("{} does not report its version: {error}; not supported yet", shown(&program));
            Finding::warning(name, &found, Fix::Run(format!("{name} {question}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::FindingState, domain::MajorVersion};

    fn reported(installed: &[(&str, Option<u32>)]) -> Vec<(FindingState, String)> {
        let place = |(directory, version): &(&str, Option<u32>)| Installed {
            directory: directory.into(),
            version: version.map(MajorVersion),
        };
        let installed: Vec<Installed> = installed.iter().map(place).collect();
        versions(&installed).iter().map(|finding| (finding.state(), finding.found().to_owned())).collect()
    }

    #[test]
    fn without_a_server_program_that_works_it_is_said_what_will_not_happen() {
        let nothing = "no server programs: files are restored and verified, but no server is started";
        assert_eq!(reported(&[]), [(FindingState::Warning, nothing.to_owned())]);
        let found = reported(&[("/opt/a", None)]);
        assert!(found[0].1.contains("/opt/a does not report its version"), "{found:?}");
        assert_eq!(found[1], (FindingState::Warning, nothing.to_owned()));
    }

    #[test]
    fn each_version_is_told_once_with_the_directory_that_is_taken() {
        let found = reported(&[("/opt/a", Some(15)), ("/opt/b", Some(15)), ("/opt/\u{1b}c", Some(9))]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], (FindingState::Warning, "15 in /opt/a, without pg_controldata".to_owned()));
        assert_eq!(found[1].1, "9 in /opt/\\u{1b}c, without pg_controldata");
    }
}
