//! One restore, and what is done to it until it is done all the same.

use super::{
    cluster::{cluster, words},
    observer::{Observer, Stage},
    plan::{Course, Moment, Plan, Victim},
    processes,
    stats::Stats,
};
use crate::support::{howdah::Howdah, place::scratch};
use howdah::{
    domain::{Outcome, SessionId, Step, fact::ProcessMark},
    journal::JournalReader,
    machine::{Phase, Session},
};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Long enough for a round of three volleys on a machine that does other things, too.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How often is looked whether a moment has come.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// How often is looked whether anybody owns the state directory.
const TEND: Duration = Duration::from_millis(25);

/// A restore under way.
pub(crate) struct Round<'a> {
    plan: &'a Plan,
    /// All that belongs to this round lies below it.
    pub(crate) home: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) howdah: Howdah,
    pub(crate) port: u16,
    pub(crate) observer: Observer,
    pub(crate) stats: Stats,
    journal: JournalReader,
    client: Option<Child>,
    client_was_killed: bool,
    /// Whether the server was killed when it may already have been the one to be left running.
    pub(crate) server_was_killed_late: bool,
    keepers: Vec<Child>,
    tended: Instant,
    unowned: Option<Instant>,
    begun: Instant,
}

impl<'a> Round<'a> {
    /// Orders the restore.
    pub(crate) fn begin(plan: &'a Plan, port: u16) -> Self {
        let home = scratch("round");
        let howdah = Howdah { home: home.clone(), state: home.join("state") };
        let target = home.join("restored/data");
        fs::create_dir(home.join("restored")).unwrap();
        crate::support::place::open_to_all(&home.join("restored"));
        let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let verb: &[&str] = if plan.followed { &["restore"] } else { &["session", "start"] };
        let mut arguments: Vec<String> = verb.iter().map(|word| (*word).to_owned()).collect();
        arguments.extend([plan.form.to_owned(), "--repo".to_owned(), text(&cluster().repository)]);
        arguments.extend(["--to".to_owned(), text(&target), "--state-dir".to_owned(), text(&howdah.state)]);
        let port_given = port.to_string();
        // Tries without end: each kill takes one, and this is not about their number.
        let more = ["--json", "--tries", "1000", "--every", "5ms", "--port", &port_given];
        arguments.extend(more.map(str::to_owned));
        arguments.extend(words(plan.form).iter().map(|word| (*word).to_owned()));
        arguments.extend((!plan.serves).then(|| "--stop-after-probe".to_owned()));
        let begun = Instant::now();
        let mut command = howdah.command(&arguments);
        command.stdout(File::create(home.join("client.out")).unwrap());
        command.stderr(File::create(home.join("client.err")).unwrap());
        let client = command.spawn().unwrap();
        let (observer, journal) =
            (Observer::of(&howdah.state), JournalReader::open(&howdah.state.join("journal.db")).unwrap());
        Self {
            plan,
            home,
            target,
            howdah,
            port,
            observer,
            stats: Stats::default(),
            journal,
            client: Some(client),
            client_was_killed: false,
            server_was_killed_late: false,
            keepers: Vec::new(),
            tended: begun,
            unowned: None,
            begun,
        }
    }

    /// Does to it what the plan says, and sees to it that it comes to its end. `None` when the order was never taken.
    pub(crate) fn run(&mut self, course: &Course) -> Result<Option<Session>, String> {
        let mut from = 1;
        for volley in &self.plan.volleys {
            let since = Instant::now();
            if !self.wait_for(volley.moment, from, since, course)? {
                break;
            }
            for victim in &volley.victims {
                let stage = self.observer.stage();
                let newest = self.observer.newest();
                if self.kill(*victim) {
                    self.stats.hit(*victim, stage);
                    let late = newest > 0 && self.observer.has_begun(newest, Step::Finish);
                    self.server_was_killed_late |= late && matches!(victim, Victim::Engine | Victim::Backend);
                    if !matches!(victim, Victim::Owner | Victim::Client) {
                        from = newest + 1;
                    }
                }
            }
        }
        self.until_its_end()
    }

    /// Waits for a moment; false when all is done before it comes.
    fn wait_for(&mut self, moment: Moment, from: u32, since: Instant, course: &Course) -> Result<bool, String> {
        let mut due = match moment {
            Moment::Course(part) => Some(since + course.total.mul_f64(part)),
            Moment::Step(..) | Moment::Launch(_) | Moment::Unmark(_) => None,
        };
        let launched = self.observer.newest();
        loop {
            if due.is_none() {
                let newest = self.observer.newest();
                let after = match moment {
                    Moment::Course(_) => None,
                    Moment::Step(step, part) => {
                        let step_has_begun = newest >= from && self.observer.has_begun(newest, step);
                        step_has_begun.then(|| course.steps.get(&step).copied().unwrap_or_default().mul_f64(part))
                    }
                    Moment::Launch(after) => (newest > launched).then_some(after),
                    Moment::Unmark(after) => {
                        let noted = newest > 0 && self.observer.directory(newest).join("finished.json").exists();
                        noted.then_some(after)
                    }
                };
                due = after.map(|after| Instant::now() + after);
            }
            if due.is_some_and(|due| Instant::now() >= due) {
                return Ok(true);
            }
            if self.observer.is_done() && due.is_none() {
                return Ok(false);
            }
            if !self.client_runs() && self.observer.newest() == 0 && self.session().is_none() {
                return Ok(false);
            }
            self.tend()?;
            let left =
                due.map_or(POLL_INTERVAL, |due| due.saturating_duration_since(Instant::now()).min(POLL_INTERVAL));
            thread::park_timeout(left);
        }
    }

    /// Kills one; says whether there was anybody.
    fn kill(&mut self, victim: Victim) -> bool {
        match victim {
            Victim::Owner => processes::owner(&self.howdah.state).is_some_and(processes::kill),
            Victim::Worker => {
                let newest = self.observer.newest();
                let shown = if newest > 0 { self.observer.worker(newest) } else { None };
                let worker = shown.or_else(|| processes::workers(&self.howdah.state).into_iter().next());
                worker.is_some_and(processes::kill)
            }
            Victim::Engine => self.engine().is_some_and(processes::kill),
            Victim::Backend => {
                let children = self.engine().map(|engine| processes::children(engine.pid)).unwrap_or_default();
                // Any of them; which ones there are differs from moment to moment.
                let at = usize::try_from(self.begun.elapsed().subsec_micros()).unwrap() % children.len().max(1);
                children.get(at).copied().is_some_and(processes::kill)
            }
            Victim::Client => {
                // A command that only orders is not killed: the order itself is not what this is about.
                let followed = self.plan.followed && self.observer.newest() > 0;
                let Some(client) = self.client.as_mut().filter(|_| followed) else { return false };
                let there = client.try_wait().unwrap().is_none();
                client.kill().unwrap();
                client.wait().unwrap();
                self.client_was_killed |= there;
                there
            }
        }
    }

    fn engine(&self) -> Option<ProcessMark> {
        processes::engines(&self.target).into_iter().next()
    }

    /// Whether the command that ordered it still runs.
    fn client_runs(&mut self) -> bool {
        self.client.as_mut().is_some_and(|client| client.try_wait().unwrap().is_none())
    }

    /// Brings the next owner when nobody else does.
    fn tend(&mut self) -> Result<(), String> {
        if self.begun.elapsed() > TIMEOUT {
            return Err(format!("it has not come to its end in {TIMEOUT:?}"));
        }
        if self.tended.elapsed() < TEND {
            return Ok(());
        }
        self.tended = Instant::now();
        self.keepers.retain_mut(|keeper| keeper.try_wait().unwrap().is_none());
        if self.client_runs() || !self.keepers.is_empty() || processes::owner(&self.howdah.state).is_some() {
            self.unowned = None;
            return Ok(());
        }
        let unowned = *self.unowned.get_or_insert_with(Instant::now);
        if unowned.elapsed() >= self.plan.pause {
            self.bring_owner();
        }
        Ok(())
    }

    /// The next owner, as a person or a timer would bring it.
    fn bring_owner(&mut self) {
        let state = self.howdah.state.to_str().unwrap();
        let mut command = self.howdah.command(["keeper", "--until-idle", "--state-dir", state]);
        let log = File::options().append(true).create(true).open(self.home.join("keepers")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        self.keepers.push(command.spawn().unwrap());
    }

    fn session(&mut self) -> Option<Session> {
        self.journal.session(SessionId(1)).unwrap()
    }

    fn until_its_end(&mut self) -> Result<Option<Session>, String> {
        let session = loop {
            let client_runs = self.client_runs();
            // Asked only when there is reason to: the journal is the owner's, and busy.
            let over = self.observer.is_done() || (!client_runs && self.observer.stage() != Stage::Before);
            match self.session() {
                None if !client_runs && self.observer.newest() == 0 => return self.never_begun().map(|()| None),
                Some(session) if over || session.is_ongoing() => match session.phase() {
                    Phase::Completed { outcome: Outcome::Succeeded(_), .. } => break session,
                    Phase::Completed { .. } => return Err("it was cancelled, and nobody asked for that".to_owned()),
                    Phase::Stuck { failure, .. } => return Err(format!("it is stuck: {failure}")),
                    Phase::Paused { .. } => return Err("it is paused, and nobody asked for that".to_owned()),
                    Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Cancelling { .. } => {
                    }
                },
                Some(_) | None => {}
            }
            self.tend()?;
            thread::park_timeout(POLL_INTERVAL * 5);
        };
        self.client_ends()?;
        self.owner_leaves()?;
        Ok(Some(session))
    }

    /// An order that nobody took must have told so, and have touched nothing.
    fn never_begun(&mut self) -> Result<(), String> {
        let status = self.client.as_mut().unwrap().wait().unwrap();
        if status.success() {
            return Err("the order was taken, and there is no session".to_owned());
        }
        if self.target.exists() {
            return Err("there is no session, and something at its target".to_owned());
        }
        self.owner_leaves()
    }

    /// Whoever follows the restore must tell of its success, whatever happened to its owner meanwhile.
    fn client_ends(&mut self) -> Result<(), String> {
        let client = self.client.as_mut().unwrap();
        let begun = Instant::now();
        let status = loop {
            match client.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > TIMEOUT => return Err("the command does not end".to_owned()),
                None => thread::park_timeout(POLL_INTERVAL),
            }
        };
        if self.client_was_killed || status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(self.home.join("client.err")).unwrap();
        // An owner that died between taking the order and saying so: nobody can know better.
        if said.contains("it may or may not have been done") {
            return Ok(());
        }
        Err(format!("the command ended with {status}, though the restore succeeded: {said}"))
    }

    /// Ends the owner in the way that is meant for it.
    fn owner_leaves(&mut self) -> Result<(), String> {
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
        for attempt in 1..=self.observer.newest() {
            tell(self.observer.directory(attempt).join("events.jsonl"));
            tell(self.observer.directory(attempt).join("output.log"));
        }
        for name in ["client.out", "client.err", "keepers", "state/howdah.log"] {
            tell(self.home.join(name));
        }
        story
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        for child in self.client.iter_mut().chain(&mut self.keepers) {
            if let Ok(None) = child.try_wait() {
                let _gone_meanwhile = child.kill();
                let _reaped = child.wait();
            }
        }
        if let Some(owner) = processes::owner(&self.howdah.state) {
            processes::kill(owner);
        }
        for left in processes::workers(&self.howdah.state).into_iter().chain(processes::engines(&self.target)) {
            processes::kill(left);
        }
    }
}
