//! Virtual machines and trees of files beside instances: found, restored by the same wizard, each with its own fields.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    scenes::{Scene, plan_of},
    stage::*,
};
use howdah::{
    catalog::{Catalog, CatalogEntry, CatalogInstance, Repository, RepositoryKind, propose::Proposal},
    console::message::{Intent, Message, Query},
    domain::{
        AnyRestorePlan, ByteCount, DataPlan, Failure, MachineRestorePoint, Order, Port, RestoreOrder, TreeRestorePoint,
        Workload, plan::TargetState,
    },
    manager::Snapshot,
};

fn machine(label: &str, increments: u64) -> CatalogEntry {
    CatalogEntry::Machine(MachineRestorePoint {
        machine: Workload::VirtualMachine.named("web"),
        label: label.to_owned(),
        directory: format!("/backups/web/{label}").into(),
        size: ByteCount((8 + increments) << 30),
        taken_at: "2026-11-20T02:00:00Z".parse().unwrap(),
        domain: "web01".to_owned(),
        increments,
        uri: Some("qemu:///session".to_owned()),
    })
}

fn tree(snapshot: &str) -> CatalogEntry {
    CatalogEntry::Tree(TreeRestorePoint {
        tree: Workload::FileTree.named("home"),
        repository: "/backups/home.restic".into(),
        password_file: "/etc/howdah/restic".into(),
        label: format!("2026-11-20T030000-{}", &snapshot[..8]),
        snapshot: snapshot.to_owned(),
        taken_at: "2026-11-20T03:00:00Z".parse().unwrap(),
        path: "/srv/home".into(),
        size: None,
    })
}

fn world() -> (Snapshot, Catalog) {
    let newest = CatalogEntry::Restorable(point("crm", "2026-11-20T0200", 61 * GIB));
    let of = |workload: Workload, name: &str, rows| {
        let one = instance("/backups", name, None, rows);
        CatalogInstance { workload, name: workload.named(name), ..one }
    };
    let snapshots = ["4bba301e", "0c11d2aa"].map(|id| tree(&id.repeat(8)));
    let catalog = Catalog::new(
        vec![Repository { path: "/backups".into(), kind: RepositoryKind::Own, problem: None }],
        vec![
            of(Workload::Instance, "crm", vec![newest]),
            of(Workload::FileTree, "home", snapshots.into()),
            of(Workload::VirtualMachine, "web", vec![machine("2026-11-20T0200", 2), machine("2026-11-19T0200", 0)]),
        ],
    );
    (snapshot(vec![], &[]), catalog)
}

fn stage() -> Stage {
    let (snapshot, catalog) = world();
    Stage::new(snapshot, catalog)
}

/// Answers what the wizard asks, until it asks nothing more; what is no cluster gets a plan of data.
fn answer(stage: &mut Stage) {
    loop {
        let asked = stage.wanted();
        if asked.is_empty() {
            return;
        }
        for intent in asked {
            if let Intent::Query(Query::Places(ticket, wanted)) = intent {
                let proposal = |directory| Proposal { directory, port: Port::new(5440).unwrap() };
                stage.tell(Message::Proposed(ticket, wanted.directories.into_iter().map(proposal).collect()));
            } else if let Intent::Query(Query::Plan(ticket, at, request)) = intent {
                let plan = match &*request {
                    RestoreOrder::Cluster(order) => {
                        AnyRestorePlan::Cluster(Box::new(plan_of(order, TargetState::Missing)))
                    }
                    RestoreOrder::VirtualMachine(_) | RestoreOrder::Files(_) => {
                        AnyRestorePlan::Data(Box::new(data_plan(&request)))
                    }
                };
                stage.tell(Message::Planned(ticket, at, Box::new(Ok(plan))));
            }
        }
    }
}

fn data_plan(request: &RestoreOrder) -> DataPlan {
    DataPlan {
        directory: request.directory().to_owned(),
        bytes: ByteCount(10 << 30),
        files: 2,
        reused: ByteCount(0),
        free_bytes: ByteCount(100 << 30),
        free_inodes: Some(70_000),
        method: vec!["a full and 2 increments become one image of vda".to_owned()],
        switched_off: vec!["its network: virsh domif-setlink web-restored vnet0 up".to_owned()],
        warnings: vec!["a CD-ROM is left out".to_owned()],
    }
}

pub(crate) fn scenes() -> Vec<Scene> {
    let scene = |name, play| Scene { name, world, play };
    vec![
        scene("page_machine", |stage| {
            stage.press("G tab");
        }),
        scene("page_tree", |stage| {
            stage.press("G up tab");
        }),
        scene("wizard_1_workloads", |stage| {
            stage.press("n G space");
        }),
        scene("wizard_2_machine", |stage| {
            stage.press("G enter");
            answer(stage);
            stage.press("down down down");
        }),
        scene("wizard_2_tree", |stage| {
            stage.press("G up enter");
            answer(stage);
            stage.press("down down");
        }),
        scene("wizard_points_machine", |stage| {
            stage.press("G enter space");
        }),
        scene("wizard_3_machine", |stage| {
            stage.press("G enter enter");
            answer(stage);
        }),
    ]
}

fn started(stage: &mut Stage) -> Vec<RestoreOrder> {
    let orders = stage.wanted().into_iter().filter_map(|intent| match intent {
        Intent::Start(orders) => Some(orders),
        _ => None,
    });
    let restores = orders.flatten().map(|order| match order {
        Order::Restore(order) => order,
        other => panic!("{other}"),
    });
    restores.collect()
}

#[test]
fn a_machine_is_restored_by_three_enters_under_another_name_and_reaches_nothing() {
    let mut stage = stage();
    stage.press("G enter enter");
    answer(&mut stage);
    stage.press("enter");
    let made = started(&mut stage);
    let [RestoreOrder::VirtualMachine(order)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((order.machine.as_str(), order.label.as_str()), ("vm:web", "2026-11-20T0200"));
    assert_eq!((order.directory.to_str(), order.name.as_str()), (Some("/srv/pg/web"), "web-restored"));
    assert_eq!((order.uri.as_str(), order.start, order.network), ("qemu:///session", true, false));
}

#[test]
fn the_fields_of_a_machine_choose_its_point_its_name_and_whether_it_starts() {
    let mut stage = stage();
    stage.press("G enter");
    answer(&mut stage);
    stage.press("right down down ctrl-u").tell(Message::Paste("web-copy".to_owned()));
    stage.press("down right").press("enter");
    answer(&mut stage);
    stage.press("enter");
    let made = started(&mut stage);
    let [RestoreOrder::VirtualMachine(order)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!((order.label.as_str(), order.name.as_str()), ("2026-11-19T0200", "web-copy"));
    assert!(order.start && order.network);
}

#[test]
fn a_machine_without_a_name_and_a_relative_directory_are_refused_at_their_fields() {
    for (keys, field) in [("down", 1), ("down down", 2)] {
        let mut stage = stage();
        stage.press("G enter");
        answer(&mut stage);
        stage.press(keys).press("ctrl-u enter");
        let wizard = stage.model.wizard().unwrap();
        assert_eq!(wizard.form.at, field, "{:?}", wizard.form.problem);
        assert!(wizard.form.problem.as_ref().unwrap().starts_with("vm:web: "), "{:?}", wizard.form.problem);
    }
}

#[test]
fn a_tree_comes_back_whole_or_by_one_path() {
    for (path, include) in [("", Vec::new()), ("/srv/home/ana", vec!["/srv/home/ana".into()])] {
        let mut stage = stage();
        stage.press("G up enter");
        answer(&mut stage);
        stage.press("down down").tell(Message::Paste(path.to_owned())).press("enter");
        answer(&mut stage);
        stage.press("enter");
        let made = started(&mut stage);
        let [RestoreOrder::Files(order)] = made.as_slice() else { panic!("{made:?}") };
        assert_eq!((&order.include, order.directory.to_str()), (&include, Some("/srv/pg/home")));
        assert_eq!((order.tree.as_str(), order.snapshot.len()), ("files:home", 64));
    }
}

#[test]
fn all_kinds_are_restored_together_and_a_refusal_is_of_its_own() {
    let mut stage = stage();
    stage.press("n g down space space enter");
    assert_eq!(stage.model.wizard().unwrap().form.choices.len(), 3);
    answer(&mut stage);
    stage.press("enter");
    let mut asked = stage.wanted();
    assert_eq!(asked.len(), 3);
    let Some(Intent::Query(Query::Plan(ticket, at, _))) = asked.pop() else { panic!() };
    let refused = Failure::incurable("web-restored is defined already", "choose another name");
    stage.tell(Message::Planned(ticket, at, Box::new(Err(refused))));
    for intent in asked {
        let Intent::Query(Query::Plan(ticket, at, request)) = intent else { panic!() };
        let plan = AnyRestorePlan::Data(Box::new(data_plan(&request)));
        stage.tell(Message::Planned(ticket, at, Box::new(Ok(plan))));
    }
    assert!(stage.text().contains("web-restored is defined already"), "{}", stage.text());
    stage.press("enter");
    assert_eq!(started(&mut stage).len(), 2);
}

#[test]
fn what_is_no_cluster_is_neither_verified_nor_opened() {
    for keys in ["G v", "G tab v", "G E", "G up E"] {
        let mut stage = stage();
        stage.press(keys);
        let notice = stage.model.notice().unwrap().text.clone();
        assert!(notice.contains("it can be restored only"), "{keys}: {notice}");
        assert!(started(&mut stage).is_empty());
    }
}
