//! Counters of objects and of events. Many workers add to each of them, but a
//! few times a session only.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Board, ROWS, TALLIES};

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
}
