//! Verifying restore points: those of the marked instances, of the selected one, or of the selected session. It asks
//! first: nothing is written, but a backup of terabytes is read to its end.

use crate::{
    console::{
        format,
        message::Intent,
        model::{
            Model,
            dialog::{Confirmation, Overlay},
            notice::Tone,
        },
        ports::CatalogEntry,
    },
    domain::{ByteCount, Order, RestorePoint, VerifyOrder},
};

/// Starts a session for each restore point that is meant.
pub(super) fn selected(model: &mut Model) {
    match model.restore_points() {
        Ok(points) => ask(model, points),
        Err(reason) => model.notify(Tone::Refused, format!("Verify refused: {reason}")),
    }
}

/// Starts one for a row of a list of backups.
pub(super) fn row(model: &mut Model, row: &CatalogEntry) {
    match row {
        CatalogEntry::Restorable(point) => ask(model, vec![point.clone()]),
        CatalogEntry::Machine(_) | CatalogEntry::Tree(_) => {
            let name = format::clean(row.instance().as_str()).into_owned();
            model.notify(Tone::Refused, format!("Verify refused: {name} is no PostgreSQL backup"));
        }
        CatalogEntry::Unreadable { problem, .. } => {
            let problem = format::clean(problem).into_owned();
            model.notify(Tone::Refused, format!("Verify refused: this backup cannot be read: {problem}"));
        }
    }
}

fn ask(model: &mut Model, points: Vec<RestorePoint>) {
    let size = ByteCount(points.iter().map(|point| point.facts.size.0).sum());
    let what = match points.as_slice() {
        [point] => format!("{} of {}", format::clean(&point.label), format::clean(point.instance.as_str())),
        several => format::many(several.len(), "backup"),
    };
    let lines = vec![
        format!("{what}: {size} is read where it lies, to its end."),
        "Nothing is written. What is damaged is named; what could not be checked, too.".to_owned(),
    ];
    let order = |point| Order::Verify(VerifyOrder { point, max_rate: None });
    let intent = Intent::Start(points.into_iter().map(order).collect());
    let (title, button) = ("Verify?".to_owned(), "Verify");
    model.overlays.push(Overlay::Confirm(Confirmation { title, lines, button, intent, armed: false }));
}
