//! The wizard's pages before the plan: instances, form, restore points.

use super::{goal, verify, wizard_plan};
use crate::{
    catalog::propose::{Proposal, Wanted, directory_for},
    console::{
        action::{Action, PAGE, Press},
        message::{Intent, Query, RequestId},
        model::{
            Model,
            form::{Choice, Field, Form, MachineWish},
            form_orders::NO_ARCHIVE,
            notice::Tone,
            tree::InstanceKey,
            wizard::{Waits, Wizard, WizardPage},
        },
        ports::CatalogEntry,
    },
    domain::{Hold, Port, ServerWish},
};
use std::collections::BTreeSet;
use tui_input::Input;

const NO_INSTANCE: &str = "There is no instance here: the repositories hold no backup";

/// Opens the wizard: `direct` on the form for the marked instances or the selected one, else on the list with them
/// checked.
pub(super) fn open(model: &mut Model, direct: bool) -> Vec<Intent> {
    let mut checked = model.tree.marked_instances.clone();
    if checked.is_empty() {
        checked.extend(selected_instance(model));
    }
    let dropped: Vec<_> = checked.iter().filter(|key| !restorable(model, key)).cloned().collect();
    checked.retain(|key| !dropped.contains(key));
    if let (Some(key), true) = (dropped.first(), checked.is_empty() && direct) {
        refuse(model, key);
        return Vec::new();
    }
    let ticket = model.wizard.as_ref().map_or(RequestId(0), |wizard| wizard.ticket);
    let form = Form::new(model.options.max_rate);
    let direct = direct && !checked.is_empty();
    let mut wizard = Wizard::new(checked, form, direct, ticket);
    wizard.at = first_checked(model, &wizard.checked);
    model.wizard = Some(wizard);
    if direct { fill(model) } else { Vec::new() }
}

/// Carries out an action on the wizard's page.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Intent> {
    let Some(wizard) = &model.wizard else { return Vec::new() };
    // A start cannot be taken back by leaving the wizard; its answer comes at once.
    if wizard.waits == Waits::Start {
        return Vec::new();
    }
    let press = action.press();
    match wizard.page {
        WizardPage::Instances => in_instances(model, press),
        WizardPage::Form => in_form(model, press),
        WizardPage::Points { choice, at } => in_points(model, choice, at, press),
        WizardPage::Plan => wizard_plan::act(model, press),
    }
}

/// Edits the field that the keys go to.
pub(super) fn edit(model: &mut Model, change: impl FnOnce(&mut Input)) {
    let Some(wizard) = &mut model.wizard else { return };
    let field = wizard.form.field();
    wizard.form.problem = None;
    if let Some(input) = wizard.form.text(field) {
        change(input);
    }
}

/// Free places were found.
pub(super) fn proposed(model: &mut Model, ticket: RequestId, proposals: Vec<Proposal>) -> Vec<Intent> {
    let Some(wizard) = model.wizard.as_mut().filter(|wizard| wizard.ticket == ticket) else { return Vec::new() };
    wizard.form.take(proposals);
    let waited = std::mem::replace(&mut wizard.waits, Waits::No);
    if waited == (Waits::Proposals { go_on: true }) { wizard_plan::make(model) } else { Vec::new() }
}

fn in_instances(model: &mut Model, press: Press) -> Vec<Intent> {
    let instances = model.shown.catalog.instances.len();
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let at = wizard.at;
    match press {
        Press::Back => model.wizard = None,
        Press::Other(Action::Refresh) => return vec![Intent::RefreshCatalog],
        Press::Mark => {
            let Some(key) = model.shown.catalog.instances.get(at).map(InstanceKey::of) else {
                model.notify(Tone::Refused, NO_INSTANCE);
                return Vec::new();
            };
            if !restorable(model, &key) {
                refuse(model, &key);
                return Vec::new();
            }
            if let Some(wizard) = &mut model.wizard {
                if !wizard.checked.remove(&key) {
                    wizard.checked.insert(key);
                }
                wizard.at = (at + 1).min(instances.saturating_sub(1));
            }
        }
        Press::Accept => {
            if wizard.checked.is_empty()
                && let Some(key) = model.shown.catalog.instances.get(at).map(InstanceKey::of)
            {
                if !restorable(model, &key) {
                    refuse(model, &key);
                    return Vec::new();
                }
                if let Some(wizard) = &mut model.wizard {
                    wizard.checked.insert(key);
                }
            }
            return fill(model);
        }
        Press::Go(go) => wizard.at = go.from(at, instances, PAGE),
        Press::Left | Press::Right | Press::Other(_) => {}
    }
    Vec::new()
}

fn in_form(model: &mut Model, press: Press) -> Vec<Intent> {
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let (len, field) = (wizard.form.len(), wizard.form.field());
    match press {
        Press::Back if wizard.direct => model.wizard = None,
        Press::Back => {
            wizard.page = WizardPage::Instances;
            // Proposals that come now must not lead on to a plan.
            wizard.next_ticket();
            wizard.waits = Waits::No;
        }
        Press::Accept | Press::Right if wizard.form.has_archive(field) => {
            if let Field::Goal(choice) = field {
                return goal::open_choice(model, choice);
            }
        }
        Press::Accept => match wizard.waits {
            Waits::Proposals { go_on: false } => wizard.waits = Waits::Proposals { go_on: true },
            Waits::Proposals { go_on: true } => model.notify(Tone::Info, "Free places are still being looked for"),
            Waits::No | Waits::Start => return wizard_plan::make(model),
        },
        Press::Left => wizard.form.step(field, -1),
        Press::Right => wizard.form.step(field, 1),
        Press::Mark => match field {
            Field::Point(choice) => {
                let at = wizard.form.choices.get(choice).map_or(0, |one| one.point);
                wizard.page = WizardPage::Points { choice, at };
            }
            Field::Goal(choice) if wizard.form.has_archive(field) => return goal::open_choice(model, choice),
            Field::Goal(_) => model.notify(Tone::Refused, NO_ARCHIVE),
            Field::Server if wizard.form.server == ServerWish::FilesOnly => wizard.form.step(field, -2),
            Field::Machine if wizard.form.machine == MachineWish::DefineOnly => wizard.form.step(field, -2),
            Field::Existing if wizard.form.existing == crate::domain::ExistingData::SetAside => {
                wizard.form.step(field, -1);
            }
            Field::MissingWal if wizard.form.missing_wal == crate::domain::MissingWal::Accept => {
                wizard.form.step(field, -1);
            }
            Field::Server
            | Field::Machine
            | Field::Existing
            | Field::MissingWal
            | Field::Directory(_)
            | Field::Port(_)
            | Field::Name(_)
            | Field::Include(_)
            | Field::Rate => {
                wizard.form.step(field, 1);
            }
        },
        Press::Go(go) => wizard.form.at = go.from(wizard.form.at, len, PAGE),
        Press::Other(_) => {}
    }
    Vec::new()
}

fn in_points(model: &mut Model, choice: usize, at: usize, press: Press) -> Vec<Intent> {
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let Some(one) = wizard.form.choices.get_mut(choice) else { return Vec::new() };
    match press {
        Press::Back => wizard.page = WizardPage::Form,
        Press::Accept | Press::Mark => match one.rows.get(at) {
            Some(CatalogEntry::Restorable(_) | CatalogEntry::Machine(_) | CatalogEntry::Tree(_)) => {
                one.point = at;
                wizard.page = WizardPage::Form;
            }
            Some(CatalogEntry::Unreadable { problem, .. }) => {
                let problem = crate::console::format::clean(problem).into_owned();
                model.notify(Tone::Refused, format!("This backup cannot be restored: {problem}"));
            }
            None => {}
        },
        Press::Go(go) => wizard.page = WizardPage::Points { choice, at: go.from(at, one.rows.len(), PAGE) },
        Press::Other(Action::Verify) => {
            if let Some(row) = one.rows.get(at).cloned() {
                verify::row(model, &row);
            }
        }
        Press::Left | Press::Right | Press::Other(_) => {}
    }
    Vec::new()
}

/// Makes the form for the checked instances and asks for free places. What was edited before for the same instance is
/// kept.
fn fill(model: &mut Model) -> Vec<Intent> {
    let (directory, first_port) = (model.options.restore_dir.clone(), model.options.first_port);
    let snapshot = &model.shown.snapshot;
    let (mut held_directories, mut held_ports) = (BTreeSet::new(), BTreeSet::new());
    for session in &snapshot.ongoing {
        // The port of a restore of files alone counts: a server may come to it one day.
        held_ports.extend(session.order().cluster().map(|order| order.target.port()));
        for hold in session.order().holds() {
            match hold {
                Hold::Directory(directory) => {
                    held_directories.insert(directory);
                }
                Hold::Port(port) => {
                    held_ports.insert(port);
                }
                Hold::Object(_) => {}
            }
        }
    }
    let meant = meant(model);
    let catalog = &model.shown.catalog;
    let Some(wizard) = &mut model.wizard else { return Vec::new() };
    let old = std::mem::take(&mut wizard.form.choices);
    let mut port = first_port;
    for key in &wizard.checked {
        let kept = old.iter().find(|choice| choice.key == *key).cloned();
        let fresh = || {
            let one = key.find(catalog)?;
            let mut choice = Choice::newest(one, &directory_for(&directory, &key.workload.bare(&key.name)), port)?;
            choice.point = meant.as_ref().filter(|(of, _)| of == key).map_or(choice.point, |(_, point)| *point);
            Some(choice)
        };
        if let Some(choice) = kept.or_else(fresh) {
            wizard.form.choices.push(choice);
            port = Port::new(port.number().saturating_add(1)).unwrap_or(port);
        }
    }
    if wizard.form.is_empty() {
        model.notify(Tone::Refused, "Choose an instance first: Space marks it");
        return Vec::new();
    }
    wizard.form.at = wizard.form.at.min(wizard.form.len() - 1);
    wizard.page = WizardPage::Form;
    wizard.waits = Waits::Proposals { go_on: false };
    let directories = wizard.form.choices.iter().map(|one| &one.key);
    let directories = directories.map(|key| directory_for(&directory, &key.workload.bare(&key.name))).collect();
    let held_directories = held_directories.into_iter().collect();
    let wanted = Wanted { directories, held_directories, held_ports, first_port };
    vec![Intent::Query(Query::Places(wizard.next_ticket(), wanted))]
}

/// The restore point that the keys are on, of the selected instance.
fn meant(model: &Model) -> Option<(InstanceKey, usize)> {
    let key = selected_instance(model)?;
    let one = key.find(&model.shown.catalog)?;
    model.point_under_keys(one)?.is_restorable().then(|| (key, model.point_at(one)))
}

fn selected_instance(model: &Model) -> Option<InstanceKey> {
    model.tree.selected().instance().cloned()
}

fn first_checked(model: &Model, checked: &BTreeSet<InstanceKey>) -> usize {
    model.shown.catalog.instances.iter().position(|one| checked.contains(&InstanceKey::of(one))).unwrap_or(0)
}

fn restorable(model: &Model, key: &InstanceKey) -> bool {
    key.find(&model.shown.catalog).is_some_and(|one| one.newest_row().is_some())
}

fn refuse(model: &mut Model, key: &InstanceKey) {
    let title = key.title(&model.shown.catalog);
    model.notify(Tone::Refused, format!("{title} has no restore point that can be read"));
}
