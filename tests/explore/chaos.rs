//! Owner (a keeper or a console), worker, overlay and server are killed in any order, while the point is opened and after:
//! it is opened again, and when it is closed nothing is left.

#![allow(clippy::print_stderr, reason = "the seed must be known, whatever becomes of the run")]

use super::{
    bed::{Bed, Opened},
    needs_postgres,
    rng::{Rng, seed},
    support::{
        backup::Form,
        cluster::{SUM_OF_ROWS, source},
        howdah::Running,
        pty::Terminal,
        timeout::until,
    },
};
use rustix::process::Signal;

/// As many as fit into a run.
const ROUNDS: u64 = 3;

/// In the long form.
const LONG_ROUNDS: u64 = 1_000;

/// What is killed besides the owner: the words of its command line.
const VICTIMS: [&str; 3] = ["\0worker\0", OVERLAY, SERVER];
const OVERLAY: &str = "\0overlay\0";
const SERVER: &str = "/bin/postgres\0-D\0";
const KEEPER: &str = "\0keeper\0";

/// Whoever owns the sessions; dropping it ends it.
enum Owner {
    Keeper(#[expect(dead_code, reason = "it is held")] Running),
    Console(Box<Terminal>),
}

impl Owner {
    /// A new one, of either kind; it owns what the one before has left.
    fn start(bed: &Bed, rng: &mut Rng) -> Self {
        let state = ["--state-dir", bed.howdah.state.to_str().unwrap()];
        if rng.below(2) == 0 {
            return Self::Keeper(bed.howdah.spawn([&["keeper"], &state[..]].concat()));
        }
        let program = env!("CARGO_BIN_EXE_howdah");
        let mut console = Terminal::run(program, state, bed.howdah.environment(), (100, 30));
        console.wait_for_text("Explore");
        Self::Console(Box::new(console))
    }
}

/// Kills who owns the sessions now, and starts another.
fn replace_owner(bed: &Bed, owner: Option<Owner>, rng: &mut Rng) -> Owner {
    match owner {
        Some(Owner::Console(console)) => {
            console.signal(Signal::KILL);
            drop(console);
        }
        Some(Owner::Keeper(_)) | None => bed.kill(KEEPER),
    }
    Owner::start(bed, rng)
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
                0 => *owner = Some(replace_owner(bed, owner.take(), &mut rng)),
                victim => bed.kill(VICTIMS[usize::try_from(victim).unwrap() - 1]),
            }
        }
        opened.push(answers(bed, round));
        bed.explore(&["stop", "[0]"]).expect_code(0);
        bed.expect_nothing_left(&opened.iter().collect::<Vec<_>>());
    }
}

#[test]
fn r28_files_that_are_gone_while_the_server_starts_are_provided_again() {
    needs_postgres!();
    let bed = Bed::with(Form::PLAIN, "[retry]\nevery = \"1s\"\n");
    bed.explore(&["start", "shop"]).expect_code(0);
    until("a server starts", || bed.process(SERVER));
    bed.kill(OVERLAY);
    let opened = answers(&bed, 0);
    bed.explore(&["stop", "[0]"]).expect_code(0);
    bed.expect_nothing_left(&[&opened]);
}

fn answers(bed: &Bed, round: u64) -> Opened {
    until(&format!("round {round}: it answers"), || {
        let open = bed.list().into_iter().find(|one| one["open"] == true).map(Opened)?;
        (open.try_to_ask(SUM_OF_ROWS)? == source().sum).then_some(open)
    })
}
