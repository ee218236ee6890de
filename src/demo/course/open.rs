//! The attempts of a story that open a restore point, and those that take items out of one.

use super::{Courses, failed, rate, reachable, transfer};
use crate::{
    attempt::Scenario as Course,
    demo::{
        open_points::{self, OpenPoints},
        reports::Reports,
        scenario::PlannedEnd,
    },
    domain::{
        Achieved, ByteCount, ExploreOrder, FileMethod, ItemOrder, Plan, Progress, Step, Success,
        explore::held_open,
        fact::{End, Fact},
    },
};
use std::time::Duration;
use uuid::Uuid;

/// What a server of its own has written by the time that it answers.
const WRITTEN: ByteCount = ByteCount(17 << 20);

/// What opening an overlay or starting a server takes.
const MOMENT: Duration = Duration::from_millis(200);

/// How fast rows come out of an open restore point and into a server: less than a disk gives.
const ROWS: u64 = 40 << 20;

impl Courses {
    /// Opens a restore point, and holds it open until it is stopped.
    pub(super) fn open(&self, mut reports: Reports, (order, session): (&ExploreOrder, Uuid)) -> Course {
        let repository = self.story.repository_of(&order.point);
        let plan = open_points::opening(&self.story, order);
        let mut progress = Progress { bytes_total: plan.copies, files_total: plan.files, ..Progress::default() };
        reports.begin(Step::Check);
        reports.pass(MOMENT);
        if let Err(failure) = reachable(repository, reports.now()) {
            let end = failed(&mut reports, (Step::Check, failure));
            return reports.over(end);
        }
        reports.fact(Fact::Planned(Box::new(Plan::Explore(Box::new(plan.clone())))));
        reports.done(&format!("{}, by {}", plan.bytes, plan.method));
        reports.begin(Step::Open);
        if plan.method == FileMethod::Copy {
            let rate = rate(repository, [None, None]);
            if let Err(failure) = transfer(&mut reports, (repository, rate), &PlannedEnd::Done, &mut progress) {
                let end = failed(&mut reports, (Step::Open, failure));
                return reports.over(end);
            }
        }
        for (step, detail) in [(Step::Open, plan.method.to_string()), (Step::Configure, String::new())] {
            if step != Step::Open {
                reports.begin(step);
            }
            reports.pass(MOMENT);
            reports.done(&detail);
        }
        reports.begin(Step::Start);
        reports.pass(MOMENT);
        reports.done("");
        self.recover(&mut reports, (&order.point, &order.recovery, session), &mut progress);
        reports.begin(Step::Probe);
        reports.pass(MOMENT);
        reports.done("");
        reports.hold(&held_open(Some(WRITTEN)))
    }

    /// How taking items out ends.
    pub(super) fn take_out(&self, reports: &mut Reports, order: &ItemOrder) -> End {
        let points = OpenPoints::new(std::sync::Arc::clone(&self.story), self.journal.clone());
        reports.begin(Step::Check);
        reports.pass(MOMENT);
        let plan = match points.plan_items(order) {
            Ok(plan) => plan,
            Err(failure) => return failed(reports, (Step::Check, failure)),
        };
        let (bytes, tables) = (plan.bytes(), plan.tables());
        let mut progress = Progress { bytes_total: bytes, files_total: tables, ..Progress::default() };
        reports.fact(Fact::Planned(Box::new(Plan::Items(plan.clone()))));
        reports.done(&open_points::size(&plan));
        reports.begin(Step::Extract);
        if let Err(failure) = transfer(reports, (None, ROWS), &PlannedEnd::Done, &mut progress) {
            return failed(reports, (Step::Extract, failure));
        }
        reports.done("");
        reports.begin(Step::Deliver);
        reports.pass(Duration::from_millis(u64::try_from(u128::from(bytes.0) * 1000 / u128::from(ROWS)).unwrap_or(0)));
        reports.done("");
        reports.short(Step::Finish, "");
        let result = Achieved::Items { items: order.items.len() as u64 };
        let unchecked = "the rows at the destination were not compared with the restore point's".to_owned();
        End::Succeeded(Success { result, warnings: Vec::new(), unchecked: vec![unchecked] })
    }
}
