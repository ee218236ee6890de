//! Recordings that were written are read back, old formats are read, and hostile files are errors with a place.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod hostile;
mod terminal;

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Recording {
    Recording::read(text.as_bytes(), "demo.cast").unwrap()
}

fn size(columns: u64, rows: u64) -> ScreenSize {
    ScreenSize::new(columns, rows).unwrap()
}

fn at(micros: u64, kind: EventKind) -> Event {
    Event { at: Micros(micros), kind }
}

fn written(format: Format, header: &Header, events: &[Event]) -> String {
    let mut writer = Writer::new(Vec::new(), format, header).unwrap();
    for event in events {
        writer.event(event).unwrap();
    }
    String::from_utf8(writer.into_inner()).unwrap()
}

fn header(version: Version) -> Header {
    Header {
        version,
        size: size(80, 24),
        title: Some("a \"restore\"\u{1b}[2J".to_owned()),
        command: Some("howdah".to_owned()),
        timestamp: Some(1_504_467_315),
        idle_limit: Some(Micros(1_500_000)),
        terminal: Some("xterm-256color".to_owned()),
    }
}

fn some_events() -> Vec<Event> {
    vec![
        at(248_848, EventKind::Output("\u{1b}[1mHello\u{1b}[0m\r\n".to_owned())),
        at(248_848, EventKind::Input("q\u{7f}\u{9b}".to_owned())),
        at(1_000_400, EventKind::Marker(String::new())),
        at(1_000_700, EventKind::Resize(size(90, 30))),
        at(61_000_000, EventKind::Output("größe \u{1f980}\\".to_owned())),
        at(61_000_001, EventKind::Exit(-1)),
    ]
}

#[test]
fn version_2_is_written_byte_for_byte() {
    insta::assert_snapshot!(written(Format::V2, &header(Version::V2), &some_events()), @r#"
    {"version": 2, "width": 80, "height": 24, "timestamp": 1504467315, "idle_time_limit": 1.500000, "command": "howdah", "title": "a \"restore\"\u001b[2J", "env": {"TERM": "xterm-256color"}}
    [0.248848, "o", "\u001b[1mHello\u001b[0m\r\n"]
    [0.248848, "i", "q\u007f\u009b"]
    [1.000400, "m", ""]
    [1.000700, "r", "90x30"]
    [61.000000, "o", "größe 🦀\\"]
    "#);
}

#[test]
fn version_3_is_written_byte_for_byte() {
    insta::assert_snapshot!(written(Format::V3, &header(Version::V3), &some_events()), @r#"
    {"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm-256color"}, "timestamp": 1504467315, "idle_time_limit": 1.500000, "command": "howdah", "title": "a \"restore\"\u001b[2J"}
    [0.249, "o", "\u001b[1mHello\u001b[0m\r\n"]
    [0.000, "i", "q\u007f\u009b"]
    [0.751, "m", ""]
    [0.001, "r", "90x30"]
    [59.999, "o", "größe 🦀\\"]
    [0.000, "x", "-1"]
    "#);
}

#[test]
fn a_step_back_is_written_as_no_step() {
    let events = [at(2_000_000, EventKind::Marker("a".into())), at(1_000_000, EventKind::Marker("b".into()))];
    for format in [Format::V2, Format::V3] {
        let recording = read(&written(format, &header(Version::V2), &events));
        assert_eq!(recording.events()[1].at, Micros(2_000_000));
    }
}

#[test]
fn version_1_is_read_in_one_line_and_in_many() {
    let text = r#"{"version": 1, "width": 80, "height": 24, "duration": 1.5, "command": "/bin/zsh", "title": null,
        "env": {"TERM": "xterm", "SHELL": "/bin/zsh"}, "extra": [{}],
        "stdout": [[0.248848, "Hello \u001b[32m"], [1.001376, "W\ud83e\udd80"], [0, ""]]}"#;
    for text in [text.to_owned(), text.replace('\n', ""), text.replace('\n', "\r\n") + "\n\n"] {
        let recording = read(&text);
        let wanted = Header {
            title: None,
            command: Some("/bin/zsh".to_owned()),
            timestamp: None,
            idle_limit: None,
            terminal: Some("xterm".to_owned()),
            ..header(Version::V1)
        };
        assert_eq!(recording.header(), &wanted);
        let output = |micros, text: &str| at(micros, EventKind::Output(text.to_owned()));
        let wanted = [output(248_848, "Hello \u{1b}[32m"), output(1_250_224, "W\u{1f980}"), output(1_250_224, "")];
        assert_eq!(recording.events(), wanted);
    }
}

#[test]
fn the_examples_of_the_formats_are_read() {
    let v2 = concat!(
        r#"{"version": 2, "width": 80, "height": 24, "timestamp": 1504467315, "title": "Demo", "env": {"SHELL": "/bin/zsh"}}"#,
        "\n[0.248848, \"o\", \"Hello\"]\n[1.500000, \"m\", \"\"]\n\n[4.05, \"r\", \"90x30\"]\n[5, \"k\", {\"any\": 1}]\r\n",
        "[6.541828, \"o\", \"Bye!\"]\n"
    );
    let v3 = concat!(
        r##"{"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm", "theme": {"fg": "#d0d0d0"}}, "title": "Demo"}"##,
        "\n# a comment\n[0.248848, \"o\", \"Hello\"]\n[1.251152, \"m\", \"\"]\n[2.55, \"r\", \"90x30\"]\n#[\n",
        "[0.95, \"k\", null]\n[1.541828, \"o\", \"Bye!\"]\n[0, \"x\", 130]"
    );
    let wanted = [
        at(248_848, EventKind::Output("Hello".to_owned())),
        at(1_500_000, EventKind::Marker(String::new())),
        at(4_050_000, EventKind::Resize(size(90, 30))),
        at(6_541_828, EventKind::Output("Bye!".to_owned())),
        at(6_541_828, EventKind::Exit(130)),
    ];
    assert_eq!(read(v2).events(), &wanted[..4]);
    assert_eq!(read(v3).events(), wanted);
    assert_eq!([read(v2).header().title.as_deref(), read(v3).header().title.as_deref()], [Some("Demo"); 2]);
    assert_eq!(read(v3).header().terminal.as_deref(), Some("xterm"));
}

#[test]
fn a_recording_that_breaks_off_ends_before_its_last_line() {
    let whole = "{\"version\": 2, \"width\": 9, \"height\": 3}\n[1.0, \"o\", \"a\"]\n[2.0, \"o\", \"\u{e4}\"]";
    assert_eq!((read(whole).events().len(), read(whole).cut_at()), (2, None));
    let begin = whole.find("[2.0").unwrap();
    for end in begin + 1..whole.len() {
        let recording = Recording::read(&whole.as_bytes()[..end], "demo.cast").unwrap();
        assert_eq!((recording.events().len(), recording.cut_at()), (1, Some(3)), "cut at {end}");
    }
}

#[test]
fn pauses_are_shortened_by_whoever_says_so() {
    let recording = read(&written(Format::V2, &header(Version::V2), &some_events()));
    let lengths = |limit| recording.clone().with_idle_limit(limit).length();
    assert_eq!(lengths(IdleLimit::None), Micros(61_000_000));
    assert_eq!(lengths(IdleLimit::OfRecording), Micros(1_000_700 + 1_500_000));
    assert_eq!(lengths(IdleLimit::AtMost(Micros(100_000))), Micros(100_000 * 3 + 300));
}

fn any_event() -> impl Strategy<Value = (u64, EventKind)> {
    let kind = prop_oneof![
        any::<String>().prop_map(EventKind::Output),
        any::<String>().prop_map(EventKind::Input),
        any::<String>().prop_map(EventKind::Marker),
        (1..=1_000_u64, 1..=500_u64).prop_map(|(columns, rows)| EventKind::Resize(size(columns, rows))),
    ];
    (0..10_000_000_u64, kind)
}

fn any_header() -> impl Strategy<Value = Header> {
    let text = || proptest::option::of("\\PC{1,9}|[\\x00-\\x20]{1,9}");
    (text(), text(), text(), any::<Option<u32>>(), proptest::option::of(1..1_000_000_u64)).prop_map(
        |(title, command, terminal, timestamp, limit)| Header {
            version: Version::V2,
            size: size(80, 24),
            title,
            command,
            timestamp: timestamp.map(u64::from),
            idle_limit: limit.map(Micros),
            terminal,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_is_read_back(header in any_header(), steps in prop::collection::vec(any_event(), 0..20)) {
        let mut now = 0;
        let events: Vec<Event> = steps.into_iter().map(|(step, kind)| { now += step; at(now, kind) }).collect();
        let recording = read(&written(Format::V2, &header, &events));
        prop_assert_eq!(recording.header(), &header);
        prop_assert_eq!(recording.events(), &events);
        let rounded: Vec<Event> =
            events.into_iter().map(|event| at(event.at.rounded_millis() * 1_000, event.kind)).collect();
        let text = written(Format::V3, &header, &rounded);
        let recording = read(&text);
        prop_assert_eq!(recording.header(), &Header { version: Version::V3, ..header.clone() });
        prop_assert_eq!(recording.events(), &rounded);
        prop_assert_eq!(written(Format::V3, &header, recording.events()), text);
    }
}
