//! What a manifest must hold, and each way in which it can be wrong.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod verdicts;

use super::*;
use sha2::{Digest, Sha256};

const FILE: &str = r#"{ "Path": "base/1/1259", "Size": 3, "Last-Modified": "2026-11-20 23:44:44 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "8a744722" }"#;
const RANGE: &str = r#"{ "Timeline": 1, "Start-LSN": "0/B000028", "End-LSN": "0/B000100" }"#;

/// A manifest as PostgreSQL lays it out, with its checksum made right.
fn manifest(version: &str, files: &[&str], ranges: &[&str]) -> Vec<u8> {
    sealed(&format!(
        "{{ \"PostgreSQL-Backup-Manifest-Version\": {version},\n\"Files\": [\n{}\n],\n\"WAL-Ranges\": [\n{}\n],\n",
        files.join(",\n"),
        ranges.join(",\n")
    ))
}

fn sealed(body: &str) -> Vec<u8> {
    let digest = checksum::to_hex(&Sha256::digest(body.as_bytes()));
    format!("{body}\"Manifest-Checksum\": \"{digest}\"}}\n").into_bytes()
}

fn refusal(bytes: &[u8]) -> String {
    Manifest::parse(bytes).expect_err("wrong manifest").to_string()
}

#[test]
fn a_manifest_of_version_1_is_read() {
    let odd =
        r#"{ "Encoded-Path": "626173652f6f6464ff6e616d65", "Size": 1, "Last-Modified": "2026-11-20 23:44:44 GMT" }"#;
    let bytes = manifest("1", &[FILE, odd], &[RANGE]);
    let read = Manifest::parse(&bytes).unwrap();
    assert_eq!(read.files[0].path, Path::new("base/1/1259"));
    assert_eq!(read.files[0].modified.map(|time| time.to_string()).as_deref(), Some("2026-11-20T23:44:44Z"));
    assert_eq!(read.files[1].path.as_os_str().as_encoded_bytes(), b"base/odd\xffname");
    assert_eq!(read.files[1].checksum, Checksum::none());
    assert_eq!((read.total_size(), read.timeline()), (ByteCount(4), Timeline(1)));
    assert_eq!((read.start_lsn(), read.stop_lsn()), (Lsn(0x0B00_0028), Lsn(0x0B00_0100)));
    assert_eq!(read.checksum_name(), "NONE, CRC32C");
    assert_eq!(read.identity().len(), 64);
    assert_eq!(read.system_identifier, None);
}

#[test]
fn a_manifest_of_version_2_names_its_cluster() {
    let bytes = manifest("2,\n\"System-Identifier\": 7579265441411437183", &[FILE], &[RANGE]);
    let read = Manifest::parse(&bytes).unwrap();
    assert_eq!(read.system_identifier, Some(SystemIdentifier(7_579_265_441_411_437_183)));
    assert!(refusal(&manifest("2", &[FILE], &[RANGE])).contains("must have a System-Identifier"));
    assert!(refusal(&manifest("1,\n\"System-Identifier\": 1", &[FILE], &[RANGE])).contains("has no System-Identifier"));
}

#[test]
fn a_wrong_file_entry_is_refused_by_what_is_wrong() {
    for (entry, says) in [
        (FILE.replace("\"Size\": 3, ", ""), "line 3, column 125: missing field `Size`"),
        (FILE.replace("\"Size\": 3", "\"Size\": 3, \"Size\": 3"), "duplicate field `Size`"),
        (FILE.replace("\"Size\": 3", "\"Size\": \"3 \""), "invalid value: string \"3 \", expected a whole number"),
        (FILE.replace("\"Size\": 3", "\"Size\": -3"), "invalid type: integer `-3`, expected a whole number"),
        (FILE.replace("\"Size\": 3", "\"Size\": 3.5"), "invalid type: floating point"),
        (FILE.replace("\"Size\": 3", "\"Size\": null"), "invalid type: null"),
        (FILE.replace("\"Size\"", "\"Sise\""), "unknown field `Sise`"),
        (FILE.replace("\"base/1/1259\"", "null"), "invalid type: null, expected a string"),
        (FILE.replace("\"Path\": \"base/1/1259\", ", ""), "it has neither Path nor Encoded-Path"),
        (FILE.replace("{ ", "{ \"Encoded-Path\": \"61\", "), "it has both Path and Encoded-Path"),
        (
            FILE.replace("\"Path\": \"base/1/1259\"", "\"Encoded-Path\": \"6g\""),
            "(6g) is wrong: Encoded-Path is not hexa",
        ),
        (FILE.replace("base/1/1259", "/etc/passwd"), "file entry 1 (/etc/passwd) is wrong: the path is absolute"),
        (FILE.replace("base/1", "base/../.."), "the path has . or .. in it"),
        (FILE.replace("base/1", "./base"), "the path has . or .. in it"),
        (FILE.replace("base/1", "base//1"), "the path has an empty part"),
        (FILE.replace("base/1/1259", ""), "the path is empty"),
        (FILE.replace("1259", "12\\u000059"), "the path has a NUL byte in it"),
        (FILE.replace("1259", "12\\u001b59").replace("8a", "xx"), "(base/1/12\\u{1b}59) is wrong: Checksum is not 8"),
        (FILE.replace("CRC32C", "MD5"), "Checksum-Algorithm \"MD5\" is unknown"),
        (FILE.replace("8a744722", "8a74472"), "Checksum is not 8 hexadecimal digits, as CRC32C needs"),
        (FILE.replace("8a744722", "8a74472x"), "Checksum is not 8 hexadecimal digits"),
        (FILE.replace(", \"Checksum\": \"8a744722\"", ""), "it has a Checksum-Algorithm, but no Checksum"),
        (FILE.replace("\"Checksum-Algorithm\": \"CRC32C\", ", ""), "it has a Checksum, but no Checksum-Algorithm"),
        (FILE.replace("\"Size\": 3", "\"Size\": 9223372036854775808"), "add up to more than any disk holds"),
    ] {
        let text = refusal(&manifest("1", &[&entry], &[RANGE]));
        assert!(text.contains(says), "{entry}\n{text}");
        assert!(!text.contains('\u{1b}'), "escapes must not reach a terminal: {text:?}");
    }
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    assert_eq!(refusal(&manifest("1", &[FILE, FILE], &[RANGE])), "the path base/1/1259 occurs twice in the manifest");
    let below = FILE.replace("base/1/1259", "base/1/1259/x");
    let beside = FILE.replace("base/1/1259", "base/1/1259-x");
    let text = refusal(&manifest("1", &[&below, &beside, FILE], &[RANGE]));
    assert_eq!(text, "base/1/1259 is named as a file and as the directory of another");
}

#[test]
fn wrong_wal_ranges_are_refused() {
    for (range, says) in [
        (RANGE.replace("0/B000028", "0-B"), "WAL range 1 is wrong: Start-LSN: \"0-B\" is not an LSN"),
        (RANGE.replace("0/B000028", "0/C000028"), "Start-LSN 0/C000028 lies behind End-LSN 0/B000100"),
        (RANGE.replace("\"Timeline\": 1", "\"Timeline\": 0"), "Timeline is 0"),
        (RANGE.replace("\"Timeline\": 1, ", ""), "missing field `Timeline`"),
    ] {
        let text = refusal(&manifest("1", &[FILE], &[&range]));
        assert!(text.contains(says), "{range}\n{text}");
    }
    assert!(refusal(&manifest("1", &[FILE], &[])).contains("WAL-Ranges is empty"));
}

#[test]
fn every_algorithm_gives_the_digest_that_is_published_for_it() {
    for (algorithm, hex) in [
        (Algorithm::None, ""),
        // RFC 3720, appendix B.4, names 0xE3069283 as the CRC-32C of "123456789"; the manifest swaps its bytes.
        (Algorithm::Crc32c, "839206e3"),
        (Algorithm::Sha224, "9b3e61bf29f17c75572fae2e86e17809a4513d07c8a18152acf34521"),
        (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ] {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(b"1234");
        hasher.update(b"56789");
        assert_eq!(hasher.finish(), Checksum::from_hex(algorithm, hex).unwrap(), "{}", algorithm.name());
        assert_eq!(Algorithm::named(&algorithm.name().to_lowercase()), Some(algorithm));
    }
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        assert_eq!(Hasher::new(algorithm).finish().hex().len(), algorithm.digest_len() * 2);
    }
}

#[test]
fn a_manifest_that_is_not_a_file_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let gone = directory.path().join(FILE_NAME);
    assert!(matches!(Manifest::read(&gone), Err(ManifestError::Unreadable { path, .. }) if path == gone));
    assert!(matches!(Manifest::read(directory.path()), Err(ManifestError::NotAFile(_))));
    std::fs::File::create(&gone).unwrap().set_len(MAX_LEN + 1).unwrap();
    assert!(matches!(Manifest::read(&gone), Err(ManifestError::TooLarge { .. })));
    std::fs::write(&gone, manifest("1", &[FILE], &[RANGE])).unwrap();
    let read = Manifest::read(&gone).unwrap();
    assert_eq!(read.files.len(), 1);
    let written = |path: &Path| written_checksum(&mut File::open(path).unwrap()).unwrap();
    assert_eq!(written(&gone), Some(read.identity()));
    std::fs::write(&gone, "\"Manifest-Checksum\": \"no digest\"}\n").unwrap();
    assert_eq!(written(&gone), None);
}
