//! What a cancel does beyond one act: force, and waiting for the end. The owner is a script here.

use crate::{
    harness::{Harness, Life},
    sample,
};
use futures_util::future::{BoxFuture, ready};
use howdah::{
    cli::{
        session::{
            Reading, VerbContext,
            act::{self, Selection},
            cancel::{self, Waited},
            reader::Reader,
        },
        state::CommandForm,
        streams::Streams,
    },
    domain::{Disposed, Disposition, InstanceName, Kind, KindFilter, Reach, SessionId, Who, fact::End},
    machine::{Command, Refusal, Scope},
    manager::{Clock, Receipt, ReceiptLine, Reply, Request, Service, SessionAction, Snapshot},
};
use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// An owner that answers as written, and remembers what it was asked.
struct Scripted {
    answers: Mutex<VecDeque<Vec<Result<(), Refusal>>>>,
    asked: Mutex<Vec<(SessionAction, Scope)>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = Vec<Result<(), Refusal>>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() }
    }
}

impl Service for Scripted {
    fn ask(&self, request: Request, _: Who) -> BoxFuture<'static, Reply> {
        let Request::Act { act, scope } = request else { panic!("a cancel only acts: {request:?}") };
        let ids = match &scope {
            Scope::Sessions(ids) => ids.clone(),
            Scope::Ongoing(_) | Scope::Completed(_) => {
                vec![SessionId(1), SessionId(2), SessionId(3)]
            }
        };
        self.asked.lock().unwrap().push((act, scope));
        let results = self.answers.lock().unwrap().pop_front().expect("an answer for each question");
        let line = |(id, result)| ReceiptLine { session: Some(id), title: Some(InstanceName::new("shop")), result };
        Box::pin(ready(Reply::Receipt(Receipt { lines: ids.into_iter().zip(results).map(line).collect() })))
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        panic!("a cancel reads from the journal")
    }
}

const CANCEL: SessionAction = SessionAction::Cancel(Disposition::Default, Reach::CommandLine);

/// Runs with streams in memory; gives the outcome and what was said on stderr. Nothing may come on stdout (R26).
fn heard<T>(work: impl FnOnce(&mut Streams<'_>) -> T) -> (T, Vec<String>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let value = work(&mut Streams { out: &mut out, err: &mut err, live: false, columns: 80, json: false });
    assert!(out.is_empty(), "R26");
    (value, String::from_utf8(err).unwrap().lines().map(str::to_owned).collect())
}

/// What was done, whether something was refused, and what was said; what was killed is asked for by itself.
fn force(owner: &Scripted, scopes: Vec<Scope>) -> (Vec<u64>, bool, Vec<String>) {
    let (done, _, refused, said) = force_and_kill(owner, scopes);
    (done, refused, said)
}

fn force_and_kill(owner: &Scripted, scopes: Vec<Scope>) -> (Vec<u64>, Vec<u64>, bool, Vec<String>) {
    let who = Who::new("ops", "here", 1, None);
    let selection = Selection { scopes, refused: false };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (forced, said) =
        heard(|streams| runtime.block_on(cancel::force(owner, (&CANCEL, &who), selection, streams)).unwrap());
    let numbers = |ids: &[SessionId]| ids.iter().map(|id| id.0).collect();
    (numbers(&forced.result.done), numbers(&forced.killed), forced.result.refused, said)
}

#[test]
fn force_cancels_first_and_reaches_what_is_being_cancelled_already() {
    let owner = Scripted::new([vec![Ok(())], vec![Ok(())], vec![Err(Refusal::Cancelling)], vec![Ok(())]]);
    let one = |id| Scope::Sessions(vec![SessionId(id)]);
    assert_eq!(force(&owner, vec![one(1)]), (vec![1], false, vec![]));
    assert_eq!(force(&owner, vec![one(2)]), (vec![2], false, vec![]));
    assert_eq!(
        *owner.asked.lock().unwrap(),
        [(CANCEL, one(1)), (SessionAction::Force, one(1)), (CANCEL, one(2)), (SessionAction::Force, one(2))]
    );
}

#[test]
fn r17_a_cancel_of_all_skips_what_is_being_cancelled_already_and_says_so() {
    let owner = Scripted::new([vec![Ok(()), Err(Refusal::Cancelling), Ok(())]]);
    let (who, selection) =
        (Who::new("ops", "here", 1, None), Selection { scopes: vec![Scope::Ongoing(Kind::Restore)], refused: false });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (result, said) =
        heard(|streams| runtime.block_on(act::carry_out(&owner, (&CANCEL, &who), selection, streams)).unwrap());
    assert_eq!((result.done, result.refused), (vec![SessionId(1), SessionId(3)], true));
    assert_eq!(said, ["howdah: session 2 (shop) was not cancelled: it is being cancelled"]);
}

#[test]
fn r27_force_does_not_touch_what_the_cancel_may_not() {
    let other = Refusal::OtherOrigin { origin: howdah::domain::Origin::Console };
    let owner = Scripted::new([vec![Ok(()), Err(other), Err(Refusal::Cancelling)], vec![Ok(())], vec![Ok(())]]);
    let (done, refused, said) = force(&owner, vec![Scope::Ongoing(Kind::Restore)]);
    assert_eq!((done, refused), (vec![1, 3], true));
    assert!(said.len() == 1 && said[0].contains("session 2 (shop) was not cancelled: it was started from a console"));
    let forced: Vec<Scope> = owner.asked.lock().unwrap()[1..].iter().map(|(_, scope)| scope.clone()).collect();
    assert_eq!(forced, [1, 3].map(|id| Scope::Sessions(vec![SessionId(id)])));
}

#[test]
fn a_cancel_that_has_ended_by_itself_needs_no_force() {
    for ended in [Refusal::Completed, Refusal::NothingToForce] {
        let owner = Scripted::new([vec![Ok(())], vec![Err(ended)]]);
        assert_eq!(force(&owner, vec![Scope::Sessions(vec![SessionId(1)])]), (vec![1], false, vec![]));
    }
    let owner = Scripted::new([vec![Ok(())], vec![Err(Refusal::ManagerGone)]]);
    let (done, refused, said) = force(&owner, vec![Scope::Sessions(vec![SessionId(1)])]);
    assert!(done.is_empty() && refused && said[0].contains("was not forced"), "{said:?}");
}

#[test]
fn d06_a_disposal_in_time_is_left_alone_by_force_and_that_is_said_calmly() {
    let in_time = || Err(Refusal::DisposalInTime { until: crate::harness::after(50) });
    let said = "howdah: session 1 (shop) was not forced: its partial data is being dealt with, and that is in time until \
                2020-02-02T02:00:50Z; force is for what is overdue";
    // It was cancelled just now, and that goes on.
    let owner = Scripted::new([vec![Ok(())], vec![in_time()]]);
    let all = force_and_kill(&owner, vec![Scope::Sessions(vec![SessionId(1)])]);
    assert_eq!(all, (vec![1], vec![], false, vec![said.to_owned()]));
    // It had been cancelled before, so nothing was done.
    let owner = Scripted::new([vec![Err(Refusal::Cancelling)], vec![in_time()]]);
    let all = force_and_kill(&owner, vec![Scope::Sessions(vec![SessionId(1)])]);
    assert_eq!(all, (vec![], vec![], true, vec![said.to_owned()]));
    // What was killed is known, so that it can be waited for.
    let owner = Scripted::new([vec![Ok(()), Ok(()), Ok(())], vec![Ok(())], vec![in_time()], vec![Ok(())]]);
    let (done, killed, refused, _) = force_and_kill(&owner, vec![Scope::Ongoing(Kind::Restore)]);
    assert_eq!((done, killed, refused), (vec![1, 2, 3], vec![1, 3], false));
}

/// Waits for these sessions; before each further look one more life is stored.
fn wait(harness: &Harness, numbers: &[u64], owned: bool, lives: Vec<Life>) -> (bool, Vec<String>) {
    let (waited, said) = wait_for(harness, numbers, owned, None, lives);
    assert!(!waited.data_left);
    (waited.all_cancelled, said)
}

fn wait_for(
    harness: &Harness,
    numbers: &[u64],
    owned: bool,
    limit: Option<Duration>,
    lives: Vec<Life>,
) -> (Waited, Vec<String>) {
    let mut reader = Reader::open(harness.state(), KindFilter::Only(Kind::Restore)).unwrap();
    let ids: Vec<SessionId> = numbers.iter().map(|number| SessionId(*number)).collect();
    let lives = RefCell::new(VecDeque::from(lives));
    let pause = || {
        harness.store(lives.borrow_mut().pop_front());
        Reading::GoesOn
    };
    let context = VerbContext {
        clock: Clock::system(),
        owned: &|| owned,
        pause: &pause,
        ascii: false,
        form: CommandForm::default(),
    };
    let (waited, said) = heard(|streams| cancel::wait(&mut reader, (&ids, limit), &context, streams).unwrap());
    assert!(lives.borrow().is_empty(), "it did not wait long enough");
    (waited, said.iter().map(|line| harness.masked(line)).collect())
}

#[test]
fn a_wait_ends_when_each_session_is_cancelled() {
    let [one, two] = [Life::queued(1).cancelling(), Life::queued(2).cancelling()];
    let harness = Harness::of([one.clone(), two.clone()]);
    let disposing = one.over(End::Stopped, 21);
    let lives = vec![
        two.over(End::Stopped, 21).over(End::Disposed(Disposed::Kept), 22),
        disposing.clone(),
        disposing.over(End::Disposed(Disposed::Removed), 23),
    ];
    assert_eq!(wait(&harness, &[1, 2], true, lives), (true, vec![]));
    assert_eq!(wait(&harness, &[2, 1], true, vec![]), (true, vec![]), "they are over already");
}

#[test]
fn a_wait_says_which_session_had_succeeded_before() {
    let life = Life::queued(1).cancelling();
    let harness = Harness::of([life.clone(), Life::queued(2).cancelled(50)]);
    let (all_cancelled, said) = wait(&harness, &[1, 2], true, vec![life.over(End::Succeeded(sample::success()), 21)]);
    assert!(!all_cancelled);
    assert_eq!(
        said,
        ["howdah: session 1 (orders-1) had succeeded before the cancel reached it: files restored; no \
          server was started: as asked"]
    );
}

#[test]
fn a_wait_is_not_silent_about_a_process_that_does_not_end_or_an_owner_that_is_gone() {
    let life = Life::queued(1).cancelling();
    let harness = Harness::of([life.clone()]);
    let overdue = life.then(Command::Wake, 500);
    let over = overdue.clone().over(End::Stopped, 501).over(End::Disposed(Disposed::Removed), 502);
    let (all_cancelled, said) = wait(&harness, &[1], false, vec![overdue.clone(), overdue, over]);
    assert!(all_cancelled);
    assert_eq!(
        said,
        [
            "howdah: nobody owns ~/state, so nothing is tried again or finished there: start howdah keeper",
            "howdah: session 1 (orders-1): cancelling, overdue: attempt 1 (process 1001) is still alive past its deadline; \
             howdah session cancel 1 --force kills it",
        ]
    );
}

#[test]
fn a_wait_says_where_data_was_left() {
    let life = Life::queued(1).cancelling().over(End::Stopped, 21);
    let harness = Harness::of([life.clone()]);
    let failed = End::Disposed(Disposed::Failed { cause: "EIO".to_owned() });
    let (waited, said) = wait_for(&harness, &[1], true, None, vec![life.over(failed, 22)]);
    assert_eq!(waited, Waited { all_cancelled: true, data_left: true });
    assert_eq!(said, ["howdah: session 1 (orders-1): partial data was left in /var/tmp/howdah-never/orders-1: EIO"]);
    let object = harness.run(&["show", "1", "--json"]).expect_code(0).json();
    assert_eq!(object["left"], serde_json::json!(["/var/tmp/howdah-never/orders-1"]));
    harness.run(&["show", "1"]).expect_code(0).expect_words(&["data left", "/var/tmp/howdah-never/orders-1: EIO"]);
}

#[test]
fn a_wait_with_a_limit_ends_and_says_how_the_session_stands() {
    let life = Life::queued(1).cancelling();
    let harness = Harness::of([life.clone(), Life::queued(2).cancelled(50)]);
    let (waited, said) = wait_for(&harness, &[1, 2], true, Some(Duration::ZERO), vec![]);
    assert_eq!(waited, Waited { all_cancelled: false, data_left: false });
    assert_eq!(
        said,
        ["howdah: session 1 orders-1: cancelling: attempt 1 is being stopped; it goes on without this command"]
    );
}
