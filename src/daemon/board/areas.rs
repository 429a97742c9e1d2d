//! What programs keep in memory that all processes share, beside the slots.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Board, Head};
use crate::base::table::{self, Table};

impl Board {
    /// The program's own memory; nothing, if it has no such area.
    pub(crate) fn area(&self, which: usize) -> &'static [AtomicU64] {
        self.areas.get(which).copied().unwrap_or_default()
    }

    /// Random octets that were made with the pages. They are in the memory of
    /// the daemon's processes and nowhere else.
    pub(crate) fn secret(&self) -> &'static [u8; 32] {
        self.key
    }

    /// An area as a table of what workers have learnt.
    pub(crate) fn table(&self, which: usize) -> Table {
        Table::new(self.area(which))
    }

    /// A key for its entries, made of these names.
    pub(crate) fn key(&self, parts: &[&[u8]]) -> u64 {
        table::key(self.head(Head::Seed).load(Relaxed), parts)
    }
}
