//! What the view paints is what a terminal shows: the buffer, and the bytes that go out, read by a terminal emulator.
//!
//! The scenes are painted one after the other onto the same screen, so that the differences between frames are proven
//! too, not only whole frames.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one thing and leaves the rest")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "screens/explored_story.rs"]
mod explored_story;
#[path = "screens/hostile.rs"]
mod hostile;
#[path = "golden/recorded.rs"]
mod recorded;
#[path = "screens/scenes.rs"]
mod scenes;
#[path = "screens/stage.rs"]
mod stage;

use howdah::console::{Brush, Theme, painter::Painter, view};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};
use scenes::Scene;
use stage::Stage;
fn check(theme: Theme, ascii: bool, (columns, rows): (u16, u16), scenes: &[Scene]) {
    let area = Rect::new(0, 0, columns, rows);
    let mut painter = Painter::new(area);
    let mut emulator = vt100::Parser::new(rows, columns, 0);
    let mut brush = Brush::new(theme, ascii);
    for scene in scenes {
        let (snapshot, catalog) = (scene.world)();
        let mut stage = Stage::sized(snapshot, catalog, (columns, rows));
        (scene.play)(&mut stage);
        emulator.process(painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush)).as_bytes());
        assert_eq!(
            painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush)),
            "",
            "{}: nothing has changed",
            scene.name
        );
        let mut expected = Buffer::empty(area);
        view::paint(&mut expected, &stage.model, &mut brush);
        compare(&expected, emulator.screen(), scene.name);
    }
}

fn compare(buffer: &Buffer, screen: &vt100::Screen, name: &str) {
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let (cell, shown) = (&buffer[(x, y)], screen.cell(y, x).unwrap());
            let text = if shown.contents().is_empty() { " " } else { shown.contents() };
            assert_eq!(cell.symbol(), text, "{name}: column {x}, row {y}\n{}", screen.contents());
            let looks = (shown.bold(), shown.dim(), shown.underline(), shown.inverse());
            assert_eq!(modifiers(cell), looks, "{name}: column {x}, row {y}, {text:?}");
            let colours = (shown.fgcolor(), shown.bgcolor());
            assert_eq!((colour(cell.fg), colour(cell.bg)), colours, "{name}: column {x}, row {y}, {text:?}");
            x += if shown.is_wide() { 2 } else { 1 };
        }
    }
}

fn modifiers(cell: &Cell) -> (bool, bool, bool, bool) {
    let has = |modifier| cell.modifier.contains(modifier);
    (has(Modifier::BOLD), has(Modifier::DIM), has(Modifier::UNDERLINED), has(Modifier::REVERSED))
}

fn colour(color: Color) -> vt100::Color {
    match color {
        Color::Indexed(number) => vt100::Color::Idx(number),
        Color::Red => vt100::Color::Idx(1),
        Color::Green => vt100::Color::Idx(2),
        Color::Yellow => vt100::Color::Idx(3),
        Color::Blue => vt100::Color::Idx(4),
        Color::Magenta => vt100::Color::Idx(5),
        Color::Cyan => vt100::Color::Idx(6),
        Color::Gray => vt100::Color::Idx(7),
        Color::DarkGray => vt100::Color::Idx(8),
        _ => vt100::Color::Default,
    }
}

#[test]
fn a_terminal_shows_what_was_painted_in_every_theme() {
    for theme in [Theme::Dark, Theme::Light, Theme::Sixteen, Theme::Mono] {
        check(theme, false, (100, 30), &scenes::all());
    }
}

#[test]
fn a_terminal_shows_what_was_painted_at_every_size() {
    for size in [(120, 40), (80, 24), (40, 10), (20, 5), (1, 1)] {
        check(Theme::Dark, size.0 == 80, size, &scenes::all());
    }
}

/// Frames are small: what has not changed is not sent again.
#[test]
fn a_second_that_passes_sends_a_few_cells_only() {
    let mut painter = Painter::new(Rect::new(0, 0, 120, 40));
    let mut brush = Brush::new(Theme::Dark, false);
    let mut stage = Stage::sized(stage::busy(), stage::own(), (120, 40));
    painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush));
    let later = stage::now().checked_add(stage::secs(1)).unwrap();
    stage.tell_at(howdah::console::message::Message::Due, later);
    let sent = painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush)).len();
    // The clock and one countdown: a few digits with their colours.
    assert!((1..150).contains(&sent), "{sent} bytes");
}
