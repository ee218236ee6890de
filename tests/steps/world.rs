//! What stands behind the screen: sessions, repositories, a journal; it answers what the screen asks, well or badly.

use super::{
    explore, goal,
    runs::{Runs, job_plan, planned},
    stage::*,
    verifications::{called_off, damaged, verifying},
};
use howdah::{
    catalog::{Catalog, CatalogEntry, Repository, propose::Proposal},
    console::message::{Intent, Message, Query, RequestId},
    domain::{
        AttemptNo, ExistingData, Failure, InstanceName, JobId, LeftServer, Order, Port, RunningServer, SessionId,
        fact::ProcessMark, plan::TargetState,
    },
    machine::{CompletedRow, PastSession, Phase, Refusal, Scope, Session, UnreadableSession},
    manager::{Receipt, ReceiptLine, SessionAction, Snapshot},
};
use std::{collections::BTreeSet, sync::Arc};

/// Names as operators and their enemies give them.
pub(crate) const NAMES: [&str; 8] = [
    "orders",
    "crm",
    "orders",
    "a-name-that-is-longer-than-any-row-of-the-tree-is-wide-and-goes-on-for-a-while",
    "日本語のとても長い名前のインスタンス",
    "a\u{1b}[31mred\r\nb",
    "e\u{301}\u{301}\u{301}x\u{202e}gnp",
    "שלום größe",
];

/// The sessions and all else that the screen shows.
pub(crate) struct World {
    ongoing: Vec<Arc<Session>>,
    /// Those that have ended, newest first.
    ended: Vec<Session>,
    dismissed: BTreeSet<SessionId>,
    rows: Arc<Vec<Arc<CompletedRow>>>,
    is_torn: bool,
    catalog: u64,
    next: u64,
    runs: Runs,
}

impl World {
    pub(crate) fn new() -> Self {
        let ongoing = busy().ongoing;
        let mut world = Self {
            ongoing,
            ended: twelve(),
            dismissed: BTreeSet::new(),
            rows: Arc::default(),
            is_torn: false,
            catalog: 2,
            next: 100,
            runs: Runs::default(),
        };
        world.list();
        world
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut ongoing = self.ongoing.clone();
        ongoing.sort_by_key(|session| (urgency(session), session.id()));
        let problem = "the record is of version 9, this howdah reads up to 1".to_owned();
        let torn = self.is_torn.then_some(UnreadableSession { id: SessionId(77), problem });
        let shown = with_rows(ongoing, self.rows.to_vec());
        let unreadable = Arc::new(torn.into_iter().collect());
        self.runs.add_to(Snapshot { completed: Arc::clone(&self.rows), unreadable, ..shown }, self.is_torn)
    }

    fn list(&mut self) {
        let shown = self.ended.iter().filter(|session| !self.dismissed.contains(&session.id()));
        self.rows = Arc::new(shown.map(|session| Arc::new(CompletedRow::of(session).unwrap())).collect());
    }

    /// A session is ordered.
    pub(crate) fn begin(&mut self, draw: u64) {
        const MOST: usize = 40;
        if draw.is_multiple_of(5) {
            self.runs.begin(draw);
            return;
        }
        if self.ongoing.len() < MOST {
            let (id, name) = (self.next, NAMES[pick(draw, NAMES.len())]);
            self.next += 1;
            self.ongoing.push(if draw.is_multiple_of(3) { verifying(id, name, 0) } else { queued(id, name) });
        }
    }

    /// One session goes on to wherever it can stand.
    pub(crate) fn go_on(&mut self, which: u64, draw: u64) {
        if which.is_multiple_of(4) {
            self.runs.go_on(draw, &mut self.next);
            return;
        }
        let Some(at) = (!self.ongoing.is_empty()).then(|| pick(which, self.ongoing.len())) else { return };
        let session = &self.ongoing[at];
        let (id, name) = (session.id().0, session.title().as_str().to_owned());
        self.ongoing[at] = if matches!(session.order(), Order::Verify(_)) {
            verifying(id, &name, draw)
        } else {
            match draw % 12 {
                0 => queued(id, &name),
                1 => checking(id, &name),
                2 | 3 => copying_at(id, &name, 31 * GIB + (draw % 30) * GIB),
                4 => replaying(id, &name),
                5 => waiting(id, &name),
                6 => stuck(id, &name),
                7 => used_up(id, &name),
                8 => cancelling(id, &name),
                9 => overdue(id, &name),
                _ => paused(id, &name),
            }
        };
    }

    /// One session ends.
    pub(crate) fn end(&mut self, which: u64, draw: u64) {
        let Some(at) = (!self.ongoing.is_empty()).then(|| pick(which, self.ongoing.len())) else { return };
        let session = self.ongoing.remove(at);
        let (id, name) = (session.id().0, session.title().as_str().to_owned());
        let ended = match (session.order(), draw % 3) {
            (Order::Verify(_), 0) => damaged(id, &name),
            (Order::Verify(_), _) => called_off(id, &name),
            (_, 0) => cancelled(id, &name),
            (_, _) => succeeded(id, &name),
        };
        self.ended.insert(0, ended);
        self.list();
    }

    /// Somebody takes one that has ended off the screen.
    pub(crate) fn dismiss(&mut self, which: u64) {
        if !self.rows.is_empty() {
            let id = self.rows[pick(which, self.rows.len())].id;
            self.dismissed.insert(id);
            self.list();
        }
    }

    /// A record cannot be read, or can again.
    pub(crate) fn tear(&mut self) {
        self.is_torn = !self.is_torn;
    }

    pub(crate) fn catalog(&self) -> Catalog {
        let named = |name: &str, cluster| {
            let newest = CatalogEntry::Restorable(point(name, "2026-11-20T0200", 61 * GIB));
            instance("/backups", name, cluster, vec![newest])
        };
        let of = |instances| Catalog::new(own().repositories, instances);
        match self.catalog % 6 {
            0 => Catalog::default(),
            1 => sample(),
            2 => archived(),
            3 => of(NAMES.iter().zip(1..).map(|(name, cluster)| named(name, Some(cluster))).collect()),
            4 => of((0..70).map(|number| named(&format!("shop-{number}"), None)).collect()),
            _ => {
                let problem = Some("the directory /backups cannot be read: Permission denied".to_owned());
                let repositories = vec![Repository { problem, ..own().repositories[0].clone() }];
                Catalog { repositories, instances: Vec::new() }
            }
        }
    }

    pub(crate) fn change_catalog(&mut self, draw: u64) {
        self.catalog = draw;
    }

    fn past(&self) -> Vec<PastSession> {
        let past = |session: &Session| PastSession {
            row: CompletedRow::of(session).unwrap(),
            is_dismissed: self.dismissed.contains(&session.id()),
        };
        self.ended.iter().map(past).collect()
    }

    /// What comes back for something that was wanted; nothing for what nobody answers.
    pub(crate) fn answer(&mut self, intent: Intent, draw: u64) -> Option<Message> {
        let fails = draw.is_multiple_of(4);
        let cause = || "the journal is locked by another program\u{1b}[2J".to_owned();
        Some(match intent {
            Intent::Act(act, scope) => Message::Acted(act.clone(), self.act(&act, &scope, draw)),
            Intent::Start(orders) => Message::Started(self.start(&orders, draw)),
            Intent::RefreshCatalog => Message::Catalog(Arc::new(self.catalog())),
            Intent::Suspend => Message::NotSuspended,
            Intent::Query(Query::Session(id)) => Message::Session(id, self.whole(id).filter(|_| !fails)),
            Intent::Query(Query::Log(id, attempt)) => {
                Message::Log(id, attempt, if fails { Err(cause()) } else { Ok(log(draw)) })
            }
            Intent::Query(Query::SaveLog(_, _, path)) => {
                Message::LogSaved(path, if fails { Err(cause()) } else { Ok(draw) })
            }
            Intent::Query(Query::History(id)) => {
                let event =
                    |number| (ago(secs(number)), format!("{} happened\u{1b}[2J: {}", number, NAMES[pick(number, 8)]));
                Message::History(id, if fails { Err(cause()) } else { Ok((0..draw % 90).map(event).collect()) })
            }
            Intent::StartJob(spec) => {
                let answer = if fails { Err(Refusal::ManagerGone) } else { Ok(self.runs.start(*spec.clone())) };
                Message::JobStarted(spec.name().clone(), answer)
            }
            Intent::ActOnJob(act, run, name) => {
                Message::JobActed(act, name, if fails { Err(Refusal::ManagerGone) } else { self.runs.act(act, run) })
            }
            Intent::Query(Query::Run(id)) => Message::Run(id, self.runs.whole(id).filter(|_| !fails)),
            Intent::Query(Query::RunHistory(id)) => {
                let event = |number| (ago(secs(number)), format!("{} is done\u{1b}[2J", NAMES[pick(number, 8)]));
                Message::RunHistory(id, if fails { Err(cause()) } else { Ok((0..draw % 40).map(event).collect()) })
            }
            Intent::Query(Query::JobPlan(ticket, spec)) => {
                let plan = |at: usize| {
                    let name = spec.objects()[at].object.name().clone();
                    let refused = Failure::incurable("no password\u{1b}[2J", "name a passfile");
                    (name, if fails { Err(refused) } else { Ok(job_plan(draw)) })
                };
                Message::JobPlanned(ticket, (0..spec.objects().len()).map(plan).collect())
            }
            intent @ (Intent::Compare(..)
            | Intent::Query(Query::Browse(..) | Query::Count(..) | Query::OrderPlan(..))) => {
                explore::answer(intent, draw, fails)
            }
            Intent::Query(Query::Past) => Message::Past(if fails { Err(cause()) } else { Ok(self.past()) }),
            Intent::Query(Query::Server(session)) => {
                let process = ProcessMark { pid: 4711, started: draw, realm: None };
                let server = RunningServer { process, port: session.order().port(), since: None };
                let found = match draw % 7 {
                    0 => LeftServer::Down,
                    1 => LeftServer::Replaced,
                    2 => LeftServer::Other(server),
                    _ => LeftServer::Runs(server),
                };
                Message::Server(session.id(), if fails { Err(cause()) } else { Ok(found) })
            }
            Intent::StopServer(session, _) => {
                let name = session.title().to_string();
                let ended = if fails { Err(cause()) } else { Ok(!draw.is_multiple_of(3)) };
                Message::ServerStopped(session.id(), name, ended)
            }
            Intent::Query(Query::Places(ticket, wanted)) => {
                let place = |directory: std::path::PathBuf| Proposal { directory, port: Port::new(5500).unwrap() };
                let found = if fails { Vec::new() } else { wanted.directories.into_iter().map(place).collect() };
                Message::Proposed(ticket, found)
            }
            Intent::Query(Query::AskPaused(id, _)) => Message::PausedAnswered(
                id,
                if fails { Err(cause()) } else { Ok(vec![NAMES[pick(draw, 8)].to_owned()]) },
            ),
            intent @ Intent::Query(Query::Window(..) | Query::Commits(..)) => goal::answer(intent, draw, fails),
            Intent::Query(Query::Plan(ticket, at, request)) => {
                let request = request.cluster().unwrap();
                let standing = match (draw % 3, request.existing) {
                    (0, ExistingData::SetAside) => TargetState::SetAside { to: "/srv/pg/x.before-2026".into() },
                    (1, _) => TargetState::Leftover,
                    (_, _) => TargetState::Missing,
                };
                let made = planned(request.point.instance.as_str(), request.target.port().number(), standing);
                let refused = Failure::incurable("port 5433 is in use by another program", "choose another port");
                Message::Planned(ticket, at, Box::new(if fails { Err(refused) } else { Ok(made) }))
            }
            Intent::StopComparing
            | Intent::Mouse(_)
            | Intent::Ring(_)
            | Intent::Copy(_)
            | Intent::Repaint
            | Intent::Close => return None,
        })
    }

    /// An answer that nobody waits for, or not any more.
    pub(crate) fn void(&self, draw: u64) -> Message {
        let (id, ticket) = (SessionId(draw % 130), RequestId(draw % 9));
        let attempt = AttemptNo(u32::try_from(draw % 5).unwrap());
        match draw % 16 {
            0 => Message::Session(id, self.whole(id)),
            1 => Message::Log(id, attempt, Ok(log(draw))),
            2 => Message::LogSaved("/x\u{1b}[2J".into(), Err("no space left".to_owned())),
            3 => Message::History(id, Ok(Vec::new())),
            4 => Message::Past(Ok(self.past())),
            5 => Message::Proposed(ticket, Vec::new()),
            6 => Message::Planned(ticket, pick(draw, 7), Box::new(Ok(planned("crm", 5433, TargetState::Missing)))),
            7 => Message::Acted(SessionAction::Recover, Receipt::default()),
            8 => Message::Started(Receipt { lines: vec![line(Some(id), "x\u{1b}[2J", Ok(()))] }),
            9 => Message::NotSuspended,
            10 => Message::Run(JobId(draw % 20), None),
            11 => Message::RunHistory(JobId(draw % 20), Ok(Vec::new())),
            12 => Message::JobPlanned(ticket, Vec::new()),
            14 => Message::Window(ticket, Box::new(Ok(goal::drawn(draw)))),
            13 => Message::Compared(ticket, Box::new(Ok(explore::compared(draw)))),
            _ => Message::Due,
        }
    }

    fn whole(&self, id: SessionId) -> Option<Arc<Session>> {
        let ended = self.ended.iter().find(|session| session.id() == id).cloned().map(Arc::new);
        ended.or_else(|| self.ongoing.iter().find(|session| session.id() == id).cloned())
    }

    fn act(&mut self, act: &SessionAction, scope: &Scope, draw: u64) -> Receipt {
        let ids: Vec<SessionId> = match scope {
            Scope::Sessions(ids) => ids.clone(),
            Scope::Ongoing(kind) => {
                self.ongoing.iter().filter(|one| one.order().kind() == *kind).map(|one| one.id()).collect()
            }
            Scope::Completed(kind) => self.rows.iter().filter(|row| row.kind == *kind).map(|row| row.id).collect(),
        };
        let mut lines = Vec::new();
        for (id, number) in ids.into_iter().zip(draw..) {
            let name = self.whole(id).map(|session| session.title().as_str().to_owned());
            let result = match number % 4 {
                0 => Err(Refusal::Unknown { id }),
                1 => Err(Refusal::NotStored { cause: "disk full\u{1b}[2J".to_owned() }),
                _ => Ok(()),
            };
            if result.is_ok() && *act == SessionAction::Dismiss {
                self.dismissed.insert(id);
            }
            lines.push(ReceiptLine { session: Some(id), title: name.map(|name| InstanceName::new(&name)), result });
        }
        self.list();
        Receipt { lines }
    }

    fn start(&mut self, orders: &[Order], draw: u64) -> Receipt {
        let mut lines = Vec::new();
        for (order, number) in orders.iter().zip(draw..) {
            let title = order.title().as_str().to_owned();
            if number.is_multiple_of(4) {
                lines.push(line(None, &title, Err(Refusal::ManagerGone)));
                continue;
            }
            let id = self.next;
            self.next += 1;
            self.ongoing.push(Story::of(order.clone(), id, mins(0)).arc());
            lines.push(line(Some(SessionId(id)), &title, Ok(())));
        }
        Receipt { lines }
    }
}

/// What a number drawn from all numbers means of so many.
pub(crate) fn pick(draw: u64, many: usize) -> usize {
    usize::try_from(draw % many as u64).unwrap()
}

fn line(session: Option<SessionId>, title: &str, result: Result<(), Refusal>) -> ReceiptLine {
    ReceiptLine { session, title: Some(InstanceName::new(title)), result }
}

/// The order of the screen: what needs a person first.
fn urgency(session: &Session) -> u8 {
    match session.phase() {
        Phase::Stuck { .. } | Phase::Paused { .. } => 0,
        Phase::Waiting { .. } => 1,
        Phase::Running { .. } | Phase::Cancelling { .. } => 2,
        Phase::Queued { .. } | Phase::Completed { .. } => 3,
    }
}

fn log(draw: u64) -> Vec<u8> {
    let line = |number: u64| match number % 5 {
        0 => format!("10 %\r20 %\r{number} %\n"),
        1 => format!("\x1b[2J\x07{number}: {}\n", NAMES[pick(number, NAMES.len())]),
        2 => "a long line ".repeat(30) + "\n",
        _ => format!("02:00:00Z base/1/{number} is copied\n"),
    };
    (0..draw % 300).map(line).collect::<String>().into_bytes()
}
