//! The servers of these tests: one that stands for an open restore point, one that items are delivered to.

use crate::support::{
    cluster::{Cluster, must, program},
    place::{open_to_all, root},
};
use std::sync::{
    LazyLock, Mutex, MutexGuard, OnceLock,
    atomic::{AtomicU32, Ordering},
};

/// A server with databases beside `postgres`.
pub(crate) struct Shop(pub(crate) Cluster);

/// What one query tells of all rows of `shop`.
pub(crate) const SUM: &str = "select (select count(*) || ' ' || md5(string_agg(l::text, ',' order by id)) from sales.lines l) \
     || ' ' || (select md5(string_agg(o::text, ',' order by id)) from sales.orders o) || ' ' \
     || (select md5(string_agg(p::text, ',' order by day, id)) from sales.parts p)";

/// A schema with what tables have besides rows: keys that refer, indexes, an owned sequence, defaults, a trigger, a type,
/// a view, partitions.
const SALES: &str = "create schema sales; create type sales.state as enum ('open', 'closed'); \
     create function sales.touch() returns trigger language plpgsql as 'begin new.note = coalesce(new.note, ''none''); \
       return new; end'; \
     create table sales.orders (id int primary key, state sales.state not null default 'open'); \
     create table sales.lines (id serial primary key, order_id int not null references sales.orders, \
       note text default 'x', twice int generated always as (order_id * 2) stored, check (id > 0)); \
     create index lines_by_order on sales.lines (order_id); \
     create trigger touch before insert on sales.lines for each row execute function sales.touch(); \
     create view sales.open as select * from sales.orders where state = 'open'; \
     create table sales.parts (day date, id int, primary key (day, id)) partition by range (day); \
     create table sales.parts_1 partition of sales.parts for values from ('2026-01-01') to ('2026-02-01'); \
     create table sales.parts_2 partition of sales.parts for values from ('2026-02-01') to ('2026-03-01'); \
     insert into sales.orders select g, case when g % 3 = 0 then 'closed' else 'open' end::sales.state \
       from generate_series(1, 500) g; \
     insert into sales.lines (order_id, note) select g % 500 + 1, md5(g::text) from generate_series(1, 2000) g; \
     insert into sales.parts select date '2026-01-01' + g, g from generate_series(0, 50) g; analyze";

/// What stands for the open restore point. Nothing writes to it.
pub(crate) fn open() -> &'static Shop {
    static OPEN: OnceLock<Shop> = OnceLock::new();
    OPEN.get_or_init(|| {
        open_to_all(root());
        // As an explore session starts it.
        let shop = Shop(Cluster::make(""));
        shop.ask("postgres", "create database shop");
        shop.ask("shop", SALES);
        shop.ask("postgres", "create database other");
        shop.ask("other", "create table public.t (id int primary key); insert into t select generate_series(1, 10)");
        crate::append::fill(&shop, crate::append::DATABASE, "locale_provider icu icu_locale 'en-US'");
        shop.ask("postgres", "alter system set default_transaction_read_only = on");
        shop.ask("postgres", "select pg_reload_conf()");
        shop
    })
}

/// What items are delivered to.
pub(crate) fn live() -> &'static Shop {
    static LIVE: OnceLock<Shop> = OnceLock::new();
    LIVE.get_or_init(|| {
        open_to_all(root());
        let shop = Shop(Cluster::make(""));
        must(program("pgbench").args(["-i", "-q", "-s", "1"]).args(shop.0.connection()).arg("postgres"));
        shop
    })
}

/// A server for whoever stops it: one test at a time, which leaves it running.
pub(crate) fn stoppable() -> MutexGuard<'static, Shop> {
    static STOPPABLE: LazyLock<Mutex<Shop>> = LazyLock::new(|| {
        open_to_all(root());
        Mutex::new(Shop(Cluster::make("")))
    });
    STOPPABLE.lock().unwrap()
}

impl Shop {
    /// One query in a database.
    #[track_caller]
    pub(crate) fn ask(&self, database: &str, query: &str) -> String {
        let database = format!("--dbname={database}");
        must(program("psql").args(self.0.connection()).args(["-XAtqv", "ON_ERROR_STOP=1", &database, "-c", query]))
    }

    /// The same where it is read-only.
    #[track_caller]
    pub(crate) fn write(&self, database: &str, query: &str) -> String {
        let writable = "set default_transaction_read_only = off";
        let mut command = program("psql");
        command.args(self.0.connection()).args([
            "-XAtqv",
            "ON_ERROR_STOP=1",
            "-d",
            database,
            "-c",
            writable,
            "-c",
            query,
        ]);
        must(&mut command)
    }

    /// A new database with what `shop` holds.
    pub(crate) fn with_sales(&self, name: &str) -> String {
        let name = fresh(name);
        self.ask("postgres", &format!("create database \"{name}\" template template0"));
        self.ask(&name, SALES);
        name
    }
}

/// The name of a database that no other test uses.
pub(crate) fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{name}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
