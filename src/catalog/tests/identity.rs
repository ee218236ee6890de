//! Instances of one name: distinguished, offered in spellings that mean one of them, never merged and never guessed (S14).

use super::*;
use crate::{
    catalog::{CatalogInstance, InstanceKey, NotChosen, Repository},
    domain::{InstanceName, SystemIdentifier, Workload},
};

/// The clusters of the sample, by the names of its instances.
fn cluster_of(lab: &Lab, instance: &str) -> SystemIdentifier {
    let sample = read(&[RepositoryPath::sample(&lab.sample)]);
    sample.named(instance)[0].cluster.unwrap()
}

/// Takes the WAL away, which is what tells the cluster of a tar backup of version 15.
fn without_wal(backup: &Path) {
    let wal = fs::read_dir(backup).unwrap().map(|entry| entry.unwrap().path());
    let wal = wal.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("pg_wal"));
    wal.for_each(|path| fs::remove_file(path).unwrap());
}

fn labels(instance: &CatalogInstance) -> Vec<&str> {
    instance.rows.iter().map(CatalogEntry::label).collect()
}

/// An instance as it is made by hand, for names that no file system would take as often as this.
fn instance(repository: &str, folder: &[u8], cluster: Option<u64>) -> CatalogInstance {
    let folder = Path::new(OsStr::from_bytes(folder));
    CatalogInstance {
        name: InstanceName::new(&crate::domain::instance::printable_name(folder.as_os_str())),
        workload: Workload::Instance,
        kind: RepositoryKind::Own,
        rows: Vec::new(),
        repository: repository.into(),
        folder: Path::new(repository).join(folder),
        cluster: cluster.map(SystemIdentifier),
        spelling: String::new(),
        distinction: None,
        wal: Vec::new(),
    }
}

fn distinctions(catalog: &Catalog) -> Vec<&str> {
    catalog.instances.iter().map(|one| one.distinction.as_deref().unwrap_or_default()).collect()
}

#[test]
fn s14_one_name_in_two_repositories_is_two_instances() {
    let lab = Lab::new();
    lab.tar("depot", "r1/orders/b1");
    lab.tar("crm", "r3/orders/b1");
    let [r1, r3] = ["r1", "r3"].map(|name| fs::canonicalize(lab.repo().join(name)).unwrap());
    let catalog = read(&[RepositoryPath::own(&r1), RepositoryPath::own(&r3)]);
    assert_eq!(catalog.instances.iter().map(|one| &one.repository).collect::<Vec<_>>(), [&r1, &r3]);
    assert_eq!(catalog.instances[1].cluster, Some(cluster_of(&lab, "crm")));
    assert_eq!(distinctions(&catalog), ["r1", "r3"]);
    let in_r3 = format!("{}:orders", r3.display());
    assert_eq!(catalog.instances[1].spelling, in_r3);
    assert!(matches!(catalog.choose("orders", None), Err(NotChosen::Instances(found)) if found.len() == 2));
    assert!(matches!(catalog.choose("orders", Some("b1")), Err(NotChosen::Points(found)) if found.len() == 2));
    let path = r3.join("orders/b1");
    let of_crm = format!("orders@{}", cluster_of(&lab, "crm"));
    let both = format!("{}:{of_crm}", r3.display());
    for (word, point) in [(&*in_r3, None), (&of_crm, None), (&both, Some("b1")), ("orders", path.to_str())] {
        let chosen = catalog.choose(word, point).unwrap_or_else(|reason| panic!("{word}: {reason:?}"));
        assert_eq!(
            (chosen.source.directory().unwrap(), chosen.repository.as_deref()),
            (&*path, Some(&*r3)),
            "{word} {point:?}"
        );
    }
    assert_eq!(catalog.choose("orders@1", None), Err(NotChosen::NoInstance));
    assert_eq!(catalog.choose("/nowhere:orders", None), Err(NotChosen::NoInstance));
}

#[test]
fn s14_a_repository_may_be_named_by_any_way_that_leads_to_it() {
    let lab = Lab::new();
    lab.plain("orders/x");
    symlink(lab.repo(), lab.root.path().join("link")).unwrap();
    let catalog = lab.read();
    let link = format!("{}/link/../link:orders", lab.root.path().display());
    assert_eq!(catalog.choose(&link, None).unwrap().label, "x");
    let through = lab.root.path().join("link/orders/x");
    assert_eq!(catalog.choose("orders", through.to_str()).unwrap().label, "x");
}

#[test]
fn s14_a_folder_with_two_clusters_is_two_instances_whose_rows_do_not_mix() {
    let lab = Lab::new();
    let [old, new] = ["depot", "crm"].map(|name| cluster_of(&lab, name));
    lab.tar("depot", "orders/b1");
    lab.tar("crm", "orders/b2");
    fs::remove_file(lab.tar("crm", "orders/b3").join("backup_manifest")).unwrap();
    let catalog = lab.read();
    let found: Vec<_> = catalog.instances.iter().map(|one| (one.cluster, labels(one))).collect();
    let mut wanted = vec![(Some(old), vec!["b1"]), (Some(new), vec!["b2"])];
    wanted.sort();
    // What can be restored of no cluster stands with none of them.
    wanted.insert(0, (None, vec!["b3"]));
    assert_eq!(found, wanted);
    assert!(matches!(catalog.choose("orders", None), Err(NotChosen::Instances(_))), "the newest is nobody's choice");
    assert_eq!(catalog.choose("orders", Some("b1")).unwrap().facts.system_identifier, Some(old), "a label of one only");
    assert_eq!(catalog.choose(&format!("orders@{new}"), None).unwrap().label, "b2");
    assert!(matches!(catalog.choose("orders@unknown", None), Err(NotChosen::Nothing(_, Some(_)))));
    let tail = |cluster: SystemIdentifier| format!("@..{}", cluster.to_string().split_off(15));
    assert!(distinctions(&catalog).contains(&tail(old).as_str()), "{:?} of {old}", distinctions(&catalog));
}

#[test]
fn s14_a_backup_that_does_not_tell_its_cluster_is_not_merged_with_one_that_does() {
    let lab = Lab::new();
    lab.tar("crm", "orders/b1");
    without_wal(&lab.tar("crm", "orders/b2"));
    let catalog = lab.read();
    let found: Vec<_> = catalog.instances.iter().map(|one| (one.cluster.is_some(), labels(one))).collect();
    assert_eq!(found, [(false, vec!["b2"]), (true, vec!["b1"])]);
    assert!(matches!(catalog.choose("orders", None), Err(NotChosen::Instances(_))));
    assert_eq!(catalog.choose("orders@unknown", None).unwrap().label, "b2");

    fs::remove_dir_all(lab.repo().join("orders/b1")).unwrap();
    let catalog = lab.read();
    assert_eq!((catalog.instances.len(), catalog.instances[0].cluster), (1, None));
    assert_eq!(catalog.choose("orders", None).unwrap().label, "b2", "there is no other that it could be");
}

#[test]
fn what_cannot_be_restored_stands_with_the_only_instance_there_is() {
    let lab = Lab::new();
    lab.plain("orders/good");
    fs::remove_file(lab.plain("orders/bad").join("backup_manifest")).unwrap();
    let catalog = lab.read();
    assert_eq!(catalog.instances.iter().map(labels).collect::<Vec<_>>(), [["good", "bad"]]);
    assert!(
        matches!(catalog.choose("orders", Some("bad")), Err(NotChosen::Unreadable(problem)) if problem.contains("no backup_manifest"))
    );
    assert!(matches!(catalog.choose("orders", Some("none")), Err(NotChosen::NoPoint(_))));
}

#[test]
fn s14_names_that_look_alike_are_told_apart() {
    let lab = Lab::new();
    let whole = lab.plain("or\u{1b}ders/x");
    let alike = lab.repo().join("or\\u{1b}ders");
    fs::create_dir(&alike).unwrap();
    fs::rename(lab.plain("other/y"), alike.join("y")).unwrap();
    let catalog = lab.read();
    let alike: Vec<_> = catalog.instances.iter().filter(|one| one.name.as_str() == "or\\u{1b}ders").collect();
    assert_eq!(alike.len(), 2, "{:?}", names(&catalog));
    assert!(matches!(catalog.choose("or\\u{1b}ders", None), Err(NotChosen::Instances(_))));
    for one in alike {
        let chosen = catalog.choose(&one.spelling, None).unwrap_or_else(|reason| panic!("{one:?}: {reason:?}"));
        assert_eq!(chosen.source.directory(), one.rows[0].directory());
    }
    assert_eq!(catalog.choose("or\\u{1b}ders", whole.to_str()).unwrap().label, "x", "a path is exact");

    let lab = Lab::new();
    let [one, two] = ["b\u{1b}", "b\\u{1b}"].map(|label| lab.plain(&format!("orders/{label}")));
    let catalog = lab.read();
    assert!(matches!(catalog.choose("orders", Some("b\\u{1b}")), Err(NotChosen::Points(found)) if found.len() == 2));
    for path in [one, two] {
        assert_eq!(
            catalog.choose("orders", path.to_str()).unwrap().source.directory().unwrap(),
            fs::canonicalize(path).unwrap()
        );
    }
}

#[test]
fn every_spelling_that_is_offered_means_its_instance_and_every_id_is_its_own() {
    let odd: [&[u8]; 9] = [b"a", b"a@7", b"a:b", b"b", b"\x1b", b"\\u{1b}", b"\\x1b", b"\xff", b"x:a@7"];
    let repositories = ["/r", "/r:a", "/r/deep", "/other/deep", "/r\\x3a"];
    let mut instances = Vec::new();
    for repository in repositories {
        for folder in odd {
            for cluster in [None, Some(7), Some(1_234_567), Some(71_234_567), Some(u64::MAX)] {
                instances.push(instance(repository, folder, cluster));
            }
        }
    }
    let count = instances.len();
    let catalog = Catalog::new(Vec::new(), instances);
    let ids: std::collections::BTreeSet<String> = catalog.instances.iter().map(CatalogInstance::id).collect();
    assert_eq!(ids.len(), count, "no two share an id");
    let titles: std::collections::BTreeSet<String> = catalog.instances.iter().map(CatalogInstance::title).collect();
    assert_eq!(titles.len(), count, "no two look alike");
    for one in &catalog.instances {
        for word in [one.spelling.clone(), one.id()] {
            let meant = catalog.named(&word);
            assert!(meant.len() == 1 && InstanceKey::of(one).is(meant[0]), "{word} of {one:?} means {meant:?}");
            assert!(!word.chars().any(char::is_control), "{word:?}");
        }
    }
}

#[test]
fn a_name_of_its_own_needs_no_more() {
    let repository = |path: &str| Repository { path: path.into(), kind: RepositoryKind::Own, problem: None };
    let instances = vec![instance("/a/deep/pg", b"crm", Some(1)), instance("/b/deep/pg", b"orders", Some(1))];
    let catalog = Catalog::new(vec![repository("/a/deep/pg"), repository("/b/deep/pg")], instances.clone());
    assert_eq!(catalog.instances.iter().map(|one| &*one.spelling).collect::<Vec<_>>(), ["crm", "orders"]);
    assert_eq!(distinctions(&catalog), ["", ""]);
    let [crm, orders] = <[CatalogInstance; 2]>::try_from(instances).unwrap();
    let namesake = CatalogInstance { name: crm.name.clone(), folder: "/b/deep/pg/crm".into(), ..orders };
    let catalog = Catalog::new(Vec::new(), vec![crm, namesake]);
    assert_eq!(distinctions(&catalog), ["a/deep/pg", "b/deep/pg"], "as much of the path as tells them apart");
}
