//! The machine around: logout, clock and terminal.

use super::Env;
use crate::{
    app::{
        context::sessions,
        logout::{
            AfterLogout, AfterReboot, Facts, Logout, Place, after_logout, after_reboot, linger, on_path, scope_prefix,
        },
    },
    cli::doctor::{Finding, Fix},
    console::{
        capabilities::{Capabilities, NoCursor},
        theme::Depth,
    },
    domain::{Timestamp, path_text::shown},
    postgres::{
        account::bare,
        command_output::{LIMIT, command_output},
    },
    process::OWN_PROGRAM,
};
use jiff::tz::TimeZone;
use std::{ffi::OsStr, fs, path::Path};

/// Whether the work outlives the logout and a restart of the machine, and whether scopes can be had.
pub(super) fn lingering(facts: &Facts, state: Option<&Path>) -> Vec<Finding> {
    let after = state.map(|state| after_reboot(Path::new("/"), facts, &sessions(state)));
    let mut findings = vec![logout(facts)];
    findings.extend(after.map(|after| reboot(&after, facts)));
    findings.push(scopes(facts));
    findings
}

fn reboot(after: &AfterReboot, facts: &Facts) -> Finding {
    const CHECK: &str = "reboot";
    let service =
        "to have them go on by themselves, run the keeper as a service: assets/howdah-keeper.service says how";
    match after {
        AfterReboot::GoesOn { unit } => Finding::ok(CHECK, &format!("{} starts a keeper", shown(unit))),
        AfterReboot::AtLogin { unit } => {
            let found = format!("{} starts a keeper at the first login only: this user does not linger", shown(unit));
            Finding::warning(CHECK, &found, Fix::Run(linger(facts)))
        }
        AfterReboot::ForAnother { unit } => {
            let found = format!("{} starts a keeper for another user or state directory", shown(unit));
            let fix = "name this state directory behind --state-dir in a unit of this user; until then its sessions wait \
                        after a reboot until howdah is opened";
            Finding::warning(CHECK, &found, Fix::Do(fix.to_owned()))
        }
        AfterReboot::Waits => {
            Finding::ok(CHECK, "nothing starts a keeper then: the sessions wait until howdah is opened")
                .with(Fix::Do(service.to_owned()))
        }
    }
}

fn logout(facts: &Facts) -> Finding {
    const CHECK: &str = "lingering";
    let lingers = if facts.lingers { "this user lingers" } else { "this user does not linger" };
    match after_logout(facts) {
        AfterLogout::Safe => {
            let why = match facts.place {
                Place::Elsewhere => "howdah runs in no login session here, so no logout ends its work".to_owned(),
                Place::Session => "logind lets work go on after the logout (KillUserProcesses=no)".to_owned(),
                Place::UserManager => format!("{lingers}, so work goes on after the logout"),
            };
            Finding::ok(CHECK, &why)
        }
        AfterLogout::InScope => {
            let found = format!("a logout ends this login session ({lingers}); the keeper gets a scope of its own");
            Finding::ok(CHECK, &found)
        }
        AfterLogout::Killed { when, fix } => {
            let when = match when {
                Logout::This => "the logout",
                Logout::Last => "the last logout of this user",
            };
            let found = format!("{when} ends restores and the keeper, until howdah is opened again: {lingers}");
            Finding::warning(CHECK, &found, Fix::Run(fix))
        }
    }
}

fn scopes(facts: &Facts) -> Finding {
    const CHECK: &str = "systemd-run";
    let Some(program) = &facts.systemd_run else {
        return Finding::ok(CHECK, "not installed; the keeper is started without it");
    };
    let manager = facts.system_scopes || facts.user_manager.is_some();
    let use_of_it = match (scope_prefix(facts), manager) {
        (Some(_), _) => "puts the keeper into a scope of its own",
        (None, true) => "is here, and not needed: the keeper is safer without a scope",
        (None, false) => "is here, but no systemd that it could ask",
    };
    Finding::ok(CHECK, &format!("{} {use_of_it}", shown(program)))
}

/// Whether the clock can be right: each try is set for a time of day.
pub(super) fn clock(env: &Env) -> Finding {
    const CHECK: &str = "clock";
    let zone = TimeZone::system();
    let offset = zone.to_offset(env.now);
    let zone = zone.iana_name().map_or_else(String::new, |name| format!(" ({name})"));
    let (synchronized, fix) = synchronized(env);
    let found = format!("{:.0}, UTC{offset}{zone}; {synchronized}", env.now);
    // The program itself cannot be younger than the present.
    let made = fs::metadata(OWN_PROGRAM).and_then(|program| program.modified());
    if let Some(made) = made.ok().and_then(|made| Timestamp::try_from(made).ok()).filter(|made| *made > env.now) {
        let found = format!("{found}: that is before this program was made ({made:.0})");
        return Finding::error(CHECK, &found, Fix::Run("timedatectl set-ntp true".to_owned()));
    }
    match fix {
        Some(fix) => Finding::warning(CHECK, &found, fix),
        None => Finding::ok(CHECK, &found),
    }
}

fn synchronized(env: &Env) -> (&'static str, Option<Fix>) {
    let answer = on_path(env.variable("PATH"), "timedatectl")
        .and_then(|program| command_output(bare(program).args(["show", "-p", "NTPSynchronized"]), LIMIT).ok());
    match answer.as_deref().map(str::trim) {
        Some("NTPSynchronized=yes") => ("kept by NTP", None),
        Some("NTPSynchronized=no") => ("not kept by NTP", Some(Fix::Run("timedatectl set-ntp true".to_owned()))),
        Some(_) | None => ("whether NTP keeps it is not known", None),
    }
}

/// Whether the console can be shown here.
pub(super) fn terminal(env: &Env) -> Finding {
    const CHECK: &str = "terminal";
    let term = env.variable("TERM").map(|term| term.to_string_lossy());
    let (Some(term), Ok(here)) = (term, capabilities(env)) else {
        let fix = "open the console in a terminal; every verb works without one";
        return Finding::warning(CHECK, "none that could show the console (TERM)", Fix::Do(fix.to_owned()));
    };
    let colours = match here.depth {
        _ if here.no_color => "no colours (NO_COLOR)",
        Depth::Mono => "no colours",
        Depth::Sixteen => "16 colours",
        Depth::Indexed => "256 colours",
        Depth::True => "all colours",
    };
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env.variable(name));
    let locale = named.map_or_else(|| "C".to_owned(), |name| name.to_string_lossy().into_owned());
    let signs = if env.ascii || !here.unicode { "; only ASCII is used" } else { "" };
    Finding::ok(CHECK, &format!("{term}; {colours}; locale {locale}{signs}"))
}

/// What this terminal can show.
pub(super) fn capabilities(env: &Env) -> Result<Capabilities, NoCursor> {
    Capabilities::read(|name| env.variable(name).map(OsStr::to_owned))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::env, *};
    use crate::{app::logout::UserManager, cli::doctor::FindingState};
    use std::path::PathBuf;

    fn facts(place: Place, logout_ends_session: bool, lingers: bool) -> Facts {
        Facts {
            place,
            uid: 1000,
            user: Some("ops".to_owned()),
            logout_ends_session,
            lingers,
            system_scopes: false,
            user_manager: Some(UserManager::InEnvironment),
            systemd_run: Some(PathBuf::from("/usr/bin/systemd-run")),
        }
    }

    #[test]
    fn the_logout_is_told_in_words_with_the_command_that_fixes_it() {
        let reported = |facts: Facts| {
            let [logout, scopes] = lingering(&facts, None).try_into().expect("there are two");
            (crate::cli::doctor::text(&[logout], None, true), crate::cli::doctor::text(&[scopes], None, true))
        };
        let (logout, scopes) = reported(facts(Place::Session, true, false));
        insta::assert_snapshot!(logout, @r#"
        ! warning  lingering    the last logout of this user ends restores and the keeper, until howdah is opened again: this user does not linger
                                run: loginctl enable-linger ops
        1 warning.
        "#);
        insta::assert_snapshot!(scopes, @r#"
        + ok       systemd-run  /usr/bin/systemd-run puts the keeper into a scope of its own
        Nothing is wrong.
        "#);
        insta::assert_snapshot!(reported(facts(Place::Session, true, true)).0, @r#"
        + ok       lingering    a logout ends this login session (this user lingers); the keeper gets a scope of its own
        Nothing is wrong.
        "#);
        let (logout, scopes) = reported(facts(Place::Session, false, false));
        insta::assert_snapshot!(logout, @r#"
        + ok       lingering    logind lets work go on after the logout (KillUserProcesses=no)
        Nothing is wrong.
        "#);
        insta::assert_snapshot!(scopes, @r#"
        + ok       systemd-run  /usr/bin/systemd-run is here, and not needed: the keeper is safer without a scope
        Nothing is wrong.
        "#);
        insta::assert_snapshot!(reported(facts(Place::UserManager, false, true)).0, @r#"
        + ok       lingering    this user lingers, so work goes on after the logout
        Nothing is wrong.
        "#);
        insta::assert_snapshot!(reported(facts(Place::Elsewhere, false, false)).0, @r#"
        + ok       lingering    howdah runs in no login session here, so no logout ends its work
        Nothing is wrong.
        "#);
    }

    #[test]
    fn what_a_restart_of_the_machine_does_is_told_with_what_would_change_it() {
        let unit = || PathBuf::from("/etc/systemd/user/default.target.wants/howdah-keeper.service");
        let facts = facts(Place::Session, false, false);
        let reported = |after: AfterReboot| crate::cli::doctor::text(&[reboot(&after, &facts)], None, true);
        insta::assert_snapshot!(reported(AfterReboot::GoesOn { unit: unit() }), @r#"
        + ok       reboot       /etc/systemd/user/default.target.wants/howdah-keeper.service starts a keeper
        Nothing is wrong.
        "#);
        insta::assert_snapshot!(reported(AfterReboot::AtLogin { unit: unit() }), @r#"
        ! warning  reboot       /etc/systemd/user/default.target.wants/howdah-keeper.service starts a keeper at the first login only: this user does not linger
                                run: loginctl enable-linger ops
        1 warning.
        "#);
        insta::assert_snapshot!(reported(AfterReboot::ForAnother { unit: unit() }), @r#"
        ! warning  reboot       /etc/systemd/user/default.target.wants/howdah-keeper.service starts a keeper for another user or state directory
                                fix: name this state directory behind --state-dir in a unit of this user; until then its sessions wait after a reboot until howdah is opened
        1 warning.
        "#);
        insta::assert_snapshot!(reported(AfterReboot::Waits), @r#"
        + ok       reboot       nothing starts a keeper then: the sessions wait until howdah is opened
                                note: to have them go on by themselves, run the keeper as a service: assets/howdah-keeper.service says how
        Nothing is wrong.
        "#);
    }

    #[test]
    fn a_clock_before_the_program_was_made_is_an_error() {
        let at = |now| clock(&Env { now, ..env() });
        let early = at(Timestamp::UNIX_EPOCH);
        assert!(
            early.state() == FindingState::Error && early.found().contains("before this program was made"),
            "{early:?}"
        );
        assert!(early.found().starts_with("1970-01-01T00:00:00Z, UTC"), "{early:?}");
        let late = at(Timestamp::MAX);
        assert!(late.state() == FindingState::Ok && late.found().ends_with("not known"), "{late:?}");
    }
}
