//! The terminal: taken when the screen opens, given back whole on every way out.
//!
//! Promises: raw mode, alternate screen, paste and mouse modes are undone on return, on error, on a panic of the
//! screen's own thread, and before the process stops itself. A terminal that has hung up is noticed at once. Never:
//! asks the terminal anything (late answers arrive as typed garbage).

use super::{live_recording::LiveRecording, model::Model, painter::Painter, surface::Surface, theme::Brush, view};
use crossterm::{
    Command as _,
    clipboard::CopyToClipboard,
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    style::{Attribute, SetAttribute},
    terminal::{
        Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};
use ratatui::{buffer::Buffer, layout::Rect};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Signal, getpid, getsid, kill_current_process_group},
};
use std::{
    io::{self, IsTerminal as _, PipeReader, PipeWriter, Stdout, Write},
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// The terminal while it is ours.
pub(super) struct Screen {
    output: Output,
    painter: Painter,
    mouse: bool,
    /// Whether it is taken now; the panic hook looks at it too.
    taken: Arc<AtomicBool>,
}

/// Where the screen writes: the terminal, and the recording if one is made.
struct Output {
    terminal: Stdout,
    recording: Option<LiveRecording>,
    /// What the recording does not have yet.
    written: Vec<u8>,
}

/// Word of a terminal that has hung up. Watched on a thread of its own, since crossterm 0.29 spins on it.
pub(super) struct HangUp {
    /// Comes when the terminal has hung up.
    pub(super) fired: oneshot::Receiver<()>,
    /// Ends the watch when it is dropped.
    watch: Option<(PipeWriter, JoinHandle<()>)>,
}

impl Screen {
    /// Takes the terminal, and keeps what it is sent in the recording if there is one.
    pub(super) fn enter(mouse: bool, recording: Option<LiveRecording>) -> io::Result<Self> {
        let taken = Arc::new(AtomicBool::new(false));
        restore_on_panic(Arc::clone(&taken));
        let output = Output { terminal: io::stdout(), recording, written: Vec::new() };
        let mut screen = Self { output, painter: Painter::new(Rect::ZERO), mouse, taken };
        screen.take()?;
        Ok(screen)
    }

    /// Paints one frame, which the terminal shows as a whole.
    pub(super) fn paint(&mut self, paint: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        let area = self.area()?;
        if self.painter.area() != area {
            self.wipe(area)?;
        }
        // A frame goes out in one write.
        let frame = self.painter.paint(paint);
        self.output.write_all(frame.as_bytes())?;
        self.output.flush()
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken.store(true, Ordering::SeqCst);
        execute!(self.output, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        if self.mouse {
            execute!(self.output, EnableMouseCapture)?;
        }
        let area = self.area()?;
        self.wipe(area)
    }

    /// Begins with an empty screen: of what stands there nothing is known.
    fn wipe(&mut self, area: Rect) -> io::Result<()> {
        self.painter = Painter::new(area);
        if let Some(recording) = &mut self.output.recording {
            recording.resize(area.width, area.height);
        }
        execute!(self.output, SetAttribute(Attribute::Reset), Clear(ClearType::All))
    }

    fn area(&self) -> io::Result<Rect> {
        let (columns, rows) = self.size()?;
        Ok(Rect::new(0, 0, columns, rows))
    }

    fn give_back(&mut self) {
        if self.taken.swap(false, Ordering::SeqCst) {
            restore(&mut self.output);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.terminal.write(bytes)?;
        if self.recording.is_some() {
            self.written.extend_from_slice(&bytes[..taken]);
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.terminal.flush()?;
        if let Some(recording) = &mut self.recording {
            recording.output(&self.written);
            self.written.clear();
        }
        Ok(())
    }
}

impl Surface for Screen {
    fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    fn draw(&mut self, model: &Model, brush: &mut Brush) -> io::Result<()> {
        self.paint(|buffer| view::paint(buffer, model, brush))
    }

    fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on { execute!(self.output, EnableMouseCapture) } else { execute!(self.output, DisableMouseCapture) }
    }

    fn ring(&mut self, text: &str) -> io::Result<()> {
        // BEL, and OSC 9, which desktop terminals show as a message. The text is printable already.
        write!(self.output, "\x07\x1b]9;howdah: {text}\x1b\\")?;
        self.output.flush()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(clipboard(text, std::env::var_os("TMUX").is_some()).as_bytes())?;
        self.output.flush()
    }

    fn may_suspend(&self) -> bool {
        // The leader of a session has no shell that could continue it.
        !getsid(None).is_ok_and(|session| session == getpid())
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.give_back();
        // The whole group, as a shell's own Ctrl-Z does it, so that a parent such as cargo is not left waiting.
        // STOP, since we handle TSTP and would not stop. Workers are in sessions of their own.
        kill_current_process_group(Signal::STOP)?;
        self.take()
    }

    fn repair(&mut self) -> io::Result<()> {
        self.take()
    }
}

/// The sequence that gives a text to the terminal's clipboard (OSC 52). tmux may keep it to itself (`set-clipboard`), so
/// there it is sent a second time, wrapped to be passed on (`allow-passthrough`): each escape doubled.
fn clipboard(text: &str, in_tmux: bool) -> String {
    let mut sequence = String::new();
    let written = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence);
    written.expect("writing to a string cannot fail");
    if in_tmux {
        let wrapped = sequence.replace('\x1b', "\x1b\x1b");
        sequence += &["\x1bPtmux;", &wrapped, "\x1b\\"].concat();
    }
    sequence
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl HangUp {
    /// Begins to watch the terminal on standard input; where that is no terminal there is nothing to watch.
    pub(super) fn watch() -> io::Result<Self> {
        let (fire, fired) = oneshot::channel();
        if !io::stdin().is_terminal() {
            // The sender is kept by nobody: it would fire at once, so it is forgotten for good.
            return Ok(Self { fired: never(fire, fired), watch: None });
        }
        let (ended, end) = io::pipe()?;
        let idle = io::pipe()?;
        let watcher = thread::Builder::new().name("hang-up".to_owned()).spawn(move || {
            if wait_for_hang_up(&ended) {
                put_aside(idle);
                // The loop may be gone already; then nobody needs to know.
                let _: Result<(), ()> = fire.send(());
            } else {
                // The loop ended first. A dropped sender would read as a hang-up to anybody still listening.
                drop(idle);
            }
        })?;
        Ok(Self { fired, watch: Some((end, watcher)) })
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        if let Some((end, watcher)) = self.watch.take() {
            drop(end);
            // It only waits and cannot panic; were it to, the screen is closing anyway.
            let _: thread::Result<()> = watcher.join();
        }
    }
}

/// A receiver whose sender lives as long as the process.
fn never(fire: oneshot::Sender<()>, fired: oneshot::Receiver<()>) -> oneshot::Receiver<()> {
    std::mem::forget(fire);
    fired
}

/// True when the terminal has hung up, false when the other end of `ended` was closed first.
fn wait_for_hang_up(ended: &PipeReader) -> bool {
    let stdin = io::stdin();
    loop {
        // No flag is asked for: hang-up and error are told always, and typed keys must not wake this thread.
        let mut fds = [PollFd::new(&stdin, PollFlags::empty()), PollFd::new(ended, PollFlags::empty())];
        if poll(&mut fds, None).is_err_and(|error| error != rustix::io::Errno::INTR) {
            return false;
        }
        if !fds[1].revents().is_empty() {
            return false;
        }
        if !fds[0].revents().is_empty() {
            return true;
        }
    }
}

/// Puts the read end of an idle pipe in the terminal's place, so that whoever still reads waits instead of spinning.
fn put_aside((reader, writer): (PipeReader, PipeWriter)) {
    if rustix::stdio::dup2_stdin(&reader).is_ok() {
        // Closed, it would read as an end of file for ever, and the spinning would begin again.
        std::mem::forget(writer);
    }
}

fn restore(output: &mut impl Write) {
    // A terminal that is gone cannot be restored, and there is nobody left to tell.
    let _: io::Result<()> =
        execute!(output, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _: io::Result<()> = disable_raw_mode();
}

/// Restores the terminal before a panic of this thread is printed. A panic of another thread goes to the log instead:
/// printed, it would tear the screen that goes on.
fn restore_on_panic(taken: Arc<AtomicBool>) {
    let screen = thread::current().id();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let is_taken = taken.load(Ordering::SeqCst);
        if is_taken && thread::current().id() != screen {
            tracing::error!(target: "howdah::panic", "{info}");
            return;
        }
        if taken.swap(false, Ordering::SeqCst) {
            restore(&mut io::stdout());
        }
        before(info);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_given_to_the_terminal_and_in_tmux_to_the_one_around_it_too() {
        assert_eq!(clipboard("/srv/pg", false), "\x1b]52;c;L3Nydi9wZw==\x1b\\");
        assert_eq!(
            clipboard("/srv/pg", true),
            "\x1b]52;c;L3Nydi9wZw==\x1b\\\x1bPtmux;\x1b\x1b]52;c;L3Nydi9wZw==\x1b\x1b\\\x1b\\"
        );
    }
}
