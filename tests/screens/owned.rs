//! The scenes about the owner of the sessions, and about what the journal tells of them.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Scene, nothing, scene};
use crate::stage::*;
use howdah::{
    console::{Closing, message::Message, ports::EventHistory},
    domain::SessionId,
    manager::OwnerState,
};

pub(crate) fn owners() -> Vec<Scene> {
    vec![
        scene("owner_elsewhere", || (busy(), own()), attached),
        scene("owner_elsewhere_and_idle", || (nothing(), own()), attached),
        scene(
            "owner_away",
            || (busy(), own()),
            |stage| {
                attached(stage);
                lost(stage);
            },
        ),
        scene(
            "owner_back",
            || (busy(), own()),
            |stage| {
                attached(stage);
                lost(stage);
                stage.tell(Message::Owner(OwnerState::Remote { pid: 4_091 }));
            },
        ),
        scene(
            "owner_ends_with_the_login",
            || (busy(), own()),
            |stage| {
                stage.with_closing(mortal());
            },
        ),
        scene(
            "owner_ends_with_the_login_and_idle",
            || (nothing(), own()),
            |stage| {
                stage.with_closing(mortal());
            },
        ),
        scene(
            "owner_in_the_help",
            || (busy(), own()),
            |stage| {
                stage.with_closing(mortal());
                lost(stage);
                stage.press("?");
            },
        ),
    ]
}

pub(crate) fn events() -> Vec<Scene> {
    vec![
        scene("page_events", || (busy(), own()), story),
        scene(
            "page_events_before",
            || (busy(), own()),
            |stage| {
                story(stage);
                stage.press("tab up up");
            },
        ),
        scene(
            "page_events_reading",
            || (busy(), own()),
            |stage| {
                stage.press("down 4");
            },
        ),
        scene(
            "page_events_unreadable",
            || (busy(), own()),
            |stage| {
                stage.press("down 4");
                let cause = "the journal is locked by another program\u{1b}[2J";
                stage.tell(Message::History(SessionId(3), Err(cause.to_owned())));
            },
        ),
    ]
}

pub(crate) fn attached(stage: &mut Stage) {
    stage.tell(Message::Owner(OwnerState::Remote { pid: 4_090 }));
}

pub(crate) fn lost(stage: &mut Stage) {
    let reason = "it closed the connection (Connection reset by peer)".to_owned();
    stage.tell(Message::Owner(OwnerState::Unreachable { since: now().into(), reason }));
}

pub(crate) fn mortal() -> Closing {
    Closing::LogoutEnds { fix: "loginctl enable-linger ops".to_owned() }
}

/// Billing is selected, and the journal tells of it.
fn story(stage: &mut Stage) {
    stage.press("down 4");
    stage.tell(Message::History(SessionId(3), Ok(shown())));
}

/// Four attempts, the acts of two people, and a word that somebody hostile has put in.
fn shown() -> EventHistory {
    let order = "ordered by ops@bastion (process 42 on pts/3) through a console: 2026-11-20T0200 to /srv/pg/billing";
    let mut shown = vec![(ago(mins(25)), order.to_owned())];
    for number in 1..=4 {
        let at = ago(mins(30 - 5 * number));
        let mut tell = |text: String| shown.push((at, text));
        tell(format!("attempt {number} launched"));
        tell(format!("attempt {number} runs as process {}", 4_700 + number));
        tell(format!("attempt {number}: Check is done: 61.5 GiB needed, 210 GiB free"));
        let cause = "repository host db2 refused the connection";
        let next = ago(mins(25 - 5 * number));
        tell(format!("attempt {number} was disrupted: {cause}; {} tries used, the next at {next}", number - 1));
    }
    shown.push((ago(mins(1)), "retry asked by dba@db7 (process 977, no terminal)".to_owned()));
    shown.push((ago(secs(20)), "a hostile \u{1b}[2Jword\u{202e} in the journal".to_owned()));
    shown
}
