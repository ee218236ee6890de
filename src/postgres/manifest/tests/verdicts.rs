//! Whole manifests that are wrong, each with the message about it, and what `pg_verifybackup` decides.

use super::*;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// What `pg_verifybackup` 15 decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theirs {
    Takes,
    Refuses,
}

use Theirs::{Refuses, Takes};

/// What is taken here, too.
const TAKEN: &str = "";

/// One manifest: what it is, its bytes, what `pg_verifybackup` decides, and the message about it here.
type Case = (&'static str, Vec<u8>, Theirs, &'static str);

fn whole() -> String {
    String::from_utf8(manifest("1", &[FILE], &[RANGE])).unwrap()
}

/// A manifest of version 1, changed before its checksum is made.
fn resealed(from: &str, to: &str) -> Vec<u8> {
    let whole = whole();
    let body = &whole[..whole.rfind("\"Manifest-Checksum\"").unwrap()];
    assert!(body.contains(from), "{from}");
    sealed(&body.replace(from, to))
}

/// A manifest whose last line is written otherwise; `#` stands for the right digest.
fn ended(last_line: &str) -> Vec<u8> {
    let whole = whole();
    let (body, end) = whole.split_at(whole.rfind("\"Manifest-Checksum\"").unwrap());
    let digest = end.split('"').nth(3).unwrap();
    format!("{body}{}", last_line.replace('#', digest)).into_bytes()
}

/// What is no JSON, or not all of it.
fn of_other_kinds() -> Vec<Case> {
    let (text, bytes) = (whole(), whole().into_bytes());
    let half = bytes.len() / 2;
    let mut lost = bytes.clone();
    lost[half..].fill(0);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&bytes).unwrap();
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    vec![
        ("no byte", Vec::new(), Refuses, "the manifest is empty"),
        ("blanks", b" \n\n".to_vec(), Refuses, "the manifest is empty"),
        ("a text", b"hello\nworld\n".to_vec(), Refuses, "no manifest: it begins with \"hello"),
        ("an escape", b"\x1b[2J\n".to_vec(), Refuses, "it begins with \"\\u{1b}[2J"),
        ("a page", b"<!DOCTYPE html>\n<p>404\n".to_vec(), Refuses, "it begins with \"<!DOCTYPE html>"),
        ("a comment", [b"# note\n", &bytes[..]].concat(), Refuses, "it begins with \"# note"),
        ("gzip", packer.finish().unwrap(), Refuses, "it is packed with gzip"),
        ("UTF-16", utf16, Refuses, "it is UTF-16 text"),
        ("a byte order mark", [b"\xef\xbb\xbf", &bytes[..]].concat(), Refuses, "begins with a byte order mark"),
        ("only NUL", vec![0; 4096], Refuses, "NUL bytes in it, from byte 0 on"),
        ("half NUL", lost, Refuses, "NUL bytes in it, from byte "),
        ("NUL behind it", [&bytes[..], &[0; 9]].concat(), Refuses, "NUL bytes in it, from byte "),
        ("a list", b"[\n\"Manifest-Checksum\"]\n".to_vec(), Refuses, "its outermost value is not an object"),
        ("a string", b"\"a\"\n".to_vec(), Refuses, "its outermost value is not an object"),
        ("null", b"null\n".to_vec(), Refuses, "its outermost value is not an object"),
        ("a number", b"1\n".to_vec(), Refuses, "its outermost value is not an object"),
        ("one byte", b"{".to_vec(), Refuses, "cut short: it ends at line 1"),
        ("half", bytes[..half].to_vec(), Refuses, "cut short: it ends at line "),
        ("all but two bytes", bytes[..bytes.len() - 2].to_vec(), Refuses, "cut short: it ends at line "),
        ("twice", bytes.repeat(2), Refuses, "goes on behind its end"),
        (
            "more behind it",
            format!("{text}xyz\n").into_bytes(),
            Refuses,
            "goes on behind its end (bytes that follow: 4)",
        ),
    ]
}

/// What is JSON, with an end that is not right or is written otherwise.
fn of_other_ends() -> Vec<Case> {
    let text = whole();
    let (body, _) = text.rsplit_once(",\n").unwrap();
    let first = body.replacen("{ ", "{ \"Manifest-Checksum\": \"00\",\n", 1) + "}\n";
    let twice = resealed("],\n\"WAL", "],\n\"Manifest-Checksum\": \"00\",\n\"WAL");
    let digits = |digit: &str| ended(&format!("\"Manifest-Checksum\": \"{}\"}}\n", digit.repeat(64)));
    let capitals = text.rsplit('"').nth(1).map(|digest| text.replace(digest, &digest.to_uppercase())).unwrap();
    vec![
        (
            "the last line break lost",
            ended("\"Manifest-Checksum\": \"#\"}"),
            Refuses,
            "line break at the end of the mani",
        ),
        (
            "a line break more",
            format!("{text}\n").into_bytes(),
            Refuses,
            "goes on behind its end (bytes that follow: 1)",
        ),
        ("CR LF", text.replace('\n', "\r\n").into_bytes(), Refuses, "changed to CR LF"),
        ("CR LF under its own checksum", resealed("\n", "\r\n"), Takes, TAKEN),
        ("the last line lost", format!("{body}}}\n").into_bytes(), Refuses, "has no Manifest-Checksum"),
        ("the checksum first", first.into_bytes(), Refuses, "does not begin with PostgreSQL-Backup-Manifest-Version"),
        ("two checksums", twice, Refuses, "duplicate field `Manifest-Checksum`"),
        ("too short", ended("\"Manifest-Checksum\": \"abcd\"}\n"), Refuses, "Manifest-Checksum has 4 characters, and"),
        ("too long", ended("\"Manifest-Checksum\": \"#00\"}\n"), Refuses, "Manifest-Checksum has 66 characters, and"),
        ("not hexadecimal", digits("z"), Refuses, "that are not hexadecimal digits"),
        ("another digest", digits("0"), Refuses, "altered or damaged"),
        ("null for a digest", ended("\"Manifest-Checksum\": null}\n"), Refuses, "invalid type: null"),
        ("a number for a digest", ended("\"Manifest-Checksum\": 12}\n"), Refuses, "invalid type: integer `12`"),
        ("a digest in capitals", capitals.into_bytes(), Takes, TAKEN),
        ("a blank before the brace", ended("\"Manifest-Checksum\": \"#\" }\n"), Takes, TAKEN),
        ("blanks before the last line", ended("  \"Manifest-Checksum\": \"#\"}\n"), Takes, TAKEN),
        ("the brace on its own line", ended("\"Manifest-Checksum\": \"#\"\n}\n"), Refuses, "was reformatted"),
        (
            "a field behind it",
            ended("\"Manifest-Checksum\": \"#\",\n\"Extra\": 1}\n"),
            Refuses,
            "unknown field `Extra`",
        ),
        ("one line", (text.replace('\n', "") + "\n").into_bytes(), Refuses, "was reformatted"),
        ("a digit changed", text.replace("1259", "1260").into_bytes(), Refuses, "altered or damaged"),
        ("a blank more", text.replace("\"Size\": 3", "\"Size\":  3").into_bytes(), Refuses, "altered or damaged"),
    ]
}

/// What is whole and sealed, with other fields than PostgreSQL writes.
fn of_other_fields() -> Vec<Case> {
    let version = |to: &str| resealed("Version\": 1", &format!("Version\": {to}"));
    let field = |from: &str, to: &str| resealed(from, to);
    let reordered = whole().replacen("{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n", "{ ", 1);
    let (body, _) = reordered.rsplit_once("\"Manifest").unwrap();
    let reordered = sealed(&format!("{body}\"PostgreSQL-Backup-Manifest-Version\": 1,\n"));
    let array = field("{ \"Path\": \"base/1/1259\", \"Size\": 3", "[ \"base/1/1259\", null, 3");
    vec![
        ("nothing changed", whole().into_bytes(), Takes, TAKEN),
        ("an object without fields", b"{}\n".to_vec(), Refuses, "missing field `PostgreSQL-Backup-Manifest-Version`"),
        ("no version", field("\"PostgreSQL-Backup-Manifest-Version\": 1,", ""), Refuses, "missing field `PostgreSQL"),
        ("the version last", reordered, Refuses, "does not begin with PostgreSQL-Backup-Manifest-Version"),
        ("version 2 of no cluster", version("2"), Refuses, "must have a System-Identifier"),
        ("version 1 of a cluster", version("1,\n\"System-Identifier\": 7"), Refuses, "has no System-Identifier"),
        ("version 3", version("3"), Refuses, "the manifest has version 3; this build reads versions 1 and 2"),
        ("version 3 of another form", version("3,\n\"New\": []"), Refuses, "the manifest has version 3"),
        ("a quoted version", version("\"1\""), Takes, TAKEN),
        ("a fraction for a version", version("1.0"), Refuses, "invalid type: floating point `1.0`"),
        ("no files", field("\"Files\"", "\"Filez\""), Refuses, "unknown field `Filez`"),
        ("a file as a list", array, Refuses, "invalid type: sequence, expected an object"),
        ("a field more", field("\"Size\"", "\"Mode\": 384, \"Size\""), Refuses, "unknown field `Mode`"),
        ("no size", field("\"Size\": 3, ", ""), Refuses, "missing field `Size`"),
        ("a quoted size", field("\"Size\": 3", "\"Size\": \"3\""), Takes, TAKEN),
        ("a power for a size", field("\"Size\": 3", "\"Size\": 3e0"), Refuses, "expected a whole number"),
        ("a checksum in capitals", field("8a744722", "8A744722"), Takes, TAKEN),
        ("an algorithm in small letters", field("CRC32C", "crc32c"), Takes, TAKEN),
        (
            "a checksum of no algorithm",
            field("\"Checksum-Algorithm\": \"CRC32C\", ", ""),
            Refuses,
            "a Checksum, but no",
        ),
        ("a checksum of the algorithm NONE", field("CRC32C", "NONE"), Takes, TAKEN),
        ("no time", field("\"Last-Modified\": \"2026-11-20 23:44:44 GMT\", ", ""), Takes, TAKEN),
        ("a time that is none", field("2026-11-20", "yesterday"), Takes, TAKEN),
        ("an LSN in small letters", field("0/B000028", "0/b000028"), Takes, TAKEN),
        ("a quoted timeline", field("\"Timeline\": 1", "\"Timeline\": \"1\""), Takes, TAKEN),
        ("a NUL in a name", field("1259", "12\\u000059"), Refuses, "the path has a NUL byte in it"),
        // Taken by others, and refused here: the reasons stand in `parse`.
        ("files twice", version("1,\n\"Files\": []"), Takes, "duplicate field `Files`"),
        (
            "no WAL ranges",
            field("{ \"Timeline\": 1, \"Start-LSN\": \"0/B000028\", \"End-LSN\": \"0/B000100\" }", ""),
            Takes,
            "WAL-Ranges is empty",
        ),
        ("timeline 0", field("\"Timeline\": 1", "\"Timeline\": 0"), Takes, "Timeline is 0"),
        ("a range that ends first", field("0/B000028", "0/C000028"), Takes, "lies behind End-LSN"),
        (
            "a path twice in one entry",
            field("{ \"Path\"", "{ \"Path\": \"x\", \"Path\""),
            Takes,
            "duplicate field `Path`",
        ),
        ("a size with a sign", field("\"Size\": 3", "\"Size\": \"+3\""), Takes, "expected a whole number"),
    ]
}

fn cases() -> Vec<Case> {
    [of_other_kinds(), of_other_ends(), of_other_fields()].concat()
}

#[test]
fn what_is_wrong_with_a_manifest_is_what_is_said_of_it() {
    for (what, bytes, _, said) in cases() {
        match Manifest::parse(&bytes) {
            Ok(_) => assert_eq!(said, TAKEN, "{what}: taken"),
            Err(error) => {
                let error = error.to_string();
                assert!(said != TAKEN && error.contains(said), "{what}: {error}");
                assert!(!error.contains('\u{1b}'), "{what}: {error:?}");
            }
        }
    }
}

#[test]
fn pg_verifybackup_decides_as_the_table_says() {
    let program = Path::new("/usr/lib/postgresql/15/bin/pg_verifybackup");
    if !program.exists() {
        writeln!(std::io::stderr(), "skipped: {} is not installed", program.display()).unwrap();
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    fs::create_dir_all(data.join("base/1")).unwrap();
    fs::write(data.join("base/1/1259"), b"abc").unwrap();
    for (what, bytes, theirs, _) in cases() {
        let manifest = place.path().join("manifest");
        fs::write(&manifest, bytes).unwrap();
        let mut command = Command::new(program);
        command
            .args(["--no-parse-wal", "--skip-checksums"])
            .arg("--manifest-path")
            .arg(&manifest)
            .arg(&data)
            .stdout(Stdio::null());
        let output = command.output().unwrap();
        let decided = if output.status.success() { Takes } else { Refuses };
        assert_eq!(decided, theirs, "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
