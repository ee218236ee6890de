//! Open restore points and what is in them, as rows of the tree.

use super::{states::Brief, tree::ongoing, tree_row::Row};
use crate::console::{
    format,
    model::{
        Model,
        explored::{ExploredItem, ExploredLine, Seen},
    },
    theme::{Brush, Role},
};

/// The row at this index.
pub(super) fn row(at: usize, model: &Model, brush: &Brush) -> Row {
    let nothing = || Row::plain(("", Role::Dim), String::new(), Brief::Words(String::new(), String::new()));
    match model.data().explored.lines.get(at) {
        Some(ExploredLine::Session(session)) => {
            let session = model.data().snapshot.ongoing.get(*session);
            session.map_or_else(nothing, |session| ongoing(session, model, brush))
        }
        Some(ExploredLine::Item(item)) => of_item(item, model, brush),
        None => nothing(),
    }
}

fn of_item(item: &ExploredItem, model: &Model, brush: &Brush) -> Row {
    let level = (item.session, Some(item.item.clone()));
    let explored = &model.data().explored;
    let is_table = item.depth() == 3;
    let sign = match (is_table, explored.is_open(&level)) {
        (true, _) => brush.glyphs.pending,
        (false, true) => brush.glyphs.open,
        (false, false) => brush.glyphs.closed,
    };
    let state = match explored.seen(&level) {
        Some(Seen::Reading) if !is_table => "reading".to_owned(),
        Some(Seen::Failed(_)) => "cannot be read".to_owned(),
        Some(Seen::Reading | Seen::Read(_)) | None => match item.rows {
            Some(rows) => format!("~{} rows", format::count(rows)),
            None => item.what.to_owned(),
        },
    };
    let name = format!("{}{}", "  ".repeat(item.depth()), format::clean(item.name()));
    let row = Row::plain((sign, Role::Dim), name, Brief::Words(state, item.bytes.to_string()));
    Row { role: Role::Dim, ..row }
}
