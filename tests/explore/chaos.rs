//! Owner, worker, overlay and server are killed in any order, while the point is opened and after: it is opened again, and
//! when it is closed nothing is left.

#![allow(clippy::print_stderr, reason = "the seed must be known, whatever becomes of the run")]

use super::{
    bed::{Bed, Opened},
    needs_postgres,
    rng::{Rng, seed},
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, source},
        howdah::Running,
        timeout::until,
    },
};
use rustix::process::{Pid, Signal, kill_process};

/// As many as fit into a run.
const ROUNDS: u64 = 3;

/// In the long form.
const LONG_ROUNDS: u64 = 1_000;

/// What is killed: the words of its command line.
const VICTIMS: [&str; 4] = ["\0keeper\0", "\0worker\0", "\0overlay\0", "/bin/postgres\0-D\0"];

/// Somebody owns the sessions.
fn owned(bed: &Bed) -> Option<Running> {
    let missing = bed.process(VICTIMS[0]).is_none();
    missing.then(|| bed.howdah.spawn(["keeper", "--state-dir", bed.howdah.state.to_str().unwrap()]))
}

#[test]
fn r28_r29_whatever_is_killed_the_point_is_opened_again_and_nothing_is_left_when_it_is_closed() {
    needs_postgres!();
    let (seed, whence) = seed("HOWDAH_EXPLORE_SEED");
    let rounds = if std::env::var_os("HOWDAH_LONG").is_some() { LONG_ROUNDS } else { ROUNDS };
    eprintln!("{rounds} rounds, HOWDAH_EXPLORE_SEED={seed} ({whence})");
    let forms = [Form::PLAIN, Form::TAR, Form::packed("server-gzip:1")];
    let beds = forms.map(|form| Bed::with(form, "[retry]\nevery = \"1s\"\n"));
    for (round, bed) in (0..rounds).zip(beds.iter().cycle()) {
        let mut rng = Rng::of_round(seed, round);
        bed.explore(&["start", "shop"]).expect_code(0);
        let mut owners = Vec::new();
        let mut opened = Vec::new();
        for _ in 0..=rng.below(3) {
            let victim = rng.one_of(&VICTIMS);
            if rng.below(2) == 0 {
                opened.push(answers(bed, round));
            }
            let pid = until(&format!("round {round}: {victim:?} is there"), || bed.process(victim));
            // It may end by itself just then.
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap_or_default();
            until(&format!("round {round}: {pid} is gone"), || (bed.process(victim) != Some(pid)).then_some(()));
            owners.extend(owned(bed));
        }
        opened.push(answers(bed, round));
        bed.explore(&["stop", "[0]"]).expect_code(0);
        bed.expect_nothing_left(&opened.iter().collect::<Vec<_>>());
        drop(owners);
    }
}

fn answers(bed: &Bed, round: u64) -> Opened {
    until(&format!("round {round}: it answers"), || {
        let open = bed.list().into_iter().find(|one| one["open"] == true).map(Opened)?;
        (open.try_to_ask(SUM_OF_ROWS)? == source().sum).then_some(open)
    })
}
