//! Takes that are ended in the middle: by a server that goes away, by a person, by a kill. None leaves half an item, and the
//! next attempt delivers once.

use crate::needs_postgres;
use crate::{
    Writes,
    session::{Attempt, Session, dump_to, order, server},
    shop::{SUM, Shop, fresh, live, open, stoppable},
    support::{
        cluster::{Cluster, is_root, must, program, server_scratch, start},
        skip::skip,
        timeout::{until, until_true},
    },
};
use howdah::domain::{Disposed, ExistingItem, FailureClass, Step, fact::End};
use rustix::process::Signal;
use std::{
    io::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A transaction that is held open: who needs what it has waits for it.
pub(crate) struct Holder(Child);

impl Holder {
    pub(crate) fn of(shop: &Shop, database: &str, statements: &str) -> Self {
        let mut command = program("psql");
        command.args(shop.0.connection()).args(["-XAtqv", "ON_ERROR_STOP=1", "-d", database]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let script = format!("set application_name = 'holder'; begin; {statements};\n");
        child.stdin.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
        let held = "select count(*) from pg_stat_activity where application_name = 'holder' \
                    and state = 'idle in transaction' and datname = current_database()";
        until_true("the lock is held", || shop.ask(database, held) == "1");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Waits until the session waits for a lock on the server.
fn until_waiting(session: &Session, shop: &Shop) {
    let waits = format!(
        "select count(*) > 0 from pg_stat_activity where application_name = 'howdah-{}' and wait_event_type = 'Lock'",
        session.uuid
    );
    until_true("the delivery waits for a lock", || shop.ask("postgres", &waits) == "t");
}

fn stop(cluster: &Cluster) {
    must(program("pg_ctl").arg("-D").arg(&cluster.data).args(["-m", "immediate", "-w", "stop"]));
}

#[track_caller]
fn disrupted(attempt: Attempt, session: &Session, step: Step) {
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(step)), "{failure}");
}

#[test]
fn a_live_server_that_is_killed_in_mid_take_gets_each_item_once_when_it_is_back() {
    needs_postgres!();
    let (open, live) = (open(), stoppable());
    let name = live.with_sales("killed");
    let wanted = open.ask("shop", SUM);
    // A table, by pg_restore: somebody makes one of the same name, and has not committed.
    live.ask(&name, "drop table sales.lines");
    let table = Session::new(open, order(&["shop/sales/lines"], server(&live.0, ExistingItem::Refuse, Some(&name))));
    let holder = Holder::of(&live, &name, "create table sales.lines (x int)");
    let attempt = table.start();
    until_waiting(&table, &live);
    stop(&live.0);
    disrupted(attempt, &table, Step::Deliver);
    drop(holder);
    // Nobody is there yet.
    disrupted(table.start(), &table, Step::Check);
    start(&live.0.data);
    assert_eq!(live.ask(&name, "select to_regclass('sales.lines') is null"), "t", "no half of it");
    table.succeed();
    assert_eq!(live.ask(&name, SUM), wanted);
    // Rows that are appended: somebody holds the table.
    live.ask(&name, "delete from sales.lines where id % 2 = 0");
    let rows =
        Session::new(open, order(&["shop/sales/lines"], server(&live.0, ExistingItem::AppendMissing, Some(&name))));
    let holder = Holder::of(&live, &name, "lock table sales.lines in share mode");
    let attempt = rows.start();
    until_waiting(&rows, &live);
    stop(&live.0);
    disrupted(attempt, &rows, Step::Deliver);
    drop(holder);
    start(&live.0.data);
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "1000", "nothing of it");
    rows.succeed();
    assert_eq!(live.ask(&name, SUM), wanted);
    for session in [&table, &rows] {
        session.left_nothing(&live.0);
    }
}

#[test]
fn a_delivery_that_was_committed_unheard_is_found_and_not_made_again() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = live.with_sales("unheard");
    live.ask(&name, "drop table sales.lines");
    let session = Session::new(open, order(&["shop/sales/lines"], server(&live.0, ExistingItem::Refuse, Some(&name))));
    let holder = Holder::of(live, &name, "create table sales.lines (x int)");
    let attempt = session.start();
    until_waiting(&session, live);
    attempt.kill();
    drop(holder);
    // What the attempt had begun is committed all the same, as when the last word of the server is lost.
    let twin = Session::new(open, session.order.clone());
    until_true("what the killed one had at work is gone", || {
        live.ask(
            "postgres",
            &format!("select count(*) from pg_stat_activity where application_name = 'howdah-{}'", session.uuid),
        ) == "0"
    });
    twin.succeed();
    session.succeed();
    assert!(session.log().contains("an earlier attempt has delivered shop/sales/lines"), "{}", session.log());
    assert_eq!(live.ask(&name, SUM), open.ask("shop", SUM));
    session.left_nothing(&live.0);
    // One that has other rows is not taken for it.
    let other = Session::new(open, session.order.clone());
    live.ask(&name, "drop table sales.lines");
    let holder = Holder::of(live, &name, "create table sales.lines (x int)");
    let attempt = other.start();
    until_waiting(&other, live);
    attempt.kill();
    drop(holder);
    live.ask(&name, "create table sales.lines (id int)");
    let failure = other.fail();
    assert!(failure.cause.contains("somebody else has made it"), "{failure}");
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "0");
}

#[test]
fn r18_a_take_that_is_stopped_leaves_nothing_at_work_and_nothing_behind() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let _writes = Writes::on(&live.0);
    let name = live.with_sales("stopped");
    live.ask(&name, "drop table sales.lines");
    for existing in [ExistingItem::Refuse, ExistingItem::AppendMissing] {
        let session = Session::new(open, order(&["shop/sales/lines"], server(&live.0, existing.clone(), Some(&name))));
        let holder = match existing {
            ExistingItem::AppendMissing => Holder::of(live, &name, "lock table sales.lines in share mode"),
            ExistingItem::Refuse | ExistingItem::Rename { .. } => {
                Holder::of(live, &name, "create table sales.lines (x int)")
            }
        };
        let attempt = session.start();
        until_waiting(&session, live);
        attempt.signal(Signal::TERM);
        assert_eq!(attempt.end(), End::Stopped, "{}", session.log());
        assert!(matches!(session.dispose(), Disposed::Removed | Disposed::Nothing), "{}", session.log());
        session.left_nothing(&live.0);
        drop(holder);
        // For the next round.
        live.ask(
            &name,
            "create table if not exists sales.lines (id serial primary key, order_id int not null, note text, \
             twice int generated always as (order_id * 2) stored)",
        );
    }
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "0");
}

#[test]
fn what_a_killed_attempt_left_is_removed_by_the_next_one_and_by_the_disposal() {
    needs_postgres!();
    let open = open();
    let place = server_scratch("dumps");
    let session = Session::new(open, order(&["shop"], dump_to(&place.join("dump"))));
    // The dump, and nothing before it, looks for conversions.
    let kill = |session: &Session| {
        let holder =
            Holder::of(open, "shop", "set transaction read write; lock table pg_conversion in access exclusive mode");
        let attempt = session.start();
        until_waiting(session, open);
        attempt.kill();
        drop(holder);
    };
    kill(&session);
    assert!(crate::names(&place).contains(&format!(".howdah-items-{}", session.uuid)));
    session.succeed();
    assert_eq!(crate::names(&place), ["dump"]);
    let other = Session::new(open, order(&["shop"], dump_to(&place.join("other"))));
    kill(&other);
    assert_eq!(other.dispose(), Disposed::Removed);
    assert_eq!((crate::names(&place), other.dispose()), (vec!["dump".to_owned()], Disposed::Nothing));
    // A dump that has its name stays, whoever is told to remove it.
    let End::Succeeded(_) = session.end_of_disposal() else { panic!("{}", session.log()) };
    assert_eq!(crate::names(&place), ["dump"]);
}

#[test]
fn a_point_that_is_closed_in_the_middle_of_its_rows_adds_none_of_them() {
    needs_postgres!();
    let open = stoppable();
    let name = open.with_sales("closed");
    open.ask(
        &name,
        "insert into sales.lines (order_id, note) select 1, repeat('x', 100) from generate_series(1, 30000)",
    );
    let live = live();
    live.ask("postgres", &format!("create database \"{name}\""));
    live.ask(
        &name,
        "create schema sales; create table sales.lines (id int primary key, order_id int, note text, \
         twice int generated always as (order_id * 2) stored)",
    );
    let lines = format!("{name}/sales/lines");
    let session = Session::new(&open, order(&[&lines], server(&live.0, ExistingItem::AppendMissing, None)));
    // No table can be made there, so that the rows wait on their way.
    let holder = Holder::of(live, &name, "lock table pg_class in share mode");
    let attempt = session.start();
    until_waiting(&session, live);
    stop(&open.0);
    drop(holder);
    let End::Failed(failure) = attempt.end() else { panic!("{}", session.log()) };
    assert_eq!((failure.class, failure.step), (FailureClass::Disruption, Some(Step::Deliver)), "{failure}");
    assert!(failure.cause.contains("reading the rows at the restore point"), "{failure}");
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "0");
    start(&open.0.data);
    session.succeed();
    assert_eq!(live.ask(&name, "select count(*) from sales.lines"), "32000");
    session.left_nothing(&live.0);
}

/// A database whose restore waits until there is a role `awake`: an index asks for it, row by row.
const SLOW: &str = "create table public.t (id int primary key); insert into t values (1); \
     create function public.slow(int) returns int immutable language plpgsql as \
       'begin if not exists (select 1 from pg_catalog.pg_roles where rolname = ''awake'') then \
          perform pg_catalog.pg_sleep(600); end if; return $1; end'";

/// Waits until the restore is in the middle of the database, by another process of the server than this one, and gives that.
fn until_asleep(session: &Session, shop: &Shop, than: &str) -> String {
    let asleep = format!(
        "select pid from pg_stat_activity where application_name = 'howdah-{}' and wait_event = 'PgSleep' and pid <> {than}",
        session.uuid
    );
    until("the delivery is in the middle", || Some(shop.ask("postgres", &asleep)).filter(|pid| !pid.is_empty()))
}

#[test]
fn d06_a_database_that_is_half_delivered_has_no_name_and_goes_with_the_session() {
    needs_postgres!();
    let (open, live) = (open(), live());
    let name = fresh("half");
    open.write("postgres", "create role awake");
    open.write("postgres", &format!("create database \"{name}\""));
    open.write(&name, SLOW);
    open.write(&name, "create index slowly on public.t (public.slow(id))");
    let of = || Session::new(open, order(&[&name], server(&live.0, ExistingItem::Refuse, None)));
    let exists = format!("select count(*) from pg_database where datname = '{name}'");
    let stopped = of();
    let attempt = stopped.start();
    until_asleep(&stopped, live, "0");
    attempt.signal(Signal::TERM);
    assert_eq!(attempt.end(), End::Stopped, "{}", stopped.log());
    assert_eq!((live.ask("postgres", &exists).as_str(), stopped.dispose()), ("0", Disposed::Removed));
    stopped.left_nothing(&live.0);
    let killed = of();
    let mut asleep = "0".to_owned();
    for _ in 0..2 {
        // The second one ends what the first has left at work.
        let attempt = killed.start();
        asleep = until_asleep(&killed, live, &asleep);
        attempt.kill();
    }
    live.ask("postgres", "create role awake");
    killed.succeed();
    assert_eq!(live.ask(&name, "select id from public.t"), "1");
    killed.left_nothing(&live.0);
    assert!(killed.log().contains("an earlier attempt had left 1 connection at work; ended"), "{}", killed.log());
    // Delivered is delivered, whatever is asked later.
    let End::Succeeded(_) = killed.end_of_disposal() else { panic!("{}", killed.log()) };
    assert_eq!(live.ask("postgres", &exists), "1");
}

#[test]
fn a_disk_that_fills_up_is_incurable_and_is_given_back() {
    needs_postgres!();
    let place = server_scratch("disk");
    let options = ["-t", "tmpfs", "-o", "size=128k,mode=0777", "howdah-test"];
    if !Command::new("mount").args(options).arg(&place).output().is_ok_and(|ran| ran.status.success()) {
        skip("a small file system cannot be mounted here", is_root());
        return;
    }
    let disk = Mounted(place);
    let large = serde_json::Value::from(crate::append::DATABASE).to_string();
    let session = Session::new(open(), order(&[&large], dump_to(&disk.0.join("dump"))));
    let failure = session.fail();
    assert_eq!((failure.class, failure.step), (FailureClass::Incurable, Some(Step::Extract)), "{failure}");
    assert!(failure.cause.contains("No space left") && failure.advice.contains("room"), "{failure}");
    assert_eq!(session.dispose(), Disposed::Removed);
    assert_eq!(crate::names(&disk.0), [""; 0]);
}

/// Unmounted when this is dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
    }
}
