//! The libraries that servers preload, as far as they are known: what each does by itself, and what a copy makes of it.
//!
//! Which of them start processes or listen was seen with those that Debian packages for 15, read in the sources of
//! timescaledb, citus and pglogical, and taken from the documentation of the rest. A library that is not here may do
//! anything: it is reported to a person.
//!
//! Promises: one row for each library. Never: calls a library harmless whose workers or hooks reach beyond its server.

/// One library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Library {
    /// The name of its file, without directory and ending.
    pub name: &'static str,
    /// What a copy makes of it.
    pub treatment: Treatment,
}

/// What a copy makes of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It works in its own server alone, and stays. What is not installed here is left out: nothing but its own
    /// functions is missed.
    Harmless,
    /// It works in its own server alone, and stays even where it is not installed: WAL, tables, indexes or protection of
    /// data depend on it, so that a server without it would be worse than none.
    Needed,
    /// It reaches beyond its server and is left out: the data can be read without it.
    LeftOut {
        /// What it would do.
        effect: &'static str,
    },
    /// It stays, and a setting keeps it to itself.
    SwitchedOff {
        /// What it would do.
        effect: &'static str,
        /// The setting.
        name: &'static str,
        /// Its value in a copy.
        value: &'static str,
        /// Whether it is needed, as above.
        needed: Needed,
    },
}

/// Whether a server can do without a library that is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It stays, and the server reports that it is missing.
    Yes,
    /// It is left out.
    No,
}

const fn harmless(name: &'static str) -> Library {
    Library { name, treatment: Treatment::Harmless }
}

const fn needed(name: &'static str) -> Library {
    Library { name, treatment: Treatment::Needed }
}

const fn left_out(name: &'static str, effect: &'static str) -> Library {
    Library { name, treatment: Treatment::LeftOut { effect } }
}

/// All that are known, by name.
pub const LIBRARIES: &[Library] = &[
    harmless("age"),
    // Without it masked roles would see what is masked.
    needed("anon"),
    harmless("auth_delay"),
    harmless("auto_explain"),
    harmless("basebackup_to_shell"),
    harmless("basic_archive"),
    left_out("bdr", "exchange changes with the other nodes of its group"),
    left_out("bg_mon", "answer HTTP requests on the source's port"),
    left_out("bgw_replstatus", "tell load balancers on a TCP port that it takes writes"),
    left_out("citus", "connect to the nodes of its cluster, end transactions and drop shards there"),
    needed("citus_columnar"),
    harmless("credcheck"),
    harmless("decoderbufs"),
    harmless("hypopg"),
    harmless("orafce"),
    // Its tables and its WAL cannot be read without it.
    needed("orioledb"),
    harmless("passwordcheck"),
    // A setting that keeps it from starting jobs exists since 1.6 alone; older ones would pass it over.
    left_out("pg_cron", "run the scheduled jobs, a second time beside the source"),
    left_out("pg_failover_slots", "copy the replication slots of the source's primary"),
    harmless("pg_hint_plan"),
    left_out("pg_net", "send HTTP requests that triggers and jobs ask for"),
    harmless("pg_overexplain"),
    left_out("pg_partman_bgw", "drop partitions whose retention is over"),
    harmless("pg_prewarm"),
    harmless("pg_qualstats"),
    harmless("pg_show_plans"),
    harmless("pg_squeeze"),
    harmless("pg_stat_kcache"),
    harmless("pg_stat_monitor"),
    harmless("pg_stat_statements"),
    harmless("pg_store_plans"),
    // Its tables and its WAL cannot be read without it.
    needed("pg_tde"),
    harmless("pg_wait_sampling"),
    left_out("pgactive", "exchange changes with the other nodes of its group"),
    harmless("pgaudit"),
    Library {
        name: "pgauditlogtofile",
        treatment: Treatment::SwitchedOff {
            effect: "write into the source's audit log",
            name: "pgaudit.log_directory",
            value: "log",
            needed: Needed::No,
        },
    },
    left_out("pgautofailover", "check the nodes of its formation and decide on failovers"),
    harmless("pgextwlist"),
    left_out("pglogical", "run its subscriptions and take their changes out of the providers' slots"),
    left_out("pglogical_ticker", "write the ticks that pglogical sends on"),
    harmless("pgoutput"),
    harmless("plperl"),
    harmless("plpgsql"),
    harmless("plpgsql_check"),
    harmless("plprofiler"),
    harmless("plpython3"),
    harmless("plugin_debugger"),
    harmless("powa"),
    harmless("prioritize"),
    harmless("ptrack"),
    harmless("repmgr"),
    // An access method for indexes.
    needed("rum"),
    harmless("safeupdate"),
    // Without it its labels protect nothing.
    needed("sepgsql"),
    harmless("set_user"),
    left_out("spock", "exchange changes with the other nodes of its group"),
    harmless("supautils"),
    harmless("test_decoding"),
    Library {
        name: "timescaledb",
        treatment: Treatment::SwitchedOff {
            effect: "run the jobs of its policies and users: drop and compress chunks, call procedures, report to its vendor",
            name: "timescaledb.max_background_workers",
            value: "0",
            needed: Needed::Yes,
        },
    },
    harmless("wal2json"),
];

/// The row of a library, by the name that a setting gives it: with or without directory and ending.
pub fn find(listed: &str) -> Option<&'static Library> {
    let name = listed.rsplit('/').next().unwrap_or(listed);
    let name = name.strip_suffix(".so").unwrap_or(name);
    LIBRARIES.iter().find(|library| library.name == name)
}
