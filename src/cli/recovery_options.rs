//! How far recovery goes, as options: of a restore, of an opening, and of a session that is paused at its goal.
//!
//! Promises: what PostgreSQL would refuse later is refused here, with what to write; a connection string that holds a
//! secret is shown nowhere. Never: has a clock or a zone of its own.

use crate::domain::{
    AtTarget, InvalidMoment, Lsn, Recovery, RecoveryGoal, RecoveryTimeline, Timeline, Timestamp, TypedMoment, Upstream,
    Zones, conninfo, is_slot_name,
};
use clap::{Args, ValueEnum};

/// Where recovery ends, beyond the backup's own end.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct GoalOptions {
    /// Recover to the last WAL that the archive holds
    #[arg(long, group = "goal")]
    pub latest: bool,
    /// Recover to the last commit up to this moment: 2026-11-20 13:29:59, 13:30, yesterday 13:30, "10 min ago", RFC 3339;
    /// a zone may follow (UTC, +01:00, Europe/Berlin), else it is the one of this machine
    #[arg(long, group = "goal", value_name = "T")]
    pub time: Option<String>,
    /// Recover to this position in the WAL, such as 0/33D28390
    #[arg(long, group = "goal", value_name = "LSN")]
    pub lsn: Option<Lsn>,
    /// Recover to the commit of this transaction
    #[arg(long, group = "goal", value_name = "XID", value_parser = xid)]
    pub xid: Option<u64>,
    /// Recover to the restore point that was given this name with pg_create_restore_point
    #[arg(long, group = "goal", value_name = "NAME", value_parser = restore_point)]
    pub restore_point: Option<String>,
    /// Leave out what happened exactly at the time, position or transaction
    #[arg(long, requires = "goal", conflicts_with_all = ["latest", "restore_point"])]
    pub exclusive: bool,
}

/// Where recovery ends, and on which timeline.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct TargetOptions {
    /// Where.
    #[command(flatten)]
    pub goal: GoalOptions,
    /// Recover to the first consistent position, with WAL from the archive
    #[arg(long, conflicts_with_all = ["goal", "exclusive"])]
    pub immediate: bool,
    /// The timeline that recovery follows: latest (the newest that can be reached), current (the backup's own) or its
    /// number [default: latest]
    #[arg(long, value_name = "latest|current|N", value_parser = timeline)]
    pub timeline: Option<RecoveryTimeline>,
}

/// All that a restore can be asked of its recovery. Without any of it recovery ends where the backup does.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct RecoveryOptions {
    /// Where it ends.
    #[command(flatten)]
    pub target: TargetOptions,
    /// What happens at the goal: promote opens the server for writing, pause leaves it read-only until howdah session
    /// go-on, promote or stop-here, shutdown stops it there [default: promote]
    #[arg(long, value_name = "ACTION")]
    pub at_target: Option<AtTargetWord>,
    /// Let the restored cluster follow this primary as a standby; refused by this version, replication jobs make standbys.
    /// A connection string without a password, such as "host=db1 user=standby passfile=/etc/pg/pass"
    #[arg(long, value_name = "CONNINFO", conflicts_with_all = ["goal", "immediate", "at_target"])]
    pub standby_of: Option<String>,
    /// The replication slot of the standby at its primary
    #[arg(long, value_name = "NAME", requires = "standby_of")]
    pub slot: Option<String>,
}

/// What happens at the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AtTargetWord {
    /// The server is opened for writing.
    Promote,
    /// Recovery waits for a person.
    Pause,
    /// The server is shut down.
    Shutdown,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryWish {
    /// The wish; its archive is not known yet.
    pub recovery: Recovery,
    /// How a time was read: with its date and its zone.
    pub read_as: Option<String>,
}

/// Options that say something of recovery and of the server, and do not go together.
const NEEDS_GOAL: &str =
    "a goal beyond the backup's own end: name one with --latest, --immediate, --time, --lsn, --xid or --restore-point";

impl GoalOptions {
    /// The goal, with how a time was read; `None` where none is named.
    pub fn goal(&self, now: Timestamp, zones: &Zones) -> Result<Option<(RecoveryGoal, Option<String>)>, InvalidMoment> {
        if let Some(time) = &self.time {
            let TypedMoment { at, read_as } = TypedMoment::read(time, now, zones)?;
            return Ok(Some((RecoveryGoal::Time(at), Some(read_as))));
        }
        let latest = self.latest.then_some(RecoveryGoal::Latest);
        let other = latest.or_else(|| self.lsn.map(RecoveryGoal::Lsn)).or_else(|| self.xid.map(RecoveryGoal::Xid));
        let goal = other.or_else(|| self.restore_point.clone().map(RecoveryGoal::Name));
        Ok(goal.map(|goal| (goal, None)))
    }
}

impl TargetOptions {
    /// The wish, ending in this; to the backup's own end where no goal is named.
    ///
    /// # Errors
    ///
    /// Why it cannot be one: a printable clause.
    pub fn wish(&self, at_target: AtTarget, now: Timestamp, zones: &Zones) -> Result<RecoveryWish, String> {
        let named = self.goal.goal(now, zones).map_err(|error| error.to_string())?;
        let goal = if self.immediate { Some((RecoveryGoal::Immediate, None)) } else { named };
        let Some((goal, read_as)) = goal else {
            if self.timeline.is_some() {
                return Err(format!("--timeline is for {NEEDS_GOAL}"));
            }
            return Ok(RecoveryWish { recovery: Recovery::to_consistency(), read_as: None });
        };
        let timeline = self.timeline.unwrap_or(RecoveryTimeline::Latest);
        let inclusive = !self.goal.exclusive;
        let recovery = Recovery { goal, inclusive, timeline, at_target, standby_of: None, archive: None };
        Ok(RecoveryWish { recovery, read_as })
    }

    /// The options that were given, by their names.
    pub fn given(&self) -> [(bool, &'static str); 7] {
        let goal = &self.goal;
        [
            (goal.latest, "--latest"),
            (self.immediate, "--immediate"),
            (goal.time.is_some(), "--time"),
            (goal.lsn.is_some(), "--lsn"),
            (goal.xid.is_some(), "--xid"),
            (goal.restore_point.is_some(), "--restore-point"),
            (self.timeline.is_some(), "--timeline"),
        ]
    }
}

impl RecoveryOptions {
    /// The wish.
    ///
    /// # Errors
    ///
    /// Why it cannot be one: a printable clause without any secret.
    pub fn wish(&self, now: Timestamp, zones: &Zones) -> Result<RecoveryWish, String> {
        let at_target = match self.at_target {
            Some(AtTargetWord::Pause) => AtTarget::Pause,
            Some(AtTargetWord::Shutdown) => AtTarget::ShutDown,
            Some(AtTargetWord::Promote) | None => AtTarget::Promote,
        };
        let Some(conninfo) = &self.standby_of else {
            let wish = self.target.wish(at_target, now, zones)?;
            if self.at_target.is_some() && !wish.recovery.goes_beyond_backup() {
                return Err(format!("--at-target is for {NEEDS_GOAL}"));
            }
            return Ok(wish);
        };
        conninfo::check(conninfo).map_err(|error| format!("--standby-of: {error}"))?;
        if let Some(slot) = self.slot.as_ref().filter(|slot| !is_slot_name(slot)) {
            let what = "such names have up to 63 lower case letters, digits and underscores";
            return Err(format!("--slot: {slot:?} is not the name of a replication slot: {what}"));
        }
        let standby_of = Some(Upstream { conninfo: conninfo.clone(), slot: self.slot.clone() });
        // A standby follows its primary over promotions, unless it is to stay where it is.
        let timeline = self.target.timeline.unwrap_or(RecoveryTimeline::Latest);
        let recovery = Recovery { timeline, standby_of, ..Recovery::to_consistency() };
        Ok(RecoveryWish { recovery, read_as: None })
    }

    /// The first option that was given.
    pub fn first_given(&self) -> Option<&'static str> {
        let own = [
            (self.at_target.is_some(), "--at-target"),
            (self.standby_of.is_some(), "--standby-of"),
            (self.slot.is_some(), "--slot"),
        ];
        self.target.given().into_iter().chain(own).find(|(is_given, _)| *is_given).map(|(_, option)| option)
    }
}

/// Reads a transaction. Those below 3 are none (PostgreSQL's `transam.h`, `FirstNormalTransactionId`).
fn xid(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|xid| *xid >= 3);
    number.ok_or_else(|| format!("{text:?} is no transaction: write its number, 3 or more, such as 9078"))
}

/// Reads the name of a restore point (`MAXFNAMELEN`, one byte of which ends it).
fn restore_point(text: &str) -> Result<String, String> {
    const MAX_LEN: usize = 63;
    if text.is_empty() || text.len() > MAX_LEN {
        return Err(format!("the name of a restore point has 1 to {MAX_LEN} bytes, not {}", text.len()));
    }
    Ok(text.to_owned())
}

fn timeline(text: &str) -> Result<RecoveryTimeline, String> {
    match text {
        "latest" => Ok(RecoveryTimeline::Latest),
        "current" => Ok(RecoveryTimeline::Current),
        number => {
            let number = number.parse().ok().filter(|number| *number > 0);
            let refuse = || format!("{text:?} is no timeline: write latest, current, or its number, such as 2");
            number.map(|number| RecoveryTimeline::Number(Timeline(number))).ok_or_else(refuse)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::cli::args::{Cli, Verb};
    use clap::Parser;
    use jiff::tz::{TimeZone, TimeZoneDatabase};

    /// What these options of `howdah restore` wish for; `None` where the command line is wrong.
    fn wish(options: &[&str]) -> Option<Result<RecoveryWish, String>> {
        let line = [&["howdah", "restore", "shop"], options].concat();
        let Verb::Restore(args) = Cli::try_parse_from(line).ok()?.verb.unwrap() else { panic!("a restore") };
        let zones = Zones { local: TimeZone::UTC, database: TimeZoneDatabase::none() };
        Some(args.how.wish("2026-11-20T12:00:00Z".parse().unwrap(), &zones))
    }

    fn to(goal: RecoveryGoal) -> Recovery {
        let (timeline, at_target) = (RecoveryTimeline::Latest, AtTarget::Promote);
        Recovery { goal, inclusive: true, timeline, at_target, standby_of: None, archive: None }
    }

    #[test]
    fn each_goal_is_the_one_that_is_named() {
        let at = "2026-11-20T11:50:00Z".parse().unwrap();
        for (options, wanted) in [
            (&[][..], Recovery::to_consistency()),
            (&["--latest"], to(RecoveryGoal::Latest)),
            (&["--immediate"], to(RecoveryGoal::Immediate)),
            (&["--time", "10 min ago"], to(RecoveryGoal::Time(at))),
            (&["--lsn", "0/33D28390"], to(RecoveryGoal::Lsn("0/33D28390".parse().unwrap()))),
            (&["--xid", "9078"], to(RecoveryGoal::Xid(9078))),
            (&["--restore-point", "before us"], to(RecoveryGoal::Name("before us".to_owned()))),
            (&["--xid", "9", "--exclusive"], Recovery { inclusive: false, ..to(RecoveryGoal::Xid(9)) }),
            (
                &["--latest", "--timeline", "current"],
                Recovery { timeline: RecoveryTimeline::Current, ..to(RecoveryGoal::Latest) },
            ),
            (
                &["--latest", "--timeline", "2", "--at-target", "pause"],
                Recovery {
                    timeline: RecoveryTimeline::Number(Timeline(2)),
                    at_target: AtTarget::Pause,
                    ..to(RecoveryGoal::Latest)
                },
            ),
            (
                &["--latest", "--at-target", "shutdown"],
                Recovery { at_target: AtTarget::ShutDown, ..to(RecoveryGoal::Latest) },
            ),
            (&["--latest", "--stop-after-probe"], to(RecoveryGoal::Latest)),
            (
                &["--standby-of", "host=db1 passfile=/etc/pw", "--slot", "s_1"],
                Recovery {
                    timeline: RecoveryTimeline::Latest,
                    standby_of: Some(Upstream {
                        conninfo: "host=db1 passfile=/etc/pw".to_owned(),
                        slot: Some("s_1".to_owned()),
                    }),
                    ..Recovery::to_consistency()
                },
            ),
        ] {
            assert_eq!(wish(options).unwrap().unwrap().recovery, wanted, "{options:?}");
        }
        let read = wish(&["--time", "11:50"]).unwrap().unwrap().read_as;
        assert_eq!(read.as_deref(), Some("2026-11-20 11:50:00+00:00 (UTC, the zone of this machine)"));
    }

    #[test]
    fn what_does_not_go_together_is_wrong_usage() {
        let goals: [&[&str]; 6] = [
            &["--latest"],
            &["--immediate"],
            &["--time", "11:50"],
            &["--lsn", "0/1"],
            &["--xid", "9"],
            &["--restore-point", "x"],
        ];
        for (at, one) in goals.iter().enumerate() {
            for other in &goals[at + 1..] {
                assert!(wish(&[*one, other].concat()).is_none(), "{one:?} {other:?}");
            }
            assert!(wish(&[*one, &["--standby-of", "host=a"]].concat()).is_none(), "{one:?}");
            let may_exclude = ["--time", "--lsn", "--xid"].contains(&one[0]);
            assert_eq!(wish(&[*one, &["--exclusive"]].concat()).is_some(), may_exclude, "{one:?}");
        }
        for wrong in [
            &["--exclusive"][..],
            &["--slot", "s"],
            &["--standby-of", "host=a", "--at-target", "pause"],
            &["--xid", "2"],
            &["--xid", "-1"],
            &["--lsn", "12"],
            &["--restore-point", ""],
            &["--restore-point", &"x".repeat(64)],
            &["--latest", "--timeline", "0"],
            &["--latest", "--timeline", "newest"],
            &["--latest", "--at-target", "stop"],
        ] {
            assert!(wish(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_could_be() {
        for (options, says) in [
            (&["--timeline", "2"][..], "--timeline is for a goal"),
            (&["--at-target", "pause"], "--at-target is for a goal"),
            (&["--time", "soon"], "\"soon\" is no time"),
            (&["--latest", "--no-start"], "leave it out, or have the server shut down"),
            (&["--standby-of", "host=a", "--no-start"], "does not go with a standby"),
            (&["--latest", "--without-wal"], "--without-wal does not go with a goal"),
            (&["--latest", "--stop-after-probe", "--at-target", "pause"], "--stop-after-probe is for"),
            (&["--standby-of", "host=a", "--stop-after-probe"], "--stop-after-probe is for"),
            (&["--standby-of", "postgres://a"], "--standby-of: the connection string is a URI"),
            (&["--standby-of", "host=a", "--slot", "S-1"], "--slot: \"S-1\" is not the name"),
        ] {
            let refused = wish(options).unwrap().unwrap_err();
            assert!(refused.contains(says), "{options:?}: {refused}");
        }
        let secret = wish(&["--standby-of", "host=a password=hunter2"]).unwrap().unwrap_err();
        assert!(secret.contains("holds password") && !secret.contains("hunter2"), "{secret}");
    }
}
