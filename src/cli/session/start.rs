//! `howdah session start`: one session an instance, and back to the shell at once.
//!
//! Promises: what was started is printed on stdout, what was refused on stderr, each by itself (R21).

use super::{message, object::SessionObject};
use crate::{
    cli::streams::Streams,
    domain::Who,
    manager::{Service, StartRequest},
};
use std::io;

/// Hands the order to the owner; whether all of it was accepted.
pub async fn run(
    steer: &dyn Service,
    (order, by): (StartRequest, &Who),
    streams: &mut Streams<'_>,
) -> io::Result<bool> {
    let receipt = steer.start(order, by.clone()).await;
    for (line, refusal) in receipt.refused() {
        let instance = line.title.as_ref().map_or("the instance", |title| title.as_str());
        message(streams, &not_started(instance, &refusal.to_string()))?;
    }
    for id in receipt.lines.iter().filter(|line| line.result.is_ok()).filter_map(|line| line.session) {
        let Some(session) = steer.session(id, by.clone()).await else {
            // It was started all the same, and its number is the way to it.
            message(streams, &format!("session {id} was started, but its owner cannot show it now"))?;
            continue;
        };
        if streams.json {
            writeln!(streams.out, "{}", SessionObject::of(&session, None, session.created_at()).line()?)?;
        } else {
            writeln!(streams.out, "{id} {}", session.uuid())?;
        }
    }
    streams.out.flush()?;
    Ok(receipt.refused().next().is_none())
}

/// The sentence for an instance that is refused.
pub fn not_started(instance: &str, reason: &str) -> String {
    format!("{instance} was not started: {reason}")
}
