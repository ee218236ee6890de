//! The WAL archives of a scenario, checked.

use super::check::Source;
use crate::{
    demo::{archive::SimulatedArchive, scenario::ScenarioError, written},
    domain::{InstanceName, Lsn, Timestamp},
};
use std::time::Duration;
use toml::Spanned;

/// The archive of an instance, whose first position is this one.
pub(super) fn planned(
    source: &Source<'_>,
    written: &Spanned<written::Archive>,
    (instance, base): (&InstanceName, Lsn),
    starts: Timestamp,
) -> Result<SimulatedArchive, ScenarioError> {
    let at = written.span();
    let archive = written.get_ref();
    let ago = |age: Duration| starts.checked_sub(age).map_err(|_| source.error(&at, "older than time"));
    let inside = |age: Duration| {
        if age < archive.since.0 {
            ago(age)
        } else {
            Err(source.error(&at, "what is in the archive is younger than its first segment: write a lesser age"))
        }
    };
    let gap = match &archive.gap {
        Some(gap) if gap.to.0 >= gap.from.0 => {
            return Err(source.error(&at, "a gap ends after it begins: write a lesser age for its end"));
        }
        Some(gap) => Some((inside(gap.from.0)?, inside(gap.to.0)?)),
        None => None,
    };
    let points = archive.points.iter().map(|point| Ok((point.name.clone(), inside(point.age.0)?)));
    Ok(SimulatedArchive {
        instance: instance.clone(),
        directory: archive.directory.clone().into(),
        since: ago(archive.since.0)?,
        until: starts,
        rate: archive.rate.bytes(),
        base,
        gap,
        fork: archive.fork.map(|fork| inside(fork.0)).transpose()?,
        points: points.collect::<Result<_, ScenarioError>>()?,
    })
}
