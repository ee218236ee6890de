//! The status line of the player: what is played, where it stands, and what keys do.
//!
//! Promises: the state and the position come first; what has no room is left out from the right, the keys before the
//! rest.

use super::{
    keys::{BINDINGS, Command},
    player::{Activity, InputMode, Player},
};
use crate::{
    console::{
        format,
        theme::{Brush, Role},
    },
    domain::Timestamp,
    recording::Micros,
};
use ratatui::{
    buffer::Buffer,
    layout::{Rect, Size},
    text::{Line, Span},
    widgets::Widget as _,
};
use std::time::Duration;

/// More of a title than this would push the keys out of a usual terminal.
const MAX_TITLE: usize = 30;

/// Paints the line. `screen` is the room that the recording has.
pub(super) fn paint(buffer: &mut Buffer, area: Rect, player: &Player, screen: Size, brush: &Brush, now: Timestamp) {
    buffer.set_style(area, brush.style(Role::Selected));
    let mut spans = match player.input() {
        InputMode::Prompt(text) => vec![
            brush.span(Role::Key, " /"),
            brush.span(Role::Text, format::clean(text).into_owned()),
            brush.span(Role::Caret, " "),
            brush.span(Role::Dim, "  enter search  esc back"),
        ],
        InputMode::Commands => state(player, screen, brush, now),
    };
    if *player.input() == InputMode::Commands {
        let mut room = usize::from(area.width).saturating_sub(Line::from(spans.clone()).width());
        for binding in BINDINGS.iter().filter(|binding| !binding.label.is_empty()) {
            let label = if binding.command == Command::Pause { pause_label(player) } else { binding.label };
            let key = binding.keys.first().map(ToString::to_string).unwrap_or_default();
            let width = 3 + format::width(&key) + format::width(label);
            if width > room {
                break;
            }
            room -= width;
            spans.extend([brush.span(Role::Key, format!("  {key}")), brush.span(Role::Dim, format!(" {label}"))]);
        }
    }
    Line::from(spans).render(area, buffer);
}

fn state(player: &Player, screen: Size, brush: &Brush, now: Timestamp) -> Vec<Span<'static>> {
    let glyphs = &brush.glyphs;
    let (sign, word) = match player.activity() {
        Activity::Playing => (glyphs.to, "playing"),
        Activity::Paused => (glyphs.paused, "paused"),
        Activity::Ended => (glyphs.done, "end"),
        Activity::Seeking => (glyphs.waiting, "seeking"),
        Activity::Searching => (glyphs.waiting, "searching"),
    };
    let (at, length) = (clock(player.position(now)), clock(player.recording().length()));
    let mut spans = vec![
        brush.span(Role::Title, format!(" {sign} {word}")),
        brush.span(Role::Text, format!("  {at} / {length}  {}", player.speed())),
    ];
    let size = player.emulator().size();
    if size.columns() > screen.width || size.rows() > screen.height {
        let shown = format!("{}x{}", size.columns().min(screen.width), size.rows().min(screen.height));
        spans.push(brush.span(Role::Mark, format!("  clipped: {shown} of {size}")));
    }
    if !player.note().is_empty() {
        spans.push(brush.span(Role::Mark, format!("  {}", player.note())));
    }
    if let Some(title) = &player.recording().header().title {
        let title = format::clean(title);
        spans.push(brush.span(Role::Text, format!("  {}", format::fit(&title, MAX_TITLE, glyphs.more))));
    }
    spans
}

/// What the space bar does now.
fn pause_label(player: &Player) -> &'static str {
    match player.activity() {
        Activity::Playing => "pause",
        Activity::Ended => "again",
        Activity::Paused | Activity::Seeking | Activity::Searching => "play",
    }
}

fn clock(at: Micros) -> String {
    format::duration(Duration::from_micros(at.0))
}
