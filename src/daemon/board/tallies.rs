//! What is counted: by each worker in its slot, and for objects and events.
//! Many workers add to those, but a few times a session only.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Board, COUNTERS, COUNTS, ROWS, TALLIES};

impl Board {
    /// The counters of the object in this row, in the order of
    /// [`crate::daemon::config::Kind::counters`].
    pub(crate) fn tallies(&self, row: usize) -> &'static [AtomicU64] {
        let row = if row < ROWS { row } else { ROWS - 1 };
        &self.tallies[row * TALLIES..][..TALLIES]
    }

    /// Adds to one of them.
    pub(crate) fn tally(&self, row: usize, counter: usize, by: u64) {
        if let Some(word) = self.tallies(row).get(counter) {
            word.fetch_add(by, Relaxed);
        }
    }

    /// How often each event has been, in the order of
    /// [`crate::base::events::EVENTS`].
    pub(crate) fn events(&self) -> &'static [AtomicU64] {
        self.events
    }

    /// Adds to a counter; only the owner of the slot does that, so that no
    /// two processes contend for a word.
    pub(crate) fn add(&self, slot: usize, counter: usize, by: u64) {
        if let Some(word) = self.words(slot)[COUNTS..].get(counter) {
            word.store(word.load(Relaxed).wrapping_add(by), Relaxed);
        }
    }

    /// The sum of a counter over all slots.
    pub(crate) fn total(&self, counter: usize) -> u64 {
        let slots = (0..self.used()).chain(self.len()..self.slots());
        let words = slots.filter_map(|slot| self.words(slot)[COUNTS..].get(counter));
        words.fold(0, |sum, word| sum.wrapping_add(word.load(Relaxed)))
    }

    /// The sums of all counters, in one pass over the slots.
    pub(crate) fn totals(&self) -> [u64; COUNTERS] {
        let mut sums = [0_u64; COUNTERS];
        for slot in (0..self.used()).chain(self.len()..self.slots()) {
            let words = &self.words(slot)[COUNTS..];
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum = sum.wrapping_add(word.load(Relaxed));
            }
        }
        sums
    }
}
