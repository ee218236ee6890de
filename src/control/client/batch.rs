//! Large requests split into parts that an owner takes: none longer than a line, none naming too many sessions.
//!
//! Each session is accepted or refused by itself, so a request in two parts comes to the same as a whole one.

use crate::{
    control::{
        protocol::{FromClient, MAX_IDS_PER_REQUEST, MAX_REQUEST_LEN},
        wire::{EncodeError, encode},
    },
    domain::RestoreRequest,
    machine::{Refusal, Scope},
    manager::{ReceiptLine, Request, StartRequest},
};
use std::collections::BTreeSet;

/// A request part, and the lines that its receipt would have, should there be none.
type Part<T> = (T, Vec<ReceiptLine>);

/// A request for new sessions, in parts that fit; or, for one that fits nowhere, the line that says so.
pub(super) fn split_start(order: StartRequest) -> Vec<Result<Part<Request>, ReceiptLine>> {
    let mut parts = Vec::new();
    // A stack: the first half of what is cut comes up first.
    let mut left = vec![order];
    while let Some(order) = left.pop() {
        let line = FromClient::Ask { number: u64::MAX, request: Request::Start(order.clone()) };
        let problem = encode(&line, MAX_REQUEST_LEN).err();
        let expected = order.requests.iter().map(line_of).collect();
        match (problem, order.requests.as_slice()) {
            (None, _) => parts.push(Ok((Request::Start(order), expected))),
            (Some(error), [] | [_]) => parts.push(Err(unfit(expected, &error))),
            (Some(_), requests) => {
                let (first, second) = requests.split_at(requests.len() / 2);
                let part = |requests: &[RestoreRequest]| StartRequest { requests: requests.to_vec(), ..order.clone() };
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

fn line_of(request: &RestoreRequest) -> ReceiptLine {
    ReceiptLine { instance: Some(request.point.instance.clone()), ..line(None) }
}

fn line(session: Option<crate::domain::SessionId>) -> ReceiptLine {
    ReceiptLine { session, instance: None, result: Ok(()) }
}

fn unfit(expected: Vec<ReceiptLine>, error: &EncodeError) -> ReceiptLine {
    let refusal = Refusal::NotSent { reason: error.to_string() };
    let line = expected.into_iter().next().unwrap_or_else(|| line(None));
    ReceiptLine { result: Err(refusal), ..line }
}
