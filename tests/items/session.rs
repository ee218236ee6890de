//! A session that takes items out, driven as its owner drives it: a ticket and a worker for each attempt.

use crate::{
    shop::Shop,
    support::{
        cluster::{Cluster, binaries, give_to_server_user, server_scratch},
        howdah::Howdah,
        timeout::until,
    },
};
use howdah::{
    domain::{
        AttemptNo, Disposed, Disposition, ExistingItem, Failure, InstanceName, ItemDestination, ItemOrder, ItemPart,
        Leftover, MajorVersion, OpenPoint, Order, Port, ServerAddress, SessionId, Success, WorkerSettings,
        explore::address_in,
        fact::{End, Fact, FactLine},
        ticket::{CONTRACT_VERSION, Ticket, Work},
    },
    process::{group_members, mark, signal},
};
use rustix::process::Signal;
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};
use uuid::Uuid;

/// One session.
pub(crate) struct Session {
    pub(crate) howdah: Howdah,
    pub(crate) uuid: Uuid,
    pub(crate) order: ItemOrder,
    attempts: Cell<u32>,
}

/// One attempt that runs. Dropping it kills it.
pub(crate) struct Attempt {
    child: Child,
    dir: PathBuf,
}

/// Where a server stands that is open to look into.
pub(crate) fn address(cluster: &Cluster) -> ServerAddress {
    ServerAddress {
        sockets: cluster.sockets.clone(),
        port: Port::new(cluster.port).unwrap(),
        role: "postgres".to_owned(),
        programs: binaries().unwrap(),
        version: MajorVersion(cluster.ask("show server_version_num").parse::<u32>().unwrap() / 10_000),
    }
}

/// A running server of this conninfo; a database is named in it or not.
pub(crate) fn server(cluster: &Cluster, existing: ExistingItem, database: Option<&str>) -> ItemDestination {
    let conninfo = format!("host={} port={} user=postgres", cluster.sockets.display(), cluster.port);
    let database = database
        .map_or_else(String::new, |name| format!(" dbname='{}'", name.replace('\\', r"\\").replace('\'', r"\'")));
    ItemDestination::Server { conninfo: conninfo + &database, existing }
}

pub(crate) fn dump_to(directory: &Path) -> ItemDestination {
    ItemDestination::Dump { directory: directory.to_owned() }
}

/// The order to take these, all of them; where from is for the session to say.
pub(crate) fn order(items: &[&str], to: ItemDestination) -> ItemOrder {
    let from = OpenPoint { session: SessionId(9), uuid: Uuid::from_u128(9), scratch: PathBuf::new() };
    let items = items.iter().map(|item| item.parse().unwrap()).collect();
    ItemOrder { instance: InstanceName::new("shop"), from, items, part: ItemPart::All, to }
}

impl Session {
    pub(crate) fn new(open: &Shop, mut order: ItemOrder) -> Self {
        let scratch = server_scratch("explored");
        fs::write(address_in(&scratch), serde_json::to_vec(&address(&open.0)).unwrap()).unwrap();
        give_to_server_user(&scratch);
        order.from.scratch = scratch;
        Self { howdah: Howdah::new(), uuid: Uuid::now_v7(), order, attempts: Cell::new(0) }
    }

    pub(crate) fn settings(&self) -> WorkerSettings {
        WorkerSettings { state: Some(self.howdah.state.clone()), ..WorkerSettings::default() }
    }

    pub(crate) fn start(&self) -> Attempt {
        self.launch(Work::Run(Order::Items(self.order.clone())))
    }

    #[track_caller]
    pub(crate) fn succeed(&self) -> Success {
        let end = self.start().end();
        let End::Succeeded(success) = end else { panic!("{end:?}\n{}", self.log()) };
        success
    }

    #[track_caller]
    pub(crate) fn fail(&self) -> Failure {
        let end = self.start().end();
        let End::Failed(failure) = end else { panic!("{end:?}\n{}", self.log()) };
        failure
    }

    pub(crate) fn end_of_disposal(&self) -> End {
        let left = Leftover::Items(self.order.clone());
        self.launch(Work::Dispose { left, disposition: Disposition::Default }).end()
    }

    #[track_caller]
    pub(crate) fn dispose(&self) -> Disposed {
        let end = self.end_of_disposal();
        let End::Disposed(disposed) = end else { panic!("{end:?}\n{}", self.log()) };
        disposed
    }

    fn launch(&self, work: Work) -> Attempt {
        let number = self.attempts.get() + 1;
        self.attempts.set(number);
        let dir = self.dir(number);
        fs::create_dir_all(&dir).unwrap();
        let ticket = Ticket {
            version: CONTRACT_VERSION,
            session: SessionId(1),
            session_uuid: self.uuid,
            attempt: AttemptNo(number),
            work,
            settings: self.settings(),
            places: Vec::new(),
            by: None,
            in_use: Vec::new(),
        };
        fs::write(dir.join("ticket.json"), serde_json::to_vec(&ticket).unwrap()).unwrap();
        let output = fs::File::create(dir.join("stderr")).unwrap();
        let mut command = self.howdah.command(["worker", dir.to_str().unwrap()]);
        let child = command.stdout(Stdio::null()).stderr(output).spawn().unwrap();
        Attempt { child, dir }
    }

    fn dir(&self, number: u32) -> PathBuf {
        self.howdah.state.join(format!("attempts/1/{number}"))
    }

    /// What all its attempts have logged.
    pub(crate) fn log(&self) -> String {
        let logs = (1..=self.attempts.get()).map(|number| self.dir(number).join("output.log"));
        logs.filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    /// What its first attempt has reported.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        facts(&self.dir(1))
    }

    /// Neither connections nor databases of the session are on the server, and no file in the scratch.
    #[track_caller]
    pub(crate) fn left_nothing(&self, live: &Cluster) {
        let database = format!("howdah_{}%", self.uuid.simple());
        let left = live.ask(&format!(
            "select (select count(*) from pg_stat_activity where application_name = 'howdah-{}') || ' ' || \
             (select count(*) from pg_database where datname like '{database}')",
            self.uuid
        ));
        assert_eq!(left, "0 0", "{}", self.log());
        assert!(!self.order.from.scratch.join("items").join(self.uuid.to_string()).exists());
    }
}

fn facts(dir: &Path) -> Vec<Fact> {
    let text = fs::read_to_string(dir.join("events.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str::<FactLine>(line).unwrap().fact).collect()
}

impl Attempt {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, what: Signal) {
        assert!(signal(mark(self.pid()).unwrap(), what).unwrap());
    }

    /// The end that it reports.
    pub(crate) fn end(mut self) -> End {
        until("the worker to end", || self.child.try_wait().unwrap());
        match facts(&self.dir).pop() {
            Some(Fact::Ended(end)) => end,
            other => panic!("{other:?}: {}", fs::read_to_string(self.dir.join("stderr")).unwrap()),
        }
    }

    /// Kills it with all that it has started, as its owner does when it is gone.
    pub(crate) fn kill(mut self) {
        let leader = mark(self.pid()).unwrap();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        until("its processes to be gone", || {
            let left = group_members(leader).unwrap();
            for member in &left {
                signal(*member, Signal::KILL).unwrap();
            }
            left.is_empty().then_some(())
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _gone_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}
