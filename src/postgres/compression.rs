//! Opening an archive whatever it is packed with: nothing, gzip, LZ4 or Zstandard.
//!
//! Promises: the packing is found by the first bytes, never by the name; several gzip members, LZ4 frames or Zstandard
//! frames in a row are read as one stream, as server-side compression writes them; a stream that is cut short is an
//! error of kind `UnexpectedEof`. Never: holds the whole archive in memory.

use crate::domain::Compression;
use lz4_flex::frame::FrameDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// Bytes taken from the archive at once: large enough that system calls do not count, small enough for a cache.
const CHUNK: usize = 256 * 1024;

/// The longest of the signatures below.
const SIGNATURE: usize = 4;

/// RFC 1952, section 2.3.1: the two bytes of gzip, then 8 for deflate, the only method there is.
const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
/// LZ4 frame format 1.6.1: `0x184D2204`, little-endian.
const LZ4: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
/// RFC 8878, section 3.1.1: `0xFD2FB528`, little-endian.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The packing that these first bytes show; four are enough. What is no known packing counts as unpacked.
pub fn detect(first: &[u8]) -> Compression {
    if first.starts_with(GZIP) {
        Compression::Gzip
    } else if first.starts_with(LZ4) {
        Compression::Lz4
    } else if first.starts_with(ZSTD) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// The packing of the file at `path`, from its first bytes.
pub fn detect_file(path: &Path) -> io::Result<Compression> {
    let mut first = Vec::with_capacity(SIGNATURE);
    File::open(path)?.take(SIGNATURE as u64).read_to_end(&mut first)?;
    Ok(detect(&first))
}

/// Opens the file at `path` for reading what is packed in it.
pub fn open(path: &Path) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    unpack(File::open(path)?)
}

/// Reads what is packed in `source`, from its beginning.
///
/// An archive that is damaged is reported as `UnexpectedEof`, `InvalidData`, `InvalidInput` or `Other` without an OS
/// error number; see [`is_damage`]. What the source itself reports comes through as it is.
pub fn unpack<R: Read + Send + 'static>(source: R) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    let mut first = Vec::with_capacity(SIGNATURE);
    let mut source = source;
    source.by_ref().take(SIGNATURE as u64).read_to_end(&mut first)?;
    let packing = detect(&first);
    let whole = BufReader::with_capacity(CHUNK, io::Cursor::new(first).chain(source));
    let plain: Box<dyn Read + Send> = match packing {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        Compression::Lz4 => Box::new(Lz4Frames::new(whole)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(whole)?),
    };
    Ok((packing, plain))
}

/// Whether this error of a reader made by [`unpack`] means that the packed bytes are wrong, and not that the file
/// could not be read.
pub fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    error.raw_os_error().is_none()
        && matches!(error.kind(), Kind::UnexpectedEof | Kind::InvalidData | Kind::InvalidInput | Kind::Other)
}

/// LZ4 frames in a row.
///
/// `lz4_flex` ends a frame that is cut off between two blocks as if it were whole, stops after each frame, and its
/// decoder expects the next frame to have blocks of the same size. So each frame gets a decoder of its own, and the end
/// of the source, which may come only between frames, is watched here.
enum Lz4Frames<R: BufRead> {
    Between(EndWatch<R>),
    Inside(FrameDecoder<EndWatch<R>>),
    /// The state while one of the others is being replaced.
    Moving,
}

/// A reader that remembers whether it has reported its end.
struct EndWatch<R> {
    source: R,
    ended: bool,
}

impl<R: BufRead> Lz4Frames<R> {
    fn new(source: R) -> Self {
        Self::Between(EndWatch { source, ended: false })
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            *self = match std::mem::replace(self, Self::Moving) {
                Self::Between(mut watched) => {
                    if watched.source.fill_buf()?.is_empty() {
                        *self = Self::Between(watched);
                        return Ok(0);
                    }
                    Self::Inside(FrameDecoder::new(watched))
                }
                Self::Inside(mut decoder) => {
                    let got = decoder.read(out)?;
                    if got > 0 {
                        *self = Self::Inside(decoder);
                        return Ok(got);
                    }
                    if decoder.get_ref().ended {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an LZ4 frame is cut short"));
                    }
                    Self::Between(decoder.into_inner())
                }
                Self::Moving => return Err(io::Error::other("an LZ4 stream is read on after its first error")),
            }
        }
    }
}

impl<R: Read> Read for EndWatch<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.source.read(out)?;
        self.ended |= got == 0 && !out.is_empty();
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::io::Write;

    const KINDS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd];

    fn pack(kind: Compression, plain: &[u8]) -> Vec<u8> {
        match kind {
            Compression::None => plain.to_vec(),
            Compression::Gzip => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(plain).unwrap();
                packer.finish().unwrap()
            }
            Compression::Lz4 => {
                let mut packer = lz4_flex::frame::FrameEncoder::new(Vec::new());
                packer.write_all(plain).unwrap();
                packer.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
    }

    /// Bytes that no packer makes much smaller, so that cuts fall into the middle of blocks.
    fn noise(length: u32) -> Vec<u8> {
        (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
    }

    fn read_all(packed: Vec<u8>) -> io::Result<(Compression, Vec<u8>)> {
        let (kind, mut reader) = unpack(io::Cursor::new(packed))?;
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain)?;
        Ok((kind, plain))
    }

    #[test]
    fn several_packed_streams_in_a_row_are_read_as_one() {
        let (one, two) = (noise(700_000), noise(12));
        for kind in KINDS {
            let mut packed = pack(kind, &one);
            packed.extend(pack(kind, &[]));
            packed.extend(pack(kind, &two));
            let (found, plain) = read_all(packed).unwrap();
            assert_eq!(found, kind);
            assert!(plain == [one.clone(), two.clone()].concat(), "{kind}");
        }
    }

    #[test]
    fn a_stream_cut_short_anywhere_is_damage() {
        let plain = noise(400_000);
        for kind in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
            let packed = pack(kind, &plain);
            for cut in [5, 11, 100, packed.len() / 2, packed.len() - 9, packed.len() - 4, packed.len() - 1] {
                let error = read_all(packed[..cut].to_vec()).expect_err("cut short");
                assert!(is_damage(&error), "{kind} cut at {cut}: {error:?}");
            }
        }
    }

    #[test]
    fn an_lz4_frame_cut_between_two_blocks_is_not_taken_for_whole() {
        let plain = noise(400_000);
        let packed = pack(Compression::Lz4, &plain);
        // The header takes 7 bytes without options; then each block has its own length in front of it.
        let block = u32::from_le_bytes(packed[7..11].try_into().unwrap()) & 0x7fff_ffff;
        let error = read_all(packed[..11 + block as usize].to_vec()).expect_err("cut between blocks");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn altered_bytes_and_trailing_rubbish_are_damage() {
        let plain = noise(100_000);
        for kind in [Compression::Gzip, Compression::Lz4, Compression::Zstd] {
            let mut packed = pack(kind, &plain);
            packed.extend(b"rubbish behind the end");
            let error = read_all(packed).expect_err("rubbish");
            assert!(is_damage(&error), "{kind}: {error:?}");
        }
    }

    #[test]
    fn an_empty_or_tiny_file_is_unpacked() {
        for few in [&b""[..], b"\x1f\x8b", b"abc"] {
            assert_eq!(read_all(few.to_vec()).unwrap(), (Compression::None, few.to_vec()));
        }
        assert!(!is_damage(&io::Error::from_raw_os_error(5)), "EIO is no damage of the packing");
    }

    #[test]
    fn a_file_is_opened_by_what_it_holds_and_not_by_its_name() {
        let file = tempfile::Builder::new().suffix(".gz").tempfile().unwrap();
        std::fs::write(file.path(), pack(Compression::Zstd, b"hello")).unwrap();
        assert_eq!(detect_file(file.path()).unwrap(), Compression::Zstd);
        let (kind, mut reader) = open(file.path()).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((kind, text.as_str()), (Compression::Zstd, "hello"));
    }
}
