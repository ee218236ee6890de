//! What is wrong with bytes that are no manifest, or not the one that PostgreSQL wrote.
//!
//! Promises: the cause that is named is one that the bytes show; what shows none is reported as altered or damaged.

use super::{ManifestError, checksum::last_line_start, json::Number};
use crate::{domain::Compression, postgres::compression};
use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest, Sha256};

/// As much of a file that is no JSON as makes it recognized.
const SHOWN_CHARS: usize = 20;

/// The version alone, to name it even when the rest has a form that nobody knows yet.
#[derive(Deserialize)]
struct VersionAlone {
    #[serde(rename = "PostgreSQL-Backup-Manifest-Version")]
    version: Number,
}

/// Why these bytes cannot be read as a manifest.
pub(super) fn unreadable(bytes: &[u8], error: &serde_json::Error) -> ManifestError {
    if let Some(kind) = other_kind(bytes) {
        return kind;
    }
    if let Ok(VersionAlone { version: Number(version) }) = serde_json::from_slice(bytes)
        && !(1..=2).contains(&version)
    {
        return ManifestError::UnknownVersion(version);
    }
    if error.is_eof() {
        return ManifestError::CutShort { line: error.line() };
    }
    if let Some(more) = behind(bytes).filter(|more| !more.trim_ascii().is_empty()) {
        return ManifestError::Trailing(more.len());
    }
    let text = error.to_string();
    // serde_json ends its text with the place, which the error shows itself.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
    ManifestError::Malformed { line: error.line(), column: error.column(), what }
}

/// Why a manifest whose fields can be read does not have the checksum that it records.
pub(super) fn mismatched(bytes: &[u8], written: &str) -> ManifestError {
    if written.len() != 64 || !written.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return ManifestError::NoDigest { length: written.chars().count() };
    }
    if !bytes.ends_with(b"\n") {
        return ManifestError::NoLineBreak;
    }
    if let Some(more) = behind(bytes).filter(|more| !more.is_empty()) {
        return ManifestError::Trailing(more.len());
    }
    let last_line = &bytes[last_line_start(bytes)..];
    if !last_line.trim_ascii_start().starts_with(b"\"Manifest-Checksum\"") {
        return ManifestError::Reformatted;
    }
    let with_line_feeds = without_returns(bytes);
    let digest = Sha256::digest(&with_line_feeds[..last_line_start(&with_line_feeds)]);
    if written.eq_ignore_ascii_case(&super::checksum::to_hex(&digest)) {
        return ManifestError::LineEnds;
    }
    ManifestError::WrongChecksum
}

/// What a file is that is nothing like a manifest from its first bytes on.
fn other_kind(bytes: &[u8]) -> Option<ManifestError> {
    let not_json = |what: &str| Some(ManifestError::NotJson(what.to_owned()));
    if bytes.is_empty() {
        return Some(ManifestError::Empty);
    }
    if compression::detect(bytes) != Compression::None {
        return not_json(&format!("it is packed with {}", compression::detect(bytes)));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return not_json("it is UTF-16 text");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return not_json("it begins with a byte order mark, which an editor has put there");
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Some(ManifestError::Nul { at });
    }
    let text = bytes.trim_ascii_start();
    let Some(first) = text.first() else { return Some(ManifestError::Empty) };
    if *first == b'{' {
        return None;
    }
    if serde_json::from_slice::<IgnoredAny>(text).is_ok() || *first == b'[' {
        return not_json("its outermost value is not an object");
    }
    let begin: String = String::from_utf8_lossy(text).chars().take(SHOWN_CHARS).collect();
    not_json(&format!("it begins with {begin:?}"))
}

/// What follows the outermost value and the line break behind it.
fn behind(bytes: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let rest = bytes.get(values.byte_offset()..)?;
    Some(rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest))
}

fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        kept.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
    }
    kept.extend_from_slice(rest);
    kept
}
