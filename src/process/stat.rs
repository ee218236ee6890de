//! `/proc/<pid>/stat`, the line that tells what a process is (proc(5)).

use std::fs;

/// What the line says, as far as it is needed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Whether it has ended and only waits for its parent to notice.
    pub zombie: bool,
    /// The parent's pid.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// The session, which `setsid` makes.
    pub session: u32,
    /// Processor time used so far, in clock ticks.
    pub busy: u64,
    /// Start time in clock ticks since boot.
    pub started: u64,
}

/// Reads the line; `None` when there is no such process.
pub fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in parentheses and may hold any byte, so the fields are counted from its last one on.
fn parse(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // proc(5) counts from 1 with the pid; `fields[0]` is field 3, the state.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(Stat {
        zombie: matches!(field(3)?, "Z" | "X"),
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        busy: ticks(14)?.saturating_add(ticks(15)?),
        started: ticks(22)?,
    })
}

#[test]
fn a_name_full_of_parentheses_does_not_shift_the_fields() {
    let line = "12 (a) Z 1 2) S 1 34 35 0 -1 4194304 1 0 0 0 11 22 0 0 20 0 1 0 5678 1 1";
    let stat = Stat { zombie: false, parent: 1, group: 34, session: 35, busy: 33, started: 5678 };
    assert_eq!(parse(line), Some(stat));
    for nonsense in ["", "12 (x) Z 1 34", "7 (x) Z"] {
        assert_eq!(parse(nonsense), None);
    }
}
