//! The wizard of a new restore: instances, a form with every choice and its default, the plan, the start.
//!
//! Promises: every page has a default, so Enter goes on; nothing is written before the plan has been shown; a request
//! is made only of values that are valid in themselves. Never: looks at a disk; places are proposed and plans are made
//! elsewhere and come in as messages.

use super::{
    form::{Field, Form},
    tree::InstanceKey,
};
use crate::{
    console::{message::RequestId, ports::Catalog},
    domain::{AnyRestorePlan, Failure, RestoreOrder, plan::TargetState},
};
use std::{collections::BTreeSet, path::PathBuf};

/// The state of the wizard.
#[derive(Debug, Clone)]
pub struct Wizard {
    /// The page in view.
    pub page: WizardPage,
    /// The selected row of the instances page.
    pub at: usize,
    /// The instances that will be restored.
    pub checked: BTreeSet<InstanceKey>,
    /// The form; made anew when the instances change.
    pub form: Form,
    /// The plans, one for each choice of the form.
    pub plans: Vec<Planned>,
    /// Lines of the plan scrolled down.
    pub scroll: usize,
    /// What the wizard asked last; answers to older questions are void.
    pub ticket: RequestId,
    /// What is being waited for.
    pub waits: Waits,
    /// Whether it was opened on an instance, so that Back from the form closes it.
    pub direct: bool,
}

/// The pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WizardPage {
    /// Which instances.
    Instances,
    /// From which restore point, to where, how.
    Form,
    /// The restore points of one choice of the form, and the row selected.
    Points {
        /// The choice.
        choice: usize,
        /// The row.
        at: usize,
    },
    /// What will be done.
    Plan,
}

/// What the wizard waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Nothing.
    No,
    /// Free places are being looked for.
    Proposals {
        /// Whether Enter was pressed meanwhile.
        go_on: bool,
    },
    /// The sessions are being started.
    Start,
}

/// One choice on the plan page.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was asked.
    pub request: RestoreOrder,
    /// What came back.
    pub state: PlanState,
}

/// How a plan stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanState {
    /// It is being made.
    Pending,
    /// It can be started.
    Ready(AnyRestorePlan),
    /// It was refused.
    Refused(Failure),
    /// It can be started once the name of the directory that will be renamed was typed.
    Overwrites(AnyRestorePlan),
    /// The manager would not start it, for this reason.
    NotStarted(String),
}

impl Wizard {
    /// A wizard over these instances: at the form when some are given, else at the list.
    pub fn new(checked: BTreeSet<InstanceKey>, form: Form, direct: bool, ticket: RequestId) -> Self {
        let page = if direct { WizardPage::Form } else { WizardPage::Instances };
        let waits = Waits::No;
        Self { page, at: 0, checked, form, plans: Vec::new(), scroll: 0, ticket, waits, direct }
    }

    /// A new question: older answers are void from now on.
    pub const fn next_ticket(&mut self) -> RequestId {
        self.ticket = RequestId(self.ticket.0 + 1);
        self.ticket
    }

    /// The requests that may be started now.
    pub fn startable(&self) -> Vec<RestoreOrder> {
        let ready = |planned: &&Planned| matches!(planned.state, PlanState::Ready(_));
        self.plans.iter().filter(ready).map(|planned| planned.request.clone()).collect()
    }

    /// Whether a plan is still being made.
    pub fn is_planning(&self) -> bool {
        self.plans.iter().any(|planned| matches!(planned.state, PlanState::Pending))
    }

    /// The directories that will be renamed and whose names have to be typed first.
    pub fn overwrites(&self) -> Vec<(PathBuf, PathBuf)> {
        let renamed = |planned: &Planned| match &planned.state {
            PlanState::Overwrites(plan) => {
                let plan = plan.cluster()?;
                match &plan.files.target {
                    TargetState::SetAside { to } => Some((plan.directory.clone(), to.clone())),
                    TargetState::Missing | TargetState::Empty | TargetState::Leftover => None,
                }
            }
            PlanState::Pending | PlanState::Ready(_) | PlanState::Refused(_) | PlanState::NotStarted(_) => None,
        };
        self.plans.iter().filter_map(renamed).collect()
    }

    /// The field that the keys go to, on the form.
    pub fn field(&self) -> Option<Field> {
        (self.page == WizardPage::Form).then(|| self.form.field())
    }

    /// Forgets what a catalog that was read anew no longer offers.
    pub fn follow(&mut self, catalog: &Catalog) {
        self.checked.retain(|key| key.find(catalog).is_some());
        self.at = self.at.min(catalog.instances.len().saturating_sub(1));
    }
}
