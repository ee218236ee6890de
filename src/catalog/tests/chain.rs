//! What incremental backups rest on.

use super::*;
use crate::catalog::model::CatalogInstance;
use sha2::{Digest, Sha256};

impl Lab {
    /// The few files of a plain backup that begins here; where `from` is given, of an incremental one.
    fn increment(&self, label: &str, start: &str, from: Option<(&str, u32)>) {
        let directory = self.plain(&format!("shop/{label}"));
        let (manifest, backup_label) = (directory.join("backup_manifest"), directory.join("backup_label"));
        let text = fs::read_to_string(&manifest).unwrap();
        let mut body = text[..text.rfind("\"Manifest-Checksum\"").unwrap()].to_owned();
        let at = body.find("\"Start-LSN\": \"").unwrap() + 14;
        let end = at + body[at..].find('"').unwrap();
        body.replace_range(at..end, start);
        let at = body.find("\"End-LSN\": \"").unwrap() + 12;
        let end = at + body[at..].find('"').unwrap();
        body.replace_range(at..end, "F/FFFFFF00");
        if let Some((from, timeline)) = from {
            let entry = "{ \"Path\": \"base/1/INCREMENTAL.1259\", \"Size\": 12 }";
            body = body.replacen("\"Files\": [\n", &format!("\"Files\": [\n{entry},\n"), 1);
            let lines = format!("INCREMENTAL FROM LSN: {from}\nINCREMENTAL FROM TLI: {timeline}\n");
            fs::write(&backup_label, fs::read_to_string(&backup_label).unwrap() + &lines).unwrap();
        }
        let sum: Vec<String> = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&manifest, format!("{body}\"Manifest-Checksum\": \"{}\"}}\n", sum.concat())).unwrap();
    }

    fn shop(&self) -> CatalogInstance {
        let catalog = self.read();
        assert_eq!(catalog.instances.len(), 1, "{catalog:?}");
        catalog.instances[0].clone()
    }

    /// What a backup rests on, or what is wrong with it.
    fn chain_of(&self, label: &str) -> Result<Vec<String>, String> {
        let shop = self.shop();
        let row = shop.rows.iter().find(|row| row.label() == label).expect("it is listed");
        let names = |point: &RestorePoint| point.source.rests_on().iter().map(|below| below.label.clone()).collect();
        row.point().map(names).ok_or_else(|| row.problem().unwrap().to_owned())
    }
}

#[test]
fn an_incremental_backup_rests_on_what_it_was_made_from_down_to_a_full_one() {
    let lab = Lab::new();
    lab.increment("full", "0/2000028", None);
    lab.increment("monday", "0/4000028", Some(("0/2000028", 1)));
    lab.increment("tuesday", "0/6000028", Some(("0/4000028", 1)));
    assert_eq!(lab.chain_of("full"), Ok(Vec::new()));
    assert_eq!(lab.chain_of("monday"), Ok(vec!["full".to_owned()]));
    assert_eq!(lab.chain_of("tuesday"), Ok(vec!["monday".to_owned(), "full".to_owned()]));
    let form = |label: &str| lab.shop().points().find(|point| point.label == label).unwrap().source.format();
    assert_eq!((form("full"), form("tuesday")), (Some("plain".to_owned()), Some("plain+2".to_owned())));
}

#[test]
fn a_chain_that_is_not_whole_is_a_row_that_says_what_is_missing() {
    let lab = Lab::new();
    lab.increment("full", "0/2000028", None);
    // Begun where the full one begins, on another timeline; and where nothing here begins.
    lab.increment("forked", "0/4000028", Some(("0/2000028", 2)));
    lab.increment("lonely", "0/6000028", Some(("0/5000028", 1)));
    lab.increment("above", "0/8000028", Some(("0/6000028", 1)));
    // It can rest on nothing that begins no earlier than itself.
    lab.increment("loop", "0/9000028", Some(("0/9000028", 1)));
    for (label, says) in [
        ("forked", "the one that it was made from (begun at 0/2000028 on timeline 2) is not among those here"),
        ("lonely", "the one that it was made from (begun at 0/5000028 on timeline 1) is not among those here"),
        ("above", "the one that lonely was made from (begun at 0/5000028 on timeline 1) is not among those here"),
        ("loop", "the one that it was made from (begun at 0/9000028 on timeline 1) is not among those here"),
    ] {
        let problem = lab.chain_of(label).unwrap_err();
        assert!(problem.contains(says) && problem.contains("bring that backup back"), "{label}: {problem}");
    }
    assert_eq!(lab.chain_of("full"), Ok(Vec::new()), "the others stand");
    let directory = lab.repo().join("shop/lonely/backup_label");
    let label = fs::read_to_string(&directory).unwrap();
    fs::write(&directory, label.replace("INCREMENTAL FROM TLI: 1\n", "")).unwrap();
    assert!(lab.chain_of("lonely").unwrap_err().contains("does not say what it was made from"));
}

#[test]
fn of_two_that_an_increment_could_rest_on_the_full_one_is_taken() {
    let lab = Lab::new();
    lab.increment("a-full", "0/2000028", None);
    lab.increment("b-increment", "0/4000028", Some(("0/2000028", 1)));
    lab.increment("c-full", "0/4000028", None);
    lab.increment("d", "0/6000028", Some(("0/4000028", 1)));
    assert_eq!(lab.chain_of("d"), Ok(vec!["c-full".to_owned()]));
}
