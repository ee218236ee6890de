//! Peers that are hostile, broken, silent, too many, of another version or of another user: each is sent the reason,
//! and nothing else is touched.

use crate::{
    harness::{Harness, OWNER, hello, until, within},
    support::skip::skip,
};
use howdah::manager::Service as _;
use serde_json::json;
use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};
use tracing_subscriber::fmt::MakeWriter;

/// What the owner logs while a test runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Everything that this thread logs from now on; tasks of a test run on its thread.
    fn keep() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// What a peer sends, with or without a proper hello before it, earns it this goodbye, and one line in the log.
async fn is_rejected(harness: &Harness, greets: bool, bytes: &[u8], words: &[&str]) {
    let (log, _guard) = Log::keep();
    let mut raw = harness.raw();
    if greets {
        raw.greet().await;
    }
    raw.send_bytes(bytes).await;
    let reason = raw.bye().await;
    let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
    for word in words {
        assert!(reason.contains(word), "{sent:?}: {word:?} is missing in: {reason}");
    }
    assert!(!reason.chars().any(char::is_control), "{sent:?}: {reason:?}");
    drop(raw);
    harness.connected(0).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{sent:?}: {lines:#?}");
    assert!(lines[0].contains("WARN") && lines[0].contains(&reason), "{lines:?}");
}

#[tokio::test]
async fn garbage_ends_the_connection_with_a_reason() {
    let harness = Harness::open();
    let endless = vec![b'x'; (1 << 20) + 2];
    let nested = "[".repeat(100_000);
    let deep = format!("{{\"watch\":{{\"number\":1,\"more\":{nested}\n");
    let deep_hello = format!("{{\"hello\":{}\n", &nested[..4000]);
    for (greets, bytes, words) in [
        (false, &b"\n"[..], &["no hello"][..]),
        (false, b"GET / HTTP/1.1\r\n\r\n", &["no hello"]),
        (false, b"{\"hello\":{\"protocol\":8}}\n", &["no hello", "missing field"]),
        (false, b"{\"hello\":{\"protocol\":\"one\",\"program\":\"0\"}}\n", &["no hello"]),
        (false, b"{\"hello\":{\"protocol\":8,\"program\":\"0\",\"who\":{\"user\":\"\xff\"}}}\n", &["no hello"]),
        (false, b"{\"watch\":{\"number\":1}}\n", &["asks already"]),
        (false, b"\0\0\0\0\n", &["no hello"]),
        (false, deep_hello.as_bytes(), &["no hello"]),
        (false, &[b'x'; 5000], &["longer than 4096 bytes"]),
        (true, b"\xff\xfe\xfd\n", &["not understood"]),
        (true, b"null\n", &["not understood"]),
        (true, b"{\"ask\":{\"number\":1,\"request\":\"dance\"}}\n", &["not understood", "dance"]),
        (true, b"{\"ask\":{\"number\":1,\"request\":{\"dance\\u001b[2J\":1}}}\n", &["not understood", "dance"]),
        (true, b"{\"watch\":{\"number\":-1}}\n", &["not understood"]),
        (true, b"{\"ask\":{\"number\":1,\"request\":{\"session\":18446744073709551616}}}\n", &["not understood"]),
        (true, b"{\"ask\":{\"number\":1,\"request\":{\"act\":{\"act\":\"retry\",\"scope\":\"none\"}}}}\n", &["none"]),
        (true, deep.as_bytes(), &["not understood"]),
        (true, &endless, &["longer than 1048576 bytes"]),
    ] {
        is_rejected(&harness, greets, bytes, words).await;
        harness.is_well().await;
    }
    is_rejected(&harness, true, format!("{}\n", hello()).as_bytes(), &["hello is sent once"]).await;
}

#[tokio::test]
async fn an_order_that_no_client_of_ours_sends_is_not_carried_out() {
    let harness = Harness::open();
    let good = serde_json::to_string(&crate::requests::order([1])).unwrap();
    let ids: Vec<u64> = (1..=1001).collect();
    let long = good.replace("\"orders-1\"", &format!("\"{}\"", "x".repeat(5000)));
    for (request, words) in [
        (good.replace("/srv/pg/orders-1", "../etc"), "not an absolute path"),
        (good.replace("/srv/pg/orders-1", "/"), "root directory"),
        (good.replace("\"tablespaces\":{}", "\"tablespaces\":{\"1\":\"/srv\"}"), "lie in each other"),
        (long, "longer than 4096 bytes"),
    ] {
        assert_ne!(request, good);
        let line = format!("{{\"ask\":{{\"number\":1,\"request\":{{\"start\":{request}}}}}}}\n");
        is_rejected(&harness, true, line.as_bytes(), &["not understood", words]).await;
    }
    let act = json!({"ask": {"number": 1, "request": {"act": {"act": "retry", "scope": {"sessions": ids}}}}});
    is_rejected(&harness, true, format!("{act}\n").as_bytes(), &["names 1001 sessions"]).await;
    assert!(harness.manager.handle.snapshots().borrow().ongoing.is_empty());
}

#[tokio::test]
async fn half_a_line_is_no_line() {
    let harness = Harness::open();
    let order = json!({"ask": {"number": 1, "request": {"start": crate::requests::order([1])}}}).to_string();
    for (greets, sent) in [(true, order.as_str()), (true, "{"), (false, "{\"hello\":")] {
        let mut raw = harness.raw();
        if greets {
            raw.greet().await;
        }
        raw.send_bytes(sent.as_bytes()).await;
        raw.shutdown_write().await;
        assert!(raw.bye().await.contains("the last line was cut off"));
    }
    harness.is_well().await;
    assert!(harness.manager.handle.snapshots().borrow().ongoing.is_empty(), "an order without its end was carried out");
}

#[tokio::test]
async fn a_client_of_another_version_gets_one_clear_sentence() {
    let harness = Harness::open();
    // A newer client, of which only the protocol can be read; and one from before the first protocol.
    let newer = br#"{"hello":{"protocol":9,"program":"0.9.0","who":["another","shape"],"more":{}}}"#;
    let kill = format!("`kill -TERM {OWNER}`; its sessions go on");
    let ours = format!("howdah {} with protocol 8", env!("CARGO_PKG_VERSION"));
    let owner = format!("process {OWNER}");
    let line = [newer, &b"\n"[..]].concat();
    is_rejected(
        &harness,
        false,
        &line,
        &["howdah 0.9.0 with protocol 9", &ours, &owner, "use the same version", &kill],
    )
    .await;
    let older = b"{\"hello\":{\"protocol\":0}}\n";
    is_rejected(
        &harness,
        false,
        older,
        &["howdah of an unknown version with protocol 0", &ours, "use the same version"],
    )
    .await;
    let far = b"{\"hello\":{\"protocol\":99999999999,\"program\":\"\\u001b[2J\"}}\n";
    is_rejected(&harness, false, far, &["protocol 99999999999", "\\u{1b}[2J", &kill]).await;
    harness.is_well().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_shown_out() {
    let harness = Harness::open();
    let (log, _guard) = Log::keep();
    // The clock stands still while anybody has anything to do, so it comes to the limit at once.
    let mut raw = harness.raw();
    let bye = raw.receive().await;
    assert_eq!(bye["bye"]["reason"], "nothing was sent for 2s: a client sends hello first");
    assert_eq!(raw.next_line_or_end().await, None);
    // Neither does it help to send it byte by byte.
    let mut raw = harness.raw();
    raw.send_bytes(b"{\"hel").await;
    assert!(raw.receive().await["bye"]["reason"].as_str().unwrap().contains("nothing was sent"));
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}

#[tokio::test]
async fn the_sixty_fifth_is_sent_that_all_places_are_taken() {
    let harness = Harness::open();
    let mut guests = Vec::new();
    for _ in 0..64 {
        let mut raw = harness.raw();
        raw.greet().await;
        guests.push(raw);
    }
    assert_eq!(*harness.server.connections().borrow(), 64);
    for _ in 0..3 {
        let reason = harness.raw().bye().await;
        assert!(reason.contains("64") && reason.contains("close one"), "{reason}");
    }
    guests[0].send(&json!({"ask": {"number": 7, "request": {"session": 1}}})).await;
    assert_eq!(within("an answer", guests[0].receive()).await["answer"]["number"], 7);
    guests.truncate(63);
    harness.connected(63).await;
    harness.is_well().await;
    drop(guests);
    until("nobody", &mut harness.server.connections(), |now| *now == 0).await;
}

#[tokio::test]
async fn silent_peers_keep_nobody_out() {
    let harness = Harness::open();
    let mut silent = Vec::new();
    let mut connections = harness.server.connections();
    let greeted = [harness.raw(), harness.raw()];
    for mut raw in greeted {
        raw.greet().await;
        silent.push(raw);
    }
    for _ in 2..64 {
        silent.push(harness.raw());
    }
    until("all places are taken", &mut connections, |now| *now == 64).await;
    // Whoever comes now is served, and the one that has been silent for longest has gone for each.
    let mut newcomers = [harness.raw(), harness.raw()];
    for newcomer in &mut newcomers {
        newcomer.greet().await;
    }
    for raw in &mut silent[2..4] {
        let reason = raw.bye().await;
        assert!(reason.contains("nothing was sent yet"), "{reason}");
    }
    // Those who have sent a hello stay, and so do those who came later.
    for raw in &mut silent[..2] {
        raw.send(&json!({"ask": {"number": 7, "request": {"session": 1}}})).await;
        assert_eq!(within("an answer", raw.receive()).await["answer"]["number"], 7);
    }
    silent[4].greet().await;
    assert_eq!(*connections.borrow(), 64);
}

#[tokio::test]
async fn another_user_is_not_heard() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can be somebody else", false);
    }
    let harness = Harness::open();
    // The doors that usually keep others away stand open here, so that only the last one is tried.
    let socket = harness.state.path().join("control.sock");
    fs::set_permissions(harness.state.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let talk = "use Socket; $SIG{PIPE} = 'IGNORE'; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die; \
                connect($s, sockaddr_un($ARGV[0])) or die \"connect: $!\"; syswrite($s, $ARGV[1] . \"\\n\"); \
                while (<$s>) { print }";
    let nobody = 65534;
    let mut command = Command::new("perl");
    command.args(["-e", talk]).arg(&socket).arg(hello().to_string()).uid(nobody).gid(nobody).current_dir("/");
    let (log, _guard) = Log::keep();
    let Ok(child) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        return skip("perl is not here to be somebody else", false);
    };
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let output = within("the stranger", output).await.unwrap();
    let received = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        received.contains("bye") && received.contains("user 0") && received.contains("not user 65534"),
        "{output:?}"
    );
    assert!(!received.contains("welcome"), "{received}");
    assert!(log.lines()[0].contains("not user 65534"), "{:?}", log.lines());
    harness.is_well().await;
}

#[tokio::test]
async fn who_connects_and_leaves_is_not_worth_a_line() {
    let harness = Harness::open();
    let (log, _guard) = Log::keep();
    drop(harness.raw());
    harness.is_well().await;
    harness.connected(0).await;
    assert_eq!(log.lines(), Vec::<String>::new());
}
