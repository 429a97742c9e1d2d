//! The scoreboard: pages that all processes of a daemon share.
//!
//! A slot is claimed by compare-and-swap, then written by its owner only and
//! read by all. Workers can write the pages, and a worker may have been taken
//! over: so nothing read here is used as an index, a length or a process
//! number unchecked.

use std::io;
use std::ops::Range;
use std::sync::atomic::{
    AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};

use super::config::{Config, NO_ROW};
use super::rotating;
use crate::base::clock::{now, wall};
use crate::base::debug;
use crate::base::digest;
use crate::base::events::EVENTS;
use crate::base::table;
use crate::base::vars::Key;
use crate::sys::shm::Shared;
pub(crate) use state::State;

/// Workers beyond the limit of sessions, who refuse.
pub(crate) const BEYOND: usize = 2;
/// Slots of helpers, behind those of the workers: one for each of so many
/// generations, of which the old ones are about to leave theirs.
pub(super) const HELPERS: usize = 4;

/// Words of the head.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    /// Number of the current generation.
    Generation,
    /// Log lines lost.
    Lost,
    /// One more than the highest slot ever claimed.
    High,
    /// Set when somebody has told the pool that idle workers are scarce.
    Poked,
    /// Forks, ever.
    Forks,
    /// Workers that died, ever.
    Deaths,
    /// When a limit on sessions was last logged.
    LimitLogged,
    /// When a worker last looked whether files were replaced.
    FilesSeen,
    /// What it found.
    Replaced,
    /// What the keys of the tables begin with.
    Seed,
    /// How near the limit of sessions is; see [`super::strain`].
    SessionState,
    /// How near the limit of load.
    LoadState,
    /// Counts the rotating secrets.
    Epoch,
    /// Another master has the listening sockets, too: nobody shuts them.
    Shared,
    /// When the board was made: the daemon has lived since then.
    Started,
    /// The same in seconds since the epoch, as the clock was then.
    Began,
    /// Log lines lost, of which the log has told.
    LostTold,
    /// How often the log file was opened anew.
    LogTurn,
}

/// Numbers of a slot.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Pid,
    Generation,
    /// When the session began, in milliseconds of the monotonic clock.
    Since,
    /// By when the owner will do something again; 0: nobody knows.
    Deadline,
    /// Sessions of this slot, ever.
    Serial,
    /// The serial of the session that is to end at once.
    Kick,
    /// The owner shall leave when it is idle.
    Leave,
    /// The serial of the session that may be asked to give way.
    Fresh,
    /// The serial of the session that is asked to.
    GiveWay,
    /// Since when nothing moves in the session; 0: something does.
    Still,
    /// Who watches the session; see [`super::follow::Watched`].
    Watched,
    Count,
}

/// Texts of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Sid,
    Peer,
    User,
    Doing,
    Count,
}

/// Counters of a slot; a program may name as many.
pub(crate) const COUNTERS: usize = 64;
/// Numbers of an object: its state, its options, and what workers learn.
pub(crate) const CELLS: usize = 32;
/// Of these, the last ones belong to the workers.
pub(crate) const OWN_CELLS: usize = 8;
/// Counters of an object; a kind may name as many.
pub(crate) const TALLIES: usize = 32;
/// Kinds of marks; a program says what each of them is for, but the last one,
/// which is the kit's.
pub(crate) const MARKS: usize = 9;
/// Objects at a time, in all generations together.
pub(crate) const ROWS: usize = 16384;

const HEAD: usize = 24;
const LIVE: usize = 128;
/// A text is a sequence number and 64 octets.
const TEXT: usize = 9;
const TEXTS: usize = Field::Count as usize;
const COUNTS: usize = TEXTS + Text::Count as usize * TEXT;
const SLOT: usize = COUNTS + COUNTERS;

/// The pages. A copy is as good as the original.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    head: &'static [AtomicU64],
    live: &'static [AtomicU64],
    rows: &'static [AtomicU64],
    tallies: &'static [AtomicU64],
    events: &'static [AtomicU64],
    slots: &'static [AtomicU64],
    /// Densely packed, since every session counts them.
    states: &'static [AtomicU8],
    /// One dense row of all slots after the other, see [`Board::marked`].
    marks: &'static [AtomicU64],
    areas: &'static [&'static [AtomicU64]],
    key: &'static [u8; 32],
    rotating: &'static [AtomicU64],
    pub(super) debug: &'static [AtomicU64],
    rings: &'static [AtomicU64],
}

impl Board {
    /// Pages with slots for so many sessions, and a program's own `areas`,
    /// in words of 64 bits; see [`super::service::Tables::areas`].
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn map(sessionlimit: usize, areas: &[usize]) -> io::Result<Board> {
        let count = sessionlimit + BEYOND + HELPERS;
        let area = |&words: &usize| Shared::map(words).map(|area| area.get());
        let areas: io::Result<Vec<_>> = areas.iter().map(area).collect();
        let board = Board {
            head: Shared::map(HEAD)?.get(),
            live: Shared::map(LIVE)?.get(),
            rows: Shared::map(ROWS * CELLS)?.get(),
            tallies: Shared::map(ROWS * TALLIES)?.get(),
            events: Shared::map(EVENTS.len())?.get(),
            slots: Shared::map(count * SLOT)?.get(),
            states: Shared::map(count)?.get(),
            marks: Shared::map(count * MARKS)?.get(),
            areas: areas?.leak(),
            key: Box::leak(Box::new(digest::random()?)),
            rotating: Shared::map(rotating::SIZE)?.get(),
            debug: Shared::map(debug::PAGE)?.get(),
            rings: Shared::map(ring::WORDS)?.get(),
        };
        board.head(Head::Seed).store(table::seed(), Relaxed);
        board.head(Head::Started).store(now(), Relaxed);
        board.head(Head::Began).store(wall().0, Relaxed);
        Ok(board)
    }

    /// Where the secrets lie; see [`super::rotating`].
    pub(super) fn rotating(&self) -> &'static [AtomicU64] {
        self.rotating
    }

    /// A word of the head.
    pub(crate) fn head(&self, which: Head) -> &'static AtomicU64 {
        &self.head[which as usize]
    }

    /// A live value, as a number.
    pub(crate) fn live(&self, key: Key) -> &'static AtomicU64 {
        &self.live[key.0.min(LIVE - 1)]
    }

    /// The numbers of an object.
    pub(crate) fn row(&self, row: usize) -> &'static [AtomicU64] {
        let row = if row < ROWS { row } else { ROWS - 1 };
        &self.rows[row * CELLS..][..CELLS]
    }

    /// The numbers of an object that belong to the workers.
    pub(crate) fn own_cells(&self, row: usize) -> &'static [AtomicU64] {
        &self.row(row)[CELLS - OWN_CELLS..]
    }

    /// One of them: cell 0 to 7.
    pub(crate) fn own_cell(&self, row: usize, cell: usize) -> &'static AtomicU64 {
        &self.own_cells(row)[cell % OWN_CELLS]
    }

    /// Gives rows to the objects that have none; those in `used` are taken.
    ///
    /// # Errors
    /// All are taken.
    pub(crate) fn give_rows(
        &self,
        config: &mut Config,
        used: &dyn Fn(usize) -> bool,
    ) -> Result<(), String> {
        let own: Vec<usize> = config
            .all()
            .map(|(_, o)| o.row)
            .filter(|&r| r != NO_ROW)
            .collect();
        let mut free = (0..ROWS - 1).filter(|r| !used(*r) && !own.contains(r));
        for (_, object) in config.all_mut().filter(|(_, o)| o.row == NO_ROW) {
            object.row = free
                .next()
                .ok_or("too many objects, counting those of draining generations")?;
            let cells = self.row(object.row).iter().chain(self.tallies(object.row));
            cells.for_each(|cell| cell.store(0, Relaxed));
        }
        Ok(())
    }

    /// Makes the live values of a configuration hold.
    pub(crate) fn publish(&self, config: &Config) {
        for (cell, number) in self.live.iter().zip(config.vars.numbers()) {
            cell.store(number, Relaxed);
        }
        config.debug.publish(self.debug);
        for (_, object) in config.all() {
            let row = self.row(object.row);
            row[0].store(object.state as u64, Relaxed);
            let cells = &row[1..CELLS - OWN_CELLS];
            cells
                .iter()
                .zip(object.keys.numbers())
                .for_each(|(cell, number)| cell.store(number, Relaxed));
        }
    }

    /// How many slots there are for workers.
    pub(crate) fn len(&self) -> usize {
        self.slots() - HELPERS
    }

    /// How many there are with those for helpers, which come last.
    pub(crate) fn slots(&self) -> usize {
        self.states.len()
    }

    /// The slots that were ever used.
    pub(super) fn used(&self) -> usize {
        (self.head(Head::High).load(Relaxed) as usize).min(self.len())
    }

    /// How many slots are in this state.
    pub(crate) fn count(&self, state: State) -> usize {
        self.states[..self.used()]
            .iter()
            .filter(|s| s.load(Relaxed) == state as u8)
            .count()
    }

    /// How many slots nobody holds.
    pub(crate) fn free_slots(&self) -> usize {
        self.len() - self.used() + self.count(State::Free)
    }

    /// What the worker of this slot is doing.
    pub(crate) fn state(&self, slot: usize) -> State {
        State::from(self.states[slot].load(Acquire))
    }

    /// The same, for the worker itself to say, and for who buries it.
    pub(crate) fn set_state(&self, slot: usize, state: State) {
        self.states[slot].store(state as u8, Release);
    }

    /// Takes the lowest free slot, so that the counting stays short.
    pub(crate) fn claim(&self) -> Option<usize> {
        let place = self.claim_one(0..self.len())?;
        self.head(Head::High).fetch_max(place as u64 + 1, Relaxed);
        Some(place)
    }

    /// Takes a free slot for a helper.
    pub(super) fn claim_helper(&self) -> Option<usize> {
        self.claim_one(self.len()..self.slots())
    }

    fn claim_one(&self, mut slots: Range<usize>) -> Option<usize> {
        slots.find(|&slot| {
            self.states[slot]
                .compare_exchange(State::Free as u8, State::Starting as u8, Acquire, Relaxed)
                .is_ok()
        })
    }

    fn mark(&self, kind: usize, slot: usize) -> &'static AtomicU64 {
        &self.marks[(kind % MARKS) * self.slots() + slot]
    }

    /// Marks a slot with a key; 0 takes the mark away. Marks are what limits
    /// are counted by: whoever dies leaves none behind.
    pub(crate) fn set_mark(&self, kind: usize, slot: usize, key: u64) {
        self.mark(kind, slot).store(key, SeqCst);
    }

    /// What a slot is marked with; 0: nothing.
    pub(crate) fn marked_with(&self, kind: usize, slot: usize) -> u64 {
        self.mark(kind, slot).load(Relaxed)
    }

    /// How many slots bear this key, which is not 0. One pass over a dense
    /// row, so that it may be asked for every session.
    pub(crate) fn marked(&self, kind: usize, key: u64) -> usize {
        let row = &self.marks[(kind % MARKS) * self.slots()..][..self.used()];
        row.iter().filter(|mark| mark.load(Relaxed) == key).count()
    }

    /// The slots that bear this key.
    pub(super) fn bearers(&self, kind: usize, key: u64) -> impl Iterator<Item = usize> {
        let board = *self;
        let bears = move |&slot: &usize| board.mark(kind, slot).load(Relaxed) == key;
        (0..self.used()).filter(bears)
    }

    /// Takes all marks off a slot.
    pub(crate) fn clear_marks(&self, slot: usize) {
        (0..MARKS).for_each(|kind| self.set_mark(kind, slot, 0));
    }

    /// Gives a slot back; its counters stay, since they are sums for ever.
    pub(crate) fn free(&self, slot: usize) {
        for field in [
            Field::Pid,
            Field::Generation,
            Field::Deadline,
            Field::Kick,
            Field::Leave,
            Field::Still,
            Field::Watched,
        ] {
            self.field(slot, field).store(0, Relaxed);
        }
        self.clear_texts(slot);
        self.clear_marks(slot);
        self.set_state(slot, State::Free);
    }

    fn words(&self, slot: usize) -> &'static [AtomicU64] {
        &self.slots[slot * SLOT..][..SLOT]
    }

    /// A number of a slot.
    pub(crate) fn field(&self, slot: usize, field: Field) -> &'static AtomicU64 {
        &self.words(slot)[field as usize]
    }
}

mod areas;
pub(crate) mod ring;
mod state;
mod tallies;
mod texts;

#[cfg(test)]
mod tests;
