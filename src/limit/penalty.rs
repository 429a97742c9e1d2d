//! Delays that grow with the wrong passwords from an address: a table of
//! bounded size in memory that all processes share, without locks.
//!
//! An address has one queue. Whoever fails is answered at the end of it, and
//! moves that end further away, in one step: so many connections at once get
//! no more answers than one. A success does not shorten the queue; else one
//! account of his own would give a guesser a free hand.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

use crate::base::clock::Ms;
use crate::base::table;

/// Entries that share a place. If all are taken, the one with the fewest
/// failures gives way: many addresses with one failure each, which cost
/// little where IPv6 is spoken, do not push out one with many.
const WAYS: usize = 8;
/// Wrong passwords that are remembered of an address.
const DIGESTS: usize = 8;
/// Words of an entry: the address, the state, the digests.
const ENTRY: usize = 2 + DIGESTS;
/// The low bits of a state count failures, the rest is a time.
const COUNT_BITS: u32 = 16;
const MOST: u64 = (1 << COUNT_BITS) - 1;
/// An address that has not failed for so long is forgotten.
const MEMORY: Ms = 10 * 60 * 1000;
/// Delays, in milliseconds, by failures so far; then it doubles.
const STEPS: [Ms; 5] = [0, 2000, 4000, 8000, 15_000];
/// The queue is not longer than so many times the longest delay.
const QUEUE: Ms = 4;
/// An address that is written to by many at once is tried so often.
const TRIES: usize = 100;

/// How many words hold so many entries.
pub(crate) const fn words(entries: usize) -> usize {
    entries.div_ceil(WAYS) * WAYS * ENTRY
}

/// Failures, and the end of the queue: when the next one may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) failures: u64,
    pub(crate) until: Ms,
}

impl State {
    /// What a word says at `now`; what is too old says nothing.
    fn read(word: u64, now: Ms) -> State {
        let (failures, until) = (word & MOST, word >> COUNT_BITS);
        match until.saturating_add(MEMORY) < now {
            true => State {
                failures: 0,
                until: 0,
            },
            false => State { failures, until },
        }
    }

    /// 0 stands for nobody, so a state with a time is never 0.
    fn word(self) -> u64 {
        self.until << COUNT_BITS | self.failures.min(MOST)
    }

    /// The queue with one more in it, which is no longer than `longest`.
    fn queue(self, now: Ms, max: Ms) -> Ms {
        let until = self.until.max(now) + delay(self.failures, max);
        until.min(now + max * QUEUE)
    }

    /// Milliseconds until the address is forgotten.
    pub(crate) fn memory(&self, now: Ms) -> Ms {
        self.until.saturating_add(MEMORY).saturating_sub(now)
    }
}

/// How long the answer is delayed after so many failures.
fn delay(failures: u64, max: Ms) -> Ms {
    let last = STEPS.len() as u64 - 1;
    let step = STEPS[failures.min(last) as usize];
    let doubled = step << failures.saturating_sub(last).min(8);
    doubled.min(max)
}

/// Whose failures are counted together: an IPv4 address, or the first half
/// of an IPv6 address. Never 0.
pub(crate) fn key(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => V4 << 32 | u64::from(u32::from(ip)),
        IpAddr::V6(ip) => match (u128::from(ip) >> 64) as u64 {
            0 => V6 << 32,
            half => half,
        },
    }
}

/// These stand for networks that are not used by anybody: `0:1::/32` for all
/// of IPv4, `0:2::/64` for the one that begins with `::`.
const V4: u64 = 1;
const V6: u64 = 2;

/// What [`key`] was made of.
pub(crate) fn show(key: u64) -> String {
    match key >> 32 {
        V4 => std::net::Ipv4Addr::from(key as u32).to_string(),
        V6 => "::/64".into(),
        _ => format!("{}/64", std::net::Ipv6Addr::from(u128::from(key) << 64)),
    }
}

/// A view of the shared words; a copy is as good as the original.
#[derive(Clone, Copy)]
pub(crate) struct Penalties {
    words: &'static [AtomicU64],
    /// Nobody outside knows it, so nobody can choose addresses that share a place.
    seed: u64,
}

type Entry = &'static [AtomicU64];

impl Penalties {
    /// A table in zeroed words; those beyond the last whole place stay unused.
    pub(crate) fn new(words: &'static [AtomicU64], seed: u64) -> Penalties {
        Penalties { words, seed }
    }

    fn place(&self, who: u64) -> impl Iterator<Item = Entry> + use<> {
        let size = WAYS * ENTRY;
        let place = match self.words.len() / size {
            0 => &[],
            places => {
                let first = table::key(self.seed, &[&who.to_le_bytes()]) % places as u64;
                &self.words[first as usize * size..][..size]
            }
        };
        place.chunks_exact(ENTRY)
    }

    fn find(&self, who: u64) -> Option<Entry> {
        self.place(who)
            .find(|entry| entry[0].load(Acquire) == who && entry[1].load(Relaxed) != 0)
    }

    /// The entry of `who`, if need be in the place of the least valuable one.
    /// Two who come at once may make two entries, of which the first holds.
    fn make(&self, who: u64, now: Ms) -> Option<Entry> {
        for _ in 0..WAYS {
            if let Some(entry) = self.find(who) {
                return Some(entry);
            }
            let value = |entry: &Entry| {
                let state = State::read(entry[1].load(Relaxed), now);
                (state.failures, state.until)
            };
            let entry = self.place(who).min_by_key(value)?;
            let before = entry[1].load(Relaxed);
            let fresh = State {
                failures: 0,
                until: now.max(1),
            };
            let won = entry[1].compare_exchange(before, fresh.word(), AcqRel, Relaxed);
            if won.is_ok() {
                let digests = &entry[2..];
                digests.iter().for_each(|digest| digest.store(0, Relaxed));
                entry[0].store(who, Relaxed);
                return Some(entry);
            }
        }
        None
    }

    /// Changes a state in one step; `None` from `change` leaves it alone.
    fn update(entry: Entry, now: Ms, change: impl Fn(State) -> Option<State>) -> Option<State> {
        for _ in 0..TRIES {
            let before = entry[1].load(Acquire);
            let after = change(State::read(before, now))?;
            let swapped = entry[1].compare_exchange(before, after.word(), AcqRel, Relaxed);
            if swapped.is_ok() {
                return Some(after);
            }
        }
        None
    }

    /// How often `who` has failed.
    pub(crate) fn failures(&self, who: u64, now: Ms) -> u64 {
        let state = |entry: Entry| State::read(entry[1].load(Acquire), now);
        self.find(who).map_or(0, |entry| state(entry).failures)
    }

    /// Is `digest`, which stands for a user and a password, one of the last
    /// that were wrong? A mail client that repeats it guesses nothing.
    pub(crate) fn knows(&self, who: u64, digest: u64) -> bool {
        let known = |entry: Entry| entry[2..].iter().any(|d| d.load(Relaxed) == digest.max(1));
        self.find(who).is_some_and(known)
    }

    /// `who` was wrong: says when that may be answered. `max` is the longest
    /// delay, in milliseconds.
    pub(crate) fn fail(&self, who: u64, digest: u64, now: Ms, max: Ms) -> Ms {
        self.add(who, digest, now, |state| state.queue(now, max))
    }

    /// The same of somebody who has waited already.
    pub(crate) fn count(&self, who: u64, digest: u64, now: Ms) {
        self.add(who, digest, now, |state| state.until.max(now));
    }

    fn add(&self, who: u64, digest: u64, now: Ms, until: impl Fn(State) -> Ms) -> Ms {
        let Some(entry) = self.make(who, now) else {
            return now;
        };
        let more = |state: State| {
            Some(State {
                failures: (state.failures + 1).min(MOST),
                until: until(state).max(1),
            })
        };
        let Some(state) = Self::update(entry, now, more) else {
            return now;
        };
        let place = state.failures as usize % DIGESTS;
        entry[2 + place].store(digest.max(1), Relaxed);
        state.until
    }

    /// Somebody from `who` will try: says when. `None`: so many wait already
    /// that this one must not.
    pub(crate) fn reserve(&self, who: u64, now: Ms, max: Ms) -> Option<Ms> {
        let Some(entry) = self.find(who) else {
            return Some(now);
        };
        let longer = |state: State| {
            let until = state.until.max(now) + delay(state.failures, max);
            (until <= now + max * QUEUE).then_some(State { until, ..state })
        };
        Self::update(entry, now, longer).map(|state| state.until)
    }

    /// Everybody who is remembered at `now`.
    pub(crate) fn list(&self, now: Ms) -> impl Iterator<Item = (u64, State)> + use<> {
        let read = move |entry: Entry| {
            let state = State::read(entry[1].load(Acquire), now);
            (entry[0].load(Relaxed), state)
        };
        let entries = self.words.chunks_exact(ENTRY).map(read);
        entries.filter(|(_, state)| state.failures > 0)
    }

    /// Forgets `who`; says whether there was anything to forget.
    pub(crate) fn clear(&self, who: u64) -> bool {
        let own = |entry: &Entry| entry[0].load(Relaxed) == who;
        let cleared = self.place(who).filter(own).map(Self::forget);
        cleared.fold(false, |any, one| any | one)
    }

    /// Forgets everybody; says how many there were.
    pub(crate) fn clear_all(&self) -> usize {
        let entries = self.words.chunks_exact(ENTRY);
        entries.map(Self::forget).filter(|known| *known).count()
    }

    fn forget(entry: Entry) -> bool {
        entry[1].swap(0, AcqRel) & MOST != 0
    }
}

#[cfg(test)]
mod tests;
