//! Repositories that are read again by themselves: what is new and what is gone is said once.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    catalog::{Catalog, CatalogEntry},
    console::message::{Intent, Message},
};
use std::sync::Arc;

/// The same, with other backups for each instance.
fn with(backups: &[(&str, &[&str])]) -> Catalog {
    let rows = |name: &str, labels: &[&str]| {
        labels.iter().map(|label| CatalogEntry::Restorable(point(name, label, GIB))).collect()
    };
    let instances = backups.iter().map(|(name, labels)| instance("/backups", name, None, rows(name, labels)));
    Catalog::new(own().repositories, instances.collect())
}

fn read_again(stage: &mut Stage, catalog: Catalog) -> String {
    stage.tell(Message::Catalog(Arc::new(catalog)));
    stage.text().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_has_changed_is_said_once_and_asks_for_nothing() {
    let before = || with(&[("crm", &["b1"]), ("shop", &["b1", "b2"])]);
    for (after, said) in [
        (
            with(&[("crm", &["b1"]), ("shop", &["b3", "b1", "b2"])]),
            "Repositories read again: 1 new restore point, shop/b3",
        ),
        (with(&[("crm", &["b1", "b2", "b3"]), ("shop", &["b1", "b2"])]), "2 new restore points, crm/b2 and 1 more"),
        (with(&[("crm", &["b1"])]), "2 restore points gone, shop/b1 and 1 more"),
        (
            with(&[("crm2", &["b1"]), ("shop", &["b1", "b2"])]),
            "1 new restore point, crm2/b1; 1 restore point gone, crm/b1",
        ),
    ] {
        let mut stage = Stage::sized(busy(), before(), (160, 30));
        stage.wanted();
        let footer = read_again(&mut stage, after.clone());
        assert!(footer.contains(said), "{said}: {footer}");
        assert!(!stage.wanted().iter().any(|intent| matches!(intent, Intent::Ring(_))));
        stage.press("esc");
        assert!(!read_again(&mut stage, after).contains("read again"));
    }
}

#[test]
fn the_first_reading_is_no_change_and_a_refusal_is_not_pushed_aside() {
    let mut stage = Stage::sized(busy(), Catalog::default(), (160, 30));
    assert!(!read_again(&mut stage, own()).contains("read again"));
    let mut stage = Stage::sized(busy(), own(), (160, 30));
    stage.press("G r");
    let footer = read_again(&mut stage, sample());
    assert!(footer.contains("Retry refused"), "{footer}");
}

#[test]
fn hostile_names_in_a_change_are_printed_as_text() {
    let mut stage = Stage::sized(busy(), with(&[("crm", &["b1"])]), (160, 30));
    let footer = read_again(&mut stage, with(&[("crm", &["b1", "\u{1b}[2J\u{202e}x"])]));
    assert!(footer.contains("1 new restore point, crm/\\u{1b}[2J\\u{202e}x"), "{footer}");
}
