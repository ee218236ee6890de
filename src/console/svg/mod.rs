//! Pictures of a screen, as SVG: one text for each run of cells that look alike, still or moving.
//!
//! Promises: the same input gives the same bytes; every column stands where the terminal puts it, whatever the font;
//! what moves does so by a style sheet alone, so that it moves wherever a picture may stand.

mod animation;
mod runs;

pub use animation::{TooMany, animated};

use crate::recording::Micros;
use ratatui::buffer::Buffer;

/// The longest pause of a picture that moves, unless another is wanted: whoever looks at a page does not wait.
pub const LONGEST_PAUSE: Micros = Micros::seconds(3);

/// The screen as an SVG document with this title.
pub fn svg(buffer: &Buffer, title: &str) -> String {
    let mut out = runs::begin((buffer.area.width, buffer.area.height), title);
    out.push_str(&runs::open_screen());
    for run in runs::runs(buffer) {
        run.write(&mut out, runs::Look::attributes);
    }
    out.push_str(runs::END);
    out
}
