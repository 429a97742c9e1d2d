//! When a host does not answer mail checks, it is not asked for a while, so
//! that its users do not wait for nothing. All workers of a proxy share what
//! they learn, in two words a host.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::clock::Ms;

/// Silences in a row before the pause.
const PATIENCE: u64 = 5;

/// How long the pause lasts, in milliseconds.
const PAUSE: Ms = 10_000;

/// What is known of one host. Both words may hold anything: a worker that
/// was taken over can write them, and must not be able to do more than
/// spoil what they are for.
#[derive(Clone, Copy)]
pub(crate) struct Silence<'a> {
    /// Silences in a row.
    pub(crate) count: &'a AtomicU64,
    /// When the pause ends, in milliseconds of the monotonic clock; 0 for none.
    pub(crate) until: &'a AtomicU64,
}

impl Silence<'_> {
    /// Is the host to be left alone now?
    pub(crate) fn is_pause(&self, now: Ms) -> bool {
        let until = self.until.load(Relaxed);
        until > now && until - now <= PAUSE
    }

    /// Was the last question answered, as far as we know?
    pub(crate) fn is_none(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// The host gave an answer, of whatever kind. Writes only if there was
    /// silence before, since the page is shared.
    pub(crate) fn heard(&self) {
        for word in [self.count, self.until] {
            if word.load(Relaxed) != 0 {
                word.store(0, Relaxed);
            }
        }
    }

    /// The host gave no answer. True for the one of all workers with whom a
    /// pause begins, so that it is logged once. After a pause every further
    /// silence begins the next one.
    pub(crate) fn silent(&self, now: Ms) -> bool {
        let count = self.count.load(Relaxed).saturating_add(1);
        self.count.store(count, Relaxed);
        let until = self.until.load(Relaxed);
        count >= PATIENCE
            && !self.is_pause(now)
            && self
                .until
                .compare_exchange(until, now + PAUSE, Relaxed, Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_silences_in_a_row_there_is_a_pause_of_ten_seconds() {
        let (count, until) = (AtomicU64::new(0), AtomicU64::new(0));
        let silence = Silence {
            count: &count,
            until: &until,
        };
        for now in 100..104 {
            assert!(!silence.silent(now) && !silence.is_pause(now));
        }
        assert!(silence.silent(104) && silence.is_pause(104));
        assert!(silence.is_pause(10_103) && !silence.is_pause(10_104));
        assert!(silence.silent(10_200), "the next pause begins at once");
        silence.heard();
        assert!(!silence.is_pause(10_201) && !silence.silent(10_202));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (count, until) = (AtomicU64::new(0), AtomicU64::new(0));
        let silence = Silence {
            count: &count,
            until: &until,
        };
        for round in 0..3 {
            for _ in 0..4 {
                assert!(!silence.silent(round));
            }
            silence.heard();
        }
        assert!(!silence.is_pause(5));
    }

    #[test]
    fn a_pause_begins_once_though_many_wait_for_the_same_answer() {
        let (count, until) = (AtomicU64::new(0), AtomicU64::new(0));
        let silence = Silence {
            count: &count,
            until: &until,
        };
        let began = (0..20).filter(|_| silence.silent(7)).count();
        assert_eq!(began, 1);
    }

    #[test]
    fn nonsense_in_the_page_stops_no_check_for_ever() {
        let (count, until) = (AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX));
        let silence = Silence {
            count: &count,
            until: &until,
        };
        assert!(!silence.is_pause(7));
        assert!(silence.silent(7) && silence.is_pause(7));
        assert!(!silence.is_pause(7 + PAUSE));
    }
}
