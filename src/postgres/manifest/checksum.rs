//! The checksums of a manifest: the algorithms that `pg_basebackup --manifest-checksums` knows, in one type.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// How a file's bytes are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Not at all: the size alone is known.
    None,
    /// CRC-32C (Castagnoli); the default of `pg_basebackup`.
    Crc32c,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The checksum of some bytes. Two are equal when algorithm and digest are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    digest: Box<[u8]>,
}

/// A checksum in the making.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    None,
    Crc32c(u32),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Algorithm {
    const ALL: [Self; 6] = [Self::None, Self::Crc32c, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as the manifest writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Crc32c => "CRC32C",
            Self::Sha224 => "SHA224",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm with this name; PostgreSQL takes small letters too.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The length of a digest in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32c => 4,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Checksum {
    /// The checksum whose digest is written as `hex`; `None` when it is not hex or not of the right length.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let digest = from_hex(hex)?;
        (digest.len() == algorithm.digest_len()).then(|| Self { algorithm, digest: digest.into() })
    }

    /// No checksum.
    pub fn none() -> Self {
        Self { algorithm: Algorithm::None, digest: Box::default() }
    }

    /// How it was made.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest in hex, as the manifest writes it.
    pub fn hex(&self) -> String {
        to_hex(&self.digest)
    }
}

impl Hasher {
    /// A hasher that has seen no byte.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::None => State::None,
            Algorithm::Crc32c => State::Crc32c(0),
            Algorithm::Sha224 => State::Sha224(Sha224::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::None => {}
            State::Crc32c(crc) => *crc = crc32c::crc32c_append(*crc, bytes),
            State::Sha224(sha) => sha.update(bytes),
            State::Sha256(sha) => sha.update(bytes),
            State::Sha384(sha) => sha.update(bytes),
            State::Sha512(sha) => sha.update(bytes),
        }
    }

    /// The checksum of all bytes taken in.
    pub fn finish(self) -> Checksum {
        let (algorithm, digest): (_, Box<[u8]>) = match self.0 {
            State::None => (Algorithm::None, Box::default()),
            // The manifest holds the bytes of the value as a little-endian machine keeps it (pg_checksum_final).
            State::Crc32c(crc) => (Algorithm::Crc32c, Box::new(crc.to_le_bytes())),
            State::Sha224(sha) => (Algorithm::Sha224, Box::from(sha.finalize().as_slice())),
            State::Sha256(sha) => (Algorithm::Sha256, Box::from(sha.finalize().as_slice())),
            State::Sha384(sha) => (Algorithm::Sha384, Box::from(sha.finalize().as_slice())),
            State::Sha512(sha) => (Algorithm::Sha512, Box::from(sha.finalize().as_slice())),
        };
        Checksum { algorithm, digest }
    }
}

/// Bytes from hex digits, large or small.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Bytes as small hex digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Where the last line begins, which holds the checksum over everything before it.
pub(super) fn last_line_start(bytes: &[u8]) -> usize {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}
