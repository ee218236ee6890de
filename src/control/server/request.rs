//! A request of a client, made fit for the manager: what no client of ours would send is refused.

use super::close_reason::CloseReason;
use crate::{
    control::{
        protocol::{FromOwner, MAX_IDS_PER_REQUEST, MAX_NAME_LEN, MAX_RESPONSE_LEN, Response},
        wire::encode,
    },
    domain::{JobSpec, Who, instance::printable},
    machine::Scope,
    manager::{Handle, Reply, Request, Service as _, StartJob, StartRequest},
};
use std::borrow::Cow;

/// The request, or in one clause what is wrong with it.
pub(super) fn validate(request: Request) -> Result<Request, String> {
    match request {
        Request::Start(order) => Ok(Request::Start(sanitized(order)?)),
        Request::Act { scope: Scope::Sessions(ids), .. } if ids.len() > MAX_IDS_PER_REQUEST => {
            Err(format!("it names {} sessions, and the limit is {MAX_IDS_PER_REQUEST}", ids.len()))
        }
        Request::StartJob(StartJob { spec, .. }) if !names_fit(&spec) => {
            Err(format!("a name in it is longer than {MAX_NAME_LEN} bytes"))
        }
        request @ (Request::Act { .. }
        | Request::Session(_)
        | Request::StartJob(_)
        | Request::ActOnJob { .. }
        | Request::Job(_)) => Ok(request),
    }
}

/// Lets the manager carry the request out, and returns the line of the response.
pub(super) async fn respond(number: u64, request: Request, owner: Handle, who: Who) -> Result<Vec<u8>, CloseReason> {
    let reply = owner.ask(request, who).await;
    let answer = match &reply {
        Reply::Receipt(receipt) => Response::Receipt(receipt.clone()),
        Reply::Session(found) => Response::Session(found.as_deref().map(|session| Box::new(Cow::Borrowed(session)))),
        Reply::JobReceipt(result) => Response::JobReceipt(result.clone()),
        Reply::Job(found) => Response::Job(found.as_deref().map(|run| Box::new(Cow::Borrowed(run)))),
    };
    line(number, answer)
}

/// The line that says that the changes follow.
pub(super) fn watching(number: u64) -> Result<Vec<u8>, CloseReason> {
    line(number, Response::Watching)
}

fn line(number: u64, answer: Response<'_>) -> Result<Vec<u8>, CloseReason> {
    encode(&FromOwner::Answer { number, answer }, MAX_RESPONSE_LEN)
        .map_err(|cause| CloseReason::Encode { what: "an answer", cause })
}

fn names_fit(spec: &JobSpec) -> bool {
    let objects = spec.objects().iter().map(|wanted| wanted.object.name());
    objects.chain([spec.name()]).all(|name| name.as_str().len() <= MAX_NAME_LEN)
}

/// Names and places were checked when they were read; what is left is free text.
fn sanitized(mut request: StartRequest) -> Result<StartRequest, String> {
    for order in &mut request.orders {
        if let Some(label) = order.label_mut() {
            *label = printable(label);
        }
        if order.title().as_str().len() > MAX_NAME_LEN || order.label().is_some_and(|label| label.len() > MAX_NAME_LEN)
        {
            return Err(format!("a name in it is longer than {MAX_NAME_LEN} bytes"));
        }
    }
    Ok(request)
}
