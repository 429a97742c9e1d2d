//! The workers of a pool, as it knows them itself: what stands in the shared
//! pages is not believed.

use std::io;

use super::board::Board;
use crate::sys::own::Own;

/// One worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) slot: usize,
    /// The slot's serial when it was born.
    pub(super) serial: u64,
}

/// All of them, by slot. Written after every fork, hence in memory that the
/// workers do not have.
pub(super) struct Brood {
    /// 0: nobody.
    pids: Own,
    serials: Own,
    count: usize,
    /// One more than the highest slot that was ever used.
    high: usize,
}

impl Brood {
    /// Nobody yet, in so many slots.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn new(slots: usize) -> io::Result<Brood> {
        Ok(Brood {
            pids: Own::map(slots)?,
            serials: Own::map(slots)?,
            count: 0,
            high: 0,
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The worker in this slot.
    fn at(&self, slot: usize) -> Option<Child> {
        let pid = i32::try_from(self.pids.get(slot))
            .ok()
            .filter(|&p| p != 0)?;
        let serial = self.serials.get(slot);
        Some(Child { pid, slot, serial })
    }

    /// All, the lowest slot first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Child> + '_ {
        (0..self.high).filter_map(|slot| self.at(slot))
    }

    /// A free slot. One that the page calls free while a worker of ours sits
    /// in it stays claimed until that worker leaves.
    pub(super) fn claim(&self, board: &Board) -> Option<usize> {
        loop {
            let slot = board.claim()?;
            match self.at(slot) {
                None => return Some(slot),
                Some(child) => event!(SLOT_CORRUPT, "-", worker = child.pid, slot = slot),
            }
        }
    }

    /// A worker was born; its slot is not another's.
    pub(super) fn add(&mut self, child: Child) {
        self.pids.set(child.slot, child.pid.unsigned_abs().into());
        self.serials.set(child.slot, child.serial);
        self.count += 1;
        self.high = self.high.max(child.slot + 1).min(self.pids.len());
    }

    /// A worker is dead; `None` if that number was none of ours.
    pub(super) fn take(&mut self, pid: i32) -> Option<Child> {
        let child = self.iter().find(|child| child.pid == pid)?;
        self.pids.set(child.slot, 0);
        self.count -= 1;
        Some(child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_found_by_their_number_and_once() {
        let mut brood = Brood::new(8).unwrap();
        let child = |pid, slot| Child {
            pid,
            slot,
            serial: 5,
        };
        [child(70, 6), child(20, 2), child(40, 4)]
            .into_iter()
            .for_each(|c| brood.add(c));
        assert_eq!(brood.take(20), Some(child(20, 2)));
        assert_eq!((brood.take(20), brood.take(1)), (None, None));
        assert_eq!(brood.len(), 2);
        let slots: Vec<_> = brood.iter().rev().map(|c| c.slot).collect();
        assert_eq!(slots, [6, 4]);
    }
    #[test]
    fn a_slot_that_is_called_free_but_is_not_is_given_to_nobody() {
        let board = Board::map(2, &[]).unwrap();
        let mut brood = Brood::new(board.len()).unwrap();
        let (pid, serial) = (70, 0);
        let slot = brood.claim(&board).unwrap();
        brood.add(Child { pid, slot, serial });
        board.free(slot);
        assert_eq!((slot, brood.claim(&board)), (0, Some(1)));
    }
}
