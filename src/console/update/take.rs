//! Taking items out: where to and how, then their plan.

use super::explore;
use crate::{
    console::{
        action::{Go, Press},
        message::{Intent, OrderWish},
        model::{
            Model,
            dialog::Overlay,
            take_dialog::{TakeDialog, TakeField, TakePlace, TakeWay},
        },
        view::take_dialog,
    },
    domain::{BackupObject, InstanceName, ItemDestination, ItemOrder, ItemPart, JobSpec, OpenPoint, conninfo},
};
use std::path::PathBuf;
use tui_input::Input;

/// Asks where the marked items go, or the selected one.
pub(super) fn ask(model: &mut Model) {
    let Ok((session, items)) = model.items_to_take() else { return };
    let Some(session) = model.shown.snapshot.session(session) else { return };
    let Some(scratch) = session.order().directory() else { return };
    let from = OpenPoint { session: session.id(), uuid: session.uuid(), scratch: scratch.to_owned() };
    let instance = session.title().clone();
    let server = live_server(model, &instance);
    let dialog = TakeDialog {
        instance,
        from,
        items,
        field: TakeField::To,
        place: TakePlace::Server,
        server: Input::new(server),
        directory: Input::default(),
        part: ItemPart::All,
        way: TakeWay::Refuse,
        name: Input::default(),
        problem: None,
    };
    model.overlays.push(Overlay::Take(Box::new(dialog)));
}

/// How the live server of an instance is reached: as it was the last time, or as a job reaches it that backs it up.
pub(super) fn live_server(model: &Model, instance: &InstanceName) -> String {
    let objects = model.options.jobs.iter().flat_map(JobSpec::objects);
    let known = objects.filter(|object| object.object.name() == instance).find_map(|object| match &object.object {
        BackupObject::Instance { conninfo, .. } => Some(conninfo.clone()),
        BackupObject::FileCopy { .. }
        | BackupObject::PointCopy { .. }
        | BackupObject::VirtualMachine { .. }
        | BackupObject::FileTree { .. }
        | BackupObject::Standby { .. } => None,
    });
    model.last_destination.clone().or(known).unwrap_or_default()
}

/// A key in that question that is no text.
pub(super) fn act(model: &mut Model, mut state: Box<TakeDialog>, press: Press) -> Vec<Intent> {
    match press {
        Press::Accept => match order(&state) {
            Ok(order) => {
                if state.place == TakePlace::Server {
                    model.last_destination = Some(state.server.value().trim().to_owned());
                }
                let title = format!("Take out {}?", take_dialog::title(&state));
                model.overlays.push(Overlay::Take(state));
                return explore::ask(model, title, "Take out", OrderWish::Items(Box::new(order)));
            }
            Err(problem) => state.problem = Some(problem),
        },
        Press::Go(Go::Next | Go::Down) => state.go(true),
        Press::Go(Go::Previous | Go::Up) => state.go(false),
        Press::Left | Press::Right | Press::Mark | Press::Go(_) | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Take(state));
    Vec::new()
}

/// The order that the fields make, or what is wrong with them.
fn order(state: &TakeDialog) -> Result<ItemOrder, String> {
    let to = match state.place {
        TakePlace::Dump => {
            let directory = state.directory.value().trim();
            if !directory.starts_with('/') {
                return Err("name a directory from the root on, such as /srv/dump".to_owned());
            }
            ItemDestination::Dump { directory: PathBuf::from(directory) }
        }
        TakePlace::Server => {
            let conninfo = state.server.value().trim();
            if conninfo.is_empty() {
                return Err("name a server, such as host=db1 user=postgres, or choose a directory above".to_owned());
            }
            if conninfo.starts_with('/') {
                return Err("this names a directory: choose a directory above for a dump".to_owned());
            }
            conninfo::check(conninfo).map_err(|error| error.to_string())?;
            if state.way == TakeWay::Rename && state.items.len() > 1 {
                return Err("one item alone can get another name: take them out one by one".to_owned());
            }
            let existing = state.existing().ok_or("type the new name, or choose another way")?;
            ItemDestination::Server { conninfo: conninfo.to_owned(), existing }
        }
    };
    let (instance, from, items) = (state.instance.clone(), state.from.clone(), state.items.clone());
    Ok(ItemOrder { instance, from, items, part: state.part, to })
}

/// The orders were given: the question is answered.
pub(super) fn close(model: &mut Model) {
    if model.overlays.iter().any(|overlay| matches!(overlay, Overlay::Take(_))) {
        model.tree.marked_items.clear();
    }
    model.overlays.retain(|overlay| !matches!(overlay, Overlay::Take(_)));
}
