//! Open restore points on the screen: how one is opened, looked into, closed, and what is taken out of it.

use super::{
    explored_story::*,
    keys::state,
    scenes::{compare_answered, open_goal_of_opening, order_planned, planned_opening, with_archive, with_open},
    stage::*,
};
use howdah::{
    console::message::{Browsed, Comparing, Intent, Message, OrderWish, Query},
    domain::{
        AtTarget, Order, Reach, Recovery, RecoveryGoal, RecoveryTimeline, SessionId, Timeline, browse::TableComparison,
    },
    machine::Scope,
    manager::{Receipt, ReceiptLine, SessionAction},
};

pub(crate) fn stage_with_open() -> Stage {
    let (snapshot, catalog) = with_open();
    let mut stage = Stage::new(snapshot, catalog);
    stage.wanted();
    stage
}

/// What is asked of the manager, without what is only looked up.
pub(crate) fn orders(stage: &mut Stage) -> Vec<Intent> {
    stage.wanted().into_iter().filter(|intent| !matches!(intent, Intent::Query(_))).collect()
}

#[test]
fn s7_a_restore_point_is_opened_after_its_plan_and_not_by_one_key() {
    let mut stage = stage_with_open();
    stage.press("G E enter");
    assert_eq!(orders(&mut stage), [], "the safe button has the keys");
    stage.press("E tab enter");
    assert_eq!(orders(&mut stage), [], "there is no plan yet");
    assert!(stage.text().contains("its plan is still being made"), "{}", stage.text());
    stage.press("esc E");
    order_planned(&mut stage, Ok(planned_opening()));
    assert!(stage.text().contains("4 segments"), "{}", stage.text());
    stage.press("tab enter");
    let wanted = orders(&mut stage);
    assert_eq!(wanted, [Intent::Start(vec![Order::Explore(explore_order("orders"))])]);
    // The new session is what the person wants to see, where sessions of its kind stand.
    let line = ReceiptLine { session: Some(SessionId(9)), title: None, result: Ok(()) };
    stage.tell(Message::Started(Receipt { lines: vec![line] }));
    stage.snapshot_at(snapshot(vec![open(8, "orders"), open(9, "orders")], &[]), now());
    assert_eq!(state(&stage), "Tree #9");
    assert!(stage.text().contains("[Explore]"), "{}", stage.text());
}

/// What the last plan of an opening was asked for: the label of the restore point, and its recovery.
fn opening_asked(stage: &mut Stage) -> (String, Recovery) {
    let asked = |intent| match intent {
        Intent::Query(Query::OrderPlan(_, OrderWish::Open { point, recovery })) => Some((point.label, recovery)),
        _ => None,
    };
    stage.wanted().into_iter().rev().find_map(asked).unwrap()
}

#[test]
fn a_restore_point_is_opened_at_a_goal_with_the_backup_that_suits_it_and_at_its_own_end_without_one() {
    let (snapshot, catalog) = with_archive();
    let mut stage = Stage::new(snapshot, catalog);
    stage.wanted();
    stage.press("G E");
    let own = ("2026-11-20T0200".to_owned(), Recovery::to_consistency());
    assert_eq!(opening_asked(&mut stage), own);
    stage.press("esc");
    open_goal_of_opening(&mut stage);
    assert!(!stage.text().contains("At the goal"), "it pauses there: {}", stage.text());
    stage.press("right right down down ctrl-u").type_text("2026-11-19 09:30").press("enter");
    let (label, recovery) = opening_asked(&mut stage);
    let expected = Recovery {
        goal: RecoveryGoal::Time(on("19T09:30:00")),
        inclusive: true,
        timeline: RecoveryTimeline::Number(Timeline(1)),
        at_target: AtTarget::Pause,
        standby_of: None,
        archive: Some("/srv/wal/orders".into()),
    };
    assert_eq!((label.as_str(), recovery), ("2026-11-19T0200", expected));
    assert!(stage.text().contains("Open orders as of 2026-11-19 09:30:00 UTC?"), "{}", stage.text());
    stage.press("enter");
    assert_eq!(orders(&mut stage), [], "the safe button has the keys again");
    // Back at its own end it is the selected restore point again.
    open_goal_of_opening(&mut stage);
    stage.press("right right down down ctrl-u").type_text("2026-11-19 09:30").press("enter");
    stage.wanted();
    stage.press("tab tab enter up up up up");
    answer_window(&mut stage, window());
    stage.press("left left enter");
    assert_eq!(opening_asked(&mut stage), own);
}

#[test]
fn an_older_plan_is_void_once_another_goal_was_chosen() {
    let (snapshot, catalog) = with_archive();
    let mut stage = Stage::new(snapshot, catalog);
    stage.press("G E");
    let ticket = |stage: &mut Stage| {
        let asked = |intent| match intent {
            Intent::Query(Query::OrderPlan(ticket, _)) => Some(ticket),
            _ => None,
        };
        stage.wanted().into_iter().rev().find_map(asked).unwrap()
    };
    let first = ticket(&mut stage);
    stage.press("tab tab enter");
    answer_window(&mut stage, window());
    stage.press("right enter");
    let second = ticket(&mut stage);
    stage.tell(Message::OrderPlanned(first, Box::new(Ok(planned_opening()))));
    assert!(stage.text().contains("Its plan is being made"), "{}", stage.text());
    stage.tell(Message::OrderPlanned(second, Box::new(Ok(planned_opening()))));
    assert!(stage.text().contains("4 segments"), "{}", stage.text());
}

#[test]
fn an_opening_without_an_archive_says_how_to_name_one() {
    let mut stage = stage_with_open();
    stage.press("G E tab tab enter");
    assert!(stage.model.notice().unwrap().text.contains("name one in howdah.toml"));
    assert!(stage.text().contains("Open 2026-11-20T0200 of orders?"), "{}", stage.text());
}

#[test]
fn a_level_is_read_when_it_is_unfolded_and_only_then() {
    let mut stage = stage_with_open();
    stage.press("e down");
    assert!(!stage.wanted().iter().any(|intent| matches!(intent, Intent::Query(Query::Browse(..)))));
    stage.press("right");
    let asked: Vec<Intent> = stage.wanted();
    let [Intent::Query(Query::Browse(session, address, None))] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((session.0, address.port.number()), (8, 5432));
    stage.press("left right");
    assert_eq!(stage.wanted(), [], "it is being read already");
    stage.tell(Message::Browsed(SessionId(8), None, Ok(databases())));
    stage.press("down down");
    // What is selected is read as well: the page shows it.
    answer(&mut stage);
    stage.press("right");
    assert!(stage.text().contains("crm") && stage.text().contains("public"), "{}", stage.text());
    stage.press("left");
    assert!(!stage.text().contains("schema "), "{}", stage.text());
    stage.press("left");
    assert_eq!(state(&stage), "Tree #8", "left of a database stands its session");
}

#[test]
fn names_and_values_of_a_database_reach_the_screen_escaped_and_null_is_no_empty_text() {
    let mut stage = stage_with_open();
    for keys in ["e down right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(&mut stage);
    }
    let text = stage.text();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    for part in ["NULL", "key 1, not null, identity", "First 4 rows, and there are more", "about 1,250,000 rows"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_cannot_be_read_says_why_and_is_read_again_when_it_is_unfolded_again() {
    let mut stage = stage_with_open();
    stage.press("e down right");
    stage.wanted();
    stage.tell(Message::Browsed(SessionId(8), None, Ok(databases())));
    stage.press("down down right");
    stage.wanted();
    let shop = Some(item("shop"));
    stage.tell(Message::Browsed(SessionId(8), shop.clone(), Err("the server\u{1b}[2J is gone".to_owned())));
    assert!(stage.text().contains("is gone") && stage.text().contains("cannot be read"), "{}", stage.text());
    stage.press("left right");
    let asked = stage.wanted();
    assert!(matches!(asked.as_slice(), [Intent::Query(Query::Browse(_, _, Some(_)))]), "{asked:?}");
}

#[test]
fn r22_an_open_point_is_closed_after_a_question_and_not_while_items_are_taken_out_of_it() {
    let mut stage = stage_with_open();
    stage.press("e down x enter");
    assert_eq!(orders(&mut stage), [], "the safe button has the keys");
    stage.press("x tab enter");
    let stop = Intent::Act(SessionAction::Stop(Reach::AnyOrigin), Scope::Sessions(vec![SessionId(8)]));
    assert_eq!(orders(&mut stage), [stop]);
    let point = open(8, "orders");
    let child = taking(9, &point);
    stage.snapshot_at(snapshot(vec![point, child], &[]), now());
    stage.press("x");
    assert!(stage.text().contains("being taken out of it (session 9)"), "{}", stage.text());
}

#[test]
fn a_table_is_compared_with_the_live_one_until_it_is_left_and_what_is_found_is_shown() {
    let mut stage = stage_with_open();
    stage.press("e down =");
    assert!(stage.text().contains("select a database, a schema or a table"), "{}", stage.text());
    for keys in ["right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(&mut stage);
    }
    stage.press("up =");
    assert!(stage.text().contains("select a table"), "{}", stage.text());
    stage.press("down = enter");
    assert!(stage.text().contains("name a server"), "{}", stage.text());
    stage.type_text("host=db1 password=x").press("enter");
    assert!(stage.text().contains("holds password"), "{}", stage.text());
    assert_eq!(orders(&mut stage), []);
    stage.press("ctrl-u");
    stage.type_text("host=db1 user=ana").press("enter");
    let asked = orders(&mut stage);
    let [Intent::Compare(first, wish)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((&*wish.database, &*wish.schema, &*wish.table), ("shop", "public", "lines"));
    assert_eq!((&*wish.live, wish.address.port.number()), ("host=db1 user=ana", 5432));
    let found = |found, ended| Box::new(Ok(Comparing { found, ended }));
    stage.tell(Message::Compared(*first, found(compared(), false)));
    assert!(stage.text().contains("of about 1,250,000 rows"), "{}", stage.text());
    stage.press("enter esc");
    assert_eq!(orders(&mut stage), [Intent::StopComparing], "what nobody sees ends");
    // A failure leaves the question, so that its answer can be mended.
    stage.press("= enter");
    let asked = orders(&mut stage);
    let [Intent::Compare(second, _)] = asked.as_slice() else { panic!("{asked:?}") };
    stage.tell(Message::Compared(*first, found(compared(), true)));
    assert!(stage.text().contains("the servers sort"), "an answer to an older question: {}", stage.text());
    stage.tell(Message::Compared(*second, Box::new(Err("lines has no primary key\u{1b}[2J".to_owned()))));
    assert!(stage.text().contains("has no primary key"), "{}", stage.text());
    stage.press("enter");
    let asked = orders(&mut stage);
    let [Intent::Compare(third, _)] = asked.as_slice() else { panic!("{asked:?}") };
    stage.tell(Message::Compared(*third, found(compared(), true)));
    let text = stage.text();
    assert!(!text.contains('\u{1b}'), "{text}");
    for part in ["The rows differ", "50 rows", "1,249,951 at the live server", "integer at the live", "(700)"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.press("end");
    assert!(stage.text().contains("Only live") && stage.text().contains("evil"), "{}", stage.text());
    stage.press("enter");
    assert_eq!(state(&stage), "Tree shop/public/lines of #8");
    assert_eq!(orders(&mut stage), [], "it had ended");
}

#[test]
fn rows_are_counted_when_somebody_asks_and_not_twice_at_once() {
    let mut stage = stage_with_open();
    for keys in ["e down right", "down down right", "down down right", "down"] {
        stage.press(keys);
        answer(&mut stage);
    }
    stage.press("#");
    let asked = stage.wanted();
    let [Intent::Query(Query::Count(session, _, counted))] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((session.0, counted), (8, &item("shop/public/lines")));
    stage.press("#");
    assert_eq!(stage.wanted(), [], "it goes on");
    assert!(stage.text().contains("its rows are being counted"), "{}", stage.text());
    stage.tell(Message::Counted(*session, counted.clone(), Ok(1_249_999)));
    assert!(stage.text().contains("1,249,999, counted"), "{}", stage.text());
    stage.press("#");
    stage.tell(Message::Counted(*session, counted.clone(), Err("too slow\u{1b}[2J".to_owned())));
    assert!(stage.text().contains("not counted: too slow"), "{}", stage.text());
}

#[test]
fn a_comparison_says_the_same_only_of_what_it_has_compared() {
    let mut stage = stage_with_open();
    for keys in ["e down right", "down down right", "down down right", "down", "="] {
        stage.press(keys);
        answer(&mut stage);
    }
    stage.type_text("host=db1").press("enter");
    let same = TableComparison { rows_here: 3, rows_live: 3, ..TableComparison::default() };
    let partly = TableComparison { not_compared: vec!["note: at the live server alone".to_owned()], ..same.clone() };
    for (found, words) in
        [(same, "The rows are the same on both sides."), (partly, "in the columns that were compared")]
    {
        compare_answered(&mut stage, Comparing { found, ended: true });
        assert!(stage.text().contains(words), "{}", stage.text());
        stage.press("esc = enter");
    }
}

#[test]
fn what_was_read_of_a_server_that_is_gone_is_forgotten() {
    let mut stage = stage_with_open();
    stage.press("e down right");
    answer(&mut stage);
    assert!(stage.text().contains("postgres"), "{}", stage.text());
    stage.tell(Message::Browsed(SessionId(8), None, Ok(Browsed::Databases(Vec::new()))));
    assert!(!stage.text().contains("evil"), "{}", stage.text());
    stage.snapshot_at(snapshot(vec![copying(1, "crm")], &[]), now());
    assert!(!stage.text().contains("orders open"), "{}", stage.text());
}

#[test]
fn the_table_of_open_restore_points_counts_what_is_taken_out_and_holds_no_items() {
    let held = open(8, "orders");
    let all = vec![held.clone(), open(9, "archive"), taking(40, &held)];
    let done = [taken(41, &held), taken(42, &held), closed(43, "crm")];
    let mut stage = Stage::sized(snapshot(all, &done), own(), (160, 40));
    stage.press("e down right");
    answer(&mut stage);
    stage.press("g");
    let text = stage.text();
    let row = |name: &str| {
        let is_it = |line: &&str| line.split("││").nth(1).is_some_and(|page| page.contains(name));
        text.lines().filter(is_it).map(|line| line.split("││").nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [orders] = row(" orders ").try_into().unwrap();
    for word in ["◉ open", "2026-11-20T0200", "13:59", "368.0 KiB", "1 waiting, 2 done", "ops@bastion"] {
        assert!(orders.contains(word), "{word}: {orders}");
    }
    assert!(row("shop").is_empty() && text.contains("shop"), "its databases stand in the tree alone: {text}");
    let [crm] = row(" crm ").try_into().unwrap();
    assert!(crm.contains("∅ stopped") && crm.contains("12:49"), "{crm}");
    // Sorted by its name, walked to and opened.
    stage.press("o o tab enter");
    assert!(state(&stage).contains(" #9"), "{}", stage.text());
}
