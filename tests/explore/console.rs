//! A point that a console has opened: it outlives the console, and a shell closes it only when it is told to.

use super::{
    bed::{Bed, Opened},
    needs_postgres,
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, source},
        pty::Terminal,
        timeout::until,
    },
};
use std::time::Duration;

#[test]
fn r27_r28_what_a_console_has_opened_outlives_it_and_a_shell_closes_it_only_when_told_to() {
    needs_postgres!();
    let bed = Bed::new(Form::PLAIN);
    let state = ["--state-dir", bed.howdah.state.to_str().unwrap()];
    let mut console = Terminal::run(env!("CARGO_BIN_EXE_howdah"), state, bed.howdah.environment(), (100, 30));
    console.wait_for_text("1 backup");
    console.keys("G");
    console.keys("E");
    console.wait_for_text("files by");
    console.keys("\t");
    console.wait_for_text("[ Open it ]");
    // What is typed ahead of a question answers none.
    console.wait_for_calm(Duration::from_millis(500));
    console.keys("\r");
    let open = until("it is open", || bed.list().into_iter().find(|one| one["open"] == true).map(Opened));
    let refused = bed.explore(&["stop", "[0]"]).expect_code(3);
    insta::assert_snapshot!("r27_what_was_started_elsewhere", refused);
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "R27: it is left as it was");
    console.keys("q");
    assert!(console.wait_for_end().success());
    assert_eq!(open.ask(SUM_OF_ROWS), source().sum, "R28");
    let listed = bed.explore(&["list", "--json"]).expect_code(0).stdout;
    assert_eq!(bed.piped(&["stop", "-"], &listed).code, Some(3), "R27 holds for a pipe, too");
    let stopped = bed.piped(&["stop", "-", "--any-origin"], &listed).expect_code(0);
    assert_eq!((stopped.stdout.as_str(), stopped.stderr.as_str()), ("", ""), "R26");
    bed.expect_nothing_left(&[&open]);
}
