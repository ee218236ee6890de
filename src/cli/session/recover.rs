//! `howdah session recover`: sessions of which only the files of their attempts tell, since the journal was lost or put
//! back from a copy.
//!
//! Promises: without a name nothing is changed; what is brought back goes on from where its files are, and what had ended
//! is only told again.

use super::{
    SessionError,
    act::Selection,
    args::RecoverArgs,
    message, print_problems,
    reader::Reader,
    table::{self, numbers, words},
};
use crate::{
    attempt::Traced,
    cli::{backup_list::escaped, exit::Exit, streams::Streams},
    domain::{
        SessionId,
        instance::{printable, printable_name},
    },
    machine::{Scope, Stood},
};
use serde_json::json;
use std::io;

const COLUMNS: [table::Column; 5] =
    [numbers("NUMBER"), words("UUID"), words("INSTANCE"), words("LAST STATE"), words("TARGET")];

/// Lists them.
pub fn list(reader: &mut Reader, json: bool, streams: &mut Streams<'_>) -> Result<Exit, SessionError> {
    let strays = reader.strays()?;
    if json {
        let object = |one: &Traced| {
            json!({
                "id": one.id.0, "uuid": one.uuid, "instance": one.order.title().as_str(),
                "target": one.order.directory(), "attempt": one.trace.newest.0,
                "last_state": word(&one.trace.stood), "ended": one.trace.stood.has_ended(),
            })
        };
        let objects: Vec<_> = strays.iter().map(object).collect();
        writeln!(streams.out, "{}", escaped(&serde_json::to_string(&objects).map_err(io::Error::from)?))?;
    } else if strays.is_empty() {
        message(streams, "there is nothing to recover: the journal knows all sessions that have left files")?;
    } else {
        let rows: Vec<[String; 5]> = strays.iter().map(row).collect();
        table::write(streams.out, &COLUMNS, &rows)?;
    }
    streams.out.flush()?;
    print_problems(reader, streams)?;
    Ok(Exit::Done)
}

/// Which ones an owner is asked to bring back: those that are named, or all.
pub fn select(reader: &mut Reader, args: &RecoverArgs) -> Result<Selection, SessionError> {
    let ids: Vec<SessionId> = if args.all {
        reader.strays()?.into_iter().map(|one| one.id).collect()
    } else {
        args.sessions.iter().copied().map(SessionId).collect()
    };
    let scopes = if ids.is_empty() { Vec::new() } else { vec![Scope::Sessions(ids)] };
    Ok(Selection { scopes, refused: false })
}

fn row(one: &Traced) -> [String; 5] {
    [
        one.id.to_string(),
        one.uuid.to_string(),
        printable(one.order.title().as_str()),
        word(&one.trace.stood).to_owned(),
        one.order.directory().map_or_else(|| "-".to_owned(), |to| printable_name(to.as_os_str())),
    ]
}

/// How it stood with its newest attempt.
const fn word(stood: &Stood) -> &'static str {
    match stood {
        Stood::Open => "not ended",
        Stood::Succeeded(_) => "succeeded",
        Stood::Damaged(_) => "damaged",
        Stood::Paused(_) => "paused",
        Stood::Disposing(_) => "being cancelled",
        Stood::Disposed(..) => "cancelled",
    }
}
