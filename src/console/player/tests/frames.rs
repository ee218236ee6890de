//! What is painted, and what never is.

use super::*;
use crate::console::{
    player::view::{Look, paint},
    theme::{Brush, Theme},
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};

const PLAIN: Look = Look { ascii: false, colour: true };

fn painted(stage: &Stage, columns: u16, rows: u16, look: Look) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    let brush = Brush::new(if look.colour { Theme::Dark } else { Theme::Mono }, look.ascii);
    paint(&mut buffer, &stage.player, look, &brush, stage.now);
    buffer
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(|y| row(y).trim_end().to_owned()).collect()
}

#[test]
fn a_smaller_screen_stands_at_the_top_and_the_status_line_below() {
    let mut stage = Stage::new(COUNTING);
    stage.wait(2_500);
    stage.keys("space");
    insta::assert_snapshot!(lines(&painted(&stage, 100, 7, PLAIN)).join("\n"));
    stage.keys("] space / s i");
    insta::assert_snapshot!(lines(&painted(&stage, 60, 6, Look { ascii: true, ..PLAIN })).join("\n"));
}

#[test]
fn a_larger_screen_is_clipped_around_the_cursor_with_a_note() {
    let mut stage = Stage::new(COUNTING);
    stage.wait(60_000);
    let shown = lines(&painted(&stage, 60, 3, PLAIN));
    assert_eq!(shown[..2], ["eight", "nine one"]);
    assert!(shown[2].contains("clipped: 20x2 of 20x4"), "{shown:?}");
    // Where the cursor is hidden the top is shown: a program that draws whole screens begins there.
    let text = "{\"version\": 2, \"width\": 9, \"height\": 4}\n[0, \"o\", \"a\\r\\nb\\r\\nc\\r\\nd\\u001b[?25l\"]\n";
    assert_eq!(lines(&painted(&Stage::new(text), 3, 3, PLAIN))[..2], ["a", "b"]);
}

#[test]
fn any_size_of_terminal_is_painted_on() {
    let mut stage = Stage::new(COUNTING);
    stage.wait(60_000);
    for (columns, rows) in [(0, 0), (1, 1), (1, 2), (3, 1), (20, 5), (200, 60)] {
        painted(&stage, columns, rows, PLAIN);
        stage.keys("/");
        painted(&stage, columns, rows, PLAIN);
        stage.keys("esc");
    }
}

#[test]
fn nothing_that_steers_a_terminal_is_ever_painted() {
    let hostile = concat!(
        "\\u001b]52;c;aGk=\\u0007\\u001b]0;title\\u0007\\u001b]8;;http://x\\u001b\\\\link\\u001b]8;;\\u001b\\\\",
        "\\u001b[c\\u001b[6n\\u001b[>q\\u001bP$qm\\u001b\\\\\\u001b[?1003h\\u001b[?2004h\\u001b[>1u\\u001b[5i\\u001b[2t",
        "\\u009d0;x\\u0007\\u202e\\u200b\\u2066 a\\u0085b\\u0000\\u007f 你\\u0301 e\\u0301 \\ud83d\\ude00\\ufe0f"
    );
    let text = format!(
        "{{\"version\": 2, \"width\": 60, \"height\": 4, \"title\": \"t\\u001b[2J\\u202e\"}}\n\
         [0, \"o\", \"{hostile}\"]\n[0, \"m\", \"\\u001b]0;x\\u0007\"]\n"
    );
    let mut stage = Stage::new(&text);
    for keys in ["x", "home ]", "/ x"] {
        stage.keys(keys);
        for look in [PLAIN, Look { ascii: true, colour: false }] {
            for cell in painted(&stage, 90, 6, look).content() {
                for c in cell.symbol().chars() {
                    assert!(crate::domain::instance::is_printable(c), "{keys}: {c:?}");
                    assert!(c.is_ascii() || !look.ascii, "{keys}: {c:?}");
                }
            }
        }
    }
    assert!(lines(&painted(&stage, 90, 6, PLAIN))[0].contains("link"));
}

#[test]
fn colours_and_the_cursor_are_those_of_the_recording() {
    let text = concat!(
        "{\"version\": 2, \"width\": 9, \"height\": 2}\n",
        "[0, \"o\", \"\\u001b[1;3;4;31;48;2;1;2;3mA\\u001b[0;7m\\u4f60\\u001b[0m\"]\n"
    );
    let stage = Stage::new(text);
    let buffer = painted(&stage, 9, 3, PLAIN);
    let first = &buffer[(0, 0)];
    assert_eq!((first.fg, first.bg), (Color::Indexed(1), Color::Rgb(1, 2, 3)));
    assert_eq!(first.modifier, Modifier::BOLD | Modifier::ITALIC | Modifier::UNDERLINED);
    assert_eq!((buffer[(1, 0)].symbol(), buffer[(1, 0)].modifier), ("你", Modifier::REVERSED));
    assert_eq!(buffer[(3, 0)].modifier, Modifier::REVERSED, "the cursor");
    let buffer = painted(&stage, 9, 3, Look { colour: false, ..PLAIN });
    assert_eq!((buffer[(0, 0)].fg, buffer[(0, 0)].bg), (Color::Reset, Color::Reset));
    // Half of a wide character has no place in the last column.
    assert_eq!(painted(&stage, 2, 3, PLAIN)[(1, 0)].symbol(), " ");
}
