//! A terminal: a pseudo terminal with a program in it, and a screen that shows what the program has drawn.

use super::timeout::TIMEOUT;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
};
use std::{
    ffi::OsStr,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

/// A terminal with its program. Dropping it hangs up and kills the program.
pub(crate) struct Terminal {
    pty: Option<pty_process::blocking::Pty>,
    child: Child,
    screen: vt100::Parser,
    /// Everything that the program has written.
    pub(crate) written: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of this size.
    pub(crate) fn run<A: AsRef<OsStr>>(
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        environment: Vec<(&'static str, PathBuf)>,
        (columns, rows): (u16, u16),
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let child = pty_process::blocking::Command::new(program)
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("PS1", "$ ")
            .env_remove("NO_COLOR")
            .env_remove("COLORTERM")
            .env_remove("TMUX")
            .envs(environment)
            .spawn(pts)
            .unwrap();
        Self { pty: Some(pty), child, screen: vt100::Parser::new(rows, columns, 0), written: Vec::new() }
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// The screen as text, for questions and for messages of tests that fail.
    pub(crate) fn text(&self) -> String {
        self.screen().contents()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.pty.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.pty.as_ref().unwrap().resize(pty_process::Size::new(rows, columns)).unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Closes our side, as a lost link does.
    pub(crate) fn hang_up(&mut self) {
        self.pty = None;
    }

    /// Shows what the program draws until the screen is as wanted; panics with the screen when patience ends.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let begun = Instant::now();
        while !is_so(self.screen()) {
            let alive = self.show_more(Duration::from_millis(200));
            let in_vain = begun.elapsed() >= TIMEOUT || (!alive && !is_so(self.screen()));
            assert!(!in_vain, "waited in vain: {what}\n{}", self.text());
        }
    }

    /// Waits until this text is on the screen.
    #[track_caller]
    pub(crate) fn wait_for_text(&mut self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the program has drawn nothing for this long.
    pub(crate) fn wait_for_calm(&mut self, calm: Duration) {
        let begun = Instant::now();
        let mut before = self.written.len();
        let mut since = Instant::now();
        while since.elapsed() < calm && begun.elapsed() < TIMEOUT {
            if !self.show_more(calm) {
                return;
            }
            if self.written.len() != before {
                before = self.written.len();
                since = Instant::now();
            }
        }
    }

    /// Reads what is there, or waits for more for at most this long. False once the program has closed its side.
    fn show_more(&mut self, patience: Duration) -> bool {
        let Some(pty) = self.pty.as_mut() else { return false };
        let mut watched = [PollFd::new(&*pty, PollFlags::IN)];
        let timeout = Timespec::try_from(patience).unwrap();
        if poll(&mut watched, Some(&timeout)).unwrap() == 0 {
            return true;
        }
        let mut bytes = [0; 8 * 1024];
        // Linux answers EIO when the last process has left the terminal.
        let Ok(length @ 1..) = pty.read(&mut bytes) else { return false };
        self.written.extend_from_slice(&bytes[..length]);
        self.screen.process(&bytes[..length]);
        true
    }

    /// Shows what comes until the program has ended.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if !self.show_more(Duration::from_millis(20)) {
                // Nothing more can come; only the end is missing.
                return super::timeout::until("the program ends", || self.child.try_wait().unwrap());
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.show_more(Duration::from_millis(20)) && begun.elapsed() < TIMEOUT {
                    if self.screen_is_settled() {
                        break;
                    }
                }
                return status;
            }
            assert!(begun.elapsed() < TIMEOUT, "the program does not end\n{}", self.text());
        }
    }

    /// Nothing waits to be read.
    fn screen_is_settled(&self) -> bool {
        let Some(pty) = self.pty.as_ref() else { return true };
        let mut watched = [PollFd::new(pty, PollFlags::IN)];
        poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.hang_up();
        if let Ok(None) = self.child.try_wait() {
            let _gone_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// The processor time that a process has taken so far, user and system, in clock ticks.
pub(crate) fn processor_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}
