//! What can be copied of the selection, through the terminal: a person who works over SSH has no other clipboard.

use crate::{
    catalog::CatalogEntry,
    console::{
        action::PAGE,
        action::Press,
        format,
        message::Intent,
        model::{
            Model,
            dialog::{CopyMenu, Overlay},
            notice::Tone,
            tree::Node,
        },
    },
    domain::{ItemName, LeftServer, Port, SessionId, path_text::quoted},
    machine::Session,
};

/// Lists what can be copied.
pub(super) fn open(model: &mut Model) {
    let items = choices(model);
    if items.is_empty() {
        model.notify(Tone::Refused, "Copy refused: select a session or an instance first");
        return;
    }
    model.overlays.push(Overlay::Copy(CopyMenu { items, at: 0 }));
}

/// What the selection has to copy: what it is called, and the text.
fn choices(model: &Model) -> Vec<(&'static str, String)> {
    match model.tree.selected() {
        Node::Session(_) => model.session().map_or_else(Vec::new, |session| of_session(model, session)),
        Node::Instance(key) => {
            let Some(one) = key.find(&model.shown.catalog) else { return Vec::new() };
            let program = quoted(&model.options.program);
            let mut items = vec![("name", one.name.as_str().to_owned())];
            let newest = one.newest_row().and_then(CatalogEntry::directory);
            items.extend(newest.map(|directory| ("newest backup's path", quoted(directory))));
            items.push(("restore command", format!("{program} restore {}", quoted(one.spelling.as_ref()))));
            items
        }
        Node::Job(name) => {
            let (program, name) = (quoted(&model.options.program), quoted(name.as_str().as_ref()));
            vec![
                ("name", name.clone()),
                ("command that starts it", format!("{program} job start {name} --wait")),
                ("command that shows it", format!("{program} job show {name}")),
            ]
        }
        Node::Run(_) | Node::Object(..) => {
            let Some(run) = model.run() else { return Vec::new() };
            let command = format!("{} job show {}", quoted(&model.options.program), run.uuid());
            vec![("uuid", run.uuid().to_string()), ("command that shows it", command)]
        }
        Node::Item(session, item) => of_item(model, *session, item),
        Node::Group(_) | Node::Unreadable(_) | Node::UnreadableRun(_) => Vec::new(),
    }
}

fn of_session(model: &Model, session: &Session) -> Vec<(&'static str, String)> {
    let program = quoted(&model.options.program);
    let mut items = Vec::new();
    items.extend(session.order().directory().map(|directory| ("path", quoted(directory))));
    items.push(("uuid", session.uuid().to_string()));
    items.push(("command that shows it", format!("{program} session show {}", session.uuid())));
    items.extend(session.paused_server().map(|server| ("psql command", server.address.psql("postgres"))));
    items.extend(session.open_at().map(|open| ("psql command", open.psql("postgres"))));
    items.extend(port(model, session).map(|port| ("psql command", format!("psql -p {port} -d postgres"))));
    items.extend(
        session
            .attempts()
            .last()
            .map(|attempt| ("exact command of its newest attempt", model.exact_command(session, attempt.number))),
    );
    items
}

/// An item of an open restore point: its name as it is written, what opens psql there, what takes it out.
fn of_item(model: &Model, session: SessionId, item: &ItemName) -> Vec<(&'static str, String)> {
    let Some(session) = model.shown.snapshot.session(session) else { return Vec::new() };
    let (program, name) = (quoted(&model.options.program), item.to_string());
    let mut items = vec![("name", name.clone())];
    items.extend(session.open_at().map(|open| ("psql command", open.psql(item.database()))));
    let spelled = quoted(name.as_ref());
    items.push(("command that takes it out", format!("{program} explore restore {} {spelled} --to", session.uuid())));
    items
}

/// Where the server of a session listens, if it runs.
fn port(model: &Model, session: &Session) -> Option<Port> {
    match model.left_server(session)? {
        Ok(LeftServer::Runs(server) | LeftServer::Other(server)) => server.port,
        Ok(LeftServer::Down | LeftServer::Replaced) | Err(_) => None,
    }
}

/// A key in the list.
pub(super) fn act(model: &mut Model, mut menu: CopyMenu, press: Press) -> Vec<Intent> {
    if press == Press::Accept
        && let Some((name, text)) = menu.items.get(menu.at)
    {
        // Nothing comes back from a terminal that could tell whether it has taken it.
        model.notify(Tone::Info, format!("Sent to the terminal's clipboard: {name}, {}", format::clean(text)));
        return vec![Intent::Copy(text.clone())];
    }
    if let Press::Go(go) = press {
        menu.at = go.from(menu.at, menu.items.len(), PAGE);
    }
    model.overlays.push(Overlay::Copy(menu));
    Vec::new()
}

/// Puts the keys on a row of the menu that lies open.
pub(super) fn select_row(model: &mut Model, row: usize) {
    match model.overlays.last_mut() {
        Some(Overlay::Menu(menu)) => menu.at = row,
        Some(Overlay::Copy(menu)) => menu.at = row,
        Some(
            Overlay::Cancel(_)
            | Overlay::Confirm(_)
            | Overlay::Report(_)
            | Overlay::Help(_)
            | Overlay::Palette(_)
            | Overlay::StopRun(_)
            | Overlay::StartJob(_)
            | Overlay::Plan(_)
            | Overlay::Take(_)
            | Overlay::Compare(_)
            | Overlay::Goal(_)
            | Overlay::TypeName(_),
        )
        | None => {}
    }
}
