//! Three servers under load, jobs over them, and what each run of a job must have left.

use crate::support::{
    cluster::{Cluster, Restored, must, program, server_scratch},
    howdah::Howdah,
    place::{open_to_all, root, scratch},
    port::free_port,
    timeout::until_true,
};
use howdah::{
    domain::fact::{Fact, ProcessMark},
    process::group_members,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::OnceLock,
    thread,
};
use uuid::Uuid;

/// The objects of the jobs, in their order, which is not that of the alphabet.
pub(crate) const NAMES: [&str; 3] = ["shop", "crm", "stock"];

/// Each account's balance is the sum of what was booked on it: true of any moment, and of no mixture of two.
const QUESTION: &str = "select (select count(*) from pgbench_accounts) || ' ' || \
     ((select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history))";

/// A server with transactions that go on as long as this lives.
struct Busy {
    cluster: Cluster,
    _writes: Child,
}

impl Busy {
    fn new() -> Self {
        let cluster = Cluster::make("");
        must(program("pgbench").args(["-i", "-q", "-s", "1"]).args(cluster.connection()).arg("postgres"));
        let mut command = program("pgbench");
        // As many as leave the processors to the backups.
        command.args(["-n", "-R", "40", "-T", "600"]).args(cluster.connection()).arg("postgres");
        let writes = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until_true("somebody writes", || cluster.ask("select count(*) > 9 from pgbench_history") == "t");
        Self { cluster, _writes: writes }
    }
}

/// The servers of all tests; they go with the tests' directory.
fn servers() -> &'static [Busy] {
    static SERVERS: OnceLock<Vec<Busy>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        open_to_all(root());
        thread::scope(|scope| {
            let made: Vec<_> = NAMES.iter().map(|_| scope.spawn(Busy::new)).collect();
            made.into_iter().map(|one| one.join().unwrap()).collect()
        })
    })
}

/// A user with jobs over the servers, and their repository.
pub(crate) struct Night {
    pub(crate) howdah: Howdah,
    repository: PathBuf,
}

impl Night {
    /// `quick` is as fast as it goes; `nightly`, the same, takes some seconds an object; `filler` goes on for a minute.
    pub(crate) fn new(settings: &str) -> Self {
        let (howdah, repository) = (Howdah::usual(), server_scratch("repository"));
        let objects: Vec<String> = NAMES
            .iter()
            .zip(servers())
            .map(|(name, server)| format!("{{ name = \"{name}\", conninfo = \"{}\" }}", server.cluster.conninfo()))
            .collect();
        let job = |name: &str, more: &str| {
            format!(
                "[[job]]\nname = \"{name}\"\nkind = \"instance\"\nrepository = \"{}\"\n{more}objects = [{}]\n",
                repository.display(),
                objects.join(", ")
            )
        };
        let [tree, target] = ["tree", "copies"].map(server_scratch);
        fs::write(tree.join("file"), vec![7; 60 << 20]).unwrap();
        let filler = format!(
            "[[job]]\nname = \"filler\"\nkind = \"file-copy\"\ntarget = \"{}\"\nrate = \"1M\"\n\
             objects = [{{ name = \"tree\", path = \"{}\" }}]\n",
            target.display(),
            tree.display()
        );
        howdah.configure(&[settings, &job("quick", ""), &job("nightly", "rate = \"10M\"\n"), &filler].concat());
        Self { howdah, repository }
    }

    /// The newest run of a job.
    pub(crate) fn run(&self, job: &str) -> Value {
        self.howdah.run(["job", "show", job, "--json"]).expect_code(0).json()
    }

    /// These are the states of the objects of a run that has ended, and nothing of it is left on a server or at work.
    pub(crate) fn expect(&self, ended: &Value, states: &[&str]) {
        let objects = ended["objects"].as_array().unwrap();
        let found: Vec<&str> = objects.iter().map(|object| object["state"].as_str().unwrap()).collect();
        assert_eq!(found, states, "{ended}");
        for object in objects {
            let Some(session) = object["session"].as_u64() else { continue };
            for (uuid, worker) in self.workers(session) {
                assert!(group_members(worker).unwrap().is_empty(), "its processes are gone (R35)");
                for server in servers() {
                    assert_eq!(on_server(&server.cluster, uuid), "0 0 0", "{object}");
                }
            }
        }
    }

    /// The workers of a session, and its uuid.
    fn workers(&self, session: u64) -> Vec<(Uuid, ProcessMark)> {
        let events = self.howdah.events();
        let numbers = 1..=u32::try_from(events.attempts(session)).unwrap();
        let attempts = numbers.flat_map(|attempt| events.facts(session, attempt));
        let began = attempts.filter_map(|fact| if let Fact::Began(began) = fact { Some(began) } else { None });
        began.map(|began| (began.session.unwrap(), began.mark())).collect()
    }

    /// So many points of each of these instances are on the disk and in the catalogue, each as its manifest says, and
    /// nothing else is there.
    pub(crate) fn expect_points(&self, wanted: &[(&str, usize)]) {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        let folders = names(&self.repository);
        let found: Vec<(&str, usize)> =
            folders.iter().map(|name| (name.as_str(), names(&self.repository.join(name)).len())).collect();
        assert_eq!(found, wanted, "nothing half is left, and no claim");
        let listed = self.howdah.run(["backup", "list", "--repo", self.repository.to_str().unwrap(), "--json"]);
        // A repository without any point is a refusal there.
        let listed = listed.expect_code(if wanted.is_empty() { 3 } else { 0 }).json();
        for (name, count) in found {
            let of_it = listed.as_array().unwrap().iter().filter(|point| point["instance"] == name);
            assert_eq!(of_it.count(), count, "{listed}");
            for point in names(&self.repository.join(name)) {
                must(program("pg_verifybackup").arg("-q").arg(self.repository.join(name).join(point)));
            }
        }
    }

    /// Every file of the repository with its content.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = walkdir::WalkDir::new(&self.repository).into_iter().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap())).collect()
    }

    /// Restores the newest point of an instance, starts it and asks it.
    pub(crate) fn restores(&self, name: &str) {
        let (target, port) = (scratch("target").join("data"), free_port().to_string());
        let restored = Restored(target.clone());
        let [repository, to] = [&self.repository, &target].map(|path| path.to_str().unwrap());
        let howdah = Howdah::new();
        howdah.run(["restore", name, "--repo", repository, "--to", to, "--port", &port]).expect_code(0);
        assert_eq!(restored.ask(QUESTION), "100000 true");
    }
}

/// What a session has on a server: walsenders, running backups, temporary slots, those that nobody holds any more
/// included. Other tests back up the same servers meanwhile.
fn on_server(cluster: &Cluster, session: Uuid) -> String {
    let ours = format!("select pid from pg_stat_replication where application_name = 'howdah-{session}'");
    cluster.ask(&format!(
        "select (select count(*) from ({ours}) o) || ' ' || \
         (select count(*) from pg_stat_progress_basebackup where pid in ({ours})) || ' ' || \
         (select count(*) from pg_replication_slots \
          where temporary and (active_pid is null or active_pid in ({ours})))"
    ))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}
