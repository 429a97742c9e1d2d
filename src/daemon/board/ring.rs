//! Rings: through each of them a worker tells a watcher, line by line, what
//! is said in its session. It never waits: what the watcher has not read when
//! the ring has come round is lost, which he notices.
//!
//! The worker may write anything there; so a line is bounded when it is read,
//! whatever its length says, and a reader never goes round more than once.

use std::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};

use super::Board;
use crate::base::clock::{Ms, now};
use crate::net::wait::Side;

/// Sessions that can be watched at a time.
pub(crate) const RINGS: usize = 4;
/// Lines in a ring.
const LINES: usize = 240;
/// Octets of a line that are kept.
pub(crate) const LONGEST: usize = 256;
/// A line: its number, counted from 1, when it was said, who said it and how
/// long it is, and its octets.
const LINE: usize = 3 + LONGEST / 8;
/// In front of them stands how many there were.
const RING: usize = 1 + LINES * LINE;

/// All rings, in words.
pub(super) const WORDS: usize = RINGS * RING;

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Ring(&'static [AtomicU64]);

/// A line that was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Ms,
    pub(crate) side: Side,
    pub(crate) octets: Vec<u8>,
}

impl Board {
    /// Ring number `number` modulo [`RINGS`].
    pub(crate) fn ring(&self, number: usize) -> Ring {
        Ring(&self.rings[(number % RINGS) * RING..][..RING])
    }
}

impl Ring {
    /// Forgets all lines.
    pub(crate) fn clear(self) {
        self.0.iter().for_each(|word| word.store(0, Relaxed));
    }

    fn line(self, number: u64) -> &'static [AtomicU64] {
        let place = (number % LINES as u64) as usize;
        &self.0[1 + place * LINE..][..LINE]
    }

    /// Adds a line, cut to [`LONGEST`].
    pub(crate) fn write(self, side: Side, octets: &[u8]) {
        let number = self.0[0].load(Relaxed);
        let line = self.line(number);
        let octets = &octets[..octets.len().min(LONGEST)];
        line[0].store(0, Relaxed);
        fence(Release);
        line[1].store(now(), Relaxed);
        line[2].store((octets.len() as u64) << 1 | side as u64, Relaxed);
        for (word, part) in line[3..].iter().zip(octets.chunks(8)) {
            let mut eight = [0; 8];
            eight[..part.len()].copy_from_slice(part);
            word.store(u64::from_le_bytes(eight), Relaxed);
        }
        line[0].store(number.wrapping_add(1), Release);
        self.0[0].store(number.wrapping_add(1), Release);
    }

    /// The lines from number `at` on, which goes on behind them, and how many
    /// of them were lost.
    pub(crate) fn read(self, at: &mut u64) -> (Vec<Line>, u64) {
        let end = self.0[0].load(Acquire);
        let first = end.saturating_sub(LINES as u64).max(*at);
        let mut lost = first.saturating_sub(*at);
        let mut lines = Vec::new();
        for number in first..end {
            match self.one(number) {
                Some(line) => lines.push(line),
                None => lost += 1,
            }
        }
        *at = end;
        (lines, lost)
    }

    /// A line, unless it is being written over.
    fn one(self, number: u64) -> Option<Line> {
        let line = self.line(number);
        let is_it = || line[0].load(Acquire) == number.wrapping_add(1);
        if !is_it() {
            return None;
        }
        let (at, what) = (line[1].load(Relaxed), line[2].load(Relaxed));
        let words = line[3..].iter();
        let mut octets: Vec<u8> = words.flat_map(|w| w.load(Relaxed).to_le_bytes()).collect();
        fence(Acquire);
        octets.truncate(usize::try_from(what >> 1).unwrap_or(0));
        let side = match what & 1 {
            0 => Side::Client,
            _ => Side::Server,
        };
        is_it().then_some(Line { at, side, octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_in_order_and_who_is_too_slow_knows_it() {
        let ring = Board::map(1, &[]).unwrap().ring(1);
        let mut at = 0;
        assert_eq!(ring.read(&mut at), (Vec::new(), 0));
        ring.write(Side::Client, b"USER joe");
        ring.write(Side::Server, &[b'x'; 1000]);
        let (lines, lost) = ring.read(&mut at);
        let seen: Vec<_> = lines.iter().map(|l| (l.side, l.octets.len())).collect();
        let wanted = [(Side::Client, 8), (Side::Server, LONGEST)];
        assert_eq!((seen.as_slice(), lost), (wanted.as_slice(), 0));
        for n in 0..LINES + 5 {
            ring.write(Side::Client, n.to_string().as_bytes());
        }
        let (lines, lost) = ring.read(&mut at);
        assert_eq!((lines.len(), lost), (LINES, 5));
        assert_eq!(lines[0].octets, b"5");
        assert_eq!(ring.read(&mut at), (Vec::new(), 0));
    }

    #[test]
    fn nonsense_in_a_ring_is_read_in_bounded_time() {
        let ring = Board::map(1, &[]).unwrap().ring(0);
        for nonsense in [u64::MAX, 1 << 40, 300] {
            for word in ring.0 {
                word.store(nonsense, Relaxed);
            }
            let mut at = 0;
            let (lines, lost) = ring.read(&mut at);
            assert!(lines.len() <= LINES && lost > 0);
            assert!(lines.iter().all(|line| line.octets.len() <= LONGEST));
        }
    }
}
