//! The screen: a tree of sessions and instances, a preview, and Retry and Cancel one key away.
//!
//! One key press goes one way: chord, action, intent; the manager answers with snapshots, and those become frames.
//! `update` and `view` are pure; `run` is the only loop, `input` the only file that knows crossterm's events.
//!
//! Promises: it redraws when something has changed, never by a tick; closing it stops no work; the terminal is given
//! back whole on every way out. Never: decides anything about sessions, reads a file, or starts a process.
//!
//! `recorder` runs the same loop without a terminal and keeps what it would have been sent; `live_recording` keeps what a
//! terminal is sent.
//!
//! `player` is a second screen, for recordings; it shares the terminal, the keys and the colours with the first.

pub mod action;
mod bar;
pub mod capabilities;
pub mod chord;
mod format;
mod glyphs;
mod input;
pub mod keymap;
mod layout;
pub mod live_recording;
pub mod message;
pub mod model;
pub mod painter;
pub mod player;
pub mod ports;
mod purpose;
pub mod recorder;
mod run;
pub mod situation;
mod surface;
pub mod svg;
mod terminal;
pub mod theme;
pub mod update;
pub mod view;

pub use keymap::{Keymap, KeymapError};
pub use ports::{Closing, ConsoleOptions, EndReason, Ending, Ports};
pub use run::run;
pub use theme::{Brush, Theme};
