//! The player of recordings: a screen of its own, beside that of sessions.
//!
//! A key or a moment goes in, a frame comes out: `player` is the state and knows neither a clock nor a terminal, `view`
//! paints it, `run` is the loop.
//!
//! Promises: what is shown are the cells of a terminal in memory, so nothing of a recording reaches the terminal but
//! printable characters and colours; keys are answered while a long way through a recording is still being made. Never:
//! reads or writes a file.

mod keyframes;
pub mod keys;
mod playback;
#[expect(clippy::module_inception, reason = "the player is what this is about")]
mod player;
mod run;
mod search;
mod status;
pub(in crate::console) mod view;

pub use run::{PlayerOptions, run};

#[cfg(test)]
mod tests;
