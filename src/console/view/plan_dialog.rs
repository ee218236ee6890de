//! A plan, and the question whether to carry it out (S7).
//!
//! Promises: the button that changes nothing has the keys first; what cannot be carried out says why, and its button is
//! off.

use super::{overlays::button, widgets};
use crate::{
    console::{
        format,
        layout::centered,
        model::{
            Model,
            dialog::{PlanDialog, PlanFocus},
        },
        theme::{Brush, Role, Theme},
    },
    domain::RecoveryGoal,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

const WIDTH: u16 = 78;

/// Below the plan stand a blank, the buttons and the keys; around it the frame.
const AROUND_PLAN: usize = 5;

/// What is asked.
pub(super) struct Question<'a> {
    /// Above it.
    pub(super) title: &'a str,
    /// Its buttons, the safe one first, each with whether it has the keys and whether it is off.
    pub(super) buttons: &'a [(&'a str, bool, bool)],
    /// Why it cannot be carried out.
    pub(super) refusal: Option<String>,
    /// How far the plan is scrolled.
    pub(super) scroll: usize,
}

/// Paints the question; `plan` gives the lines of the plan for a width.
pub(super) fn paint(
    buffer: &mut Buffer,
    question: &Question<'_>,
    plan: &dyn Fn(usize) -> Vec<Line<'static>>,
    brush: &Brush,
) {
    let area = area((buffer.area.width, buffer.area.height), plan).intersection(buffer.area);
    let inside = widgets::dialog(buffer, area, question.title, brush);
    let lines = plan(usize::from(inside.width));
    let below = u16::try_from(AROUND_PLAN - 2).unwrap_or(0).min(inside.height);
    let shown = Rect { height: inside.height - below, ..inside };
    let hidden = lines.len().saturating_sub(usize::from(shown.height));
    widgets::marked_lines(buffer, shown, &lines, question.scroll.min(hidden), brush);
    let role = |is_off: bool| if is_off { Role::Off } else { Role::Button };
    let mut buttons = Line::default();
    for (at, (label, has_keys, is_off)) in question.buttons.iter().enumerate() {
        if at > 0 {
            buttons.push_span(Span::raw("   "));
        }
        buttons.push_span(button(label, *has_keys, role(*is_off), brush));
    }
    let hint = question.refusal.as_ref().map_or_else(
        || "Tab moves on, Enter chooses, up and down scroll, Esc leaves".to_owned(),
        |reason| format!("Not now: {reason}"),
    );
    let hint = format::fit(&hint, usize::from(inside.width), brush.glyphs.more).into_owned();
    let foot = [Line::default(), buttons, Line::from(brush.span(Role::Dim, hint))];
    widgets::lines(buffer, Rect { y: shown.bottom(), height: below, ..inside }, &foot, 0);
}

/// How many lines of a plan have no room on a screen of this size.
pub(super) fn hidden(size: (u16, u16), plan: &dyn Fn(usize) -> Vec<Line<'static>>) -> usize {
    let inside = widgets::dialog_inside(area(size, plan));
    let room = usize::from(inside.height).saturating_sub(AROUND_PLAN - 2);
    plan(usize::from(inside.width)).len().saturating_sub(room)
}

fn area((columns, rows): (u16, u16), plan: &dyn Fn(usize) -> Vec<Line<'static>>) -> Rect {
    let width = usize::from(WIDTH.min(columns)).saturating_sub(4);
    let height = plan(width).len() + AROUND_PLAN;
    centered(columns, rows, WIDTH, u16::try_from(height).unwrap_or(u16::MAX))
}

/// Paints the question about the plan of an order.
pub(super) fn of_order(buffer: &mut Buffer, state: &PlanDialog, brush: &Brush) {
    let refusal = state.order().err().map(|reason| format::clean(&reason).into_owned());
    let PlanDialog { title, button: yes, focus, scroll, .. } = state;
    let mut buttons =
        vec![("Leave it", *focus == PlanFocus::Leave, false), (*yes, *focus == PlanFocus::CarryOut, refusal.is_some())];
    if let Some(opening) = &state.opening {
        buttons.push(("Point in time", *focus == PlanFocus::Goal, opening.instance().is_err()));
    }
    let question = Question { title, buttons: &buttons, refusal, scroll: *scroll };
    paint(buffer, &question, &|width| lines(state, width, brush), brush);
}

/// How many lines of it have no room.
pub(in crate::console) fn hidden_lines(model: &Model, state: &PlanDialog) -> usize {
    // The number of lines does not depend on how they are coloured.
    let brush = Brush::new(Theme::Mono, model.options().ascii);
    hidden(model.size(), &|width| lines(state, width, &brush))
}

fn lines(state: &PlanDialog, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    const NAME: usize = 12;
    match &state.plan {
        None => vec![Line::from(brush.span(Role::Dim, "Its plan is being made"))],
        Some(Ok(planned)) => backup(state)
            .iter()
            .chain(&planned.rows)
            .flat_map(|(name, text)| {
                let role = if *name == "warning" { Role::Waiting } else { Role::Text };
                widgets::hung(&format!("{name:<NAME$}{}", format::clean(text)), width, NAME, role, brush)
            })
            .collect(),
        Some(Err(failure)) => {
            let text = format!("{:<NAME$}{}", "refused", format::clean(&failure.to_string()));
            widgets::hung(&text, width, NAME, Role::Stuck, brush)
        }
    }
}

/// Which backup is opened, where the title names a goal in its place.
fn backup(state: &PlanDialog) -> Option<(&'static str, String)> {
    let opening = state.opening.as_ref().filter(|opening| opening.wish.goal != RecoveryGoal::Consistent)?;
    let point = &opening.point;
    Some(("backup", format!("{}, taken {}", point.label, format::full(point.facts.taken_at))))
}
