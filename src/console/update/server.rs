//! Stopping the server that a restore left running: a question, and what came of it.

use crate::{
    console::{
        format,
        message::Intent,
        model::{
            Model,
            dialog::{Confirmation, Overlay},
            notice::Tone,
        },
    },
    domain::SessionId,
};
use std::sync::Arc;

/// Clients of the server may be at work: a question. Only the process that it names is stopped.
pub(super) fn ask_stop(model: &mut Model) {
    let Ok((session, server)) = model.server_to_stop() else { return };
    let port = server.port.map_or_else(String::new, |port| format!(" on port {port}"));
    let name = format::clean(session.title().as_str());
    let mut lines = vec![format!("{name}: server{port}, process {}", server.process.pid)];
    lines.extend(session.order().directory().map(|directory| format!("Data in {}", format::path(directory))));
    lines.push("Its clients are sent away, a last checkpoint is written, the data stays.".to_owned());
    lines.push("howdah does not start it again.".to_owned());
    let intent = Intent::StopServer(Arc::clone(session), server.process);
    let (title, button) = ("Shut the server down?".to_owned(), "Shut it down");
    model.overlays.push(Overlay::Confirm(Confirmation { title, lines, button, intent, armed: false }));
}

/// What came of it; and the server is looked at anew.
pub(super) fn stopped(model: &mut Model, id: SessionId, name: &str, answer: Result<bool, String>) {
    let name = format::clean(name);
    match answer {
        Ok(true) => model.notify(Tone::Done, format!("The server of {name} is shut down")),
        Ok(false) => model.notify(
            Tone::Info,
            format!("The server of {name} was asked to shut down and still writes its last checkpoint"),
        ),
        Err(problem) => {
            model.notify(Tone::Refused, format!("Stop refused: {name}: {}", format::clean(&problem)));
        }
    }
    model.forget_server(id);
}
