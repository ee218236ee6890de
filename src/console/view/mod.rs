//! How the model looks: pure painting, for every size from 1x1 on.
//!
//! Promises: the same model and brush paint the same cells; every state is told by sign and word; foreign text is made
//! printable before it is painted. Never: changes anything, or names a colour.

mod cancel_dialog;
pub(in crate::console) mod compare_dialog;
mod completed;
mod course;
mod events;
mod explored_rows;
pub(super) mod footer;
mod form;
mod gauges;
mod goal;
pub(super) mod group_page;
mod header;
pub(super) mod help;
pub(super) mod instance;
mod item_page;
pub(super) mod job_dialogs;
mod job_page;
mod job_rows;
pub(super) mod log;
pub(super) mod overlays;
mod paused;
pub(super) mod plan;
pub(in crate::console) mod plan_dialog;
mod position;
pub(super) mod preview;
mod progress;
mod request;
pub(super) mod states;
mod summary;
mod table;
pub(super) mod take_dialog;
mod tree;
mod tree_row;
mod widgets;
mod window_line;
mod wishes;
mod wizard;

use super::{model::Model, theme::Brush};
use ratatui::buffer::Buffer;

/// Paints the whole screen into a buffer, whose size counts: the model may still know an older one.
pub fn paint(buffer: &mut Buffer, model: &Model, brush: &mut Brush) {
    let area = buffer.area;
    if area.is_empty() {
        return;
    }
    let layout =
        super::layout::layout(area.width, area.height, model.focus() == super::model::Focus::Preview, model.wide);
    header::paint(buffer, layout.header, model, brush);
    header::paint_bar(buffer, layout.bar, model, brush);
    tree::paint(buffer, &layout, model, brush);
    preview::paint(buffer, &layout, model, brush);
    footer::paint(buffer, layout.footer, model, brush);
    wizard::paint(buffer, model, brush);
    overlays::paint(buffer, model, brush);
    footer::paint_above(buffer, layout.footer, model, brush);
    if model.options().ascii {
        spell_in_ascii(buffer);
    }
}

/// Names may hold what a terminal without Unicode would garble.
fn spell_in_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol("?");
        }
    }
}
