//! Tests that cannot run here say why and are counted; where everything must run, they fail instead.

use std::{env, fs::OpenOptions, io::Write as _};

/// Says that the running test cannot run here. `required` is whether a full run may not go on without it.
pub(crate) fn skip(why: &str, required: bool) {
    report(why, required.then_some("HOWDAH_REQUIRE_POSTGRES"));
}

/// The same for want of a program that only `tests/run --engines` installs.
pub(crate) fn skip_engine(why: &str) {
    report(why, Some("HOWDAH_REQUIRE_ENGINES"));
}

/// `variable` is set where the test must run.
fn report(why: &str, variable: Option<&str>) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let must_run = variable.is_some_and(|variable| env::var_os(variable).is_some());
    assert!(!must_run, "{test} must run here, and cannot: {why}");
    eprintln!("skipped: {test}: {why}");
    if let Some(list) = env::var_os("HOWDAH_SKIPPED") {
        let mut list = OpenOptions::new().append(true).create(true).open(list).unwrap();
        writeln!(list, "{test}: {why}").unwrap();
    }
}

/// Ends the calling test when no PostgreSQL is here.
#[macro_export]
macro_rules! needs_postgres {
    () => {
        if let Err(why) = $crate::support::cluster::binaries() {
            $crate::support::skip::skip(&why, true);
            return;
        }
    };
}
