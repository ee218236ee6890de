//! A question of a client, made fit for the manager: who asks is put in, and what no client of ours would send is refused.

use super::fault::Fault;
use crate::{
    control::{
        protocol::{Answer, FromClient, FromOwner, IDS_PER_QUESTION, LONGEST_ANSWER, LONGEST_NAME, Question},
        wire::encode,
    },
    domain::{Who, instance::printable},
    machine::Scope,
    manager::{Handle, StartOrder},
};
use std::borrow::Cow;

/// What a line asks and its number, or in one clause what is wrong with it.
pub(super) fn read(line: FromClient, who: &Who) -> Result<(u64, Question), String> {
    let (number, question) = match line {
        FromClient::Ask { number, question } => (number, question),
        FromClient::Hello(_) => return Err("hello is said once".to_owned()),
    };
    let question = match question {
        Question::Start(order) => Question::Start(checked(order, who)?),
        Question::Act { scope: Scope::Sessions(ids), .. } if ids.len() > IDS_PER_QUESTION => {
            return Err(format!("it names {} sessions, and {IDS_PER_QUESTION} are the most", ids.len()));
        }
        question @ (Question::Act { .. } | Question::Session(_) | Question::Watch) => question,
    };
    Ok((number, question))
}

/// Asks the manager, and returns the line that answers.
pub(super) async fn ask(number: u64, question: Question, owner: Handle, who: Who) -> Result<Vec<u8>, Fault> {
    let found;
    let answer = match question {
        Question::Start(order) => Answer::Receipt(owner.start(order).await),
        Question::Act { act, scope } => Answer::Receipt(owner.act(act, scope, who).await),
        Question::Session(id) => {
            found = owner.session(id).await;
            Answer::Session(found.as_deref().map(|session| Box::new(Cow::Borrowed(session))))
        }
        Question::Watch => Answer::Watching,
    };
    encode(&FromOwner::Answer { number, answer }, LONGEST_ANSWER)
        .map_err(|cause| Fault::Untold { what: "an answer", cause })
}

/// Names and places were checked when they were read; what is left is free text, and the giver of the order.
fn checked(mut order: StartOrder, who: &Who) -> Result<StartOrder, String> {
    order.by = who.clone();
    for request in &mut order.requests {
        let point = &mut request.point;
        point.label = printable(&point.label);
        if point.instance.as_str().len() > LONGEST_NAME || point.label.len() > LONGEST_NAME {
            return Err(format!("a name in it is longer than {LONGEST_NAME} bytes"));
        }
    }
    Ok(order)
}
