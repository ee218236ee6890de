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

/// As many as fit into a run.
const ROUNDS: u64 = 3;

/// In the long form.
const LONG_ROUNDS: u64 = 1_000;

/// What is killed besides the owner: the words of its command line.
const VICTIMS: [&str; 3] = ["\0worker\0", "\0overlay\0", "/bin/postgres\0-D\0"];
const KEEPER: &str = "\0keeper\0";

/// Kills who owns the sessions now, and starts another.
fn replace_owner(bed: &Bed) -> Running {
    bed.kill(KEEPER);
    bed.howdah.spawn(["keeper", "--state-dir", bed.howdah.state.to_str().unwrap()])
}

#[test]
fn r28_r29_whatever_is_killed_the_point_is_opened_again_and_nothing_is_left_when_it_is_closed() {
    needs_postgres!();
    let (seed, whence) = seed("HOWDAH_EXPLORE_SEED");
    let rounds = if std::env::var_os("HOWDAH_LONG").is_some() { LONG_ROUNDS } else { ROUNDS };
    eprintln!("{rounds} rounds, HOWDAH_EXPLORE_SEED={seed} ({whence})");
    let forms = [Form::PLAIN, Form::TAR, Form::packed("server-gzip:1")];
    // None is the keeper that the first command has started.
    let mut beds = forms.map(|form| (Bed::with(form, "[retry]\nevery = \"1s\"\n"), None));
    for round in 0..rounds {
        let (bed, owner) = &mut beds[usize::try_from(round % 3).unwrap()];
        let mut rng = Rng::of_round(seed, round);
        bed.explore(&["start", "shop"]).expect_code(0);
        let mut opened = Vec::new();
        for _ in 0..=rng.below(3) {
            if rng.below(2) == 0 {
                opened.push(answers(bed, round));
            }
            let victim = rng.below(4);
            eprintln!("round {round}: victim {victim}");
            match victim {
                0 => *owner = Some(replace_owner(bed)),
                victim => bed.kill(VICTIMS[usize::try_from(victim).unwrap() - 1]),
            }
        }
        opened.push(answers(bed, round));
        bed.explore(&["stop", "[0]"]).expect_code(0);
        bed.expect_nothing_left(&opened.iter().collect::<Vec<_>>());
    }
}

fn answers(bed: &Bed, round: u64) -> Opened {
    until(&format!("round {round}: it answers"), || {
        let open = bed.list().into_iter().find(|one| one["open"] == true).map(Opened)?;
        (open.try_to_ask(SUM_OF_ROWS)? == source().sum).then_some(open)
    })
}
