//! Instances of one name on the screen: each is a row, a mark and a choice of its own (S14).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    scenes::{Scene, answer_plans, places, plan_of},
    stage::*,
};
use howdah::{
    catalog::propose::Proposal,
    catalog::{Catalog, CatalogEntry, Repository, RepositoryKind},
    console::{
        message::{Intent, Message, RequestId},
        model::tree::{InstanceKey, Node},
    },
    domain::{
        BackupForm, BackupSource, ClusterRestore, Compression, ExistingData, Port, SystemIdentifier, plan::TargetState,
    },
    manager::Snapshot,
};
use std::sync::Arc;

const CLUSTERS: [u64; 3] = [7_579_265_441_411_437_183, 7_579_265_441_399_990_183, 7_310_000_000_000_000_001];

/// `orders` in two repositories, in one of them of two clusters and of one that is not yet known; the other
/// holds a copy of the first.
fn namesakes() -> Catalog {
    let one = |repository: &str, label: &str, cluster: Option<u64>| {
        let mut point = point("orders", label, 61 * GIB);
        let directory = format!("{repository}/orders/{label}").into();
        point.source = BackupSource::BaseBackup { directory, form: BackupForm::Tar(Compression::Zstd) };
        point.facts.system_identifier = cluster.map(SystemIdentifier);
        instance(repository, "orders", cluster, vec![CatalogEntry::Restorable(point)])
    };
    let crm = instance("/srv/r1", "crm", Some(CLUSTERS[2]), vec![CatalogEntry::Restorable(point("crm", "b1", GIB))]);
    let repository = |path: &str| Repository { path: path.into(), kind: RepositoryKind::Own, problem: None };
    Catalog::new(
        vec![repository("/srv/r1"), repository("/srv/r3")],
        vec![
            crm,
            one("/srv/r1", "b0", None),
            one("/srv/r1", "b1", Some(CLUSTERS[0])),
            one("/srv/r1", "b2", Some(CLUSTERS[1])),
            one("/srv/r3", "b1", Some(CLUSTERS[0])),
        ],
    )
}

fn world() -> (Snapshot, Catalog) {
    (snapshot(vec![], &[]), namesakes())
}

fn stage() -> Stage {
    let (snapshot, catalog) = world();
    Stage::new(snapshot, catalog)
}

pub(crate) fn scenes() -> Vec<Scene> {
    let scene = |name, play| Scene { name, world, play };
    vec![
        scene("page_namesakes", |stage| {
            stage.press("G up");
        }),
        scene("page_namesakes_heading", |stage| {
            stage.press("g down down");
        }),
        scene("wizard_1_namesakes", |stage| {
            stage.press("n G space");
        }),
        scene("wizard_2_namesakes", |stage| {
            stage.press("n space down space space enter").tell(two_places());
        }),
    ]
}

/// The answer to the first question for places, for two instances.
fn two_places() -> Message {
    let place = |name: &str, port| Proposal { directory: name.into(), port: Port::new(port).unwrap() };
    Message::Proposed(RequestId(1), vec![place("/srv/pg/orders", 5433), place("/srv/pg/orders-2", 5434)])
}

#[expect(clippy::unnecessary_wraps, reason = "it stands for a planner that may refuse")]
fn planned(request: &ClusterRestore) -> Result<howdah::domain::RestorePlan, howdah::domain::Failure> {
    let cluster = Some(SystemIdentifier(1));
    let plan = plan_of(request, TargetState::Missing);
    let files = howdah::domain::FilePlan { system_identifier: cluster, ..plan.files };
    Ok(howdah::domain::RestorePlan { files, ..plan })
}

fn started(stage: &mut Stage) -> Vec<ClusterRestore> {
    let requests =
        stage.wanted().into_iter().filter_map(|intent| if let Intent::Start(all) = intent { Some(all) } else { None });
    requests.flatten().map(|order| order.cluster().unwrap().clone()).collect()
}

fn directory_of(order: &ClusterRestore) -> &str {
    order.point.source.directory().unwrap().to_str().unwrap()
}

#[test]
fn s14_each_row_says_what_tells_it_from_its_namesakes() {
    let stage = stage();
    let rows: Vec<String> = stage.text().lines().map(str::to_owned).filter(|line| line.contains(" orders ")).collect();
    assert_eq!(rows.len(), 4, "{}", stage.text());
    for (row, distinction) in rows.iter().zip(["r1 @unknown", "r1 @..7183", "r1 @..0183", "r3"]) {
        assert!(row.contains(distinction), "{row}");
    }
}

#[test]
fn s14_a_namesake_is_selected_marked_and_checked_by_itself() {
    let mut stage = stage();
    stage.press("G up space");
    let marked: Vec<&InstanceKey> = stage.model.tree().marked_instances.iter().collect();
    assert_eq!(marked.iter().map(|key| key.cluster.unwrap().0).collect::<Vec<_>>(), [CLUSTERS[1]]);
    // The repositories are read anew, and another instance comes before it.
    let mut catalog = namesakes();
    catalog.instances.remove(0);
    stage.tell(Message::Catalog(Arc::new(catalog)));
    let selected = stage.model.tree().selected().clone();
    assert!(matches!(selected, Node::Instance(key) if key.repository.ends_with("r3")), "Space has gone on to the next");
    assert_eq!(stage.model.tree().marked_instances.len(), 1);
    stage.press("n");
    assert_eq!(stage.model.wizard().unwrap().checked.len(), 1, "one name, and one check");
}

#[test]
fn s14_the_chosen_namesake_and_no_other_is_restored() {
    let mut stage = stage();
    stage.press("n space down space down space enter").tell(two_places()).press("enter");
    answer_plans(&mut stage, planned);
    stage.press("enter");
    let requests = started(&mut stage);
    let from: Vec<&str> = requests.iter().map(directory_of).collect();
    assert_eq!(from, ["/srv/r1/orders/b1", "/srv/r3/orders/b1"]);
    assert!(requests.iter().all(|request| request.existing == ExistingData::Refuse));
}

#[test]
fn what_the_plan_has_read_of_the_cluster_goes_into_the_order() {
    let mut stage = stage();
    stage.press("n space space enter").tell(places(1)).press("enter");
    answer_plans(&mut stage, planned);
    assert!(stage.text().contains("system identifier 1"), "{}", stage.text());
    stage.press("enter");
    let requests = started(&mut stage);
    assert_eq!(directory_of(&requests[0]), "/srv/r1/orders/b0");
    assert_eq!(requests[0].point.facts.system_identifier, Some(SystemIdentifier(1)));
}

#[test]
fn a_clash_of_two_namesakes_names_both() {
    let mut stage = stage();
    stage.press("n space down space down space enter").tell(two_places());
    stage
        .press("down down ctrl-u")
        .type_text("/srv/pg/same")
        .press("down down down down ctrl-u")
        .type_text("/srv/pg/same");
    stage.press("enter");
    let text = stage.text();
    assert!(text.contains("orders (r3) and orders (r1 @..7183) would lie in each other"), "{text}");
}
