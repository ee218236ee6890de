//! Files that the kernel reads and writes by itself, where it can: what is seen of them, what they cost, and what a kill
//! leaves.

use crate::{
    compare::content,
    harness::Overlay,
    model,
    rng::Rng,
    support::{
        cluster::is_root,
        place,
        skip::skip,
        timeout::{until, until_true},
    },
};
use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

const SEGMENT: u64 = 1 << 20;

/// Linux 6.9 is the first with it (`FUSE_PASSTHROUGH`), and root alone may.
fn is_possible() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let numbers: Vec<u32> = release.split(['.', '-']).take(2).filter_map(|part| part.parse().ok()).collect();
    is_root() && numbers >= vec![6, 9]
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

pub(crate) fn segments_are_written_without_asking_and_are_all_there_after_a_kill() {
    if !is_possible() {
        return skip("only root on Linux 6.9 or newer lets the kernel write by itself", false);
    }
    let lower = model::lower(&mut Rng::of_round(5, 5), &place::scratch("passed"));
    fs::create_dir(lower.join("pg_wal")).unwrap();
    fs::write(lower.join("pg_wal/0001"), vec![1; 16384]).unwrap();
    let mut overlay = Overlay::of(&lower);
    let limit = 8 << 20;
    overlay.order.limit = howdah::domain::ByteCount(limit);
    overlay.start();
    let wal = overlay.data().join("pg_wal");
    // As a server makes one: sparse, under a name of its own, and renamed.
    let made = File::create(wal.join("making")).unwrap();
    made.write_all_at(&[0], SEGMENT - 1).unwrap();
    drop(made);
    fs::rename(wal.join("making"), wal.join("0002")).unwrap();
    let path = wal.join("0002");
    assert_eq!(content(&path).len() as u64, SEGMENT, "read by way of us, and kept by the kernel");
    let held = until("whoever closed it has let go", || {
        let held = open(&path);
        let before = overlay.status();
        held.write_all_at(&[7; 8192], 0).unwrap();
        held.write_all_at(&[8; 100], 8192).unwrap();
        // A file of ours that is asked for, so that the status is written anew.
        fs::write(overlay.data().join("other/text"), "x").unwrap();
        let after = until("the status is new", || Some(overlay.status()).filter(|now| now.writes > before.writes));
        (after.writes == before.writes + 1).then_some(held)
    });
    let status = until("its room is taken", || Some(overlay.status()).filter(|now| now.used >= SEGMENT));
    assert!(status.used <= limit);
    // Others see it at once, by their own descriptors and by its facts.
    let (now, found) = (SystemTime::now(), fs::metadata(&path).unwrap());
    assert_eq!(found.len(), SEGMENT);
    assert!(now.duration_since(found.modified().unwrap()).unwrap_or_default() < Duration::from_mins(1));
    let mut seen = [0; 8193];
    open(&path).read_exact_at(&mut seen, 0).unwrap();
    assert!(seen[..8192] == [7; 8192] && seen[8192] == 8);
    // What has something of the lower in it is asked for; its rest comes from there.
    let mixed = open(&wal.join("0001"));
    mixed.write_all_at(b"x", 0).unwrap();
    assert_eq!(content(&wal.join("0001"))[..2], [b'x', 1]);
    // The room of all of it is taken, however little was written: others are refused, and it can be written to its end.
    let filler = fill(&overlay.data().join("filler"));
    held.write_all_at(&vec![9; 1 << 19], 1 << 19).unwrap();
    until_true("the limit holds", || {
        howdah::overlay::occupied_by(&overlay.order.upper).unwrap() <= limit && overlay.status().used <= limit
    });
    let expected = content(&path);
    overlay.kill();
    drop((held, mixed, filler));
    overlay.start();
    assert_eq!(content(&path), expected, "after a kill");
    // There is no room for its holes now, so that it was read by way of us. Once there is, the kernel writes by itself,
    // and when there is none again, what it had kept from before is not shown.
    let filler = overlay.data().join("filler");
    fs::remove_file(&filler).unwrap();
    until("its room is taken again", || {
        let again = open(&path);
        let used = || overlay.status().used;
        again.write_all_at(&[3; 8192], 8192).unwrap();
        fs::write(overlay.data().join("other/text"), "y").unwrap();
        let writes = overlay.status().writes;
        until_true("the status is new", || overlay.status().writes >= writes);
        (used() >= SEGMENT).then_some(())
    });
    fill(&filler);
    assert_eq!(content(&path)[8192..16384], [3; 8192]);
    overlay.stop();
    overlay.start();
    assert_eq!(content(&path)[8192..16384], [3; 8192]);
    overlay.stop();
}

/// Writes until there is no more room.
fn fill(path: &Path) -> File {
    let file = File::create(path).unwrap();
    let piece = vec![1; 100_000];
    let mut at = 0;
    let full = loop {
        match file.write_all_at(&piece, at) {
            Ok(()) => at += piece.len() as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    file
}
