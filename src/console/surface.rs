//! What the loop of the screen meets: what it paints on, and what comes from outside.

use super::{message::Message, model::Model, ports::EndReason, theme::Brush};
use std::io;

/// What the loop paints on; the terminal, a recorder, or a counter of frames in tests. What only a terminal can do is
/// nothing to the others.
pub(super) trait Surface {
    /// Columns and rows.
    fn size(&self) -> io::Result<(u16, u16)>;
    /// Paints one frame.
    fn draw(&mut self, model: &Model, brush: &mut Brush) -> io::Result<()>;
    /// Switches the mouse.
    fn set_mouse(&mut self, _on: bool) -> io::Result<()> {
        Ok(())
    }
    /// Rings and shows a message.
    fn ring(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
    /// Gives a text to the terminal's clipboard; nothing tells whether it is taken.
    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
    /// Whether somebody is there who could continue a process that was stopped.
    fn may_suspend(&self) -> bool {
        false
    }
    /// Stops the process until it is continued.
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
    /// Takes the terminal again after somebody else may have had it.
    fn repair(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What comes from outside the program.
#[derive(Debug)]
pub(super) enum ExternalEvent {
    /// A key, a click, a size.
    Message(Message),
    /// The process is to stop for a while (SIGTSTP).
    Suspend,
    /// The process was continued (SIGCONT).
    Continued,
    /// The screen is to end.
    End(EndReason),
}
