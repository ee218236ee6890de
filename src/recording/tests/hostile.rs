//! Files that somebody made to do harm, or by mistake: each is an error that names the place and what to do.

use super::*;
use std::io::{self, BufReader, Read};

const V2: &str = "{\"version\": 2, \"width\": 80, \"height\": 24}\n[1.0, \"o\", \"a\"]\n";
const V3: &str = "{\"version\": 3, \"term\": {\"cols\": 80, \"rows\": 24}}\n[1.0, \"o\", \"a\"]\n";

fn error(bytes: &[u8]) -> String {
    Recording::read(bytes, "demo.cast").unwrap_err().to_string()
}

#[test]
fn each_defect_is_named_with_its_place_and_what_to_do() {
    let v1 =
        |frame: &str| format!("{{\"version\": 1, \"width\": 8, \"height\": 2, \"stdout\": [[1, \"a\"], {frame}]}}");
    let header = |rest: &str| format!("{{\"version\": 2, {rest}}}\n");
    let after_v2 = |line: &str| format!("{V2}{line}\n");
    let after_v3 = |line: &str| format!("{V3}# comment\n{line}\n");
    let mut reported = String::new();
    for text in [
        String::new(),
        "\n".to_owned(),
        "hello\n".to_owned(),
        "[]\n".to_owned(),
        "{\"version\": 2\n".to_owned(),
        "{\"version\": 4}\n".to_owned(),
        "{\"version\": -1}\n".to_owned(),
        header("\"width\": 80"),
        header("\"width\": 0, \"height\": 24"),
        header("\"width\": 80, \"height\": 100000"),
        header("\"width\": 1e400, \"height\": 24"),
        header("\"width\": 80, \"height\": 24, \"width\": 81"),
        header("\"width\": 80, \"height\": 24, \"idle_time_limit\": -1"),
        header("\"width\": 80, \"height\": 24, \"timestamp\": \"now\""),
        v1("[2]"),
        v1("[-2, \"a\"]"),
        v1("[1e9, \"a\"]"),
        after_v2("x"),
        after_v2("{}"),
        after_v2("[2.0, \"o\"]"),
        after_v2("[2.0, \"o\", \"a\", 1]"),
        after_v2("[2.0, \"o\", 5]"),
        after_v2("[2.0, \"o\", \"\\ud800\"]"),
        after_v2("[2.0, \"o\", \"a"),
        after_v2("[0.5, \"o\", \"a\"]"),
        after_v2("[NaN, \"o\", \"a\"]"),
        after_v2("[-1, \"o\", \"a\"]"),
        after_v2("[\"2\", \"o\", \"a\"]"),
        after_v2("[1e300, \"o\", \"a\"]"),
        after_v2("[99999999999999999999999999999999999999999999, \"o\", \"a\"]"),
        after_v2("[2.0, \"r\", \"0x24\"]"),
        after_v2("[2.0, \"r\", \"100000x24\"]"),
        after_v2("[2.0, \"r\", \"+80x24\"]"),
        after_v2("[2.0, \"r\", \"80x24\\u001b[2J and very very very much more\"]"),
        after_v2("# no comments here"),
        after_v3("[-0.1, \"o\", \"a\"]"),
        after_v3("[31622400, \"o\", \"a\"]"),
        after_v3("[1, \"x\", \"none\"]"),
    ] {
        reported.push_str(&error(text.as_bytes()));
        reported.push('\n');
    }
    insta::assert_snapshot!(reported);
}

#[test]
fn what_is_no_utf8_is_an_error_with_its_line() {
    let bytes = [V2.as_bytes(), b"[2.0, \"o\", \"\xff\"]\n"].concat();
    assert_eq!(error(&bytes), "demo.cast, line 3: it is not UTF-8; head -n 2 of the file keeps what comes before");
}

#[test]
fn a_file_without_end_is_given_up() {
    let endless = |byte| BufReader::new(io::repeat(byte).take(1 << 40));
    for byte in [0, b' ', b'{', b'1'] {
        let error = Recording::read(endless(byte), "/dev/zero").unwrap_err();
        assert!(matches!(error.defect, Defect::TooLong { .. }), "{error}");
    }
    let line = V2.as_bytes().chain(io::repeat(b'[').take(1 << 40));
    let error = Recording::read(BufReader::new(line), "demo.cast").unwrap_err();
    assert!(matches!((&error.defect, error.place), (Defect::TooLong { .. }, Place::Line(3))), "{error}");
    // Deeper than any parser may follow by calling itself.
    let deep = format!("{V2}[2.0, \"zz\", {}{}]\n", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(read(&deep).events().len(), 1);
}

#[test]
fn more_events_than_memory_should_hold_are_an_error() {
    struct Again(&'static [u8], usize);
    impl Read for Again {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }
    let many = V2.as_bytes().chain(Again(b"[2,\"m\",\"\"]\n", 0));
    let error = Recording::read(BufReader::new(many), "demo.cast").unwrap_err();
    assert!(matches!(error.defect, Defect::TooManyEvents { .. }), "{error}");
}

#[test]
fn an_error_steers_no_terminal() {
    let error = Recording::read(&b"{"[..], "\u{1b}[2Jdemo").unwrap_err().to_string();
    assert!(error.starts_with("\\u{1b}[2Jdemo"), "{error}");
    assert_eq!(error.chars().find(|c| c.is_control()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_line_makes_a_reader_panic(line in "[\\[\\]{}\",0-9a-z.eE+\\-\\\\ ]{0,40}|\\PC{0,40}") {
        for begin in ["", V2, V3] {
            let _: Result<Recording, ReadError> = Recording::read(format!("{begin}{line}\n").as_bytes(), "demo.cast");
        }
    }
}
