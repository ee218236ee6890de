//! Each library that is known, and those that are not.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::postgres::configure::{ConfigureOptions, configure, libraries::LIBRARIES, tests::programs};
use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

/// A library, what becomes of it where it is installed, and where it is not.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("age", "stays", "goes"),
    ("anon", "stays", "stays"),
    ("auth_delay", "stays", "goes"),
    ("auto_explain", "stays", "goes"),
    ("basebackup_to_shell", "stays", "goes"),
    ("basic_archive", "stays", "goes"),
    ("bdr", "goes", "goes"),
    ("bg_mon", "goes", "goes"),
    ("bgw_replstatus", "goes", "goes"),
    ("citus", "goes", "goes"),
    ("citus_columnar", "stays", "stays"),
    ("credcheck", "stays", "goes"),
    ("decoderbufs", "stays", "goes"),
    ("hypopg", "stays", "goes"),
    ("orafce", "stays", "goes"),
    ("orioledb", "stays", "stays"),
    ("passwordcheck", "stays", "goes"),
    ("pg_cron", "goes", "goes"),
    ("pg_failover_slots", "goes", "goes"),
    ("pg_hint_plan", "stays", "goes"),
    ("pg_net", "goes", "goes"),
    ("pg_overexplain", "stays", "goes"),
    ("pg_partman_bgw", "goes", "goes"),
    ("pg_prewarm", "stays", "goes"),
    ("pg_qualstats", "stays", "goes"),
    ("pg_show_plans", "stays", "goes"),
    ("pg_squeeze", "stays", "goes"),
    ("pg_stat_kcache", "stays", "goes"),
    ("pg_stat_monitor", "stays", "goes"),
    ("pg_stat_statements", "stays", "goes"),
    ("pg_store_plans", "stays", "goes"),
    ("pg_tde", "stays", "stays"),
    ("pg_wait_sampling", "stays", "goes"),
    ("pgactive", "goes", "goes"),
    ("pgaudit", "stays", "goes"),
    ("pgauditlogtofile", "stays; pgaudit.log_directory = 'log'", "goes"),
    ("pgautofailover", "goes", "goes"),
    ("pgextwlist", "stays", "goes"),
    ("pglogical", "goes", "goes"),
    ("pglogical_ticker", "goes", "goes"),
    ("pgoutput", "stays", "goes"),
    ("plperl", "stays", "goes"),
    ("plpgsql", "stays", "goes"),
    ("plpgsql_check", "stays", "goes"),
    ("plprofiler", "stays", "goes"),
    ("plpython3", "stays", "goes"),
    ("plugin_debugger", "stays", "goes"),
    ("powa", "stays", "goes"),
    ("prioritize", "stays", "goes"),
    ("ptrack", "stays", "goes"),
    ("repmgr", "stays", "goes"),
    ("rum", "stays", "stays"),
    ("safeupdate", "stays", "goes"),
    ("sepgsql", "stays", "stays"),
    ("set_user", "stays", "goes"),
    ("spock", "goes", "goes"),
    ("supautils", "stays", "goes"),
    ("test_decoding", "stays", "goes"),
    (
        "timescaledb",
        "stays; timescaledb.max_background_workers = '0'",
        "stays; timescaledb.max_background_workers = '0'",
    ),
    ("wal2json", "stays", "goes"),
];

const KEPT: UnknownLibrary = UnknownLibrary::Kept;

const LIST: &str = "shared_preload_libraries";

/// What becomes of one library between two others, in words.
fn judged(name: &str, installed: bool) -> String {
    let mut preloaded = Preloaded::default();
    let listed = format!("auto_explain, $libdir/{name}.so, pg_prewarm");
    preloaded.judge(LIST, &listed, KEPT, &|listed| installed || !listed.contains(name));
    assert_eq!(preloaded.warnings, Vec::<String>::new(), "{name}");
    let mut lines: Vec<&str> = preloaded.switched_off.iter().map(|one| one.line.as_str()).collect();
    let gone = "shared_preload_libraries = 'auto_explain, pg_prewarm'";
    let goes = lines.contains(&gone);
    lines.retain(|line| *line != gone);
    let mut words = vec![if goes { "goes" } else { "stays" }];
    words.extend(lines);
    assert_eq!(preloaded.settings.len(), words.len() - usize::from(!goes), "{name}: each line is in the block");
    assert!(preloaded.switched_off.iter().all(|one| one.effect.contains(name)), "{name} is named: {preloaded:?}");
    words.join("; ")
}

#[test]
fn s13_each_known_library_stays_or_goes_as_its_row_says() {
    for (name, here, missing) in EXPECTED.iter().filter(|(name, ..)| !["auto_explain", "pg_prewarm"].contains(name)) {
        assert_eq!(judged(name, true), *here, "{name}, installed");
        assert_eq!(judged(name, false), *missing, "{name}, not installed");
    }
    let expected: Vec<&str> = EXPECTED.iter().map(|(name, ..)| *name).collect();
    let known: Vec<&str> = LIBRARIES.iter().map(|library| library.name).collect();
    assert_eq!(known, expected, "a row without a test, or out of order");
    assert_eq!(known.iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), known.iter().collect::<Vec<_>>());
}

#[test]
fn s13_an_unknown_library_stays_and_a_person_is_told() {
    let mut preloaded = Preloaded::default();
    preloaded.judge("session_preload_libraries", "auto_explain, \"odd\u{1b}[2J\"", KEPT, &|_| false);
    let [warning] = preloaded.warnings.try_into().unwrap();
    assert!(warning.contains("odd\\u{1b}[2J (session_preload_libraries)"), "{warning}");
    assert_eq!(preloaded.settings, [setting("session_preload_libraries", "\"odd\u{1b}[2J\"")]);
    let mut looked_into = Preloaded::default();
    looked_into.judge(LIST, "odd, even", UnknownLibrary::LeftOut, &|listed| listed == "even");
    assert_eq!(looked_into.settings, [setting(LIST, "even")], "it is missing, and what is there stays");
    assert!(looked_into.switched_off[0].effect.contains("load odd, which is not installed here"), "{looked_into:?}");
    let mut unreadable = Preloaded::default();
    unreadable.judge(LIST, "pg_cron,,pglogical", KEPT, &|_| true);
    assert_eq!(unreadable, Preloaded::default(), "PostgreSQL loads none of them");
}

#[test]
fn what_lists_no_libraries_needs_no_programs_to_be_judged() {
    for (file, shown) in [
        ("work_mem = 1GB\n#shared_preload_libraries = 'x'\n", false),
        ("Shared_Preload_Libraries = 'x'\n", true),
        ("local_preload_libraries = 'x'\n", true),
        ("include_dir 'conf.d'\n", true),
    ] {
        assert_eq!(unseen(&[b"", file.as_bytes()]).is_some(), shown, "{file}");
    }
}

#[test]
fn s13_postgresql_itself_sees_only_what_may_stay() {
    let Some((account, binaries)) = programs() else {
        use std::io::Write;
        writeln!(std::io::stderr(), "skipped: no PostgreSQL programs, or no user to run them, on this machine")
            .unwrap();
        return;
    };
    let place = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let (data, installed) = (place.path().join("data"), place.path().join("lib"));
    for directory in [&data, &installed] {
        std::fs::create_dir(directory).unwrap();
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let names: Vec<&str> = EXPECTED.iter().map(|(name, ..)| *name).collect();
    for name in &names {
        std::fs::write(installed.join(name).with_extension("so"), "").unwrap();
    }
    let auto = format!(
        "shared_preload_libraries = '{}'\nsession_preload_libraries = 'pg_cron'\n\
         local_preload_libraries = 'auto_explain'\ndynamic_library_path = '{}'\n",
        names.join(","),
        installed.display()
    );
    std::fs::write(data.join("postgresql.conf"), "").unwrap();
    std::fs::write(data.join("postgresql.auto.conf"), auto).unwrap();
    let before = of_backup(&data, &binaries).unwrap();

    let port = crate::domain::Port::new(5433).unwrap();
    let options = ConfigureOptions {
        data: &data,
        control: &data,
        port,
        account: &account,
        binaries: Some(&binaries),
        version: Some(binaries.version()),
        unknown: KEPT,
    };
    let configured = configure(&options).unwrap();
    assert_eq!((configured.warnings, configured.unchecked), (Vec::new(), Vec::new()));
    let seen = |name: &str| {
        let mut command = account.command(binaries.postgres());
        command_output(command.args(["-C", name, "-D"]).arg(&data), LIMIT).unwrap().trim_end().to_owned()
    };
    let stays: Vec<&str> = EXPECTED.iter().filter(|row| row.1.starts_with("stays")).map(|row| row.0).collect();
    assert_eq!(seen(LIST), stays.join(", "));
    assert_eq!(seen("session_preload_libraries"), "");
    assert_eq!(seen("local_preload_libraries"), "", "no directory $libdir/plugins holds it");
    assert_eq!(seen("timescaledb.max_background_workers"), "0");
    assert_eq!(seen("pgaudit.log_directory"), "log");
    let sentence = configured.notes.last().unwrap();
    for one in &before.switched_off {
        assert!(sentence.contains(&one.line), "{} was told before: {sentence}", one.line);
    }
    assert!(configured.notes.iter().any(|note| note.contains("run the scheduled jobs")), "{:?}", configured.notes);
}

#[test]
fn a_list_is_read_as_postgresql_reads_it_and_can_be_written_again() {
    for (list, names) in [
        ("", Some(vec![])),
        (" pg_cron , auto_explain", Some(vec!["pg_cron", "auto_explain"])),
        ("\"a, b\",\"c\"\"d\" , $libdir/e", Some(vec!["a, b", "c\"d", "$libdir/e"])),
        ("two words,x", Some(vec!["two words", "x"])),
        ("a,", None),
        ("a,,b", None),
        ("\"a", None),
        ("\"a\"b", None),
    ] {
        let names = names.map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse(list), names, "{list}");
        let again = names.as_ref().map(|names| written(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(again.and_then(|again| parse(&again)), names, "{list}");
    }
}

#[test]
fn a_library_is_looked_for_where_the_server_would() {
    let (own, more) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for file in [own.path().join("plugins/p.so"), own.path().join("a.so"), more.path().join("b.so")] {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    let path = format!("{}:$libdir", more.path().display());
    let places = Places { own: Some(own.path().to_owned()), path };
    for listed in ["a", "a.so", "b", "$libdir/a", "$libdir/plugins/p", &format!("{}/b", more.path().display())] {
        assert!(places.hold(listed), "{listed}");
    }
    for listed in ["c", "p", "$libdir/b", "/nowhere/a", ""] {
        assert!(!places.hold(listed), "{listed}");
    }
    assert!(Places { own: None, ..places }.hold("c"), "what cannot be known the server tells");
}
