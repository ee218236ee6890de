//! The tables of the headings: walking through their rows, sorting, widening.

use crate::console::{
    action::Go,
    model::{Focus, Model, column::Column, notice::Tone, tree::Group},
    view::group_page,
};

/// Moves the keys to another row; the rows follow.
pub(super) fn go(model: &mut Model, group: Group, go: Go) {
    let len = model.table_len(group);
    if len == 0 {
        return;
    }
    let shown = group_page::rows_in_view(model, group, &model.layout()).max(1);
    let to = go.from(model.table_cursor(group), len, shown.saturating_sub(1).max(1));
    model.move_table_cursor(group, to);
    let scroll = model.preview.scroll;
    model.preview.scroll = scroll.min(to).max((to + 1).saturating_sub(shown)).min(len.saturating_sub(shown));
}

/// Selects the row that the keys are on in the tree, and shows its page.
pub(super) fn enter(model: &mut Model, group: Group) {
    let row = model.table_rows(group, model.table_cursor(group), 1).first().copied();
    let Some(node) = row.and_then(|row| model.shown.node(row)) else {
        model.notify(Tone::Info, "There is no row to open");
        return;
    };
    model.tree.moved = true;
    if model.tree.select_node(&node, &model.shown) {
        model.preview.reset();
    }
}

/// Sorts the table by the column with this number, or as in the tree where it is sorted by it.
pub(super) fn sort_by(model: &mut Model, group: Group, column: usize) {
    let column = model.sort_table_by(group, column);
    sorted(model, column);
    model.preview.scroll = 0;
}

fn sorted(model: &mut Model, column: Option<Column>) {
    match column {
        Some(column) => {
            let heading = group_page::heading(column);
            model.notify(Tone::Info, format!("Sorted by column {heading}"));
        }
        None => model.notify(Tone::Info, "Sorted as in the tree"),
    }
}

/// Sorts the table that is shown.
pub(super) fn sort(model: &mut Model, back: bool) {
    match model.sort_table(back) {
        Some((_, column)) => sorted(model, column),
        None => model.notify(Tone::Refused, "Sort refused: there is no table here; select a heading"),
    }
    model.preview.scroll = 0;
}

/// Gives the preview the whole screen, or the tree its part back.
pub(super) fn widen(model: &mut Model) {
    model.wide = !model.wide;
    model.focus = if model.wide { Focus::Preview } else { Focus::Tree };
}
