//! Machines and trees beside instances: each with its kind in its name, never taken for one another (S14).

use super::*;
use crate::{
    catalog::{Access, CatalogInstance, Marks, NotChosen},
    domain::Workload,
    libvirt::point::{self, tests::point},
};
use std::sync::Arc;

/// A machine's restore point `p1`, and `p2` on it.
fn machine(lab: &Lab, place: &str) {
    let folder = lab.repo().join(place);
    for made in [point(&folder, 1, None), point(&folder, 2, Some(1))] {
        point::write(&made.path, point::POINT, &made.record).unwrap();
    }
}

fn spellings(catalog: &Catalog) -> Vec<&str> {
    catalog.instances.iter().map(|one| one.spelling.as_str()).collect()
}

fn named<'a>(catalog: &'a Catalog, word: &str) -> &'a CatalogInstance {
    let found = catalog.named(word);
    assert_eq!(found.len(), 1, "{word}: {:?}", spellings(catalog));
    found[0]
}

#[test]
fn s14_a_machine_and_an_instance_of_one_name_in_one_directory_are_two() {
    let lab = Lab::new();
    lab.tar("depot", "shop/b1");
    machine(&lab, "shop");
    let catalog = lab.read();
    let (instance, machine) = (named(&catalog, "shop"), named(&catalog, "vm:shop"));
    assert_eq!((instance.workload, machine.workload), (Workload::Instance, Workload::VirtualMachine));
    assert_eq!((instance.rows.len(), machine.rows.len()), (1, 2));
    assert_eq!((instance.distinction.clone(), machine.distinction.clone()), (None, None));
    assert_eq!(machine.bare_name().as_str(), "shop");
    let repository = fs::canonicalize(lab.repo()).unwrap();
    assert_eq!(machine.id(), format!("{}:vm:shop@unknown", repository.display()));
    assert_eq!(named(&catalog, &machine.id()).workload, Workload::VirtualMachine);
    assert!(matches!(catalog.choose("vm:shop", None), Err(NotChosen::NoCluster(_))), "nothing but a restore takes it");
    let (_, newest) = catalog.choose_row("vm:shop", None).unwrap();
    assert_eq!((newest.label(), newest.size()), ("p2", Some(ByteCount(6))));
    let (_, named) = catalog.choose_row("vm:shop", Some("p1")).unwrap();
    assert!(matches!(named, CatalogEntry::Machine(point) if point.increments == 0 && point.domain == "a"));
}

#[test]
fn s10_a_point_whose_chain_is_broken_says_so_and_the_others_stand() {
    let lab = Lab::new();
    machine(&lab, "web");
    fs::remove_dir_all(lab.repo().join("web/p1")).unwrap();
    let lost = point(&lab.repo().join("web"), 3, None);
    point::write(&lost.path, point::POINT, &lost.record).unwrap();
    let catalog = lab.read();
    let rows = &named(&catalog, "vm:web").rows;
    assert_eq!(rows.iter().map(CatalogEntry::label).collect::<Vec<_>>(), ["p3", "p2"]);
    assert!(rows[1].problem().unwrap().starts_with("p2 rests on p1, which is gone: "), "{rows:?}");
    assert!(matches!(catalog.choose_row("vm:web", Some("p2")), Err(NotChosen::Unreadable(_))));
}

#[test]
fn a_machine_is_found_by_its_own_directory_too_with_the_connection_of_its_job() {
    let lab = Lab::new();
    machine(&lab, "pool/web");
    let folder = fs::canonicalize(lab.repo()).unwrap().join("pool/web");
    let connections = [(folder.clone(), "qemu:///session".to_owned())].into();
    let access = Arc::new(Access { connections, ..Access::default() });
    for root in [folder.clone(), lab.repo()] {
        let catalog = read(&[RepositoryPath::own(root).with(Arc::clone(&access))]);
        let one = named(&catalog, "vm:web");
        assert_eq!((&one.folder, one.rows.len()), (&folder, 2));
        assert!(
            matches!(&one.rows[0], CatalogEntry::Machine(point) if point.uri.as_deref() == Some("qemu:///session"))
        );
    }
}

#[test]
fn s14_a_restic_repository_whose_password_nobody_names_is_a_row_that_says_so() {
    let lab = Lab::new();
    lab.tar("depot", "share/b1");
    for part in ["snapshots", "keys"] {
        fs::create_dir_all(lab.repo().join("share.restic").join(part)).unwrap();
    }
    fs::write(lab.repo().join("share.restic/config"), "").unwrap();
    let marks = || Marks::of(&[RepositoryPath::own(lab.repo())]);
    let before = marks();
    let catalog = lab.read();
    assert_eq!(named(&catalog, "share").workload, Workload::Instance);
    let tree = named(&catalog, "files:share");
    assert_eq!(tree.id(), format!("{}:files:share@unknown", fs::canonicalize(lab.repo()).unwrap().display()));
    assert!(tree.rows[0].problem().unwrap().contains("password_file"), "{tree:?}");
    fs::File::open(lab.repo().join("share.restic/snapshots")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_ne!(marks(), before, "a snapshot that comes is seen");
}
