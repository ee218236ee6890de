//! Large requests split into parts that an owner takes: none longer than a line, none naming too many sessions.
//!
//! Each session is accepted or refused by itself, so a request in two parts comes to the same as a whole one.

use crate::{
    control::{
        protocol::{FromClient, MAX_IDS_PER_REQUEST, MAX_REQUEST_LEN},
        wire::{EncodeError, encode},
    },
    domain::Order,
    machine::{Refusal, Scope},
    manager::{ReceiptLine, Request, StartRequest},
};
use std::collections::BTreeSet;

/// A request part, and the lines that its receipt would have, should there be none.
type Part<T> = (T, Vec<ReceiptLine>);

/// A request for new sessions, in parts that fit; or, for one that fits nowhere, the line that says so.
pub(super) fn split_start(request: StartRequest) -> Vec<Result<Part<Request>, ReceiptLine>> {
    let mut parts = Vec::new();
    // A stack: the first half of what is cut comes up first.
    let mut left = vec![request];
    while let Some(request) = left.pop() {
        let line = FromClient::Ask { number: u64::MAX, request: Request::Start(request.clone()) };
        let problem = encode(&line, MAX_REQUEST_LEN).err();
        let expected = request.orders.iter().map(line_of).collect();
        match (problem, request.orders.as_slice()) {
            (None, _) => parts.push(Ok((Request::Start(request), expected))),
            (Some(error), [] | [_]) => parts.push(Err(unfit(expected, &error))),
            (Some(_), orders) => {
                let (first, second) = orders.split_at(orders.len() / 2);
                let part = |orders: &[Order]| StartRequest { orders: orders.to_vec(), ..request.clone() };
                left.extend([part(second), part(first)]);
            }
        }
    }
    parts
}

/// A scope, in parts that fit. A session that is named twice is meant once.
pub(super) fn split_scope(scope: Scope) -> Vec<Part<Scope>> {
    let Scope::Sessions(ids) = scope else { return vec![(scope, vec![line(None)])] };
    let mut seen = BTreeSet::new();
    let ids: Vec<_> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
    let part = |ids: &[_]| (Scope::Sessions(ids.to_vec()), ids.iter().map(|id| line(Some(*id))).collect());
    ids.chunks(MAX_IDS_PER_REQUEST).map(part).collect()
}

fn line_of(order: &Order) -> ReceiptLine {
    ReceiptLine { title: Some(order.title().clone()), ..line(None) }
}

fn line(session: Option<crate::domain::SessionId>) -> ReceiptLine {
    ReceiptLine { session, title: None, result: Ok(()) }
}

fn unfit(expected: Vec<ReceiptLine>, error: &EncodeError) -> ReceiptLine {
    let refusal = Refusal::NotSent { reason: error.to_string() };
    let line = expected.into_iter().next().unwrap_or_else(|| line(None));
    ReceiptLine { result: Err(refusal), ..line }
}
