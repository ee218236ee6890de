//! A request of a client, made fit for the manager: its user is put in, and what no client of ours would send is
//! refused.

use super::close_reason::CloseReason;
use crate::{
    control::{
        protocol::{FromClient, FromOwner, MAX_IDS_PER_REQUEST, MAX_NAME_LEN, MAX_RESPONSE_LEN, Request, Response},
        wire::encode,
    },
    domain::{Who, instance::printable},
    machine::Scope,
    manager::{Handle, StartOrder},
};
use std::borrow::Cow;

/// The number and the request of a line, or in one clause what is wrong with it.
pub(super) fn validate(line: FromClient, who: &Who) -> Result<(u64, Request), String> {
    let (number, request) = match line {
        FromClient::Ask { number, question } => (number, question),
        FromClient::Hello(_) => return Err("hello is sent once".to_owned()),
    };
    let request = match request {
        Request::Start(order) => Request::Start(sanitized(order, who)?),
        Request::Act { scope: Scope::Sessions(ids), .. } if ids.len() > MAX_IDS_PER_REQUEST => {
            return Err(format!("it names {} sessions, and the limit is {MAX_IDS_PER_REQUEST}", ids.len()));
        }
        request @ (Request::Act { .. } | Request::Session(_) | Request::Watch) => request,
    };
    Ok((number, request))
}

/// Lets the manager carry the request out, and returns the line of the response.
pub(super) async fn respond(number: u64, request: Request, owner: Handle, who: Who) -> Result<Vec<u8>, CloseReason> {
    let found;
    let answer = match request {
        Request::Start(order) => Response::Receipt(owner.start(order).await),
        Request::Act { act, scope } => Response::Receipt(owner.act(act, scope, who).await),
        Request::Session(id) => {
            found = owner.session(id).await;
            Response::Session(found.as_deref().map(|session| Box::new(Cow::Borrowed(session))))
        }
        Request::Watch => Response::Watching,
    };
    encode(&FromOwner::Answer { number, answer }, MAX_RESPONSE_LEN)
        .map_err(|cause| CloseReason::Encode { what: "an answer", cause })
}

/// Names and places were checked when they were read; what is left is free text, and who starts the sessions.
fn sanitized(mut order: StartOrder, who: &Who) -> Result<StartOrder, String> {
    order.by = who.clone();
    for request in &mut order.requests {
        let point = &mut request.point;
        point.label = printable(&point.label);
        if point.instance.as_str().len() > MAX_NAME_LEN || point.label.len() > MAX_NAME_LEN {
            return Err(format!("a name in it is longer than {MAX_NAME_LEN} bytes"));
        }
    }
    Ok(order)
}
