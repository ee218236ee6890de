//! A source file as the guards see it: code without comments and literals, its tokens, and which of it is test code.
//!
//! Reads Rust only as far as needed to tell code from text. It never judges.

use std::{fs, ops::Range, path::Path};

/// One file of the project.
pub(crate) struct Source {
    /// Its path from the project's root, with `/` between the parts.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    /// The text with comments and literals blanked; offsets and lines are the same.
    pub(crate) code: String,
    /// The text with literals blanked and comments kept.
    pub(crate) words: String,
    tests: Vec<Range<usize>>,
}

/// A word or a mark of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blanked(text, false);
        let words = blanked(text, true);
        let tests = test_items(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, words, tests }
    }

    /// Whether the code at this place is compiled for tests only.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.tests.iter().any(|range| range.contains(&at))
    }

    /// The line of a place, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }
}

/// Every `.rs` file below these folders of the project.
pub(crate) fn rust_files(root: &Path, folders: &[&str]) -> Vec<Source> {
    let mut found: Vec<Source> = folders
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(root.join(folder)))
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "rs"))
        .map(|entry| {
            let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
            Source::new(&path, &fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = if rest[0].is_ascii_whitespace() {
            at += 1;
            continue;
        } else if is_word(rest[0]) {
            rest.iter().position(|b| !is_word(*b)).unwrap_or(rest.len())
        } else if rest.starts_with(b"::") || rest.starts_with(b"=>") {
            2
        } else {
            1
        };
        found.push(Token { text: &code[at..at + length], at });
        at += length;
    }
    found
}

/// The items behind `#[cfg(test)]`, attribute and braces included.
fn test_items(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]")
        .map(|(start, _)| {
            let end = code[start..].find([';', '{']).map_or(code.len(), |found| start + found);
            start..if code[end..].starts_with('{') { closing_brace(code, end) } else { end }
        })
        .collect()
}

fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        depth = match byte {
            b'{' => depth + 1,
            b'}' => depth - 1,
            _ => continue,
        };
        if depth == 0 {
            return offset + 1;
        }
    }
    code.len()
}

/// The text with literals, and comments unless they are to be kept, replaced by spaces.
fn blanked(text: &str, keep_comments: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let (length, keep) = match rest {
            [b'/', b'/', ..] => (rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), keep_comments),
            [b'/', b'*', ..] => (block_comment(rest), keep_comments),
            [b'"', ..] => (string(rest), false),
            [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] if !word_before => match raw_string(rest) {
                Some(length) => (length, false),
                None => (1, true),
            },
            [b'\'', ..] => character(rest).map_or((1, true), |length| (length, false)),
            _ => (1, true),
        };
        out.extend(rest[..length].iter().map(|b| if keep || *b == b'\n' { *b } else { b' ' }));
        at += length;
    }
    String::from_utf8(out).unwrap()
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let start = rest.iter().position(|b| *b == b'r')? + 1;
    let hashes = rest[start..].iter().take_while(|b| **b == b'#').count();
    if rest.get(start + hashes) != Some(&b'"') {
        return None;
    }
    let body = start + hashes + 1;
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let found = rest[body..].windows(end.len()).position(|window| window == end);
    Some(found.map_or(rest.len(), |found| body + found + end.len()))
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if let [_, b'\\', ..] = rest {
        return rest.iter().skip(3).position(|b| *b == b'\'').map(|found| found + 4);
    }
    let first = std::str::from_utf8(&rest[1..rest.len().min(5)])
        .or_else(|cut| std::str::from_utf8(&rest[1..=cut.valid_up_to()]))
        .ok()?
        .chars()
        .next()?;
    (rest.get(1 + first.len_utf8()) == Some(&b'\'')).then_some(2 + first.len_utf8())
}

#[test]
fn comments_and_literals_are_not_code() {
    let source = Source::new(
        "src/a.rs",
        "let a = \"x\\\"y\"; // todo\nlet b = 'x'; let c: &'static str = r#\"q\"#; /* /* */ */ d",
    );
    assert_eq!(
        source.tokens().iter().map(|token| token.text).collect::<Vec<_>>().join(" "),
        "let a = ; let b = ; let c : & ' static str = ; d"
    );
    assert!(source.words.contains("todo") && !source.words.contains('q'));
    assert_eq!(source.code.len(), source.text.len());
    assert_eq!(source.line(source.code.find("let b").unwrap()), 2);
}

#[test]
fn what_is_behind_cfg_test_is_test_code() {
    let source = Source::new("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}");
    let at = |text: &str| source.is_test(source.code.find(text).unwrap());
    assert!(!at("fn a") && at("fn b") && !at("fn c"));
}
