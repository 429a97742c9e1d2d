//! A constant database (D. J. Bernstein's cdb), as strangers may have made
//! it: 256 pairs of position and length, records, 256 hash tables. All
//! numbers are 32 bits, little-endian.

use pdm::map::Map;

/// Octets of the largest record, the file's and ours.
pub(crate) const RECORD_MAX: usize = 4096;
/// Octets before the first record.
const HEADER: u64 = 2048;
/// Slots that are looked at for one key. A table that was made as it should
/// is half empty, so that hardly ever more than a dozen are needed.
const PROBES: u32 = 4096;

/// Where the octets are.
pub(crate) trait Source {
    /// How many there are.
    fn size(&self) -> u64;
    /// Copies those from `at` on; `false` if not all of them are there.
    fn copy(&self, at: u64, room: &mut [u8]) -> bool;
}

impl Source for Map {
    fn size(&self) -> u64 {
        Map::size(self)
    }

    fn copy(&self, at: u64, room: &mut [u8]) -> bool {
        Map::copy(self, at, room)
    }
}

/// A database whose hash tables lie within it.
pub(crate) struct Reader<S> {
    pub(crate) source: S,
    /// Where the records end.
    end: u64,
}

/// What is wrong with a database.
pub(crate) type Flaw = &'static str;

impl<S: Source> Reader<S> {
    /// # Errors
    /// It is no constant database.
    pub(crate) fn new(source: S) -> Result<Reader<S>, Flaw> {
        let mut reader = Reader { source, end: 0 };
        let size = reader.source.size();
        if size < HEADER || size > u64::from(u32::MAX) {
            return Err("is no constant database: it has less than 2048 octets, or 4 GiB");
        }
        reader.end = size;
        for table in 0..256 {
            let (at, slots) = reader.pair(table * 8)?;
            if u64::from(at) < HEADER || u64::from(at) + u64::from(slots) * 8 > size {
                return Err("is no constant database: a hash table lies outside of it");
            }
            reader.end = reader.end.min(at.into());
        }
        Ok(reader)
    }

    /// What is stored under `key`, first of all if it is there twice.
    ///
    /// # Errors
    /// The database is damaged, or the record is too large.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Flaw> {
        let hash = hash(key);
        let (table, slots) = self.pair(u64::from(hash % 256) * 8)?;
        if slots == 0 {
            return Ok(None);
        }
        let first = hash / 256 % slots;
        for probe in 0..slots.min(PROBES) {
            let slot = (u64::from(first) + u64::from(probe)) % u64::from(slots);
            let (stored, at) = self.pair(u64::from(table) + slot * 8)?;
            if at == 0 {
                return Ok(None);
            }
            if stored == hash {
                let (found, value) = self.record(at.into())?;
                if found == key {
                    return Ok(Some(value));
                }
            }
        }
        match slots > PROBES {
            true => Err("is damaged: a hash table is full"),
            false => Ok(None),
        }
    }

    /// The records in the order of the file, up to the first that is wrong.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Flaw>> + '_ {
        let mut at = HEADER;
        std::iter::from_fn(move || {
            if at >= self.end {
                return None;
            }
            let record = self.record(at);
            at = match &record {
                Ok((key, value)) => at + 8 + key.len() as u64 + value.len() as u64,
                Err(_) => u64::MAX,
            };
            Some(record)
        })
    }

    /// Key and value of the record at `at`.
    fn record(&self, at: u64) -> Result<(Vec<u8>, Vec<u8>), Flaw> {
        let (key, value) = self.pair(at)?;
        let (key, value) = (key as usize, value as usize);
        if key > RECORD_MAX || value > RECORD_MAX {
            return Err("has a record with a key or value of more than 4096 octets");
        }
        let mut octets = vec![0; key + value];
        if !self.source.copy(at + 8, &mut octets) {
            return Err("is damaged: a record lies outside of it");
        }
        let value = octets.split_off(key);
        Ok((octets, value))
    }

    fn pair(&self, at: u64) -> Result<(u32, u32), Flaw> {
        let mut room = [0; 8];
        match self.source.copy(at, &mut room) {
            true => {
                let both = u64::from_le_bytes(room);
                Ok((both as u32, (both >> 32) as u32))
            }
            false => Err("is damaged: a number lies outside of it"),
        }
    }
}

fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |hash: u32, octet| {
        (hash << 5).wrapping_add(hash) ^ u32::from(*octet)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    impl Source for Vec<u8> {
        fn size(&self) -> u64 {
            self.len() as u64
        }

        fn copy(&self, at: u64, room: &mut [u8]) -> bool {
            let begin = usize::try_from(at).unwrap_or(usize::MAX);
            let end = begin.saturating_add(room.len());
            let octets = self.get(begin..end);
            octets
                .inspect(|octets| room.copy_from_slice(octets))
                .is_some()
        }
    }

    /// The database of `records`, as the tools make it.
    pub(crate) fn database(records: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut file = vec![0; HEADER as usize];
        let mut tables: Vec<Vec<(u32, u32)>> = vec![Vec::new(); 256];
        for (key, value) in records {
            let hash = hash(key);
            tables[hash as usize % 256].push((hash, file.len() as u32));
            for length in [key.len(), value.len()] {
                file.extend((length as u32).to_le_bytes());
            }
            file.extend([*key, *value].concat());
        }
        for (number, table) in tables.iter().enumerate() {
            let mut slots = vec![(0, 0); table.len() * 2];
            for (hash, at) in table {
                let mut slot = (hash / 256) as usize % slots.len();
                while slots[slot].1 != 0 {
                    slot = (slot + 1) % slots.len();
                }
                slots[slot] = (*hash, *at);
            }
            let head = [file.len() as u32, slots.len() as u32].map(u32::to_le_bytes);
            file[number * 8..][..8].copy_from_slice(&head.concat());
            let slots = slots.iter().flat_map(|(hash, at)| [*hash, *at]);
            file.extend(slots.flat_map(u32::to_le_bytes));
        }
        file
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for length in [0, 1, 2047] {
            assert!(Reader::new(vec![0; length]).is_err(), "{length}");
        }
        assert!(
            Reader::new(vec![0; 2048]).is_err(),
            "tables before the records"
        );
        assert!(Reader::new(vec![b'a'; 4096]).is_err());
        let good = database(&[(b"a", b"1")]);
        assert!(Reader::new(good[..good.len() - 1].to_vec()).is_err());
        assert!(Reader::new(good).is_ok());
    }

    #[test]
    fn a_table_without_an_empty_slot_comes_to_an_end() {
        let mut file = database(&[]);
        let slots = PROBES * 4;
        let head = [file.len() as u32, slots].map(u32::to_le_bytes).concat();
        (0..256).for_each(|table| file[table * 8..][..8].copy_from_slice(&head));
        file.extend((0..slots).flat_map(|_| [7, 0, 0, 0, 1, 0, 0, 0]));
        assert!(Reader::new(file).unwrap().find(b"x").is_err());
    }

    fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..most)
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(records: HashMap<Vec<u8>, Vec<u8>>, other: Vec<u8>) {
            let list: Vec<_> = records.iter().map(|(k, v)| (&k[..], &v[..])).collect();
            let reader = Reader::new(database(&list)).unwrap();
            for (key, value) in &records {
                prop_assert_eq!(reader.find(key), Ok(Some(value.clone())));
            }
            prop_assert_eq!(reader.find(&other), Ok(records.get(&other).cloned()));
            prop_assert_eq!(reader.records().filter(Result::is_ok).count(), records.len());
        }

        #[test]
        fn a_damaged_database_is_survived(
            keys in proptest::collection::vec(octets(4), 0..20),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        ) {
            let list: Vec<_> = keys.iter().map(|key| (&key[..], &b"value"[..])).collect();
            let mut file = database(&list);
            for (place, octet) in damage {
                let place = place.index(file.len());
                file[place] = octet;
            }
            if let Ok(reader) = Reader::new(file) {
                keys.iter().for_each(|key| drop(reader.find(key)));
                reader.records().for_each(drop);
            }
        }

        #[test]
        fn any_octets_are_survived(tail in octets(3000), at in 0u32..6000, slots in 0u32..500) {
            let head = [at, slots].map(u32::to_le_bytes).concat();
            let mut file: Vec<u8> = head.iter().copied().cycle().take(2048).collect();
            file.extend(tail);
            if let Ok(reader) = Reader::new(file) {
                let _ = reader.find(b"default:joe");
                reader.records().for_each(drop);
            }
        }
    }
}
