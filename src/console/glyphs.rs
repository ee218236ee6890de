//! The signs on the screen, in two sets: Unicode without ambiguous widths, and ASCII.
//!
//! Promises: every sign is one column wide in every terminal (East Asian Width N), borders aside.

use ratatui::symbols::border;

/// One set of signs.
#[derive(Debug, Clone, Copy)]
pub struct Glyphs {
    pub running: &'static str,
    pub waiting: &'static str,
    pub stuck: &'static str,
    pub queued: &'static str,
    pub cancelling: &'static str,
    /// Paused at the goal of its recovery.
    pub paused: &'static str,
    pub done: &'static str,
    pub cancelled: &'static str,
    pub pending: &'static str,
    pub skipped: &'static str,
    pub open: &'static str,
    pub closed: &'static str,
    pub mark: &'static str,
    pub more: &'static str,
    pub to: &'static str,
    pub full: &'static str,
    pub rest: &'static str,
    pub checked: &'static str,
    pub unchecked: &'static str,
    pub on: &'static str,
    pub off: &'static str,
    pub instance: &'static str,
    pub warning: &'static str,
    /// Heights of one half column of the sparkline, lowest first.
    pub spark: &'static [&'static str],
    pub border: border::Set<'static>,
}

/// The usual set.
pub(super) const UNICODE: Glyphs = Glyphs {
    running: "◉",
    waiting: "◌",
    stuck: "✖",
    queued: "◦",
    cancelling: "⊘",
    paused: "‖",
    done: "✓",
    cancelled: "∅",
    pending: "◦",
    skipped: "‹",
    open: "▾",
    closed: "▸",
    mark: "▪",
    more: "⋯",
    to: "▸",
    full: "▰",
    rest: "▱",
    checked: "☑",
    unchecked: "☐",
    on: "◉",
    off: "◦",
    instance: "▫",
    warning: "⚑",
    // Braille, whose width nobody disputes: both dot columns of a cell rise together.
    spark: &["⠀", "⣀", "⣤", "⣶", "⣿"],
    border: border::PLAIN,
};

/// The set for terminals and fonts that know nothing else.
pub(super) const ASCII: Glyphs = Glyphs {
    running: "*",
    waiting: "~",
    stuck: "!",
    queued: ".",
    cancelling: "x",
    paused: "|",
    done: "+",
    cancelled: "-",
    pending: ".",
    skipped: "-",
    open: "v",
    closed: ">",
    mark: "#",
    more: "~",
    to: ">",
    full: "#",
    rest: "-",
    checked: "x",
    unchecked: ".",
    on: "*",
    off: ".",
    instance: "o",
    warning: "!",
    spark: &[" ", ".", ":", "|", "#"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};
