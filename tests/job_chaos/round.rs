//! One run of a job, and what is done to it until it has ended all the same.

use crate::{
    lane::{Lane, OBJECTS},
    observed::{self, Sessions},
    plan::{Blow, Moment, Plan, Victim},
    processes,
    stats::Stats,
    support::howdah::Howdah,
};
use howdah::{
    domain::{JobId, StopMode, fact::ProcessMark},
    journal::JournalReader,
    machine::job::JobRun,
};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Long enough for a round of four blows on a machine that does other things, too.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How often is looked whether a moment has come.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// How often is looked whether anybody owns the state directory.
const TEND: Duration = Duration::from_millis(25);

/// A run under way.
pub(crate) struct Round {
    /// All that belongs to this round lies below it, but for the repository.
    pub(crate) home: PathBuf,
    pub(crate) howdah: Howdah,
    pub(crate) journal: JournalReader,
    pub(crate) stats: Stats,
    stoppers: Vec<Child>,
    keepers: Vec<Child>,
    tended: Instant,
    unowned: Option<Instant>,
    begun: Instant,
}

impl Round {
    /// Starts the run.
    pub(crate) fn begin(plan: &Plan, lane: &Lane) -> Self {
        let home = Lane::room();
        let howdah = Howdah::in_home(home.clone());
        let objects = OBJECTS.map(|name| format!("{{ name = \"{name}\", conninfo = \"{}\" }}", lane.server.conninfo()));
        let form = if plan.tar { "tar" } else { "plain" };
        let rate = plan.rate.map_or_else(String::new, |rate| format!("rate = \"{rate}\"\n"));
        // Tries without end: each kill takes one, and this is not about their number.
        howdah.configure(&format!(
            "[[job]]\nname = \"night\"\nkind = \"instance\"\nrepository = \"{}\"\nform = \"{form}\"\nparallel = {}\n{rate}\
             retry = {{ tries = 100000, every = \"50ms\" }}\nobjects = [{}]\n",
            lane.repository.display(),
            plan.parallel,
            objects.join(", ")
        ));
        howdah.run(["job", "start", "night"]).expect_code(0);
        let journal = JournalReader::open(&howdah.state.join("journal.db")).unwrap();
        let (stats, now) = (Stats::default(), Instant::now());
        let (stoppers, keepers) = (Vec::new(), Vec::new());
        Self { home, howdah, journal, stats, stoppers, keepers, tended: now, unowned: None, begun: now }
    }

    /// Does to it what the plan says, and sees to it that it comes to its end.
    pub(crate) fn play(&mut self, plan: &Plan, lane: &Lane) -> Result<JobRun, String> {
        for (moment, blow) in &plan.blows {
            if !self.wait_for(*moment, plan, lane)? {
                break;
            }
            match blow {
                Blow::Stop(mode) => self.stop(*mode),
                Blow::Kill(victims) => victims.iter().for_each(|victim| self.kill(*victim, plan, lane)),
            }
        }
        let run = loop {
            if let Some(run) = self.ended() {
                break run;
            }
            self.tend(plan.pause)?;
            thread::park_timeout(POLL_INTERVAL * 5);
        };
        self.owner_leaves()?;
        Ok(run)
    }

    /// The run, once it has ended.
    fn ended(&mut self) -> Option<JobRun> {
        let run = self.journal.run(JobId(1)).unwrap().expect("its start was told");
        (!run.is_ongoing()).then_some(run)
    }

    /// Waits for a moment; false when the run has ended before it comes.
    fn wait_for(&mut self, moment: Moment, plan: &Plan, lane: &Lane) -> Result<bool, String> {
        let now = Instant::now();
        let mut due = match moment {
            Moment::Course(part) => Some(now + lane.course.mul_f64(part)),
            Moment::After(after) => Some(now + after),
            Moment::Step(..) => None,
        };
        let before = self.begun_steps(moment);
        let mut looked = now;
        loop {
            if let (None, Moment::Step(_, after)) = (due, moment)
                && self.begun_steps(moment).len() > before.len()
            {
                due = Some(Instant::now() + after);
            }
            if due.is_some_and(|due| Instant::now() >= due) {
                return Ok(true);
            }
            // Asked seldom: the journal is the owner's, and busy.
            if looked.elapsed() >= TEND * 2 {
                looked = Instant::now();
                if self.ended().is_some() {
                    return Ok(false);
                }
            }
            self.tend(plan.pause)?;
            thread::park_timeout(POLL_INTERVAL);
        }
    }

    /// The attempts that have begun the step of a moment.
    fn begun_steps(&self, moment: Moment) -> BTreeSet<(u64, u64)> {
        match moment {
            Moment::Course(_) | Moment::After(_) => BTreeSet::new(),
            Moment::Step(step, _) => self.sessions().attempts_that_began(step),
        }
    }

    /// What the attempts have told so far.
    pub(crate) fn sessions(&self) -> Sessions {
        observed::sessions(&self.howdah.state)
    }

    /// Asks for a stop in a second shell. Nobody hears the answer: its owner may be killed before it is given.
    fn stop(&mut self, mode: StopMode) {
        let mut arguments = vec!["job", "stop", "night"];
        arguments.extend((mode == StopMode::Graceful).then_some("--graceful"));
        let mut command = self.howdah.command(arguments);
        let log = File::options().append(true).create(true).open(self.home.join("stops")).unwrap();
        self.stoppers.push(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.stats.stops += 1;
    }

    /// Kills one, if there is anybody.
    fn kill(&mut self, victim: Victim, plan: &Plan, lane: &Lane) {
        let step = self.sessions().step_under_way();
        let any = |all: Vec<ProcessMark>| {
            // Any of them; which ones there are differs from moment to moment.
            let at = usize::try_from(self.begun.elapsed().subsec_micros()).unwrap() % all.len().max(1);
            all.get(at).copied().is_some_and(processes::kill)
        };
        let hit = match victim {
            Victim::Owner => processes::owner(&self.howdah.state).is_some_and(processes::kill),
            Victim::Worker => any(processes::workers(&self.howdah.state)),
            Victim::Program => any(observed::programs(&lane.repository)),
            Victim::Server => {
                let hit = lane.server.kill();
                thread::park_timeout(plan.pause);
                lane.server.start();
                hit
            }
        };
        if hit {
            self.stats.hit(victim, step);
        }
    }

    /// Brings the next owner when nobody owns the state directory.
    fn tend(&mut self, pause: Duration) -> Result<(), String> {
        if self.begun.elapsed() > TIMEOUT {
            return Err(format!("the run has not ended in {TIMEOUT:?}"));
        }
        if self.tended.elapsed() < TEND {
            return Ok(());
        }
        self.tended = Instant::now();
        self.keepers.retain_mut(|keeper| keeper.try_wait().unwrap().is_none());
        if !self.keepers.is_empty() || processes::owner(&self.howdah.state).is_some() {
            self.unowned = None;
            return Ok(());
        }
        if self.unowned.get_or_insert_with(Instant::now).elapsed() >= pause {
            let state = self.howdah.state.to_str().unwrap();
            let mut command = self.howdah.command(["keeper", "--until-idle", "--state-dir", state]);
            let log = File::options().append(true).create(true).open(self.home.join("keepers")).unwrap();
            command.stdout(Stdio::null()).stderr(log);
            self.keepers.push(command.spawn().unwrap());
        }
        Ok(())
    }

    /// Ends the owner in the way that is meant for it.
    fn owner_leaves(&mut self) -> Result<(), String> {
        // A stop that comes too late brings an owner of its own.
        for stopper in &mut self.stoppers {
            stopper.wait().unwrap();
        }
        processes::owner_leaves(&self.howdah.state)?;
        for keeper in &mut self.keepers {
            keeper.wait().unwrap();
        }
        Ok(())
    }

    /// All that was told, for whoever has to find out what went wrong.
    pub(crate) fn story(&self) -> String {
        let mut story = String::new();
        let mut tell = |path: PathBuf| story.push_str(&processes::last_lines(&path));
        for (session, attempt) in self.sessions().newest_attempts(3) {
            let place = self.howdah.state.join(format!("attempts/{session}/{attempt}"));
            tell(place.join("events.jsonl"));
            tell(place.join("output.log"));
        }
        for name in ["stops", "keepers", "state-home/howdah/howdah.log"] {
            tell(self.home.join(name));
        }
        let log = self.howdah.run(["job", "log", "night"]).stdout;
        writeln!(story, "--- the log of the run\n{log}").unwrap();
        story
    }

    /// Nothing of it is needed any more.
    pub(crate) fn end(self) {
        let home = self.home.clone();
        drop(self);
        fs::remove_dir_all(home).unwrap();
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        for child in self.stoppers.iter_mut().chain(&mut self.keepers) {
            if let Ok(None) = child.try_wait() {
                let _gone_meanwhile = child.kill();
                let _reaped = child.wait();
            }
        }
        if let Some(owner) = processes::owner(&self.howdah.state) {
            processes::kill(owner);
        }
        for (left, _) in processes::strangers(&self.home) {
            processes::kill(left);
        }
    }
}
