//! Records that an older howdah wrote, brought to the shape of today: sessions, events, tickets and lines of facts.
//!
//! Promises: what an older version has written is read for ever; a record that is none of it is left as it is, and
//! whoever reads it says what is wrong with it. Never: guesses what that version did not hold; it gets the meaning that
//! it had then.

use serde_json::{Map, Value, json};

/// The steps of version 1, in the order in which a session's record lists their states.
const STEPS: [&str; 7] = ["check", "copy", "configure", "start", "replay", "probe", "finish"];

/// A session's record of this version, in the shape of today.
pub fn session(version: u32, mut record: Value) -> Value {
    if version == 1
        && let Some(session) = record.as_object_mut()
    {
        take_order(session);
        with_default(session, "origin", || json!("console"));
        with_default(session, "places", || json!([]));
        if let Some(Value::Array(states)) = session.get_mut("steps") {
            let states = std::mem::take(states).into_iter();
            let named = STEPS.iter().zip(states).map(|(step, state)| json!([step, state]));
            session.insert("steps".to_owned(), named.collect());
        }
        if let Some(plan) = session.get_mut("plan").filter(|plan| !plan.is_null()) {
            change(plan, plan_1);
        }
        if let Some(phase) = session.get_mut("phase").and_then(Value::as_object_mut) {
            if let Some(Value::Object(mut cancel)) = phase.remove("canceling") {
                cancel.insert("wish".to_owned(), json!("cancel"));
                phase.insert("cancelling".to_owned(), Value::Object(cancel));
            }
            if let Some(success) = at(phase, &["completed", "outcome", "succeeded"]) {
                change(success, success_1);
            }
        }
        for attempt in session.get_mut("attempts").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(mark) = attempt.get_mut("mark").and_then(Value::as_object_mut) {
                with_default(mark, "realm", || Value::Null);
            }
        }
    }
    if let Some(session) = record.as_object_mut() {
        order_4(version, session.get_mut("order"));
    }
    record
}

/// An event of a session, or the event that created it, in the shape of today.
pub fn event(version: u32, mut record: Value) -> Value {
    if version == 1
        && let Some(event) = record.as_object_mut()
    {
        if event.contains_key("request") {
            take_order(event);
            with_default(event, "origin", || json!("console"));
            with_default(event, "places", || json!([]));
        }
        if let Some(plan) = at(event, &["planned", "plan"]) {
            change(plan, plan_1);
        }
        if let Some(success) = at(event, &["succeeded", "success"]) {
            change(success, success_1);
        }
        if let Some(mark) = at(event, &["began", "mark"]).and_then(Value::as_object_mut) {
            with_default(mark, "realm", || Value::Null);
        }
    }
    if let Some(event) = record.as_object_mut() {
        order_4(version, event.get_mut("order"));
    }
    record
}

/// A ticket, in the shape of today.
pub fn ticket(version: u32, mut record: Value) -> Value {
    if version == 1
        && let Some(ticket) = record.as_object_mut()
    {
        with_default(ticket, "places", || json!([]));
        with_default(ticket, "by", || Value::Null);
        if let Some(work) = ticket.get_mut("work").and_then(Value::as_object_mut) {
            if let Some(request) = work.remove("restore") {
                work.insert("run".to_owned(), order_1(request));
            }
            if let Some(dispose) = work.get_mut("dispose").and_then(Value::as_object_mut)
                && let Some(target) = dispose.remove("target")
            {
                dispose.insert("left".to_owned(), json!({ "cluster": target }));
            }
        }
    }
    if let Some(work) = record.get_mut("work") {
        order_4(version, work.get_mut("run"));
    }
    if version <= 3
        && let Some(ticket) = record.as_object_mut()
    {
        with_default(ticket, "in_use", || json!([]));
    }
    record
}

/// What a worker of this version wrote of itself: a fact, in the shape of today.
pub fn fact(version: u32, mut record: Value) -> Value {
    if version == 1
        && let Some(fact) = record.as_object_mut()
    {
        if let Some(plan) = fact.get_mut("planned") {
            change(plan, plan_1);
        }
        if let Some(success) = at(fact, &["ended", "succeeded"]) {
            change(success, success_1);
        }
        if let Some(began) = fact.get_mut("began").and_then(Value::as_object_mut) {
            with_default(began, "realm", || Value::Null);
            with_default(began, "session", || Value::Null);
        }
    }
    record
}

/// What a finished attempt left, in the shape of today.
pub fn success(version: u32, mut record: Value) -> Value {
    if version == 1 {
        change(&mut record, success_1);
    }
    record
}

/// The order of the restore that version 1 called a request, in the shape of today.
pub fn order_1(request: Value) -> Value {
    let Value::Object(mut order) = request else { return request };
    with_default(&mut order, "missing_wal", || json!("refuse"));
    with_default(&mut order, "recovery", || {
        json!({
            "goal": "consistent", "inclusive": true, "timeline": "current", "at_target": "promote", "standby_of": null,
        })
    });
    if let Some(point) = order.get_mut("point").and_then(Value::as_object_mut) {
        with_default(point, "repository", || Value::Null);
        let form = point.get_mut("facts").and_then(Value::as_object_mut).and_then(|facts| facts.remove("form"));
        if let (Some(directory), Some(form)) = (point.remove("path"), form) {
            point.insert("source".to_owned(), json!({ "base_backup": { "directory": directory, "form": form } }));
        }
    }
    json!({ "restore": { "cluster": order } })
}

/// An order, in the shape of today.
pub fn order(version: u32, mut order: Value) -> Value {
    order_4(version, Some(&mut order));
    order
}

/// An order of version 4 or older, none of which carried out every order that it could write.
fn order_4(version: u32, mut order: Option<&mut Value>) {
    if version <= 2 {
        backup_2(order.as_deref_mut());
    }
    if version <= 4
        && let Some(items) = order.and_then(|order| order.get_mut("items")).and_then(Value::as_object_mut)
    {
        with_default(
            items,
            "from",
            || json!({ "session": 0, "uuid": "00000000-0000-0000-0000-000000000000", "scratch": "" }),
        );
    }
}

/// An order to back up, which no howdah of version 2 carried out: it told neither the run of its job nor where a password
/// comes from.
fn backup_2(order: Option<&mut Value>) {
    let Some(backup) = order.and_then(|order| order.get_mut("backup")).and_then(Value::as_object_mut) else { return };
    with_default(backup, "run", || json!(0));
    with_default(backup, "run_uuid", || json!("00000000-0000-0000-0000-000000000000"));
    with_default(backup, "max_rate", || Value::Null);
    if let Some(instance) = at(backup, &["object", "instance"]).and_then(Value::as_object_mut) {
        with_default(instance, "password", || json!("none"));
    }
}

/// Puts the order in the request's place, and what came with it: no parent, and a policy that asks a person.
fn take_order(record: &mut Map<String, Value>) {
    if let Some(request) = record.remove("request") {
        record.insert("order".to_owned(), order_1(request));
    }
    with_default(record, "parent", || Value::Null);
    if let Some(policy) = record.get_mut("policy").and_then(Value::as_object_mut) {
        with_default(policy, "when_used_up", || json!("ask"));
    }
}

/// The plan of a restore: what the engine does with the files has a place of its own.
fn plan_1(plan: Value) -> Value {
    let Value::Object(mut plan) = plan else { return plan };
    let mut files = Map::new();
    for (old, new) in [
        ("bytes", "bytes"),
        ("files", "files"),
        ("reused", "reused"),
        ("free_bytes", "free_bytes"),
        ("free_inodes", "free_inodes"),
        ("standing", "target"),
        ("tablespaces", "tablespaces"),
        ("wal", "wal"),
        ("checksum", "checksum"),
        ("system_identifier", "system_identifier"),
    ] {
        if let Some(value) = plan.remove(old) {
            files.insert(new.to_owned(), value);
        }
    }
    with_default(&mut files, "system_identifier", || Value::Null);
    let version = at(&mut plan, &["server", "start", "version"]).cloned();
    files.insert("version".to_owned(), version.unwrap_or(Value::Null));
    plan.insert("files".to_owned(), Value::Object(files));
    with_default(&mut plan, "switched_off", || json!([]));
    with_default(&mut plan, "backup", || Value::Null);
    json!({ "restore": plan })
}

fn success_1(success: Value) -> Value {
    let Value::Object(mut success) = success else { return success };
    if let Some(server) = success.remove("server") {
        success.insert("result".to_owned(), json!({ "cluster": server }));
    }
    Value::Object(success)
}

fn change(value: &mut Value, by: fn(Value) -> Value) {
    *value = by(value.take());
}

fn with_default(record: &mut Map<String, Value>, key: &str, default: impl FnOnce() -> Value) {
    record.entry(key).or_insert_with(default);
}

/// The value at the end of a path of keys, if all of them are there.
fn at<'a>(record: &'a mut Map<String, Value>, path: &[&str]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(record.get_mut(*first)?, |value, key| value.get_mut(key))
}
