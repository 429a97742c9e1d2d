//! What a proxy remembers of many users: a table of bounded size in memory
//! that all processes share, without locks. It may forget, since whoever asks
//! must get along with not knowing; but it never makes up an answer.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Entries that share a place. If all are taken, the one with the lowest
/// value gives way; so values are to begin with a time.
const WAYS: usize = 8;

/// Words of an entry: the key, mixed with the value, and the value. Two
/// processes that write at once may leave one word of each; such an entry
/// has nobody's key, and is free.
const ENTRY: usize = 2;

/// A view of the shared words; a copy is as good as the original.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    words: &'static [AtomicU64],
}

/// How many words hold so many entries.
pub(crate) const fn words(entries: usize) -> usize {
    entries.div_ceil(WAYS) * WAYS * ENTRY
}

/// A number for [`key`] that nobody can guess.
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A key for these names, in which no two lists of names run together. A
/// client that does not know the seed cannot choose names that share a key.
pub(crate) fn key(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish()
}

impl Table {
    /// A table in zeroed words; those beyond the last whole place stay unused.
    pub(crate) fn new(words: &'static [AtomicU64]) -> Table {
        Table { words }
    }

    /// The entries among which `key` may be; none if the table has no room.
    fn place(&self, key: u64) -> impl Iterator<Item = &'static [AtomicU64]> + use<> {
        let places = self.words.len() / (WAYS * ENTRY);
        let place = match places {
            0 => &[],
            _ => {
                let first = (key % places as u64) as usize * WAYS * ENTRY;
                &self.words[first..][..WAYS * ENTRY]
            }
        };
        place.chunks_exact(ENTRY)
    }

    /// The value of `key`, if it is remembered. Two processes may have put it
    /// in at the same time; then the higher value counts.
    pub(crate) fn get(&self, key: u64) -> Option<u64> {
        let entries = self.place(key).filter_map(|entry| read(entry, key));
        entries.max()
    }

    /// Remembers `value`, which is not 0, for `key`.
    pub(crate) fn put(&self, key: u64, value: u64) {
        let own = self.place(key).filter(|entry| read(entry, key).is_some());
        let mut own = own.skip(1);
        own.by_ref().for_each(clear);
        let rank = |entry: &&[AtomicU64]| match read(entry, key) {
            Some(_) => (0, 0),
            None => (1, entry[1].load(Relaxed)),
        };
        if let Some(entry) = self.place(key).min_by_key(rank) {
            entry[0].store(key ^ value, Relaxed);
            entry[1].store(value, Relaxed);
        }
    }

    /// Forgets `key`.
    #[cfg(test)]
    pub(crate) fn remove(&self, key: u64) {
        let own = self.place(key).filter(|entry| read(entry, key).is_some());
        own.for_each(clear);
    }
}

/// The value in an entry, if that is of `key`.
fn read(entry: &[AtomicU64], key: u64) -> Option<u64> {
    let value = entry[1].load(Relaxed);
    (value != 0 && entry[0].load(Relaxed) ^ value == key).then_some(value)
}

fn clear(entry: &[AtomicU64]) {
    entry[1].store(0, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn table(entries: usize) -> Table {
        let words: Vec<_> = (0..words(entries)).map(|_| AtomicU64::new(0)).collect();
        Table::new(words.leak())
    }

    #[test]
    fn the_oldest_gives_way_when_there_is_no_room() {
        let table = table(1);
        (1..=10).for_each(|n| table.put(n, 100 + n));
        let known: Vec<_> = (0..12).filter(|&n| table.get(n).is_some()).collect();
        assert_eq!(known, [3, 4, 5, 6, 7, 8, 9, 10]);
        table.put(3, 200);
        table.put(11, 111);
        assert_eq!((table.get(3), table.get(4)), (Some(200), None));
    }

    #[test]
    fn a_key_has_one_value_and_can_be_forgotten() {
        let table = table(64);
        table.put(7, 1);
        table.put(7, 9);
        assert_eq!((table.get(7), table.get(8)), (Some(9), None));
        table.remove(7);
        assert_eq!(table.get(7), None);
        table.put(0, 5);
        assert_eq!(table.get(0), Some(5), "no key is special");
    }

    #[test]
    fn half_written_entries_are_nobodys() {
        let table = table(1);
        table.put(7, 1000);
        table.words[1].store(2000, Relaxed);
        assert_eq!(table.get(7), None);
        table.put(8, 5);
        assert_eq!((table.get(8), table.get(7)), (Some(5), None));
    }

    #[test]
    fn of_two_that_were_put_in_at_once_the_newer_counts() {
        let table = table(1);
        table.put(7, 10);
        table.words[2].store(7 ^ 20, Relaxed);
        table.words[3].store(20, Relaxed);
        assert_eq!(table.get(7), Some(20));
        table.put(7, 30);
        (0..16).for_each(|n| assert_ne!(table.words[n].load(Relaxed), 20));
        assert_eq!(table.get(7), Some(30));
    }

    #[test]
    fn a_table_without_room_forgets_everything() {
        let table = Table::new(&[]);
        table.put(1, 1);
        assert_eq!(table.get(1), None);
    }

    #[test]
    fn names_do_not_run_together() {
        assert_eq!(key(1, &[b"a", b"b"]), key(1, &[b"a", b"b"]));
        assert_ne!(key(1, &[b"a", b"bc"]), key(1, &[b"ab", b"c"]));
        assert_ne!(key(1, &[b"a"]), key(2, &[b"a"]));
        assert_ne!(seed(), seed());
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_was_put_in(
            puts in proptest::collection::vec((0u64..40, 1u64..1000), 0..100),
        ) {
            let (table, mut truth) = (table(16), HashMap::new());
            for (key, value) in puts {
                table.put(key, value);
                truth.insert(key, value);
                prop_assert_eq!(table.get(key), Some(value));
            }
            for key in 0..40 {
                let known = table.get(key);
                prop_assert!(known.is_none() || known == truth.get(&key).copied());
            }
        }
    }
}
