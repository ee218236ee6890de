//! Opening the console over a full journal: from the start of the process to the first painted screen, and what the
//! console takes while it is idle. The real program in a real pseudo terminal.
//!
//! `cargo bench --bench open` makes journals with 100,000 completed sessions, and 10 or 1,000 ongoing ones that wait for
//! a person, and one with runs of 1,000 jobs of 50 objects, and prints the times of some openings. An opening without a
//! journal stands beside them.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

#[path = "journal/jobs.rs"]
mod jobs;
mod journal;

use pty_process::blocking::{Command, Pty, open};
use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

const ROUNDS: usize = 11;

/// Ongoing sessions of a usual night.
const FEW: u64 = 10;

/// How long the idle console is watched.
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let room = tempfile::tempdir().unwrap();
    let [full, long, many, empty] = ["full", "long", "jobs", "empty"].map(|name| room.path().join(name));
    for (state, ongoing) in [(&full, journal::ONGOING), (&long, FEW)] {
        fs::DirBuilder::new().mode(0o700).create(state).unwrap();
        let is_ongoing = |number| (1..=ongoing).contains(&u64::saturating_sub(number, journal::COMPLETED));
        journal::fill(&state.join("journal.db"), |number| {
            if is_ongoing(number) { journal::stuck() } else { journal::cancelled() }
        });
    }
    fs::DirBuilder::new().mode(0o700).create(&many).unwrap();
    jobs::fill(&many.join("journal.db"));
    // The first opening unpacks the sample; it is not counted.
    for state in [&empty, &many, &long, &full] {
        drop(Console::open(state));
    }
    println!("first paint, median of {ROUNDS} (shortest to longest):");
    for (name, state) in [
        ("empty journal", &empty),
        ("1,000 jobs of 50 objects, all done", &many),
        ("100,990 completed, 10 ongoing", &long),
        ("100,000 completed, 1,000 ongoing", &full),
    ] {
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| Console::open(state).painted.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        println!("  {name:<36} {:5.1} ms ({:.1} to {:.1})", times[ROUNDS / 2], times[0], times[ROUNDS - 1]);
    }
    let console = Console::open(&full);
    let (bytes, ticks) = console.idle();
    println!("idle for {} s: {bytes} bytes painted, {ticks} clock ticks of processor time", IDLE.as_secs());
}

/// A console in a terminal.
struct Console {
    child: Child,
    pty: Pty,
    painted: Duration,
}

impl Console {
    /// Opens it and reads until the tree and the footer are there.
    fn open(state: &Path) -> Self {
        let (mut pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(40, 120)).unwrap();
        let begun = Instant::now();
        let command = Command::new(env!("CARGO_BIN_EXE_howdah")).arg("--state-dir").arg(state);
        #[expect(clippy::zombie_processes, reason = "the console is waited for when it is dropped")]
        let child = command.env("TERM", "xterm-256color").spawn(pts).unwrap();
        let mut screen = vt100::Parser::new(40, 120, 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = pty.read(&mut buffer).unwrap();
            screen.process(&buffer[..read]);
            let text = screen.screen().contents();
            if text.contains("Restore") && text.contains("q close") {
                return Self { child, pty, painted: begun.elapsed() };
            }
        }
    }

    /// What an idle console paints and takes, after what the opening began is done.
    fn idle(mut self) -> (usize, u64) {
        self.painted_for(Duration::from_secs(3));
        let before = self.ticks();
        let bytes = self.painted_for(IDLE);
        (bytes, self.ticks() - before)
    }

    /// Bytes that come within this time.
    fn painted_for(&mut self, time: Duration) -> usize {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let end = Instant::now() + time;
        let mut bytes = 0;
        let mut buffer = vec![0; 1 << 16];
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let wait = Timespec::try_from(left).unwrap();
            if poll(&mut [PollFd::new(&self.pty, PollFlags::IN)], Some(&wait)).unwrap() > 0 {
                bytes += self.pty.read(&mut buffer).unwrap();
            }
        }
        bytes
    }

    /// Processor time so far (proc(5), `/proc/<pid>/stat`, fields 14 and 15).
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It closes on `q`; one that does not is ended with its terminal.
        let closed = self.pty.write_all(b"q").and_then(|()| self.child.wait());
        assert!(closed.is_ok_and(|status| status.success()) || std::thread::panicking(), "the console did not close");
    }
}
