//! A restore point that is to be opened, and how far its recovery goes before that.
//!
//! Promise: where no other goal was chosen, it is the restore point that was selected, at its own end.

use super::{Model, form_orders::NO_ARCHIVE, goal_wish::GoalWish, tree::InstanceKey};
use crate::{
    console::{format, message::OrderWish, ports::Catalog},
    domain::{AtTarget, Recovery, RecoveryGoal, RestorePoint, instance::printable, recovery::moment},
};
use std::path::PathBuf;

/// The restore point and its goal.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The restore point that was selected.
    pub selected: RestorePoint,
    /// The one that is opened: the selected one, or what suits the goal.
    pub point: RestorePoint,
    /// Its instance and the archive of its WAL, where one is known.
    pub archive: Option<(InstanceKey, PathBuf)>,
    /// How far its recovery goes.
    pub wish: GoalWish,
}

impl Opening {
    /// At the restore point's own end.
    pub fn new(model: &Model, point: RestorePoint) -> Self {
        let instance = model.archived_instance(&point);
        let archive = instance.and_then(|one| Some((InstanceKey::of(one), one.wal.first()?.directory.clone())));
        Self { selected: point.clone(), point, archive, wish: GoalWish::own_end() }
    }

    /// The instance whose recoverable window can be looked at, or why there is none.
    ///
    /// # Errors
    ///
    /// What to do, for a notice.
    pub fn instance(&self) -> Result<&InstanceKey, &'static str> {
        self.archive.as_ref().map(|(key, _)| key).ok_or(NO_ARCHIVE)
    }

    /// Takes a goal, with the restore point that suits it; one that needs none in particular is for the selected one.
    ///
    /// # Errors
    ///
    /// A printable sentence: that restore point is gone.
    pub fn take(&mut self, catalog: &Catalog, wish: GoalWish, base: Option<&str>) -> Result<(), String> {
        let instance = self.archive.as_ref().and_then(|(key, _)| key.find(catalog));
        let point = match base.filter(|label| *label != self.selected.label) {
            None => Some(&self.selected),
            Some(label) => instance.and_then(|one| one.points().find(|point| point.label == label)),
        };
        let Some(point) = point.cloned() else {
            let label = base.map_or_else(String::new, printable);
            return Err(format!("The restore point {label} is gone: read the repositories again"));
        };
        (self.point, self.wish) = (point, wish);
        Ok(())
    }

    /// What the plan is asked for. Whoever looks into it changes nothing there: at its goal recovery pauses.
    pub fn order(&self) -> OrderWish {
        let recovery = match (&self.wish.goal, &self.archive) {
            (RecoveryGoal::Consistent, _) | (_, None) => Recovery::to_consistency(),
            (_, Some((_, archive))) => Recovery { at_target: AtTarget::Pause, ..self.wish.recovery(archive) },
        };
        OrderWish::Open { point: Box::new(self.point.clone()), recovery }
    }

    /// The question.
    pub fn title(&self) -> String {
        let (label, name) = (format::clean(&self.point.label), format::clean(self.point.instance.as_str()));
        match &self.wish.goal {
            RecoveryGoal::Consistent => format!("Open {label} of {name}?"),
            RecoveryGoal::Time(at) => format!("Open {name} as of {}?", moment(*at)),
            goal @ (RecoveryGoal::Immediate
            | RecoveryGoal::Latest
            | RecoveryGoal::Lsn(_)
            | RecoveryGoal::Xid(_)
            | RecoveryGoal::Name(_)) => format!("Open {name} at {goal}?"),
        }
    }
}
