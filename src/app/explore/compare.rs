//! A table of an open restore point compared with the live one, for the screen.
//!
//! Promises: off the screen's threads; who listens no more ends it, on both servers.

use crate::{
    console::message::{CompareWish, Comparing},
    domain::{Failure, WorkerSettings, browse::TableComparison},
    postgres::compare::{CompareRequest, clients, compare},
};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between two reports of what has been found so far.
const PAUSE: Duration = Duration::from_millis(250);

/// Compares; the last answer is the whole one, or why there is none.
pub(in crate::app) fn compared(
    wish: CompareWish,
    settings: WorkerSettings,
) -> BoxStream<'static, Result<Comparing, Failure>> {
    let (say, found) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let answer = carry_out(&wish, &settings, &say);
        if let Some(answer) = answer.transpose() {
            let answer = answer.map(|found| Comparing { found, ended: true });
            // Who listens no more wants no answer.
            drop(say.blocking_send(answer));
        }
    });
    stream::unfold(found, |mut found| async { found.recv().await.map(|one| (one, found)) }).boxed()
}

fn carry_out(
    wish: &CompareWish,
    settings: &WorkerSettings,
    say: &mpsc::Sender<Result<Comparing, Failure>>,
) -> Result<Option<TableComparison>, Failure> {
    let (here, live) = clients(&wish.address, &wish.live, &wish.database, settings)?;
    let request = CompareRequest { here: &here, live: &live, schema: &wish.schema, table: &wish.table };
    let mut reported = Instant::now();
    compare(&request, &mut |found| {
        if reported.elapsed() >= PAUSE {
            reported = Instant::now();
            // A report that was not read yet is as good.
            drop(say.try_send(Ok(Comparing { found: found.clone(), ended: false })));
        }
        !say.is_closed()
    })
}
