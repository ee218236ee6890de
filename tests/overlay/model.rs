//! The overlay against a plain directory: the same random operations on both, with kills of the process in between and in
//! the midst, and after each of them the same to the byte.

use crate::{
    compare::{content, difference, fingerprint},
    harness::Overlay,
    operation::{Operation, Side, data},
    rng::Rng,
    support::place,
};
use howdah::{domain::fact::ProcessMark, process};
use rustix::process::Signal;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long rounds are begun in a usual run, together with the other tests.
const USUAL: Duration = Duration::from_secs(8);

const ROUNDS_LONG: u64 = 2000;

/// Operations of one round, and how many lie between two kills on average.
const OPERATIONS: u64 = 250;
const BETWEEN_KILLS: u64 = 60;

/// Plays rounds, and returns how many it were.
pub(crate) fn rounds(seed: u64, is_long: bool) -> (u64, u64) {
    let begun = Instant::now();
    let (mut round, mut kills) = (0, 0);
    while if is_long { round < ROUNDS_LONG } else { begun.elapsed() < USUAL } {
        kills += play(seed, round).unwrap_or_else(|why| panic!("round {round} of seed {seed}: {why}"));
        round += 1;
    }
    (round, kills)
}

/// A lower of files whose lengths lie around the edges of blocks.
pub(crate) fn lower(rng: &mut Rng, at: &Path) -> PathBuf {
    let lower = at.join("lower");
    for directory in ["", "base", "base/1", "other"] {
        fs::create_dir(lower.join(directory)).unwrap();
        let files = [
            ("empty", 0),
            ("one", 1),
            ("text", 700),
            ("below", 8191),
            ("page", 8192),
            ("above", 8193),
            ("small", 30_000),
            ("large", 300_000),
        ];
        for (name, len) in files {
            fs::write(lower.join(directory).join(name), data(len, rng.below(255) as u8 + 1)).unwrap();
        }
    }
    lower
}

/// One round; says how often the process was killed.
fn play(seed: u64, round: u64) -> Result<u64, String> {
    let mut rng = Rng::of_round(seed, round);
    let home = place::scratch("model");
    let lower = lower(&mut rng, &home);
    let before = fingerprint(&lower);
    let plain = place::copy_of(&lower);
    private(&plain);
    let mut overlay = Overlay::of(&lower);
    // The kernel may read and write these by itself; that they grow all the same is no fault but of the limit.
    let passed = ["data", "data/base", "data/base/1", "data/other"].into_iter().filter(|_| rng.below(2) == 0);
    overlay.order.fixed = passed.map(PathBuf::from).collect();
    overlay.start();
    let (mut ours, mut theirs) = (Side::new(&overlay.data()), Side::new(&plain));
    let mut kills = 0;
    for _ in 0..OPERATIONS {
        let operation = Operation::drawn(&mut rng);
        let is_killed = rng.below(BETWEEN_KILLS) == 0;
        // Half of the kills fall into the operation, or close to it.
        let delay = Duration::from_micros(rng.below(400));
        if is_killed {
            kills += 1;
            let mark = overlay.serving.as_ref().unwrap().mark();
            let found = if rng.below(2) == 0 {
                let killer = thread::spawn(move || kill_after(mark, delay));
                let found = ours.apply(&operation);
                killer.join().unwrap();
                found
            } else {
                let found = ours.apply(&operation);
                kill_after(mark, Duration::ZERO);
                found
            };
            let slot = slot_of(&operation).and_then(|slot| theirs.opened(slot));
            overlay.kill();
            ours.close_all();
            overlay.start();
            settle(&operation, &found, slot.as_deref(), &ours, &mut theirs)?;
            theirs.close_all();
        } else {
            let (found, expected) = (ours.apply(&operation), theirs.apply(&operation));
            if found != expected {
                let shown =
                    |result: Result<Vec<u8>, i32>| result.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                return Err(format!("{operation:?}: {:?} instead of {:?}", shown(found), shown(expected)));
            }
        }
    }
    difference(&ours.root, &theirs.root)?;
    ours.close_all();
    overlay.stop();
    overlay.start();
    difference(&ours.root, &theirs.root).map_err(|what| format!("after a clean end: {what}"))?;
    overlay.stop();
    assert_eq!(fingerprint(&lower), before, "the lower was written to");
    for directory in [&home, &overlay.home] {
        fs::remove_dir_all(directory).unwrap();
    }
    Ok(kills)
}

fn kill_after(mark: ProcessMark, delay: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < delay {
        std::hint::spin_loop();
    }
    process::signal(mark, Signal::KILL).unwrap();
}

/// After a kill: what was acknowledged is there, and what was not is there, or not, or of a write each byte for itself.
fn settle(
    operation: &Operation,
    found: &Result<Vec<u8>, i32>,
    written: Option<&Path>,
    ours: &Side,
    theirs: &mut Side,
) -> Result<(), String> {
    if found.is_ok() {
        let expected = theirs.apply(operation);
        if *found != expected {
            return Err(format!("{operation:?} at a kill: {found:?} instead of {expected:?}"));
        }
        return difference(&ours.root, &theirs.root)
            .map_err(|what| format!("after a kill behind {operation:?}: {what}"));
    }
    if let (Operation::Write { .. }, Some(path)) = (operation, written)
        && theirs.root.join(path).is_file()
    {
        return settle_write(operation, path, ours, theirs);
    }
    let without = difference(&ours.root, &theirs.root);
    without.or_else(|without| {
        let _it_may_fail_on_both = theirs.apply(operation);
        difference(&ours.root, &theirs.root)
            .map_err(|with| format!("after a kill in {operation:?}: neither without ({without}) nor with it ({with})"))
    })
}

/// A write that was not acknowledged may be there in part: each byte is the old or the new one.
fn settle_write(operation: &Operation, path: &Path, ours: &Side, theirs: &mut Side) -> Result<(), String> {
    let file = theirs.root.join(path);
    let old = content(&file);
    let _on_a_plain_directory_it_succeeds = theirs.apply(operation);
    let new = content(&file);
    let shown = content(&ours.root.join(path));
    let between = old.len().min(new.len())..=old.len().max(new.len());
    let is_either = |(at, byte): (usize, &u8)| old.get(at).or(Some(&0)) == Some(byte) || new.get(at) == Some(byte);
    if !between.contains(&shown.len()) || !shown.iter().enumerate().all(is_either) {
        return Err(format!("after a kill in {operation:?}: bytes of {} are neither old nor new", path.display()));
    }
    fs::write(&file, &shown).unwrap();
    if shown == old {
        // Nothing of it came through, or nothing but the time.
        let time = fs::metadata(ours.root.join(path)).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    }
    difference(&ours.root, &theirs.root).map_err(|what| format!("after a kill in {operation:?}: {what}"))
}

fn slot_of(operation: &Operation) -> Option<u64> {
    match operation {
        Operation::Write { slot, .. } => Some(*slot),
        _ => None,
    }
}

/// The overlay shows every file as its owner's alone.
pub(crate) fn private(directory: &Path) {
    for entry in walkdir::WalkDir::new(directory) {
        let entry = entry.unwrap();
        let mode = if entry.file_type().is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(entry.path(), Permissions::from_mode(mode)).unwrap();
    }
}
