//! What is said when INSTANCE and `--point` do not lead to one restore point: the candidates, ready to paste.

use crate::{
    catalog::{Catalog, CatalogEntry, CatalogInstance, NotChosen},
    cli::report::{Candidate, Refused},
    domain::{
        RestorePoint, Workload,
        path_text::{quoted, shown},
    },
};
use std::path::Path;

/// Restore points, instances or candidates that a refusal names; `howdah backup list` names all.
const MAX_NAMED: usize = 20;

/// What can be restored and is meant, or why there is nothing.
pub(super) fn row<'a>(
    catalog: &'a Catalog,
    instance: &str,
    point: Option<&str>,
) -> Result<(&'a CatalogInstance, &'a CatalogEntry), Refused> {
    let chosen = catalog.choose_row(instance, point);
    chosen.map_err(|reason| refused(catalog, instance, point.unwrap_or_default(), &reason))
}

/// The restore point of a cluster that is meant, or why there is none.
pub(super) fn point(catalog: &Catalog, instance: &str, point: Option<&str>) -> Result<RestorePoint, Refused> {
    let chosen = catalog.choose(instance, point).cloned();
    chosen.map_err(|reason| refused(catalog, instance, point.unwrap_or_default(), &reason))
}

fn refused(catalog: &Catalog, word: &str, point: &str, reason: &NotChosen<'_>) -> Refused {
    let (sentence, candidates) = match reason {
        NotChosen::NoInstance => (unknown(catalog, word), Vec::new()),
        NotChosen::Instances(instances) => (
            format!("{word:?} means {} instances; write one of these", instances.len()),
            instances.iter().take(MAX_NAMED).map(|one| instance_candidate(one)).collect(),
        ),
        NotChosen::Points(points) => (
            format!("{point:?} means {} backups; write one of these", points.len()),
            points.iter().take(MAX_NAMED).map(|(one, row)| point_candidate(one, row)).collect(),
        ),
        NotChosen::NoPoint(one) => {
            let known: Vec<&str> = one.rows.iter().map(CatalogEntry::label).take(MAX_NAMED).collect();
            let known = known.join(", ");
            (format!("{} has no restore point {point:?}; the newest are: {known}", one.spelling), Vec::new())
        }
        NotChosen::Unreadable(problem) => {
            (format!("the restore point {point:?} cannot be restored: {problem}"), Vec::new())
        }
        NotChosen::Nothing(one, Some(problem)) => {
            (format!("{} has no restore point that can be restored: {problem}", one.spelling), Vec::new())
        }
        NotChosen::NoCluster(one) => {
            let what = one.workload.noun();
            (format!("{} is a {what}: only howdah restore takes it", one.spelling), Vec::new())
        }
        NotChosen::Nothing(one, None) => (format!("{} has no restore point", one.spelling), Vec::new()),
    };
    Refused { sentence, candidates }
}

fn unknown(catalog: &Catalog, word: &str) -> String {
    let known: Vec<&str> = catalog.instances.iter().map(|one| one.spelling.as_str()).take(MAX_NAMED).collect();
    let known = if known.is_empty() { "none was found".to_owned() } else { format!("there are: {}", known.join(", ")) };
    // A repository that cannot be read may be the one that holds it.
    let unread = catalog.repositories.iter().filter_map(|repository| {
        repository.problem.as_ref().map(|problem| format!("; {}: {problem}", shown(&repository.path)))
    });
    let unread: String = unread.collect();
    format!("there is no instance {word:?} in the repositories; {known}{unread}")
}

fn instance_candidate(instance: &CatalogInstance) -> Candidate {
    let newest = match instance.newest_row().and_then(CatalogEntry::taken_at) {
        Some(taken) => format!("newest backup {}", taken.strftime("%Y-%m-%d %H:%M:%S UTC")),
        None => "no backup that can be restored".to_owned(),
    };
    let cluster = match (instance.cluster, instance.workload) {
        (Some(cluster), _) => format!("cluster {cluster}"),
        (None, Workload::Instance) => "cluster not yet known".to_owned(),
        (None, workload @ (Workload::VirtualMachine | Workload::FileTree)) => workload.noun().to_owned(),
    };
    let about = format!("in {}, {cluster}, {newest}", shown(&instance.folder));
    Candidate {
        instance_id: instance.id(),
        path: instance.folder.clone(),
        words: quoted(Path::new(&instance.spelling)),
        about,
    }
}

fn point_candidate(instance: &CatalogInstance, row: &CatalogEntry) -> Candidate {
    // A backup without a directory of its own is named by its label.
    let path = row.directory().unwrap_or_else(|| Path::new(row.label()));
    let words = format!("{} --point {}", quoted(Path::new(&instance.spelling)), quoted(path));
    let about = row.problem().unwrap_or_default().to_owned();
    Candidate { instance_id: instance.id(), path: path.to_owned(), words, about }
}
