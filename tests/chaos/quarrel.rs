//! A quarrel: two state directories that want one place, and what is done by either and to either until both rest.

use super::{
    cluster::{cluster, words},
    plan::{Course, Victim},
    processes,
    quarrel_plan::{Deed, Ground, Plan},
};
use crate::support::{
    howdah::Howdah,
    place::{open_to_all, scratch},
    port::free_port,
};
use howdah::{
    domain::{Outcome, SessionId, Timestamp},
    journal::JournalReader,
    machine::{Phase, Session},
};
use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// Long enough for all that is done in one quarrel on a machine that does other things, too.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How often is looked whether something has changed.
const POLL_INTERVAL: Duration = Duration::from_millis(15);

/// What is said of an order whose owner was killed.
pub(crate) const LOST: &str = "it may or may not have been done";

/// What nobody in the quarrel has anything to do with.
pub(crate) const BYSTANDER: &str = "bystander";

/// One of the two.
pub(crate) struct Side {
    pub(crate) howdah: Howdah,
    pub(crate) target: PathBuf,
    pub(crate) form: &'static str,
    pub(crate) port: u16,
    journal: JournalReader,
    /// Commands that were given, each with the file that it complains in.
    commands: Vec<(bool, Child, PathBuf)>,
    keepers: Vec<Child>,
    /// Orders that came to their end: the exit code, and what was said on stderr.
    pub(crate) answers: Vec<(Option<i32>, String)>,
    numbers: u32,
}

/// Two of them.
pub(crate) struct Quarrel {
    pub(crate) home: PathBuf,
    /// The directory that both restore into or below.
    pub(crate) ground: PathBuf,
    pub(crate) sides: [Side; 2],
    pub(crate) kills: u32,
    /// When it began, by the clock of files: what is older is of an earlier run, which had the same port.
    pub(crate) since: SystemTime,
    begun: Instant,
}

impl Quarrel {
    pub(crate) fn begin(plan: &Plan) -> Self {
        let home = scratch("quarrel");
        let ground = home.join("restored");
        fs::create_dir(&ground).unwrap();
        open_to_all(&ground);
        fs::write(ground.join(BYSTANDER), BYSTANDER).unwrap();
        let data = ground.join("data");
        let targets = match plan.ground {
            Ground::Target | Ground::TargetAndPort => [data.clone(), data],
            Ground::Port => [data, ground.join("other")],
            Ground::Below => [data.clone(), data.join("deeper/data")],
            Ground::Tablespaces => [data, ground.join("data.tablespaces/data")],
        };
        let port = free_port();
        let ports = match plan.ground {
            Ground::Port | Ground::TargetAndPort => [port, port],
            Ground::Target | Ground::Below | Ground::Tablespaces => [port, free_port()],
        };
        let [one, other] = targets;
        let sides = [("one", one, 0), ("other", other, 1)]
            .map(|(name, target, at)| Side::new(home.join(name), target, ports[at], plan.forms[at]));
        Self { home, ground, sides, kills: 0, since: SystemTime::now(), begun: Instant::now() }
    }

    /// Does what the plan says, and sees to it that both come to rest; then whoever is left without anything may have it.
    pub(crate) fn run(&mut self, plan: &Plan, course: &Course) -> Result<(), String> {
        let begun = Instant::now();
        for blow in &plan.blows {
            let due = begun + course.total.mul_f64(blow.at);
            while Instant::now() < due {
                thread::park_timeout(due.saturating_duration_since(Instant::now()).min(POLL_INTERVAL));
            }
            let side = &mut self.sides[blow.side];
            match blow.deed {
                Deed::Start => side.order(),
                Deed::Cancel(wish) => side.cancel(wish),
                Deed::Retry => side.command(false, &["session", "retry", "--all"]),
                Deed::Kill(victim) => self.kills += u32::from(side.kill(victim)),
            }
        }
        self.rest()?;
        // What an owner had claimed when it was killed before it took the order, the next one gives back.
        for side in self.sides.iter_mut().filter(|side| side.has_lost_an_order()) {
            side.bring_owner();
        }
        self.rest()?;
        if fs::read_dir(&self.ground).unwrap().count() == 1 {
            let side = &mut self.sides[plan.last];
            side.order();
            self.rest()?;
            let last = self.sides[plan.last].sessions().pop();
            let phase = last.as_ref().map(Session::phase);
            if !matches!(phase, Some(Phase::Completed { outcome: Outcome::Succeeded(_), .. })) {
                return Err(format!("nobody was left there, and the next restore came to {phase:?}"));
            }
        }
        self.sides.iter_mut().try_for_each(|side| side.owner_leaves(self.begun))
    }

    /// Brings both to their end. What is stuck is cancelled when nothing goes on any more on either side.
    fn rest(&mut self) -> Result<(), String> {
        loop {
            let mut goes_on = false;
            for side in &mut self.sides {
                goes_on |= side.tend();
            }
            if !goes_on {
                // What is stuck has lost: its data, if any, is dealt with as it comes to an end.
                let stuck = self.sides.iter_mut().filter_map(|side| side.is_ongoing().then(|| side.cancel("")));
                if stuck.count() == 0 {
                    return Ok(());
                }
            }
            if self.begun.elapsed() > TIMEOUT {
                let phases =
                    self.sides.iter_mut().flat_map(Side::sessions).map(|session| format!("{:?}", session.phase()));
                return Err(format!("no end in {TIMEOUT:?}: {:?}", phases.collect::<Vec<_>>()));
            }
            thread::park_timeout(POLL_INTERVAL);
        }
    }

    /// All that was told, for whoever has to find out what went wrong.
    pub(crate) fn story(&self) -> String {
        let mut story = String::new();
        for side in &self.sides {
            for (code, said) in &side.answers {
                writeln!(story, "--- {} was answered {code:?}: {said}", side.howdah.home.display()).unwrap();
            }
            let entries = walkdir::WalkDir::new(&side.howdah.home).sort_by_file_name().into_iter().flatten();
            let shown = ["events.jsonl", "output.log", "howdah.log", "keepers"];
            for entry in entries.filter(|entry| shown.iter().any(|name| entry.file_name() == *name)) {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let last = &lines[lines.len().saturating_sub(25)..];
                writeln!(story, "--- {}\n{}", entry.path().display(), last.join("\n")).unwrap();
            }
        }
        story
    }
}

impl Side {
    fn new(home: PathBuf, target: PathBuf, port: u16, form: &'static str) -> Self {
        fs::create_dir(&home).unwrap();
        open_to_all(&home);
        let state = home.join("state");
        let journal = JournalReader::open(&state.join("journal.db")).unwrap();
        let howdah = Howdah { home, state };
        let (commands, keepers, answers) = (Vec::new(), Vec::new(), Vec::new());
        Self { howdah, target, form, port, journal, commands, keepers, answers, numbers: 0 }
    }

    fn order(&mut self) {
        let (target, port, form) = (text(&self.target), self.port.to_string(), self.form);
        let repository = text(&cluster().repository);
        let what = ["session", "start", form, "--repo", &repository, "--to", &target, "--port", &port];
        // Tries without end: each kill takes one, and this is not about their number.
        let how = ["--stop-after-probe", "--tries", "1000", "--every", "5ms"];
        self.command(true, &[&what[..], words(form), &how].concat());
    }

    fn cancel(&mut self, wish: &'static str) {
        let wish = Some(wish).filter(|wish| !wish.is_empty());
        let words: Vec<&str> = ["session", "cancel", "--all"].into_iter().chain(wish).collect();
        self.command(false, &words);
    }

    fn command(&mut self, is_order: bool, words: &[&str]) {
        self.numbers += 1;
        let complaint = self.howdah.home.join(format!("stderr-{}", self.numbers));
        let state = text(&self.howdah.state);
        let mut command = self.howdah.command(words.iter().chain(&["--state-dir", &state]));
        command.stdout(Stdio::null()).stderr(File::create(&complaint).unwrap());
        self.commands.push((is_order, command.spawn().unwrap(), complaint));
    }

    fn kill(&mut self, victim: Victim) -> bool {
        let found = match victim {
            Victim::Owner => processes::owner(&self.howdah.state),
            Victim::Worker => processes::workers(&self.howdah.state).pop(),
            Victim::Engine | Victim::Backend => processes::engines(&self.target).pop(),
            Victim::Client => None,
        };
        found.is_some_and(processes::kill)
    }

    /// Whether it goes on by itself, or is about to; brings an owner where one is missing.
    fn tend(&mut self) -> bool {
        let mut given = Vec::new();
        for (is_order, mut child, complaint) in std::mem::take(&mut self.commands) {
            match child.try_wait().unwrap() {
                None => given.push((is_order, child, complaint)),
                Some(status) if is_order => {
                    self.answers.push((status.code(), fs::read_to_string(&complaint).unwrap()));
                }
                Some(_) => {}
            }
        }
        self.commands = given;
        self.keepers.retain_mut(|keeper| keeper.try_wait().unwrap().is_none());
        let busy = !self.commands.is_empty();
        let goes_on = self.ongoing().iter().any(Session::needs_owner);
        if goes_on && !busy && self.keepers.is_empty() && processes::owner(&self.howdah.state).is_none() {
            self.bring_owner();
        }
        busy || goes_on || !self.keepers.is_empty()
    }

    fn bring_owner(&mut self) {
        let state = text(&self.howdah.state);
        let mut command = self.howdah.command(["keeper", "--until-idle", "--state-dir", &state]);
        let log = File::options().append(true).create(true).open(self.howdah.home.join("keepers")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        self.keepers.push(command.spawn().unwrap());
    }

    fn has_lost_an_order(&self) -> bool {
        self.answers.iter().any(|(_, said)| said.contains(LOST))
    }

    fn ongoing(&mut self) -> Vec<Session> {
        let found = self.journal.ongoing().unwrap();
        assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
        found.sessions
    }

    fn is_ongoing(&mut self) -> bool {
        !self.ongoing().is_empty()
    }

    /// All its sessions, oldest first.
    pub(crate) fn sessions(&mut self) -> Vec<Session> {
        let newest = self.journal.newest().unwrap().0;
        (1..=newest).filter_map(|id| self.journal.session(SessionId(id)).unwrap()).collect()
    }

    /// When a session was first told to end, if it was.
    pub(crate) fn cancelled_at(&mut self, id: SessionId) -> Option<Timestamp> {
        let history = self.journal.history(id).unwrap();
        history.iter().find(|shown| shown.event == "cancel_requested").map(|shown| shown.at)
    }

    fn owner_leaves(&mut self, begun: Instant) -> Result<(), String> {
        while let Some(owner) = processes::owner(&self.howdah.state) {
            howdah::process::signal(owner, rustix::process::Signal::TERM).unwrap();
            thread::park_timeout(POLL_INTERVAL);
            if begun.elapsed() > TIMEOUT {
                return Err("the owner does not leave".to_owned());
            }
        }
        for keeper in &mut self.keepers {
            keeper.wait().unwrap();
        }
        Ok(())
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        for child in self.commands.iter_mut().map(|(_, child, _)| child).chain(&mut self.keepers) {
            if let Ok(None) = child.try_wait() {
                let _gone_meanwhile = child.kill();
                let _reaped = child.wait();
            }
        }
        let left = processes::owner(&self.howdah.state).into_iter().chain(processes::workers(&self.howdah.state));
        for left in left.chain(processes::engines(&self.target)) {
            processes::kill(left);
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
