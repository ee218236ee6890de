//! A lane: one person with one state directory, in which round follows round.

use crate::{
    dice::Dice,
    processes,
    round::{Tally, Victim},
    support::{
        cluster::{Restored, SUM_OF_ROWS, free_port},
        howdah::Howdah,
        patience::until_true,
        place::scratch,
    },
};
use howdah::{
    domain::{AttemptNo, Outcome, SessionId, Step, fact::Fact},
    journal::JournalReader,
    machine::{Phase, Session},
};
use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

pub(crate) struct Lane {
    howdah: Howdah,
    repository: PathBuf,
    targets: PathBuf,
    dice: Dice,
    session: SessionId,
    /// Whether a server was killed in this round.
    killed_server: bool,
    /// How long a round takes in which nobody is killed: kills are spread over a little more than that.
    undisturbed: Duration,
    pub(crate) tally: Tally,
}

impl Lane {
    pub(crate) fn open(repository: &Path, dice: Dice) -> Self {
        let howdah = Howdah::new();
        howdah.configure("[retry]\ntries = 1000\nevery = \"30ms\"\n");
        let (repository, targets, session) = (repository.to_owned(), scratch("targets"), SessionId(0));
        let undisturbed = Duration::ZERO;
        let (killed_server, tally) = (false, Tally::default());
        let mut lane = Self { howdah, repository, targets, dice, session, killed_server, undisturbed, tally };
        let begun = Instant::now();
        lane.begin();
        lane.until_succeeded();
        lane.undisturbed = begun.elapsed();
        lane.clear();
        lane
    }

    /// One restore with one to three kills in it.
    pub(crate) fn round(&mut self, sum: &str) {
        self.begin();
        for _ in 0..=self.dice.below(3) {
            let span = u64::try_from(self.undisturbed.as_millis()).unwrap() * 5 / 4;
            let moment = Duration::from_millis(self.dice.below(span));
            self.wait_for_a_while(moment);
            self.kill_somebody();
            // An owner that is not there for a while is what a machine that restarts looks like.
            if self.dice.below(3) > 0 {
                self.bring_owner();
            }
        }
        self.bring_owner();
        let session = self.until_succeeded();
        self.nothing_is_left_over();
        self.attempts_never_met(&session);
        self.all_sessions_are_there();
        self.serves_all(sum);
        self.clear();
        self.tally.rounds += 1;
    }

    fn target(&self) -> PathBuf {
        self.targets.join(self.session.to_string())
    }

    fn begin(&mut self) {
        self.session.0 += 1;
        self.killed_server = false;
        let instance = if self.dice.below(2) == 0 { "shop" } else { "packed" };
        let (port, target, state) = (free_port().to_string(), self.target(), &self.howdah.state);
        let words: [&Path; 10] = [
            "session".as_ref(),
            "start".as_ref(),
            instance.as_ref(),
            "--to".as_ref(),
            &target,
            "--port".as_ref(),
            port.as_ref(),
            "--state-dir".as_ref(),
            state,
            "--repo".as_ref(),
        ];
        self.howdah.run(words.into_iter().chain([&*self.repository])).expect_code(0);
    }

    /// Starts a keeper where nobody owns the sessions; where somebody does, that one ends at once.
    fn bring_owner(&self) {
        let mut keeper = self.howdah.command(["keeper", "--until-idle", "--detach", "--state-dir"]);
        keeper.arg(&self.howdah.state).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        assert!(keeper.status().unwrap().success());
    }

    /// Lets time pass; meanwhile looks whether two workers of this session are alive at once.
    fn wait_for_a_while(&self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.at_most_one_works();
            thread::park_timeout(Duration::from_millis(3).min(time.saturating_sub(begun.elapsed())));
        }
    }

    fn at_most_one_works(&self) -> Vec<(u32, String)> {
        let named = || processes::that_name(&format!("worker {}/", self.attempts().display()));
        let mut workers = named();
        // A process that a worker is about to start looks like the worker until it is another program.
        let begun = Instant::now();
        while workers.len() > 1 && begun.elapsed() < Duration::from_secs(1) {
            workers = named();
        }
        assert!(workers.len() <= 1, "two workers at once: {workers:?}\n{}", self.story());
        workers
    }

    fn attempts(&self) -> PathBuf {
        self.howdah.state.join("attempts").join(self.session.to_string())
    }

    fn kill_somebody(&mut self) {
        let step = self.step();
        let victim = match self.dice.below(3) {
            0 => self.kill_owner(),
            1 => self.kill_worker(),
            _ => self.kill_server().or_else(|| self.kill_worker()),
        };
        self.tally.killed(victim, step);
    }

    fn kill_owner(&self) -> Option<Victim> {
        let pid = fs::read_to_string(self.howdah.state.join("owner.lock")).ok()?.trim().parse().ok()?;
        let keepers = processes::that_name(self.howdah.state.to_str().unwrap());
        keepers.into_iter().find(|(keeper, line)| *keeper == pid && line.contains("keeper"))?;
        processes::kill(pid);
        Some(Victim::Owner)
    }

    fn kill_worker(&mut self) -> Option<Victim> {
        let (pid, _) = self.at_most_one_works().into_iter().next()?;
        if self.dice.below(2) == 0 {
            processes::kill(pid);
        } else {
            processes::kill_group(pid);
        }
        Some(Victim::Worker)
    }

    fn kill_server(&mut self) -> Option<Victim> {
        let (pid, _) = self.servers().into_iter().next()?;
        processes::kill(pid);
        self.killed_server = true;
        Some(Victim::Server)
    }

    /// The step that the newest attempt is in, as far as it has told.
    fn step(&self) -> Option<Step> {
        let attempt = u32::try_from(self.howdah.events().attempts(self.session.0)).unwrap();
        self.howdah.events().facts(self.session.0, attempt).into_iter().rev().find_map(|fact| match fact {
            Fact::Step { step, .. } => Some(step),
            Fact::Began(_) | Fact::Planned(_) | Fact::Progress(_) | Fact::Note(_) | Fact::Ended(_) => None,
        })
    }

    fn read(&self) -> Option<Session> {
        let mut journal = JournalReader::open(&self.howdah.state.join("journal.db")).unwrap();
        journal.session(self.session).unwrap()
    }

    fn until_succeeded(&self) -> Session {
        let begun = Instant::now();
        loop {
            self.at_most_one_works();
            let session = self.read().expect("the session is in the journal");
            match session.phase() {
                Phase::Completed { outcome: Outcome::Succeeded(_), .. } => return session,
                Phase::Stuck { .. } | Phase::Completed { .. } => panic!("it did not succeed\n{}", self.story()),
                Phase::Queued { .. } | Phase::Running { .. } | Phase::Waiting { .. } | Phase::Canceling { .. } => {}
            }
            assert!(begun.elapsed() < crate::support::patience::PATIENCE, "it does not end\n{}", self.story());
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Completed means that the attempt's processes are gone, but for the server that was asked for.
    fn nothing_is_left_over(&self) {
        let workers = self.at_most_one_works();
        assert!(workers.is_empty(), "{workers:?}\n{}", self.story());
        let servers = self.servers();
        assert!(servers.len() <= 1, "one server: {servers:?}\n{}", self.story());
    }

    /// The server that was restored answers, with every row. One that was killed after its session had succeeded is
    /// started again, by hand.
    fn serves_all(&self, sum: &str) {
        let restored = Restored(self.target());
        if self.servers().is_empty() {
            assert!(self.killed_server, "no server runs\n{}", self.story());
            self.until_nobody_stands_in_the_target();
            // Init may take seconds to bury the one we killed, and until then it holds its lock file.
            fs::remove_file(self.target().join("postmaster.pid")).unwrap();
            restored.start(free_port());
        }
        assert_eq!(restored.ask(SUM_OF_ROWS), sum, "{}", self.story());
    }

    /// The children of a postmaster that was killed notice it within milliseconds.
    fn until_nobody_stands_in_the_target(&self) {
        until_true("no process of the server is left", || !processes::any_stands_in(&self.target()));
    }

    /// The postmasters of the target.
    fn servers(&self) -> Vec<(u32, String)> {
        let mut servers = processes::that_name(&format!("-D {}", self.target().display()));
        servers.retain(|(_, line)| line.contains("postgres "));
        servers
    }

    /// No attempt told anything after the next one began.
    fn attempts_never_met(&self, session: &Session) {
        let last = session.attempts().last().unwrap().number.0;
        let told = |attempt: u32| {
            let path = self.attempts().join(AttemptNo(attempt).to_string()).join("events.jsonl");
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines =
                text.lines().filter_map(|line| serde_json::from_str::<howdah::domain::fact::FactLine>(line).ok());
            lines.map(|line| line.at).collect::<Vec<_>>()
        };
        for next in 2..=last {
            let (before, after) = (told(next - 1), told(next));
            if let (Some(end), Some(begin)) = (before.last(), after.first()) {
                assert!(end <= begin, "attempt {} met attempt {next}\n{}", next - 1, self.story());
            }
        }
    }

    fn all_sessions_are_there(&self) {
        let mut journal = JournalReader::open(&self.howdah.state.join("journal.db")).unwrap();
        assert_eq!(journal.newest().unwrap(), self.session);
        let completed = journal.completed_ids().unwrap().len() as u64;
        assert_eq!(completed, self.session.0, "sessions that completed\n{}", self.story());
        assert!(journal.ongoing().unwrap().unreadable.is_empty());
    }

    /// Ends the restored server and removes the cluster, so that the next round finds room.
    fn clear(&self) {
        for (pid, _) in self.servers() {
            processes::kill(pid);
        }
        self.until_nobody_stands_in_the_target();
        for entry in fs::read_dir(&self.targets).unwrap() {
            let removed = Command::new("rm").arg("-rf").arg(entry.unwrap().path()).status().unwrap();
            assert!(removed.success());
        }
    }

    /// What happened to the session, for a round that failed.
    fn story(&self) -> String {
        let mut journal = JournalReader::open(&self.howdah.state.join("journal.db")).unwrap();
        let history = journal.history(self.session).unwrap_or_default();
        let lines: Vec<String> = history.iter().map(|told| format!("{}  {}", told.at, told.text)).collect();
        format!("session {} below {}\n{}", self.session, self.howdah.state.display(), lines.join("\n"))
    }
}
