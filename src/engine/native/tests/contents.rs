//! What the files of a made-up backup hold.

use super::SEGMENT;
use std::{collections::BTreeMap, sync::LazyLock};

/// The files of every fake backup; made once, for making them takes longer than restoring them.
pub(in crate::engine) static DATA: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, bytes) in [
        ("PG_VERSION", b"15\n".to_vec()),
        ("backup_label", b"START WAL LOCATION: 0/200028".to_vec()),
        ("base/1/1259", noise(1, 8192)),
        ("base/1/empty", Vec::new()),
        ("base/16385/16400", noise(2, 3 << 19)),
        ("base/16385/16401", noise(3, (1 << 20) + 4096 + 17)),
        ("base/16385/16402", noise(4, 100_000)),
        ("global/pg_control", control()),
        ("postgresql.auto.conf", b"# nothing\n".to_vec()),
        (SEGMENT, segment()),
    ] {
        files.insert(path.to_owned(), bytes);
    }
    for number in 0..20_u8 {
        files.insert(format!("base/16385/{}", 16410 + u32::from(number)), noise(10 + u32::from(number), 120_000));
    }
    files
});

/// Bytes that do not repeat, different for each seed.
pub(in crate::engine) fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(4)).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes
}

/// A WAL segment of 1 MiB with a header that is right: the second of timeline 1.
pub(in crate::engine) fn segment() -> Vec<u8> {
    let mut bytes = noise(99, 1 << 20);
    bytes[..40].fill(0);
    bytes[..2].copy_from_slice(&0xD110_u16.to_le_bytes());
    bytes[2..4].copy_from_slice(&2_u16.to_le_bytes());
    bytes[4..8].copy_from_slice(&1_u32.to_le_bytes());
    bytes[8..16].copy_from_slice(&(2_u64 << 20).to_le_bytes());
    bytes[24..32].copy_from_slice(&7_u64.to_le_bytes());
    bytes[32..36].copy_from_slice(&(1_u32 << 20).to_le_bytes());
    bytes[36..40].copy_from_slice(&8192_u32.to_le_bytes());
    bytes
}

fn control() -> Vec<u8> {
    let mut bytes = noise(5, 8192);
    bytes[..8].copy_from_slice(&7_u64.to_le_bytes());
    bytes[8..12].copy_from_slice(&1300_u32.to_le_bytes());
    bytes
}
