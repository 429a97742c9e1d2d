//! A list of messages that takes little memory: all names lie in one piece.

use std::cmp::Ordering;
use std::ops::Range;

use super::name;

/// What is known of a message. Small, since a mailbox has many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Sorts by time of delivery.
    pub(super) delivered: u64,
    /// Octets in wire form, or [`UNKNOWN`].
    pub(super) size: u64,
    pub(super) at: u32,
    octets: u16,
    pub(super) marks: u16,
}

/// The size of a message that was not counted yet.
pub(super) const UNKNOWN: u64 = u64::MAX;

// Marks of an entry.
/// It lies in `cur`, not in `new`.
pub(super) const CUR: u16 = 1;
/// It is to be removed at the end of the session.
pub(super) const DELETED: u16 = 2;
/// It was retrieved.
pub(super) const SEEN: u16 = 4;
/// It is not there any more.
pub(super) const GONE: u16 = 8;
/// Another file has the same core.
pub(super) const TWIN: u16 = 16;
/// It was there in the last reading.
pub(super) const MET: u16 = 32;
/// This session has removed it.
pub(super) const REMOVED: u16 = 64;
/// Its octets could not be counted.
pub(super) const UNREAD: u16 = 128;
/// Its file has a second name with the same core.
pub(super) const LINKED: u16 = 256;

impl Entry {
    /// Does it bear one of these marks?
    pub(super) fn is(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }
}

/// What was left out, for one line in the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// How many.
    pub(crate) count: u64,
    /// Name of the first, and what is wrong with it.
    pub(crate) first: Option<(Vec<u8>, &'static str)>,
}

impl LeftOut {
    /// One more was left out.
    pub(super) fn add(&mut self, name: &[u8], why: &'static str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (name.to_vec(), why));
    }
}

/// All messages of a mailbox.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) names: Vec<u8>,
    /// In order, from the oldest.
    pub(super) entries: Vec<Entry>,
    /// Inodes of the entries marked [`TWIN`], by the place of their names.
    pub(super) twins: Vec<(u32, u64)>,
    pub(super) left_out: LeftOut,
    /// Files met in the last reading.
    pub(super) met: usize,
    /// The oldest message that was one too many.
    pub(super) over: Option<Vec<u8>>,
    /// Sizes that were counted, and are not in the file beside the mail yet.
    pub(super) to_save: usize,
}

impl List {
    /// An entry for this name, not in the list yet. `None` if there are
    /// 4 GiB of names.
    pub(super) fn entry(&mut self, file: &[u8], cur: bool) -> Option<Entry> {
        let at = u32::try_from(self.names.len()).ok()?;
        let octets = u16::try_from(file.len()).ok()?;
        self.names.extend_from_slice(file);
        Some(Entry {
            delivered: name::delivered(file),
            size: name::promised(file).unwrap_or(UNKNOWN),
            at,
            octets,
            marks: if cur { CUR } else { 0 },
        })
    }

    /// Sorts what was found into the list.
    pub(super) fn absorb(&mut self, found: &mut Vec<Entry>) {
        self.entries.append(found);
        sort(&self.names, &mut self.entries);
    }

    /// Leaves out all but the oldest `most` messages.
    pub(super) fn cut(&mut self, most: usize) {
        if let Some(entry) = self.entries.get(most) {
            self.over = Some(self.name(entry).to_vec());
        }
        self.entries.truncate(most);
    }

    /// Gives up the names that no entry uses.
    pub(super) fn pack(&mut self) {
        let mut names = Vec::with_capacity(self.names.len() / 2);
        for entry in &mut self.entries {
            let name = &self.names[entry.range()];
            entry.at = names.len() as u32;
            names.extend_from_slice(name);
        }
        self.names = names;
    }

    /// Where in the list this name stands or would stand.
    pub(super) fn place(&self, file: &[u8]) -> usize {
        self.first_not(|e| self.order(e, file).then_with(|| self.name(e).cmp(file)))
    }

    /// Where in the list the names with the core of this one begin.
    pub(super) fn place_of_core(&self, file: &[u8]) -> usize {
        self.first_not(|e| self.order(e, file))
    }

    fn first_not(&self, order: impl Fn(&Entry) -> Ordering) -> usize {
        self.entries.partition_point(|e| order(e) == Ordering::Less)
    }

    /// How an entry stands to the names with the core of this one.
    pub(super) fn order(&self, entry: &Entry, file: &[u8]) -> Ordering {
        let cores = || name::core(self.name(entry)).cmp(name::core(file));
        let delivered = name::delivered(file);
        entry.delivered.cmp(&delivered).then_with(cores)
    }

    /// The place of the message with the core of this name. It is looked for
    /// at `next` first, which is then the place behind it.
    pub(super) fn with_core(&self, file: &[u8], next: &mut usize) -> Option<u32> {
        if !self.has_core(*next, file) {
            let at = self.place_of_core(file);
            if !self.has_core(at, file) {
                return None;
            }
            *next = at;
        }
        *next += 1;
        u32::try_from(*next - 1).ok()
    }

    /// The entry at this place, if it has this very name.
    pub(super) fn find(&self, file: &[u8], at: usize) -> Option<&Entry> {
        let entry = self.entries.get(at)?;
        (self.name(entry) == file).then_some(entry)
    }

    /// Whether the entry at this place has the same core as this name.
    pub(super) fn has_core(&self, at: usize, file: &[u8]) -> bool {
        let entry = self.entries.get(at);
        entry.is_some_and(|e| name::core(self.name(e)) == name::core(file))
    }

    /// Notes the present name of an entry.
    pub(super) fn renamed(&mut self, at: usize, file: &[u8], cur: bool) {
        let entry = &mut self.entries[at];
        match cur {
            true => entry.marks |= CUR,
            false => entry.marks &= !CUR,
        }
        if &self.names[entry.range()] == file {
            return;
        }
        let (Ok(octets), Ok(end)) = (u16::try_from(file.len()), u32::try_from(self.names.len()))
        else {
            return;
        };
        if octets > entry.octets {
            entry.at = end;
            self.names.extend_from_slice(file);
        }
        entry.octets = octets;
        let range = entry.range();
        self.names[range].copy_from_slice(file);
    }

    /// The name of an entry.
    pub(super) fn name(&self, entry: &Entry) -> &[u8] {
        name_in(&self.names, entry)
    }

    /// The inode of an entry that has twins.
    pub(super) fn inode(&self, entry: &Entry) -> Option<u64> {
        let at = self.twins.binary_search_by_key(&entry.at, |&(at, _)| at);
        Some(self.twins[at.ok()?].1)
    }
}

impl Entry {
    fn range(&self) -> Range<usize> {
        self.at as usize..self.at as usize + usize::from(self.octets)
    }
}

/// The order of messages: by time of delivery; of those with one core, by
/// name, so that a name can be looked up.
pub(super) fn sort(names: &[u8], entries: &mut [Entry]) {
    entries.sort_unstable_by(|a, b| {
        let (x, y) = (name_in(names, a), name_in(names, b));
        let cores = || name::core(x).cmp(name::core(y));
        let rest = || (x, a.is(CUR)).cmp(&(y, b.is(CUR)));
        a.delivered
            .cmp(&b.delivered)
            .then_with(cores)
            .then_with(rest)
    });
}

/// The name of a message, out of those of all.
pub(super) fn name_in<'n>(names: &'n [u8], entry: &Entry) -> &'n [u8] {
    &names[entry.range()]
}
