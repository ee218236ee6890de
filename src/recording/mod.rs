//! Recordings of a terminal in the asciicast formats: what they hold, how they are read and written, and the terminal
//! in memory that shows what they draw.
//!
//! The formats are those of asciinema (<https://docs.asciinema.org/manual/asciicast/v3/>, `v2` and `v1` beside it).
//!
//! Promises: times are whole microseconds from the file to the screen; what is written is the same for the same
//! events, byte for byte; a recording is foreign, so sizes, lengths, counts and times have limits, and whatever is
//! wrong is named with file and line. Never: lets a byte of a recording reach a terminal; it can only be shown as
//! cells.

mod decimal;
mod defect;
mod emulator;
mod event;
mod header;
mod json;
mod lines;
mod micros;
mod pace;
mod reader;
mod v1;
mod whole;
mod writer;

pub use defect::{Defect, Place, ReadError};
pub use emulator::{Emulator, Keyframe};
pub use event::{Event, EventKind};
pub use header::{Header, ScreenSize, Version};
pub use micros::Micros;
pub use pace::{IdleLimit, NotAPace, Speed};
pub use reader::Reader;
pub use whole::Recording;
pub use writer::{Format, Writer};

#[cfg(test)]
mod tests;
