//! A restore point that is opened at a goal, without a restore.

use super::bed::{Course, Restoring, bed};
use crate::{
    needs_postgres,
    support::{
        cluster::{must, program},
        place::scratch,
    },
};

fn opened_at(course: &Course, timeline: &str, index: usize) {
    let bed = bed();
    let end = course.behind(bed.stop)[index];
    let wanted = course.at_xid(&end, true);
    let restoring = Restoring::of(&bed.repository());
    let (state, repository) = (restoring.howdah.state.to_str().unwrap(), restoring.repository.to_str().unwrap());
    let scratch = scratch("explore");
    restoring.howdah.configure(&format!("explore_dir = \"{}\"\n", scratch.display()));
    let common = ["--state-dir", state, "--repo", repository, "--timeline", timeline];
    let words = ["explore", "start", "shop", "--wait", "--json"].into_iter().chain(common);
    let ran = restoring.howdah.run(words.chain(wanted.words.iter().map(String::as_str))).expect_code(0);
    let object = ran.json();
    assert_eq!(object["open"], true, "{ran}");
    let mut psql = program("psql");
    psql.args(["-h", object["sockets"].as_str().unwrap(), "-p", "5432", "-U", "postgres", "-XAtqd", "postgres"]);
    let query = "select string_agg(n::text, ',' order by n) || ' ' || pg_is_in_recovery() from log";
    assert_eq!(must(psql.args(["-c", query])), format!("{} true", wanted.numbers));
    restoring.howdah.run(["explore", "stop", "1", "--state-dir", state]).expect_code(0);
}

#[test]
fn yesterdays_rows_are_there_without_a_copy_on_either_timeline() {
    needs_postgres!();
    let bed = bed();
    opened_at(&bed.courses[&1], "1", 12);
    let last = bed.courses[&2].behind(bed.stop).len() - 8;
    opened_at(&bed.courses[&2], "2", last);
}
