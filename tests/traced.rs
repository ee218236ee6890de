//! What howdah asks of the kernel, seen from outside: what is synced and when, and what becomes of calls that hang or
//! fail as they do on other file systems than this machine has.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use howdah::domain::{Failure, FailureClass};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{
    backup::{Form, Repository},
    faults::largest_data_file,
    howdah::Howdah,
    place::{root, scratch},
    skip::skip,
};

/// One system call a line, in the order in which they began, files by their paths.
struct Trace(Vec<String>);

impl Trace {
    /// The first call from `from` on in which all parts are found.
    #[track_caller]
    fn next(&self, from: usize, parts: &[&str]) -> usize {
        let is_it = |line: &String| parts.iter().all(|part| line.contains(part));
        let found = self.0.iter().skip(from).position(is_it);
        found.map_or_else(|| panic!("no {parts:?} behind call {from}:\n{}", self.0.join("\n")), |at| from + at)
    }

    /// Insists that these calls came one behind the other.
    #[track_caller]
    fn expect_order(&self, calls: &[&[&str]]) {
        calls.iter().fold(0, |from, parts| self.next(from, parts) + 1);
    }
}

/// Says that the test cannot run here, unless it can. What forbids tracing is the machine's; a missing program is ours.
fn cannot_trace() -> bool {
    match Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output() {
        Err(_) => skip("strace is not installed", true),
        Ok(traced) if !traced.status.success() => skip("strace may not trace here", false),
        Ok(_) => return false,
    }
    true
}

macro_rules! needs_strace {
    () => {
        needs_postgres!();
        if cannot_trace() {
            return;
        }
    };
}

/// Restores `shop` and gives the exit code and the calls of all processes.
fn traced(howdah: &Howdah, repository: &Repository, target: &Path, more: &[&str], options: &[&str]) -> (i32, Trace) {
    let arguments = howdah.restore_arguments(&repository.0, target, &[&["--no-start"], more].concat());
    let restore = howdah.command(arguments);
    let calls = scratch("trace").join("calls");
    let mut command = Command::new("strace");
    // Long enough for the last words of a worker and for any path.
    command.args(["-f", "-qq", "-y", "-s", "400", "-o"]).arg(&calls).args(options);
    command.arg(restore.get_program()).args(restore.get_args()).current_dir(root());
    for (name, value) in restore.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ran = command.output().unwrap();
    let calls = String::from_utf8_lossy(&fs::read(&calls).unwrap()).into_owned();
    let begun = calls.lines().filter(|line| !line.contains(" resumed>"));
    (ran.status.code().unwrap(), Trace(begun.map(str::to_owned).collect()))
}

#[test]
fn s03_all_else_is_on_the_disk_before_pg_control_and_each_word_before_it_counts() {
    needs_strace!();
    let repository = Repository::of(Form::PLAIN);
    let (howdah, parent) = (Howdah::new(), scratch("target"));
    let target = parent.join("data");
    let calls = "trace=fsync,fdatasync,syncfs,openat,openat2,rename,renameat,renameat2,write,pwrite64,execve";
    let (code, trace) = traced(&howdah, &repository, &target, &[], &["-e", calls]);
    assert_eq!(code, 0, "{}", trace.0.join("\n"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let of = |path: &str| format!("<{path}>");
    let (data, attempt) = (text(&target), text(&howdah.state.join("attempts/1/1")));

    // The journal knows of the session and the attempt before the attempt's order is written, and that is on the disk
    // before there is a worker.
    let ticket = of(&format!("{attempt}/ticket.json"));
    let ordered = trace.next(0, &["openat(", &format!("{attempt}/ticket.json\""), "O_CREAT"]);
    let stored = trace.0[..ordered].iter().rposition(|line| line.contains("write") && line.contains("-wal>")).unwrap();
    assert!(trace.next(stored, &["sync(", "-wal>"]) < ordered, "an order that the journal may forget");
    trace.expect_order(&[&["fsync(", &ticket], &["fsync(", &of(&attempt)], &["execve(", &attempt]]);

    // A target appears with a mark that is on the disk.
    let name = "session.json";
    trace.expect_order(&[
        &["fsync(", &format!(".howdah/{name}.new>")],
        &["rename", &format!(".howdah/{name}.new\""), &format!(".howdah/{name}\"")],
        &["fsync(", "/.howdah>"],
        &["renameat2(", &format!("\"{data}\""), "RENAME_NOREPLACE"],
    ]);
    let appeared = trace.next(0, &["renameat2(", &format!("\"{data}\""), "RENAME_NOREPLACE"]);
    let used = trace.next(appeared, &["openat", &format!("<{data}"), "O_CREAT"]);
    assert!(trace.next(appeared, &["fsync(", &of(&text(&parent))]) < used, "a name that may be lost");

    // Every directory that was restored into is on the disk as a whole, then the ledger says so, and only then
    // pg_control comes to be; with it and its name the restore is complete.
    let last = trace.next(0, &["openat2(", &of(&data), "\"global/pg_control\"", "O_CREAT"]);
    let home = fs::read_dir(parent.join("data.tablespaces")).unwrap().next().unwrap().unwrap().path();
    let ledger = format!("{data}/.howdah/ledger");
    for directory in [&data, &text(&home)] {
        // As a whole or file by file, as the file system lets us.
        let whole = trace.0.iter().position(|line| line.contains("syncfs(") && line.contains(&of(directory)));
        let synced = whole.unwrap_or_else(|| trace.next(0, &["fsync(", &of(directory)]));
        let above = text(Path::new(directory).parent().unwrap());
        let named = trace.next(synced, &["fsync(", &of(&above)]);
        let noted = trace.next(named, &["fdatasync(", &of(&ledger)]);
        assert!(noted < last, "{directory}: {synced} {named} {noted} {last}");
    }
    for word in [" s\\n\"", " d\\n\""] {
        let said = trace.next(0, &["write(", &of(&ledger), word]);
        let next = trace.next(said + 1, &[&of(&ledger)]);
        assert!(trace.0[next].contains("fdatasync("), "{word}: {}", trace.0[next]);
    }
    let control = format!("{data}/global/pg_control");
    let whole = Trace(trace.0[last..].to_vec());
    whole.expect_order(&[
        &["write(", &of(&control)],
        &["fsync(", &of(&control)],
        &["fsync(", &of(&format!("{data}/global"))],
        &["fdatasync(", &of(&ledger)],
        &["fsync(", &of(&data)],
    ]);

    // The end of the attempt is on the disk before anybody is told.
    let events = of(&format!("{attempt}/events.jsonl"));
    let said = trace.0.iter().rposition(|line| line.contains("write(") && line.contains(&events)).unwrap();
    assert!(trace.0[said].contains("ended"), "{}", trace.0[said]);
    trace.next(said, &["fsync(", &events]);
}

/// Where a file of the backup goes.
fn largest_in(target: &Path, repository: &Repository) -> PathBuf {
    target.join(largest_data_file(&repository.b1()).strip_prefix(repository.b1()).unwrap())
}

#[test]
fn r08_a_target_that_takes_no_bytes_and_one_that_makes_no_files_is_told_by_its_path() {
    needs_strace!();
    let repository = Repository::of(Form::PLAIN);
    let target = scratch("target").join("data");
    let file = largest_in(&target, &repository);
    let (failure, _) = stalled(&repository, &target, "pwrite64", &["-P", file.to_str().unwrap()]);
    let says = format!("the target stalls: writing {}", file.parent().unwrap().display());
    assert!(failure.cause.starts_with(&says), "{failure}");

    // A file is made by one call beneath the root, which names the whole path: each thread hangs in its first.
    let target = scratch("target").join("data");
    let (failure, trace) = stalled(&repository, &target, "openat2", &[]);
    let shown = failure.cause.strip_prefix("the target stalls: writing ").and_then(|rest| rest.split(" took ").next());
    let made = trace.0.iter().filter(|line| line.contains("O_CREAT")).filter_map(|line| line.split('"').nth(1));
    let paths: Vec<_> = made.map(|path| target.join(path)).collect();
    let is_told = |path: &PathBuf| [Some(path.as_path()), path.parent()].contains(&shown.map(Path::new));
    assert!(paths.iter().any(is_told), "{failure}\n{paths:?}");
}

/// A restore whose first such call hangs four times as long as is waited for. strace lets a process end only when its
/// call has begun.
fn stalled(repository: &Repository, target: &Path, call: &str, only: &[&str]) -> (Failure, Trace) {
    let howdah = Howdah::new();
    howdah.configure("[worker]\nstall_timeout = \"2s\"\n");
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:delay_enter=8000000:when=1"));
    let options = [only, &["-e", &trace, "-e", &inject]].concat();
    let (code, trace) = traced(&howdah, repository, target, &["--tries", "0"], &options);
    let failure = howdah.events().failure(1, 1);
    assert_eq!((code, failure.class), (4, FailureClass::Disruption), "{failure}\n{}", trace.0.join("\n"));
    assert!(failure.cause.ends_with("took nothing for 2 s"), "{failure}");
    (failure, trace)
}

#[test]
fn s08_old_data_is_set_aside_on_a_file_system_that_knows_no_flag_of_a_rename() {
    needs_strace!();
    let repository = Repository::of(Form::PLAIN);
    let parent = scratch("target");
    let (target, taken, aside) =
        (parent.join("data"), parent.join("data.set-aside-1"), parent.join("data.set-aside-2"));
    fs::create_dir(&target).unwrap();
    fs::write(target.join("letter"), "keep me").unwrap();
    fs::create_dir(&taken).unwrap();
    // As NFS answers.
    let options = ["-e", "trace=renameat2", "-e", "inject=renameat2:error=EINVAL"];
    let (code, trace) = traced(&Howdah::new(), &repository, &target, &["--set-aside", "data"], &options);
    assert_eq!(code, 0, "{}", trace.0.join("\n"));
    trace.next(0, &["renameat2(", "RENAME_NOREPLACE", "EINVAL"]);
    assert_eq!(fs::read_to_string(aside.join("letter")).unwrap(), "keep me");
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 0, "what has a name keeps it");
    assert!(target.join("global/pg_control").exists());
}
