//! The restore of a virtual machine of libvirt from the restore points of a job.
//!
//! The files of its chain are copied and compared, and become one image for each disk; a machine of a new name is defined
//! on them, started if that was wished, and listened to. What an attempt has left the next one goes on from.
//!
//! Promises: nothing is defined before each file was compared with the hash that was recorded of it; the machine touches
//! nothing of its source; a machine or a directory is the session's own by a mark that only a restore leaves. Never:
//! writes to a repository, or to a machine of somebody else.

mod check;
mod configure;
mod copy;
mod dispose;
mod gauge;
mod guest;
mod image;
mod place;
mod program;

use super::{
    attempt_files, event_writer::EventWriter, places::ClaimingSession, restore::completion, signals::Stop,
    workspace::Workspace,
};
use crate::{
    domain::{
        Achieved, DataPlan, Disposed, Disposition, Failure, Hold, MachineRestore, Order, Plan, RestoreOrder, Step,
        Success, WorkerSettings, quantity::many, ticket::Ticket,
    },
    engine::{
        Halt,
        claim::{self, Own},
        watched::watched,
    },
    private_file,
};
use check::Checked;
use gauge::Gauge;
use guest::Heard;
use image::Disk;
use place::Mark;
use std::{fs::OpenOptions, path::Path};
use uuid::Uuid;

/// In an attempt's directory: this session makes the directory of the images.
const MADE_DIRECTORY: &str = "made-directory";

/// A machine being restored.
pub(super) struct Machine<'a> {
    attempt_dir: &'a Path,
    ticket: &'a Ticket,
    order: &'a MachineRestore,
    places: ClaimingSession,
    report: &'a EventWriter,
    stop: &'a Stop,
}

/// Makes the plan and writes nothing.
pub(super) fn plan(order: &MachineRestore, settings: &WorkerSettings, own: &Own) -> Result<DataPlan, Failure> {
    let (holds, own) = (holds(order), own.clone());
    watched(order.machine.as_str(), settings.stall_timeout, move |_| {
        Ok::<(), Failure>(claim::refuse_if_held(&holds, &own, None)?)
    })?;
    check::check(order, settings, Uuid::nil()).map(|checked| checked.plan)
}

fn holds(order: &MachineRestore) -> Vec<Hold> {
    Order::Restore(RestoreOrder::VirtualMachine(order.clone())).holds()
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        attempt_dir: &'a Path,
        ticket: &'a Ticket,
        order: &'a MachineRestore,
        report: &'a EventWriter,
        stop: &'a Stop,
    ) -> Self {
        let places = ClaimingSession::of(ticket, attempt_dir);
        Self { attempt_dir, ticket, order, places, report, stop }
    }

    /// Runs the steps, in order.
    pub(super) fn run(&self) -> Result<Success, Halt> {
        let report = self.report;
        report.begin(Step::Check, "");
        let holds = self.holds();
        // Held until the attempt has ended, in whatever way.
        let _places = self.places.enter(&holds, None).map_err(Failure::from)?;
        if let Some(success) = completion::of_session(&self.workspace())? {
            return self.already_done(success, &holds);
        }
        let mut checked = check::check(self.order, &self.ticket.settings, self.ticket.session_uuid)?;
        report.planned(Plan::Data(checked.plan.clone()));
        let plan = &checked.plan;
        let reused = if plan.reused.0 > 0 { format!(", {} of it in place", plan.reused) } else { String::new() };
        report.done(&format!("{} to write{reused}, {} free", plan.bytes, plan.free_bytes));
        self.go_on()?;

        report.begin(Step::Copy, "");
        let mut mark = self.enter(&checked)?;
        self.copy(&mut checked, &mut mark)?;

        report.begin(Step::Configure, "");
        let defined = configure::define(self, &checked.virsh, &checked.clone, &mut mark)?;
        self.go_on()?;
        let heard = if self.order.start {
            report.begin(Step::Start, "");
            guest::start(self, &checked.virsh, &defined)?;
            report.begin(Step::Probe, "");
            let heard = guest::probe(self, &checked.virsh, &defined, &checked.clone)?;
            report.done(&heard.answer());
            Some(heard)
        } else {
            report.skip(Step::Start, "as asked");
            report.skip(Step::Probe, "it was not started");
            None
        };
        report.begin(Step::Finish, "");
        let success = self.success(&checked.disks, heard);
        completion::keep(&self.workspace(), &success)?;
        self.finish(&holds)?;
        Ok(success)
    }

    /// Deals with what attempts have left, once none of them is alive.
    pub(super) fn dispose(&self, wish: Disposition) -> Result<Disposed, Halt> {
        dispose::dispose(self, wish)
    }

    /// Makes the directory, and marks it.
    fn enter(&self, checked: &Checked) -> Result<Mark, Halt> {
        let made_before = self.workspace().attempts()?.iter().any(|attempt| attempt.join(MADE_DIRECTORY).exists());
        let disks = checked.disks.iter().map(|disk| (disk.name.clone(), disk.links.len())).collect();
        let session = (self.ticket.session_uuid, disks);
        let occupant = checked.occupant.clone();
        Ok(place::make(self.order, session, occupant, made_before, || self.note_made_directory())?)
    }

    /// Makes the images.
    fn copy(&self, checked: &mut Checked, mark: &mut Mark) -> Result<(), Halt> {
        let Checked { plan, disks, defined, reading, .. } = checked;
        let is_whole = |disk: &Disk| disk.found(&self.order.directory, mark).is_whole;
        if defined.is_some() && !disks.iter().all(is_whole) {
            self.report
                .note("the images of the machine that an earlier attempt has defined are gone: it is ended first");
            dispose::end(self)?;
        }
        let gauge = Gauge::new(self.report, plan.bytes.0, plan.files);
        for disk in disks.iter() {
            self.go_on()?;
            image::make(self, disk, mark, &gauge)?;
        }
        // All of it is at the target.
        reading.clear();
        self.report.copied();
        let reused = self.report.reused();
        let resumed = if reused.0 > 0 { format!(", {reused} of it from earlier attempts") } else { String::new() };
        self.report.done(&format!("{} in {}{resumed}", plan.bytes, many(plan.files, "image")));
        self.go_on()
    }

    /// An earlier attempt has done all the work and could not report its end.
    fn already_done(&self, success: Success, holds: &[Hold]) -> Result<Success, Halt> {
        self.report.done("");
        for step in [Step::Copy, Step::Configure, Step::Start, Step::Probe] {
            self.report.skip(step, "an earlier attempt has done it");
        }
        self.report.begin(Step::Finish, "");
        self.finish(holds)?;
        Ok(success)
    }

    /// Takes the mark away, and gives the places back.
    fn finish(&self, holds: &[Hold]) -> Result<(), Halt> {
        place::unmark(&self.order.directory, self.ticket.session_uuid)?;
        self.places.leave(holds)?;
        self.report.done("");
        Ok(())
    }

    fn success(&self, disks: &[Disk], heard: Option<Heard>) -> Success {
        let mut unchecked = Vec::new();
        let increments: usize = disks.iter().map(|disk| disk.links.len() - 1).sum();
        if increments > 0 {
            let increments = many(increments as u64, "increment");
            unchecked.push(format!(
                "each file of the backup has the hash that was recorded; what qemu-img made of {increments} was not \
                 compared with them"
            ));
        }
        match &heard {
            None => unchecked.push("it was not started: whether it boots was not seen".to_owned()),
            Some(Heard::Nothing(why)) => unchecked.push(format!("whether its guest works was not seen: {why}")),
            Some(Heard::Agent(_) | Heard::Serial(_)) => {}
        }
        let (name, answer) = (self.order.name.to_string(), heard.map(|heard| heard.answer()));
        Success { result: Achieved::VirtualMachine { name, answer }, warnings: Vec::new(), unchecked }
    }

    fn note_made_directory(&self) -> Result<(), Failure> {
        let noted = private_file::open(
            &self.attempt_dir.join(MADE_DIRECTORY),
            OpenOptions::new().write(true).create(true).truncate(false),
        );
        let synced = noted.and_then(|file| file.sync_all());
        synced.map_err(|error| attempt_files::failure("noting that a directory is made", &error))
    }

    fn write_mark(&self, mark: &Mark) -> Result<(), Failure> {
        place::write(&self.order.directory, mark)
    }

    fn holds(&self) -> Vec<Hold> {
        holds(self.order)
    }

    fn workspace(&self) -> Workspace<'a> {
        let data = &self.order.directory;
        Workspace { attempt: self.attempt_dir, session: self.ticket.session_uuid, data }
    }

    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }
}
