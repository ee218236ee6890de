//! The terminal in memory that a recording is fed to.
//!
//! It is asciinema's own (`avt`), which knows what its recordings hold: character sets, repeated characters, reflow.
//!
//! Promises: what it shows is cells; sequences that ask, copy, set titles, modes of keys or of the mouse go nowhere. A
//! keyframe restores it exactly, in the middle of a sequence too.

use super::ScreenSize;
use avt::{Line, Terminal};

/// A terminal in memory.
pub struct Emulator {
    terminal: Terminal,
    size: ScreenSize,
}

/// Everything that a terminal in memory shows and waits for, in a few kilobytes.
#[derive(Debug, Clone)]
pub struct Keyframe {
    size: ScreenSize,
    state: String,
}

impl Emulator {
    /// An empty one.
    #[expect(clippy::missing_panics_doc, reason = "a size has no side of zero, which is all that is refused")]
    pub fn new(size: ScreenSize) -> Self {
        let terminal = Terminal::new(size.columns().into(), size.rows().into());
        Self { terminal: terminal.expect("a screen has a column and a row at least"), size }
    }

    /// Takes what a program writes.
    pub fn feed(&mut self, text: &str) {
        self.terminal.feed(text);
    }

    /// Changes its size.
    pub fn resize(&mut self, size: ScreenSize) {
        self.terminal.resize(size.columns().into(), size.rows().into());
        self.size = size;
    }

    /// Its size.
    pub fn size(&self) -> ScreenSize {
        self.size
    }

    /// What it shows, row by row from the top.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Line> {
        self.terminal.screen().visible_lines()
    }

    /// Column and row of the cursor, unless it is hidden. The column may be one beyond the last.
    pub fn cursor(&self) -> Option<(usize, usize)> {
        self.terminal.cursor().position()
    }

    /// The text on the screen; rows that one line was wrapped to are one again.
    pub fn text(&self) -> Vec<String> {
        self.terminal.screen().text()
    }

    /// How it stands.
    pub fn keyframe(&self) -> Keyframe {
        Keyframe { size: self.size, state: self.terminal.dump() }
    }

    /// One that stands as this one did.
    pub fn restored(keyframe: &Keyframe) -> Self {
        let mut emulator = Self::new(keyframe.size);
        emulator.feed(&keyframe.state);
        emulator
    }
}

impl Keyframe {
    /// How many bytes it takes.
    pub fn length(&self) -> usize {
        self.state.len()
    }
}
