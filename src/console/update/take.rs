//! Taking an item out: where to and how, then its plan.

use super::explore;
use crate::{
    console::{
        action::{Go, Press},
        format,
        message::{Intent, OrderWish},
        model::{
            Model,
            dialog::{Overlay, TakeDialog, TakeField, TakeWay},
            tree::Node,
        },
    },
    domain::{BackupObject, InstanceName, ItemDestination, ItemOrder, ItemPart, JobSpec, OpenPoint, conninfo},
};
use std::path::PathBuf;
use tui_input::Input;

/// Asks where the selected item goes.
pub(super) fn ask(model: &mut Model) {
    let Node::Item(session, item) = model.tree.selected().clone() else { return };
    let Some(session) = model.shown.snapshot.session(session) else { return };
    let Some(scratch) = session.order().directory() else { return };
    let from = OpenPoint { session: session.id(), uuid: session.uuid(), scratch: scratch.to_owned() };
    let instance = session.title().clone();
    let to = live_server(model, &instance);
    let dialog = TakeDialog {
        instance,
        from,
        item,
        field: TakeField::To,
        to: Input::new(to),
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
                model.last_destination = Some(state.to.value().to_owned());
                let title = format!("Take out {}?", format::clean(&state.item.to_string()));
                model.overlays.push(Overlay::Take(state));
                return explore::ask(model, title, "Take it out", OrderWish::Items(Box::new(order)));
            }
            Err(problem) => state.problem = Some(problem),
        },
        Press::Go(Go::Next | Go::Down) => state.field = state.next(),
        Press::Go(Go::Previous | Go::Up) => state.field = state.previous(),
        Press::Left | Press::Right | Press::Mark | Press::Go(_) | Press::Back | Press::Other(_) => {}
    }
    model.overlays.push(Overlay::Take(state));
    Vec::new()
}

/// The order that the fields make, or what is wrong with them.
fn order(state: &TakeDialog) -> Result<ItemOrder, String> {
    let to = state.to.value().trim();
    let to = if to.is_empty() {
        return Err("name a server, such as host=db1 user=postgres, or a directory".to_owned());
    } else if to.starts_with('/') {
        ItemDestination::Dump { directory: PathBuf::from(to) }
    } else {
        conninfo::check(to).map_err(|error| error.to_string())?;
        let existing = state.existing().ok_or("type the new name, or choose another way")?;
        ItemDestination::Server { conninfo: to.to_owned(), existing }
    };
    let (instance, from, items) = (state.instance.clone(), state.from.clone(), vec![state.item.clone()]);
    Ok(ItemOrder { instance, from, items, part: ItemPart::All, to })
}

/// The orders were given: the question is answered.
pub(super) fn close(model: &mut Model) {
    model.overlays.retain(|overlay| !matches!(overlay, Overlay::Take(_)));
}
