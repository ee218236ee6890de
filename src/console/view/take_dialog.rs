//! The question where items are taken to.
//!
//! Promises: names come from a database, so they are escaped; the line that is typed in is in view.

use super::widgets;
use crate::console::{
    format,
    model::take_dialog::{TakeDialog, TakeField, TakePlace, part_label},
    theme::{Brush, Role},
};
use ratatui::{
    buffer::Buffer,
    text::{Line, Span},
};

const WIDTH: u16 = 78;
const NAME: usize = 14;

/// Names that are shown of many items; the plan names all.
const NAMED: usize = 3;

/// Paints it.
pub(super) fn paint(buffer: &mut Buffer, state: &TakeDialog, brush: &Brush) {
    let inside = usize::from(WIDTH.min(buffer.area.width)).saturating_sub(4);
    let (mut lines, typed) = fields(state, inside, brush);
    lines.push(Line::default());
    let keys = "Enter shows the plan, Tab moves on, left and right choose, Esc leaves";
    let last = state.problem.as_ref().map_or((keys.into(), Role::Dim), |problem| (format::clean(problem), Role::Stuck));
    lines.extend(widgets::wrapped(&last.0, inside, 0, last.1, brush));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = widgets::middle(buffer, WIDTH, height);
    let area = widgets::dialog(buffer, area, &format!("Take out {}", title(state)), brush);
    let from = lines.len().saturating_sub(usize::from(area.height));
    widgets::lines(buffer, area, &lines, from.min(typed));
}

/// What is taken, in a word.
pub(in crate::console) fn title(state: &TakeDialog) -> String {
    match state.items.as_slice() {
        [one] => format::clean(&one.to_string()).into_owned(),
        several => format::many(several.len(), "item"),
    }
}

/// The fields, and the line of the one that the keys go to.
fn fields(state: &TakeDialog, width: usize, brush: &Brush) -> (Vec<Line<'static>>, usize) {
    let room = width.saturating_sub(NAME);
    let mut lines = Vec::new();
    if state.items.len() > 1 {
        for (at, item) in state.items.iter().take(NAMED).enumerate() {
            let name = format::clean(&item.to_string()).into_owned();
            let name = format::fit(&name, room, brush.glyphs.more).into_owned();
            lines.push(plain(if at == 0 { "Items" } else { "" }, name, brush));
        }
        let more = state.items.len().saturating_sub(NAMED);
        lines.extend((more > 0).then(|| plain("", format!("and {}", format::many(more, "more item")), brush)));
    }
    let mut typed = 0;
    for field in [TakeField::Place, TakeField::To, TakeField::Part, TakeField::Way, TakeField::Name] {
        let focused = field == state.field;
        if focused {
            typed = lines.len();
        }
        let is_there = state.fields().contains(&field);
        match field {
            TakeField::Place => lines.push(choice("Into", state.place.label(), focused, brush)),
            TakeField::Part => lines.push(choice("Take", part_label(state.part), focused, brush)),
            TakeField::Way if is_there => lines.push(choice("If it exists", state.way.label(), focused, brush)),
            TakeField::Way => lines.push(Line::from(vec![
                label("If it exists", false, brush),
                brush.span(Role::Off, "a dump goes into a new directory"),
            ])),
            TakeField::Name if is_there => lines.push(text("New name", &state.name, focused, room, brush)),
            TakeField::Name => {}
            TakeField::To => {
                let (name, input, hint) = match state.place {
                    TakePlace::Server => ("Server", &state.server, "such as host=db1 user=postgres; no password"),
                    TakePlace::Dump => {
                        ("Directory", &state.directory, "from the root on, and not there yet; pg_restore reads it")
                    }
                };
                lines.push(text(name, input, focused, room, brush));
                lines.extend(widgets::wrapped(hint, width, NAME, Role::Dim, brush));
            }
        }
    }
    (lines, typed)
}

fn label(name: &str, focused: bool, brush: &Brush) -> Span<'static> {
    brush.span(if focused { Role::Title } else { Role::Text }, format!("{name:<NAME$}"))
}

fn plain(name: &str, text: String, brush: &Brush) -> Line<'static> {
    Line::from(vec![label(name, false, brush), brush.span(Role::Text, text)])
}

fn text(name: &str, input: &tui_input::Input, focused: bool, room: usize, brush: &Brush) -> Line<'static> {
    let mut spans = vec![label(name, focused, brush)];
    spans.extend(widgets::input(input, room, focused, brush));
    Line::from(spans)
}

fn choice(name: &str, shown: &str, focused: bool, brush: &Brush) -> Line<'static> {
    let (role, text) = if focused { (Role::Selected, format!("< {shown} >")) } else { (Role::Text, shown.to_owned()) };
    Line::from(vec![label(name, focused, brush), brush.span(role, text)])
}
