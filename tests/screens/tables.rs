//! The tables of the headings: walked through, sorted, widened; and the way to what needs a person.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::{
    console::model::tree::{Group, Node},
    domain::SessionId,
};

/// The names in the table, from top to bottom.
fn names(stage: &Stage, all: &[&str]) -> Vec<String> {
    let text = stage.text();
    let rows = text.lines().skip_while(|line| !line.contains("State "));
    let found = rows.filter_map(|line| {
        let page = line.split("││").last()?;
        let words: Vec<&str> = page.split_whitespace().collect();
        all.iter().find(|name| words.contains(name)).map(|name| (*name).to_owned())
    });
    found.collect()
}

const NAMES: [&str; 5] = ["audit", "billing", "orders", "crm", "depot"];

#[test]
fn r07_a_row_of_a_heading_is_walked_to_and_opened() {
    let mut stage = Stage::sized(busy(), own(), (140, 40));
    stage.press("g tab down down enter");
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(1)), "{}", stage.text());
    assert!(stage.text().contains("orders ▸ /srv/pg/orders"), "{}", stage.text());
    // The keys do not leave the table.
    stage.press("esc g tab up up enter");
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(4)));
    stage.press("esc ] tab G enter");
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(31)));
}

#[test]
fn a_table_is_sorted_by_the_next_column_and_back_and_keeps_its_order() {
    let mut stage = Stage::sized(busy(), own(), (160, 40));
    stage.press("g");
    assert_eq!(names(&stage, &NAMES), NAMES);
    stage.press("o o");
    let by_name = ["audit", "billing", "crm", "depot", "orders"];
    assert_eq!(names(&stage, &NAMES), by_name, "{}", stage.text());
    assert!(
        stage.text().contains("Instance▾") && stage.text().contains("Sorted by column Instance"),
        "{}",
        stage.text()
    );
    stage.press("] g");
    assert_eq!(names(&stage, &NAMES), by_name, "the choice stays");
    stage.press("O O");
    assert_eq!(names(&stage, &NAMES), NAMES, "{}", stage.text());
    // Enter opens the row that is seen there.
    stage.press("o o tab down down enter");
    assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(2)));
    stage.press("o");
    assert!(stage.text().contains("there is no table here"), "{}", stage.text());
}

#[test]
fn a_wide_preview_has_the_whole_screen_and_gives_it_back() {
    let mut stage = Stage::sized(busy(), own(), (100, 30));
    stage.press("g");
    let before = stage.text();
    stage.press("w");
    let text = stage.text();
    assert!(!text.contains("┌ Sessions") && text.contains("Since") && text.contains("Tries"), "{text}");
    stage.press("esc");
    assert_eq!(stage.text(), before);
    for key in ["w", "tab"] {
        stage.press("w").press(key);
        assert!(stage.text().contains("┌ Sessions"), "{key}: {}", stage.text());
    }
}

#[test]
fn the_way_to_what_needs_a_person_is_one_key() {
    let ongoing = vec![stuck(4, "audit"), used_up(6, "wiki"), copying(1, "orders")];
    let mut stage = Stage::new(snapshot(ongoing, &[]), own());
    stage.press("G");
    for id in [4, 6, 4] {
        stage.press("!");
        assert_eq!(stage.model.tree().selected(), &Node::Session(SessionId(id)));
    }
    let mut calm = Stage::new(snapshot(vec![copying(1, "orders")], &[]), own());
    calm.press("g !");
    assert_eq!(calm.model.tree().selected(), &Node::Group(Group::Restore));
    assert!(calm.text().contains("Nothing needs a person"), "{}", calm.text());
}

/// A queued restore of `big` to this place.
pub(crate) fn big(id: u64, directory: &str, port: u16) -> std::sync::Arc<howdah::machine::Session> {
    let mut value = serde_json::to_value(&*queued(id, "big")).unwrap();
    let target = &mut value["order"]["restore"]["cluster"]["target"];
    target["directory"] = serde_json::json!(directory);
    target["port"] = serde_json::json!(port);
    std::sync::Arc::new(serde_json::from_value(value).unwrap())
}

#[test]
fn namesakes_are_told_apart_by_target_port_or_number() {
    let rows = vec![big(1, "/srv/a/big-one", 5433), big(2, "/srv/a/x/data", 5434), big(3, "/srv/b/x/data", 5435)];
    let text = Stage::sized(snapshot(rows, &[]), own(), (140, 40)).text();
    for row in ["big big-one ", "big :5434 ", "big :5435 "] {
        assert!(text.contains(row), "{row}\n{text}");
    }
    let rows = vec![big(1, "/srv/a/data", 5434), big(2, "/srv/b/data", 5434), queued(3, "depot")];
    let text = Stage::sized(snapshot(rows, &[]), own(), (140, 40)).text();
    assert!(text.contains("big #1 ") && text.contains("big #2 ") && text.contains("depot  "), "{text}");
}

#[test]
fn the_footer_says_for_how_many_rows_an_action_is() {
    let mut stage = Stage::new(busy(), own());
    stage.press("space space");
    assert!(stage.text().contains("2 sessions marked: actions are for them"), "{}", stage.text());
    let mut stage = Stage::new(busy(), own());
    stage.press("G space up");
    assert!(stage.text().contains("1 instance marked: Enter restores them"), "{}", stage.text());
}
