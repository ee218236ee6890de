//! Owners that are hostile, broken, silent or of another version: a client reports it in one sentence, and stays whole.

use crate::{
    harness::{RawPeer, who, within},
    sample,
};
use futures_util::future::BoxFuture;
use howdah::{
    control::{Client, ClientError, ConnectError, Connector},
    domain::{InstanceName, Kind, RetryPolicy, SessionId},
    machine::{CompletedDetails, CompletedResult, CompletedRow, Refusal},
    manager::{Clock, Service},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::UnixStream;

/// Leads to one owner, once.
struct Once(Mutex<Option<UnixStream>>);

impl Connector for Once {
    fn connect(&self) -> BoxFuture<'static, Result<UnixStream, ConnectError>> {
        let stream = self.0.lock().unwrap().take();
        Box::pin(std::future::ready(stream.ok_or_else(|| ConnectError::new("there is no other owner"))))
    }
}

fn once() -> (Arc<dyn Connector>, RawPeer) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Arc::new(Once(Mutex::new(Some(ours)))), RawPeer::new(theirs))
}

const WELCOME: &str = r#"{"welcome":{"protocol":8,"program":"0","pid":5}}"#;
const WATCHING: &str = r#"{"answer":{"number":1,"answer":"watching"}}"#;

/// What a client of an owner that sends these bytes comes to.
async fn open(bytes: &[u8], watch: bool) -> Result<(Client, RawPeer), ClientError> {
    let (connector, mut owner) = once();
    let opening = tokio::spawn(Client::open(connector, who("ana"), watch, Clock::system()));
    owner.receive().await;
    owner.send_bytes(bytes).await;
    let client = within("a client", opening).await.unwrap();
    Ok((client?, owner))
}

/// The sentence that a client which watches makes of an owner that sends these lines before a snapshot.
async fn sentence(lines: &[&[u8]]) -> String {
    let bytes = lines.iter().flat_map(|line| [*line, b"\n"]).collect::<Vec<_>>().concat();
    let reason = open(&bytes, true).await.map(|_| "it is content").unwrap_err().to_string();
    assert!(!reason.chars().any(char::is_control), "{reason:?}");
    reason
}

#[tokio::test]
async fn an_owner_of_another_version_gets_one_clear_sentence() {
    let ours = format!("howdah {} with protocol 8", env!("CARGO_PKG_VERSION"));
    let own = std::process::id();
    let newer = sentence(&[br#"{"welcome":{"protocol":9,"program":"0.9.0","else":1}}"#]).await;
    for word in [&*ours, "howdah 0.9.0 with protocol 9", &format!("process {own}"), "use the same version"] {
        assert!(newer.contains(word), "{word}: {newer}");
    }
    assert!(!newer.contains("kill"), "the older one is this one: {newer}");
    let older = sentence(&[br#"{"welcome":{"protocol":0}}"#]).await;
    assert!(older.contains(&format!("`kill -TERM {own}`; its sessions go on")), "{older}");
    let refused = sentence(&[br#"{"bye":{"reason":"use howdah 0.9.0\u001b[2J"}}"#]).await;
    assert!(refused.ends_with("closed the connection: use howdah 0.9.0\\u{1b}[2J"), "{refused}");
}

#[tokio::test]
async fn an_owner_that_sends_nonsense_is_reported_as_such() {
    let welcome = WELCOME.as_bytes();
    let watching = WATCHING.as_bytes();
    let snapshot = |change: Value| json!({"change": change}).to_string();
    let mut ended = serde_json::to_value(sample::session(1, RetryPolicy::default())).unwrap();
    ended["phase"] = json!({"completed": {"at": sample::start(), "outcome": {"cancelled": {"disposed": "nothing"}}}});
    let long = vec![b'x'; (64 << 10) + 1];
    let row = CompletedRow {
        id: SessionId(3),
        kind: Kind::Restore,
        title: InstanceName::new(&"x".repeat(5000)),
        ended: sample::start(),
        took: std::time::Duration::ZERO,
        result: CompletedResult::Succeeded,
        details: CompletedDetails::default(),
    };
    let (ended, row) = (snapshot(json!({"session": ended})), snapshot(json!({"rows": [row]})));
    let unasked = snapshot(json!({"gone": [1]}));
    let cases: [(&[&[u8]], &str); 12] = [
        (&[b"HTTP/1.1 400 Bad Request"], "is not understood"),
        (&[b""], "is not understood"),
        (&[b"\xff\xff"], "is not understood"),
        (&[&long], "longer than 65536 bytes"),
        (&[br#"{"welcome":{"protocol":8}}"#], "is not understood"),
        (&[watching], "is not understood"),
        (&[welcome, b"\xff\xff"], "is not understood"),
        (&[welcome, welcome], "a second welcome"),
        (&[welcome, unasked.as_bytes()], "changes that nobody watches"),
        (&[welcome, br#"{"answer":{"number":9,"answer":"watching"}}"#], "an answer to no request"),
        (&[welcome, watching, row.as_bytes()], "a name of more than 4096 bytes"),
        (&[welcome, br#"{"bye":{"reason":"enough\u0007"}}"#], "enough\\u{7}"),
    ];
    for (lines, words) in cases {
        let reason = sentence(lines).await;
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let reason = sentence(&[welcome, watching, ended.as_bytes()]).await;
    assert!(reason.contains("sent as ongoing and has ended"), "{reason}");
}

#[tokio::test]
async fn an_endless_line_is_not_kept() {
    let (client, mut owner) = open(format!("{WELCOME}\n").as_bytes(), false).await.unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    let mut state = client.owner();
    let flood = async {
        while tokio::io::AsyncWriteExt::write_all(&mut owner.writer, &chunk).await.is_ok() {
            sent += 1;
            assert!(sent < 100, "{sent} MiB of one line were taken");
        }
    };
    within("the end of the flood", flood).await;
    let now = crate::harness::until("it is lost", &mut state, |now| format!("{now:?}").contains("longer than")).await;
    assert!(format!("{now:?}").contains("67108864"), "{now:?}");
}

#[tokio::test]
async fn numbers_that_no_owner_has_do_no_harm() {
    let most = u64::MAX;
    let ended = [[most; 5]; 4];
    let snapshot =
        |more: bool| json!({"change": {"snapshot": {"revision": most, "ended": ended, "more": more}}}).to_string();
    let lines = [WELCOME, WATCHING, &snapshot(true), &snapshot(false), &snapshot(false)].join("\n") + "\n";
    let (client, _owner) = open(lines.as_bytes(), true).await.unwrap();
    let seen = crate::harness::until("a snapshot", &mut client.snapshots(), |now| now.revision > 0).await;
    assert!(seen.counts.completed() > 0 && seen.ongoing.is_empty());
}

#[tokio::test]
async fn an_answer_of_another_kind_is_no_receipt() {
    let (client, mut owner) = open(format!("{WELCOME}\n").as_bytes(), false).await.unwrap();
    let asked = tokio::spawn(client.start(crate::requests::order([1]), who("ana")));
    let number = within("the request", owner.receive()).await["ask"]["number"].clone();
    owner.send(&json!({"answer": {"number": number, "answer": {"session": null}}})).await;
    let receipt = within("a receipt", asked).await.unwrap();
    assert_eq!(receipt.lines[0].result, Err(Refusal::ManagerGone));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_sends_nothing_is_named() {
    // The clock stands still while anybody has anything to do, so it comes to the limit at once.
    let (connector, owner) = once();
    let error = Client::open(connector, who("ana"), false, Clock::system()).await.unwrap_err().to_string();
    let own = std::process::id();
    assert!(error.contains("has not answered for 10s") && error.contains(&format!("kill -TERM {own}")), "{error}");
    drop(owner);
    // Nor is one that sends a welcome and no snapshot.
    let (connector, mut owner) = once();
    owner.send_bytes(format!("{WELCOME}\n{WATCHING}\n").as_bytes()).await;
    let error = Client::open(connector, who("ana"), true, Clock::system()).await.unwrap_err().to_string();
    assert!(error.contains("process 5") && error.contains("has not answered"), "{error}");
}
