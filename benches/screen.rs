//! The screen under load: 100,000 completed and 1,000 ongoing sessions.
//!
//! The bounds: from a key to the painted cells under 16 ms, a frame under 2 ms. `cargo bench --bench screen`

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one thing and leaves the rest")]
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first surprise")]
#![allow(missing_docs, reason = "the harness makes its own main")]

#[path = "../tests/screens/stage.rs"]
mod stage;

use divan::{Bencher, black_box};
use howdah::{
    console::{Brush, Theme, message::Message, painter::Painter, view},
    domain::{InstanceName, Kind, SessionId},
    machine::CompletedDetails,
    manager::{CompletedResult, CompletedRow, Snapshot},
};
use ratatui::{buffer::Buffer, layout::Rect};
use stage::{Stage, ago, copying, mins, own, queued, secs, stuck, waiting, with_rows};
use std::sync::Arc;

const SIZE: (u16, u16) = (120, 40);

fn main() {
    divan::main();
}

fn heavy() -> Snapshot {
    let ongoing = (0..1_000_u64).map(|id| match id % 4 {
        0 => stuck(id, &format!("stuck-{id}")),
        1 => waiting(id, &format!("waiting-{id}")),
        2 => copying(id, &format!("copying-{id}")),
        _ => queued(id, &format!("queued-{id}")),
    });
    let completed = (0..100_000_u64).map(|id| {
        let result = if id % 9 == 0 { CompletedResult::Cancelled } else { CompletedResult::Succeeded };
        let instance = InstanceName::new(&format!("instance-{id}"));
        let (id, ended, took) = (SessionId(1_000_000 + id), ago(mins(id)), secs(500 + id % 1_000));
        Arc::new(CompletedRow {
            id,
            kind: Kind::Restore,
            title: instance,
            ended,
            took,
            result,
            details: CompletedDetails::default(),
        })
    });
    with_rows(ongoing.collect(), completed.collect())
}

fn heavy_stage() -> Stage {
    Stage::sized(heavy(), own(), SIZE)
}

fn painter() -> Painter {
    Painter::new(Rect::new(0, 0, SIZE.0, SIZE.1))
}

/// A key, the update, the frame, the bytes for the terminal.
fn key_to_cells(bencher: Bencher<'_, '_>, before: &str, keys: [&str; 2]) {
    let mut stage = heavy_stage();
    stage.press(before);
    let (mut painter, mut brush) = (painter(), Brush::new(Theme::Dark, false));
    let mut odd = false;
    bencher.bench_local(|| {
        odd = !odd;
        stage.press(keys[usize::from(odd)]);
        painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush));
        stage.wanted().len()
    });
}

#[divan::bench]
fn key_down_among_the_ongoing(bencher: Bencher<'_, '_>) {
    key_to_cells(bencher, "g", ["down", "up"]);
}

#[divan::bench]
fn key_page_down_among_the_completed(bencher: Bencher<'_, '_>) {
    key_to_cells(bencher, "] pgdn pgdn", ["pgdn", "pgup"]);
}

#[divan::bench]
fn key_to_the_end_and_back(bencher: Bencher<'_, '_>) {
    key_to_cells(bencher, "g", ["end", "home"]);
}

#[divan::bench]
fn key_in_the_filter(bencher: Bencher<'_, '_>) {
    key_to_cells(bencher, "/ i n s t", ["9", "backspace"]);
}

#[divan::bench]
fn key_that_asks_about_all_ongoing(bencher: Bencher<'_, '_>) {
    key_to_cells(bencher, "g", ["c", "esc"]);
}

/// A new picture from the manager, with one session changed.
#[divan::bench]
fn snapshot_to_cells(bencher: Bencher<'_, '_>) {
    let mut stage = heavy_stage();
    let snapshots = [stage.model.data().snapshot.clone(), Arc::new(changed(&stage))];
    let (mut painter, mut brush) = (painter(), Brush::new(Theme::Dark, false));
    let mut odd = false;
    bencher.bench_local(|| {
        odd = !odd;
        stage.tell(Message::Snapshot(Arc::clone(&snapshots[usize::from(odd)])));
        painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush));
        stage.wanted().len()
    });
}

/// A new picture in which a session has just been completed: the long list itself has changed.
#[divan::bench]
fn snapshot_with_a_new_completed_row_to_cells(bencher: Bencher<'_, '_>) {
    let mut stage = heavy_stage();
    stage.press("] pgdn pgdn pgdn");
    let old = stage.model.data().snapshot.clone();
    let mut rows = old.completed.as_ref().clone();
    rows.remove(0);
    let new = Arc::new(Snapshot { completed: Arc::new(rows), ..old.as_ref().clone() });
    let (mut painter, mut brush) = (painter(), Brush::new(Theme::Dark, false));
    let mut odd = false;
    bencher.bench_local(|| {
        odd = !odd;
        stage.tell(Message::Snapshot(Arc::clone(if odd { &new } else { &old })));
        painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush));
        stage.wanted().len()
    });
}

/// A frame alone.
#[divan::bench(args = ["", "g", "] pgdn pgdn", "G", "?", "g c", "n"])]
fn frame(bencher: Bencher<'_, '_>, keys: &str) {
    let mut stage = heavy_stage();
    stage.press(keys);
    let mut brush = Brush::new(Theme::Dark, false);
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    bencher.bench_local(|| {
        buffer.reset();
        view::paint(&mut buffer, black_box(&stage.model), &mut brush);
    });
}

/// From a journal that has been read to the first frame.
#[divan::bench]
fn first_frame(bencher: Bencher<'_, '_>) {
    let snapshot = heavy();
    bencher.with_inputs(|| snapshot.clone()).bench_local_values(|snapshot| {
        let stage = Stage::sized(snapshot, own(), SIZE);
        stage.paint(Theme::Dark, false)
    });
}

fn changed(stage: &Stage) -> Snapshot {
    let old = stage.model.data().snapshot.as_ref().clone();
    let mut ongoing = old.ongoing.clone();
    ongoing[2] = stage::copying_at(2, "copying-2", 40 * stage::GIB);
    Snapshot { ongoing, revision: old.revision + 1, ..old }
}
