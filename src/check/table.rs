//! What pcheckd knows: what was in mailboxes when they were read. If they have
//! not changed since, they need not be read again.
//!
//! A state is a key, made of the name of a mailbox, of what its folders are
//! (device, inode, time of the last change), and of [`Known::epoch`]. The
//! change time of a directory moves with everything that comes or goes in it,
//! but it moves in ticks, and the clock it is taken from may not be ours. So what
//! was found in a state is believed only if
//! - the time of the change was [`COARSE`] old by our clock when the folders
//!   were read, else another change could have the same time;
//! - the same was found in it by reading [`COARSE`] or longer before, else the
//!   clock of the file system could lag behind ours, and still show that time;
//! - our clock was not set back since, else it could show that time again;
//! - it is not older than [`BELIEVED`], so that no file system which breaks
//!   these rules is believed for long.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::clock::{Ms, now, wall};
use crate::base::table::{self, Table};
use crate::check::wire::Mail;

/// A time of change younger than this proves nothing, in milliseconds.
const COARSE: Ms = 2000;

/// How long it is believed, in milliseconds.
const BELIEVED: Ms = 3_600_000;

/// Words in front of the table: how far the wall clock was ahead of the other
/// one, and how often it was set back. The rest of the cache line is unused.
const CLOCK: usize = 8;

/// Mailboxes that are remembered.
const ENTRIES: usize = 1 << 20;

/// How many words of shared memory that takes.
pub(crate) const WORDS: usize = CLOCK + table::words(ENTRIES);

/// In a value, below the time of the reading: it was found twice.
const TWICE: u64 = 1;

/// What was found, in order of the two bits for it.
const FOUND: [Mail; 3] = [Mail::Nothing, Mail::Old, Mail::New];

/// The findings that all workers share. Without memory nothing is remembered.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    clock: Option<(&'static AtomicU64, &'static AtomicU64)>,
    table: Table,
}

/// When folders are read: the time by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    mono: Ms,
    wall: Ms,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Moment {
        let (seconds, micros) = wall();
        Moment {
            mono: now(),
            wall: seconds * 1000 + u64::from(micros) / 1000,
        }
    }
}

impl Known {
    /// The findings in an area of [`WORDS`] words.
    pub(crate) fn new(area: &'static [AtomicU64]) -> Known {
        let (clock, found) = area.split_at_checked(CLOCK).unwrap_or_default();
        Known {
            clock: clock.first().zip(clock.get(1)),
            table: Table::new(found),
        }
    }

    /// How often our clock was set back, by a second or more. It belongs into
    /// every key: what was known before such a step is not believed behind it.
    pub(crate) fn epoch(&self, at: Moment) -> u64 {
        let Some((ahead, epoch)) = self.clock else {
            return 0;
        };
        let (before, now) = (ahead.load(Relaxed), at.wall.saturating_sub(at.mono));
        if now.saturating_add(1000) <= before {
            epoch.fetch_add(1, Relaxed);
        }
        if now > before || now.saturating_add(1000) <= before {
            ahead.store(now, Relaxed);
        }
        epoch.load(Relaxed)
    }

    /// What is in a mailbox of this state, if that is known.
    pub(crate) fn recall(&self, state: u64, at: Moment) -> Option<Mail> {
        let value = self.table.get(state)?;
        let fresh = value & TWICE != 0 && age(value, at) < BELIEVED;
        fresh.then(|| found(value)).flatten()
    }

    /// `mail` was found by reading at `at` or later. Before that, the folders
    /// had last changed at `changed`, in seconds since the epoch.
    pub(crate) fn learn(&self, state: u64, mail: Mail, at: Moment, changed: i64) {
        // `changed` may have been nearly a second later than it says.
        let settled = u64::try_from(changed.saturating_add(1)).unwrap_or(u64::MAX);
        if at.wall < settled.saturating_mul(1000).saturating_add(COARSE) {
            return;
        }
        let Some(kind) = FOUND.iter().position(|kind| *kind == mail) else {
            return;
        };
        let once = at.mono << 3 | (kind as u64) << 1;
        match self.table.get(state) {
            Some(value) if found(value) != Some(mail) => self.table.put(state, once),
            Some(value) if age(value, at) < COARSE => {}
            Some(_) => self.table.put(state, once | TWICE),
            None => self.table.put(state, once),
        }
    }
}

fn found(value: u64) -> Option<Mail> {
    FOUND.get((value >> 1 & 3) as usize).copied()
}

/// How long before `at` the folders were read. A time to come is nonsense, and
/// taken for now: so it is no proof.
fn age(value: u64, at: Moment) -> Ms {
    at.mono.saturating_sub(value >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let words: Vec<_> = (0..CLOCK + 64).map(|_| AtomicU64::new(0)).collect();
        Known::new(words.leak())
    }

    /// So many milliseconds after the clocks showed 5000 s and 1,000,000 s.
    fn at(ms: u64) -> Moment {
        Moment {
            mono: 5_000_000 + ms,
            wall: 1_000_000_000 + ms,
        }
    }

    const NO: Mail = Mail::Nothing;

    #[test]
    fn what_was_found_twice_is_believed_and_not_for_ever() {
        for mail in FOUND {
            let known = known();
            known.learn(7, mail, at(0), 999_000);
            assert_eq!(known.recall(7, at(1)), None, "found once");
            known.learn(7, mail, at(COARSE - 1), 999_000);
            assert_eq!(known.recall(7, at(COARSE)), None, "twice, but too soon");
            known.learn(7, mail, at(COARSE), 999_000);
            assert_eq!(known.recall(7, at(COARSE)), Some(mail));
            assert_eq!(known.recall(8, at(COARSE)), None);
            assert_eq!(known.recall(7, at(COARSE + BELIEVED - 1)), Some(mail));
            let late = COARSE + BELIEVED;
            assert_eq!(known.recall(7, at(late)), None);
            known.learn(7, mail, at(late), 999_000);
            assert_eq!(known.recall(7, at(late)), Some(mail), "read again");
        }
    }

    #[test]
    fn a_finding_that_contradicts_another_begins_anew() {
        let known = known();
        known.learn(7, NO, at(0), 0);
        known.learn(7, NO, at(COARSE), 0);
        known.learn(7, Mail::New, at(COARSE + 1), 0);
        assert_eq!(known.recall(7, at(COARSE + 1)), None);
        known.learn(7, Mail::Busy, at(3 * COARSE), 0);
        known.learn(7, Mail::New, at(4 * COARSE), 0);
        assert_eq!(known.recall(7, at(4 * COARSE)), Some(Mail::New));
    }

    #[test]
    fn a_change_that_is_young_or_to_come_proves_nothing() {
        for (changed, proves) in [
            (999_997, true),
            (999_998, false),
            (1_000_000, false),
            (2_000_000, false),
            (i64::MAX, false),
            (i64::MIN, false),
        ] {
            let known = known();
            known.learn(7, NO, at(0), changed);
            assert_eq!(known.table.get(7).is_some(), proves, "{changed}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_begins_an_epoch() {
        let known = known();
        let set = |back: u64| Moment {
            mono: 5_000_000,
            wall: 1_000_000_000 - back,
        };
        assert_eq!(known.epoch(at(0)), 0);
        assert_eq!(known.epoch(at(3_600_000)), 0, "time goes by");
        assert_eq!(known.epoch(set(999)), 0, "less than a second");
        assert_eq!(known.epoch(set(1000)), 1);
        assert_eq!(known.epoch(set(1500)), 1);
        assert_eq!(known.epoch(set(0)), 1, "set forward");
        assert_eq!(known.epoch(set(1000)), 2, "and back by as much");
    }

    #[test]
    fn without_memory_nothing_is_known() {
        let known = Known::new(&[]);
        (0..3).for_each(|n| known.learn(7, NO, at(n * COARSE), 0));
        assert_eq!(known.recall(7, at(3 * COARSE)), None);
        assert_eq!(known.epoch(at(0)), 0);
    }
}
