//! Open restore points: one is opened after its plan was shown, and closed after a question.

use super::goal;
use crate::{
    console::{
        action::{Go, PAGE, Press},
        format,
        message::{Browsed, Intent, OrderWish, PlannedOrder, Query, RequestId},
        model::{
            Model,
            dialog::{Confirmation, Overlay, PlanDialog, PlanFocus},
            explored::Level,
            goal_page::{GoalPage, GoalPurpose},
            goal_wish::GoalWish,
            notice::Tone,
            opening::Opening,
            tree::{Node, Screen},
        },
        view::plan_dialog,
    },
    domain::{Failure, ItemName, Kind, Reach, SessionId},
    machine::Scope,
    manager::SessionAction,
};
use std::sync::Arc;

/// Shows what opening the restore point that is meant takes, and asks whether to.
pub(super) fn ask_open(model: &mut Model) -> Vec<Intent> {
    let Ok(point) = model.point_to_open() else { return Vec::new() };
    let opening = Opening::new(model, point);
    let (title, wish) = (opening.title(), opening.order());
    ask_about(model, title, "Open it", wish, Some(Box::new(opening)))
}

/// Shows the page on which the goal of an opening is chosen, over the question about its plan.
fn ask_goal(model: &mut Model, opening: &Opening) -> Vec<Intent> {
    let key = match opening.instance() {
        Ok(key) => key.clone(),
        Err(reason) => {
            model.notify(Tone::Refused, reason);
            return Vec::new();
        }
    };
    let (ticket, zones) = (goal::next_ticket(model), model.options().zones.clone());
    let title = key.title(&model.shown.catalog);
    let page = GoalPage::new(GoalPurpose::Open, Some(key), opening.wish.clone(), ticket, zones);
    goal::open(model, GoalPage { title, own: Some(opening.selected.label.clone()), ..page })
}

/// Takes the goal that was chosen for an opening, and asks for the plan anew.
pub(super) fn take_goal(model: &mut Model, wish: GoalWish, base: Option<&str>) -> Vec<Intent> {
    let Some(Overlay::Plan(mut state)) = model.overlays.pop_if(|top| matches!(top, Overlay::Plan(_))) else {
        return Vec::new();
    };
    if let Some(opening) = &mut state.opening
        && let Err(reason) = opening.take(&model.shown.catalog, wish, base)
    {
        model.notify(Tone::Refused, reason);
    }
    let Some(opening) = state.opening else { return Vec::new() };
    let (title, wish) = (opening.title(), opening.order());
    ask_about(model, title, state.button, wish, Some(opening))
}

/// Asks for a plan, and whether to carry it out. The button that changes nothing has the keys.
pub(super) fn ask(model: &mut Model, title: String, button: &'static str, wish: OrderWish) -> Vec<Intent> {
    ask_about(model, title, button, wish, None)
}

fn ask_about(
    model: &mut Model,
    title: String,
    button: &'static str,
    wish: OrderWish,
    opening: Option<Box<Opening>>,
) -> Vec<Intent> {
    let ticket = goal::next_ticket(model);
    let dialog = PlanDialog { title, button, ticket, plan: None, opening, focus: PlanFocus::Leave, scroll: 0 };
    model.overlays.push(Overlay::Plan(Box::new(dialog)));
    vec![Intent::Query(Query::OrderPlan(ticket, wish))]
}

/// Takes in the plan, where its question still stands.
pub(super) fn planned(model: &mut Model, ticket: RequestId, plan: Result<PlannedOrder, Failure>) -> Vec<Intent> {
    for overlay in &mut model.overlays {
        if let Overlay::Plan(state) = overlay
            && state.ticket == ticket
        {
            state.plan = Some(plan);
            break;
        }
    }
    Vec::new()
}

/// Takes in what was read of an open restore point.
pub(super) fn browsed(model: &mut Model, level: Level, found: Result<Browsed, String>) {
    let found = found.map_err(|reason| format::clean(&reason).into_owned());
    Arc::make_mut(&mut model.shown.explored).take(level, found);
    model.refresh_explored();
}

/// Counts the rows of the selected table.
pub(super) fn count(model: &mut Model) -> Vec<Intent> {
    let Ok((session, item, address)) = model.table_to_count() else { return Vec::new() };
    Arc::make_mut(&mut model.shown.explored).counting((session, item.clone()));
    vec![Intent::Query(Query::Count(session, address, item))]
}

/// Takes in how many rows there are.
pub(super) fn counted(model: &mut Model, (session, item): (SessionId, ItemName), count: Result<u64, String>) {
    let count = count.map_err(|reason| format::clean(&reason).into_owned());
    Arc::make_mut(&mut model.shown.explored).counted(&(session, item), count);
}

/// A key in that question.
pub(super) fn in_plan(model: &mut Model, mut state: Box<PlanDialog>, press: Press) -> Vec<Intent> {
    match (press, state.focus) {
        (Press::Accept, PlanFocus::Leave) => return Vec::new(),
        (Press::Accept, PlanFocus::Goal) => {
            let opening = state.opening.clone();
            model.overlays.push(Overlay::Plan(state));
            return opening.map_or_else(Vec::new, |opening| ask_goal(model, &opening));
        }
        (Press::Accept, PlanFocus::CarryOut) => match state.order() {
            Ok(order) => {
                let order = order.clone();
                super::take::close(model);
                if order.kind() == Kind::Explore {
                    model.start_screen = Screen::Explore;
                }
                return vec![Intent::Start(vec![order])];
            }
            Err(reason) => model.notify(Tone::Refused, format!("Refused: {}", format::clean(&reason))),
        },
        (Press::Right | Press::Go(Go::Next), _) => state.step(true),
        (Press::Left | Press::Go(Go::Previous), _) => state.step(false),
        (Press::Go(go), _) => {
            let lines = plan_dialog::hidden_lines(model, &state);
            state.scroll = go.from(state.scroll.min(lines), lines + 1, PAGE);
        }
        (Press::Mark | Press::Back | Press::Other(_), _) => {}
    }
    model.overlays.push(Overlay::Plan(state));
    Vec::new()
}

/// Who looks into it is sent away: a question.
pub(super) fn ask_close(model: &mut Model) {
    let Some(session) = model.session_to_close() else { return };
    let (id, name) = (session.id(), format::clean(session.title().as_str()).into_owned());
    let label = session.order().label().map_or_else(String::new, |label| format!(" of {}", format::clean(label)));
    let mut lines = vec![format!("{name}{label}: its server is shut down, and who is connected is sent away.")];
    lines.extend(session.order().directory().map(|scratch| format!("{} is removed.", format::path(scratch))));
    lines.push("The backup is as it was; it can be opened again.".to_owned());
    let intent = Intent::Act(SessionAction::Stop(Reach::AnyOrigin), Scope::Sessions(vec![id]));
    let title = format!("Close {name}?");
    model.overlays.push(Overlay::Confirm(Confirmation { title, lines, button: "Close it", intent, armed: false }));
}

/// The row that an item stands below.
pub(super) fn above(node: &Node) -> Option<Node> {
    let Node::Item(session, item) = node else { return None };
    Some(match item.clone() {
        ItemName::Database { .. } => Node::Session(*session),
        ItemName::Schema { database, .. } => Node::Item(*session, ItemName::Database { database }),
        ItemName::Table { database, schema, .. } => Node::Item(*session, ItemName::Schema { database, schema }),
    })
}
