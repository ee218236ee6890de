//! Speed and time left (rule S6).

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::stage::*;
use howdah::console::message::Message;

#[test]
fn s06_time_left_is_hidden_at_first_then_a_range_then_stalled() {
    let mut stage = Stage::new(snapshot(vec![copying_at(1, "orders", 32 * GIB)], &[]), own());
    let further = |half: u64| snapshot(vec![copying_at(1, "orders", 32 * GIB + half * (100 << 20))], &[]);
    let at = |half: u64| now().checked_add(std::time::Duration::from_millis(500 * half)).unwrap();
    let mut say = |half: u64| {
        stage.snapshot_at(further(half), at(half));
        stage.text()
    };
    assert!(!say(4).contains(" left"));
    let text = (5..=40).map(&mut say).last().unwrap();
    assert!(text.contains(" left") && text.contains("200 MiB/s"), "{text}");
    stage.tell_at(Message::Due, at(40 + 400));
    let text = stage.text();
    assert!(text.contains("stalled since 14:02:31") && !text.contains(" left"), "{text}");
}

/// What an earlier attempt left, or what happened while nobody watched, is no speed.
#[test]
fn s06_the_first_report_of_an_attempt_is_where_counting_begins() {
    let at = |seconds| now().checked_add(secs(seconds)).unwrap();
    let mut stage = Stage::new(snapshot(vec![checking(1, "orders")], &[]), own());
    for second in 0..15_u64 {
        let bytes = 40 * GIB + second * (10 << 20);
        stage.snapshot_at(snapshot(vec![copying_at(1, "orders", bytes)], &[]), at(1 + second));
        let text = stage.text();
        let shown = text.split_once(" MiB/s").map(|(before, _)| before.split_whitespace().last().unwrap());
        assert!(shown.is_none_or(|rate| rate.parse::<f64>().unwrap() <= 10.0), "{second}: {text}");
    }
    assert!(stage.text().contains("10 MiB/s"), "{}", stage.text());
}

/// The limit is on what is read; what comes out of a packed archive may be more.
#[test]
fn a_limited_speed_of_a_packed_backup_says_what_it_counts() {
    let running = copying(1, "orders");
    let reported = |form, limit: Option<u64>| {
        let mut value = serde_json::to_value(&*running).unwrap();
        let order = &mut value["order"]["restore"]["cluster"];
        order["point"]["source"]["base_backup"]["form"] = form;
        order["max_rate"] = serde_json::json!(limit);
        let session = |bytes: u64| {
            let mut value = value.clone();
            value["progress"]["bytes_done"] =
                serde_json::json!(value["progress"]["bytes_reused"].as_u64().unwrap() + bytes);
            std::sync::Arc::new(serde_json::from_value(value).unwrap())
        };
        let mut stage = Stage::sized(snapshot(vec![session(0)], &[]), own(), (140, 40));
        stage.snapshot_at(snapshot(vec![session(20 << 20)], &[]), now().checked_add(secs(2)).unwrap());
        let text = stage.text();
        text.split_once("10 MiB/s").unwrap_or_else(|| panic!("{text}")).1.split("   ").next().unwrap().to_owned()
    };
    let limit = Some(5 << 20);
    assert_eq!(reported(serde_json::json!({"tar": "gzip"}), limit), " unpacked (reads at most 5.0 MiB/s)");
    for (form, limit) in [
        (serde_json::json!({"tar": "none"}), limit),
        (serde_json::json!("plain"), limit),
        (serde_json::json!({"tar": "gzip"}), None),
    ] {
        assert_eq!(reported(form, limit), "");
    }
}
