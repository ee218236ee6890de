//! The wizard's last page: the plan, the name that must be typed where data would be renamed, the start.

use crate::{
    console::{
        action::Press,
        message::{Intent, Query, RequestId},
        model::{
            Model,
            dialog::{Overlay, TypeName},
            notice::Tone,
            wizard::{PlanState, Planned, Waits, WizardPage},
        },
    },
    domain::{AnyRestorePlan, ExistingData, Failure, Order, RestoreOrder, plan::TargetState},
};
use tui_input::Input;

/// Asks for a plan of every request, or says which field must change.
pub(super) fn make(model: &mut Model) -> Vec<Intent> {
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let requests = match wizard.form.requests() {
        Ok(requests) => requests,
        Err((field, problem)) => {
            let at = wizard.form.fields().iter().position(|one| *one == field);
            wizard.form.at = at.unwrap_or(wizard.form.at);
            wizard.form.problem = Some(problem);
            return Vec::new();
        }
    };
    let ticket = wizard.next_ticket();
    wizard.form.problem = None;
    wizard.page = WizardPage::Plan;
    wizard.scroll = 0;
    wizard.plans = requests.into_iter().map(|request| Planned { request, state: PlanState::Pending }).collect();
    let asked = wizard.plans.iter().enumerate();
    asked.map(|(at, planned)| Intent::Query(Query::Plan(ticket, at, Box::new(planned.request.clone())))).collect()
}

/// How a person agrees on the screen to files that no server can start on.
const WITHOUT_WAL: &str = "go back and choose to restore the files though WAL is missing";

/// A plan was made or refused.
pub(super) fn planned(
    model: &mut Model,
    ticket: RequestId,
    at: usize,
    answer: Result<AnyRestorePlan, Failure>,
) -> Vec<Intent> {
    let Some(wizard) = model.wizard.as_mut().filter(|wizard| wizard.ticket == ticket) else { return Vec::new() };
    let Some(planned) = wizard.plans.get_mut(at) else { return Vec::new() };
    planned.state = match answer {
        Err(failure) => PlanState::Refused(failure),
        Ok(plan) => {
            planned.request.learn(&plan);
            let sets_aside = plan.cluster().map(|plan| &plan.files.target);
            match (plan.lacks_consent(&planned.request, WITHOUT_WAL), sets_aside) {
                (Some(failure), _) => PlanState::Refused(failure),
                (None, Some(TargetState::SetAside { .. })) => PlanState::Overwrites(plan),
                (None, Some(TargetState::Missing | TargetState::Empty | TargetState::Leftover) | None) => {
                    // Nobody typed a name, so data that turns up between plan and start must not be renamed.
                    if let RestoreOrder::Cluster(order) = &mut planned.request {
                        order.existing = ExistingData::Refuse;
                    }
                    PlanState::Ready(plan)
                }
            }
        }
    };
    Vec::new()
}

/// Carries out an action on the plan page.
pub(super) fn act(model: &mut Model, press: Press) -> Vec<Intent> {
    let steps = crate::console::view::plan::scroll_end(model) + 1;
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    // The frame and the lines around the plan.
    let page = usize::from(model.size.1).saturating_sub(10).max(1);
    match press {
        Press::Accept => return accept(model),
        Press::Back => {
            wizard.page = WizardPage::Form;
            // Answers that are still to come are void.
            wizard.next_ticket();
        }
        Press::Go(go) => wizard.scroll = go.from(wizard.scroll.min(steps - 1), steps, page),
        Press::Left | Press::Right | Press::Mark | Press::Other(_) => {}
    }
    Vec::new()
}

/// Every name was typed: what would be renamed may be renamed now.
pub(super) fn confirmed(model: &mut Model) -> Vec<Intent> {
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    for planned in &mut wizard.plans {
        if let PlanState::Overwrites(plan) = &planned.state {
            planned.state = PlanState::Ready(plan.clone());
        }
    }
    start(model)
}

fn accept(model: &mut Model) -> Vec<Intent> {
    let Some(wizard) = &model.wizard else { return Vec::new() };
    if wizard.is_planning() {
        model.notify(Tone::Info, "The plan is still being made; nothing is written before you have seen it");
        return Vec::new();
    }
    let directories = wizard.overwrites();
    if !directories.is_empty() {
        let input = Input::default();
        model.overlays.push(Overlay::TypeName(TypeName { directories, input, wrong: false }));
        return Vec::new();
    }
    start(model)
}

fn start(model: &mut Model) -> Vec<Intent> {
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let requests = wizard.startable();
    if requests.is_empty() {
        model.notify(Tone::Refused, "Nothing here can be started; Esc goes back to change it");
        return Vec::new();
    }
    wizard.waits = Waits::Start;
    vec![Intent::Start(requests.into_iter().map(Order::Restore).collect())]
}
