//! The scenes about the owner of the sessions.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Scene, nothing, scene};
use crate::stage::*;
use howdah::console::{Closing, OwnerPlace, message::Message};

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
                stage.tell(Message::Owner(OwnerPlace::Elsewhere { pid: 4_091 }));
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

pub(crate) fn attached(stage: &mut Stage) {
    stage.tell(Message::Owner(OwnerPlace::Elsewhere { pid: 4_090 }));
}

pub(crate) fn lost(stage: &mut Stage) {
    let reason = "it closed the connection (Connection reset by peer)".to_owned();
    stage.tell(Message::Owner(OwnerPlace::Away { reason }));
}

pub(crate) fn mortal() -> Closing {
    Closing::LogoutEnds { cure: "loginctl enable-linger ops".to_owned() }
}
