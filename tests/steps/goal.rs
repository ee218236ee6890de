//! Recoverable windows in the simulated world, whole and torn.

use super::stage::*;
use howdah::{
    console::message::{Intent, Message, Query},
    domain::{Failure, WalWindow},
};

/// What comes back for something that was wanted of an archive.
pub(crate) fn answer(intent: Intent, draw: u64, fails: bool) -> Message {
    let refused = || Failure::incurable("the archive is gone\u{1b}[2J", "mount it");
    match intent {
        Intent::Query(Query::Window(ticket, _)) => {
            Message::Window(ticket, Box::new(if fails { Err(refused()) } else { Ok(drawn(draw)) }))
        }
        Intent::Query(Query::Commits(ticket, _, _, near)) => {
            Message::Commits(ticket, Box::new(if fails { Err(refused()) } else { Ok(commits_around(near)) }))
        }
        other => panic!("{other:?} is not for an archive"),
    }
}

/// A window: as it should be, without times, without spans, empty, or with names that nobody expects.
pub(crate) fn drawn(draw: u64) -> WalWindow {
    let mut drawn = window();
    match draw % 7 {
        0 => {
            for one in &mut drawn.timelines {
                (one.begins.at, one.ends.at) = (None, None);
            }
            for span in &mut drawn.spans {
                (span.from.at, span.to.at) = (None, None);
            }
        }
        1 => drawn.spans.clear(),
        2 => drawn.restore_points.clear(),
        3 => {
            (drawn.spans, drawn.timelines, drawn.gaps) = (Vec::new(), Vec::new(), Vec::new());
            (drawn.restore_points, drawn.moments) = (Vec::new(), Vec::new());
        }
        4 => {
            for gap in &mut drawn.gaps {
                (gap.from.at, gap.to.at) = (None, None);
            }
            drawn.problems.push("日本語のとても長い\u{1b}[2J".repeat(9));
        }
        5 => drawn.timelines.truncate(1),
        _ => {}
    }
    drawn
}
