//! Which blocks of a file are in the upper directory.

use std::ops::Range;

/// Bytes of a block: PostgreSQL's page, and so the least that it reads or writes of a relation.
pub(super) const BLOCK: u64 = 8192;

/// A set of block numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct Blocks(Vec<u64>);

impl Blocks {
    pub(super) fn contains(&self, block: u64) -> bool {
        self.0.get(word(block)).is_some_and(|bits| bits >> (block % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, blocks: Range<u64>) {
        if let Some(last) = blocks.end.checked_sub(1).filter(|_| !blocks.is_empty())
            && self.0.len() <= word(last)
        {
            self.0.resize(word(last) + 1, 0);
        }
        for block in blocks {
            self.0[word(block)] |= 1 << (block % 64);
        }
    }

    pub(super) fn contains_all(&self, mut blocks: Range<u64>) -> bool {
        blocks.all(|block| self.contains(block))
    }

    /// Forgets every block from this one on.
    pub(super) fn cut(&mut self, end: u64) {
        if self.0.len() > word(end) {
            self.0.truncate(word(end) + 1);
            self.0[word(end)] &= (1 << (end % 64)) - 1;
        }
    }

    /// The runs of blocks in a range that are not in the set.
    pub(super) fn missing(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for block in range.filter(|block| !self.contains(*block)) {
            match runs.last_mut() {
                Some(run) if run.end == block => run.end += 1,
                Some(_) | None => runs.push(block..block + 1),
            }
        }
        runs
    }
}

fn word(block: u64) -> usize {
    usize::try_from(block / 64).expect("a file has fewer blocks than there are addresses")
}

#[test]
fn what_was_inserted_is_contained_and_the_rest_is_missing() {
    let mut blocks = Blocks::default();
    blocks.insert(3..5);
    blocks.insert(64..65);
    blocks.insert(9..9);
    let contained: Vec<u64> = (0..200).filter(|block| blocks.contains(*block)).collect();
    assert_eq!(contained, [3, 4, 64]);
    assert_eq!(blocks.missing(2..66), [2..3, 5..64, 65..66]);
    assert!(blocks.missing(3..5).is_empty() && blocks.contains_all(3..5) && !blocks.contains_all(3..6));
    for (end, left) in [(200, &[3, 4, 64][..]), (65, &[3, 4, 64]), (64, &[3, 4]), (4, &[3]), (0, &[])] {
        blocks.cut(end);
        assert_eq!((0..200).filter(|block| blocks.contains(*block)).collect::<Vec<u64>>(), left, "cut at {end}");
    }
}
