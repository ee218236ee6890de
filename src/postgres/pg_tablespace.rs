//! The shared catalog `pg_tablespace`, read from its file: which tablespaces a cluster has.
//!
//! Promises: bytes of any kind are read without harm; a row counts as far as its own hint bits show: one whose deletion
//! may have been committed does not. Never: reads the commit log, or opens a file.
//!
//! Sources: `RelMapFile` in `src/backend/utils/cache/relmapper.c`, `PageHeaderData` and `ItemIdData` in
//! `src/include/storage`, `HeapTupleHeaderData` in `src/include/access/htup_details.h`, versions 13 to 18.

use crate::domain::{MajorVersion, instance::printable};

/// The directory of the catalog's file, and of the map that names it.
pub const DIRECTORY: &str = "global";

/// The map from shared catalogs to their files.
pub const MAP_NAME: &str = "pg_filenode.map";

/// The OID of the catalog (`pg_tablespace.dat`).
const CATALOG: u32 = 1213;

/// `pg_default` and `pg_global`, which have no directory of their own.
const BUILT_IN: [u32; 2] = [1663, 1664];

/// `RELMAPPER_FILEMAGIC`.
const MAP_MAGIC: u32 = 0x0059_2717;

/// `MAX_MAPPINGS` was 62 until 15; later versions take as many as fit into 512 bytes.
const MAX_MAPPINGS: usize = 64;

const PAGE_HEADER: usize = 24;
const TUPLE_HEADER: usize = 23;

/// `NAMEDATALEN`.
const NAME: usize = 64;

const LP_NORMAL: u32 = 1;
const XMAX_LOCK_ONLY: u16 = 0x0080;
const XMIN_COMMITTED: u16 = 0x0100;
const XMIN_INVALID: u16 = 0x0200;
const XMAX_INVALID: u16 = 0x0800;

/// One tablespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tablespace {
    /// Its OID, which is the name of its directory.
    pub oid: u32,
    /// Its name, printable.
    pub name: String,
}

/// What a person should know of a tablespace that a cluster of this version has and its backup has not.
pub fn lost(tablespace: &Tablespace, version: Option<MajorVersion>) -> String {
    let Tablespace { oid, name } = tablespace;
    let what = format!("tablespace {name} ({oid}) is not in the backup, and what lies in it is lost");
    if version.is_some_and(|version| version != MajorVersion(15)) {
        return what;
    }
    let why =
        "PostgreSQL 15 leaves tablespaces inside the data directory (allow_in_place_tablespaces) out of tar backups";
    format!("{what}: {why}; a plain backup has them")
}

/// The name of the catalog's file, as the map has it.
pub fn file_name(map: &[u8]) -> Option<String> {
    let count = usize::try_from(u32_at(map, 4)?).ok()?;
    if u32_at(map, 0)? != MAP_MAGIC || count > MAX_MAPPINGS {
        return None;
    }
    let file =
        (0..count).find(|at| u32_at(map, 8 + at * 8) == Some(CATALOG)).and_then(|at| u32_at(map, 12 + at * 8))?;
    Some(file.to_string())
}

/// The tablespaces in the catalog's file that have a directory.
pub fn tablespaces(file: &[u8]) -> Vec<Tablespace> {
    let Some(size) = page_size(file) else { return Vec::new() };
    file.chunks(size).flat_map(of_page).filter(|one| !BUILT_IN.contains(&one.oid)).collect()
}

/// The size of the catalog's pages, as the first one records it.
fn page_size(file: &[u8]) -> Option<usize> {
    let size = usize::from(u16_at(file, 18)? & 0xFF00);
    (size.is_power_of_two() && size >= 1024).then_some(size)
}

fn of_page(page: &[u8]) -> Vec<Tablespace> {
    let lower = usize::from(u16_at(page, 12).unwrap_or(0)).min(page.len());
    (PAGE_HEADER..lower).step_by(4).filter_map(|at| of_tuple(page, u32_at(page, at)?)).collect()
}

fn of_tuple(page: &[u8], pointer: u32) -> Option<Tablespace> {
    let field = |shift: u32, bits: u32| (pointer >> shift) & ((1 << bits) - 1);
    let (offset, length) = (usize::try_from(field(0, 15)).ok()?, usize::try_from(field(17, 15)).ok()?);
    let tuple = page.get(offset..offset.checked_add(length)?)?;
    if field(15, 2) != LP_NORMAL || tuple.len() < TUPLE_HEADER || !is_live(tuple)? {
        return None;
    }
    let data = tuple.get(usize::from(tuple[22])..)?;
    let name = data.get(4..4 + NAME)?.split(|byte| *byte == 0).next()?;
    Some(Tablespace { oid: u32_at(data, 0)?, name: printable(&String::from_utf8_lossy(name)) })
}

fn is_live(tuple: &[u8]) -> Option<bool> {
    let (deleter, flags) = (u32_at(tuple, 4)?, u16_at(tuple, 20)?);
    // Both bits together mean that the row is frozen.
    let never_made = flags & (XMIN_INVALID | XMIN_COMMITTED) == XMIN_INVALID;
    let stands = deleter == 0 || flags & (XMAX_INVALID | XMAX_LOCK_ONLY) != 0;
    Some(!never_made && stands)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Files as a server writes them, for tests.
#[cfg(test)]
pub(crate) mod made {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::{MAP_MAGIC, PAGE_HEADER};

    /// A row: its offset in the page, the header's fields that matter, OID and name, as `heap_page_items` shows them.
    pub(crate) type TablespaceRow = (u16, u32, u16, u32, &'static str);

    /// What a server of 15.18 wrote after an in-place tablespace was created, dropped and created again.
    pub(crate) const ROWS: [TablespaceRow; 4] = [
        (8096, 0, 0x0901, 1663, "pg_default"),
        (8000, 0, 0x0901, 1664, "pg_global"),
        (7904, 727, 0x0501, 16384, "inplace"),
        (7808, 0, 0x0901, 16392, "inplace"),
    ];

    /// A page of the catalog.
    pub(crate) fn page(rows: &[TablespaceRow]) -> Vec<u8> {
        let mut page = vec![0; 8192];
        page[12..14].copy_from_slice(&u16::try_from(PAGE_HEADER + rows.len() * 4).unwrap().to_le_bytes());
        page[18..20].copy_from_slice(&0x2004_u16.to_le_bytes());
        for (at, (offset, deleter, flags, oid, name)) in rows.iter().enumerate() {
            let pointer = u32::from(*offset) | 1 << 15 | 96 << 17;
            page[PAGE_HEADER + at * 4..][..4].copy_from_slice(&pointer.to_le_bytes());
            let tuple = &mut page[usize::from(*offset)..][..96];
            tuple[..4].copy_from_slice(&739_u32.to_le_bytes());
            tuple[4..8].copy_from_slice(&deleter.to_le_bytes());
            tuple[20..22].copy_from_slice(&flags.to_le_bytes());
            tuple[22] = 24;
            tuple[24..28].copy_from_slice(&oid.to_le_bytes());
            tuple[28..28 + name.len()].copy_from_slice(name.as_bytes());
        }
        page
    }

    /// A map that gives the catalog this file.
    pub(crate) fn map(file: u32) -> Vec<u8> {
        let mut map = vec![0; 512];
        map[..4].copy_from_slice(&MAP_MAGIC.to_le_bytes());
        map[4..8].copy_from_slice(&2_u32.to_le_bytes());
        for (at, number) in [1262_u32, 1262, 1213, file].into_iter().enumerate() {
            map[8 + at * 4..][..4].copy_from_slice(&number.to_le_bytes());
        }
        map
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    use made::{ROWS, map, page};

    fn names(rows: &[made::TablespaceRow]) -> Vec<String> {
        tablespaces(&page(rows)).into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn the_rows_that_a_server_wrote_are_read() {
        let found = tablespaces(&page(&ROWS));
        assert_eq!(found, [Tablespace { oid: 16392, name: "inplace".to_owned() }]);
        assert_eq!(tablespaces(&[page(&ROWS), page(&[(7808, 0, 0x0901, 7, "b")])].concat()).len(), 2);
    }

    #[test]
    fn a_row_counts_unless_it_may_be_gone() {
        let row = |deleter, flags| names(&[(7808, deleter, flags, 7, "x")]).len();
        assert_eq!(row(0, 0x0001), 1, "made, and nobody has looked at it since");
        assert_eq!(row(0, 0x0301), 1, "frozen");
        assert_eq!(row(0, 0x0201), 0, "its transaction was rolled back");
        assert_eq!(row(9, 0x0101), 0, "deleted, and nobody has looked at it since");
        assert_eq!(row(9, 0x0901), 1, "its deletion was rolled back");
        assert_eq!(row(9, 0x0181), 1, "locked only");
    }

    #[test]
    fn the_file_is_found_through_the_map() {
        assert_eq!(file_name(&map(24_711)).as_deref(), Some("24711"));
        let mut map = map(24_711);
        map[4] = 1;
        assert_eq!(file_name(&map), None, "an entry past the count is none");
        map[0] = 0;
        assert_eq!(file_name(&map), None);
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm() {
        for length in [0, 7, 19, 20, 24, 100, 8191, 8192, 20_000] {
            for byte in [0, 1, 0x20, 0x7f, 0xff] {
                let bytes = vec![byte; length];
                assert_eq!(file_name(&bytes), None);
                assert!(tablespaces(&bytes).iter().all(|one| !one.name.contains(char::is_control)));
            }
        }
        let mut hostile = page(&ROWS);
        for at in 0..64 {
            for byte in [0, 0x7f, 0xff] {
                hostile[at] = byte;
                let _found: Vec<Tablespace> = tablespaces(&hostile);
            }
        }
        assert_eq!(names(&[(7808, 0, 0x0901, 7, "or\u{1b}[2J")]), ["or\\u{1b}[2J"]);
    }
}
