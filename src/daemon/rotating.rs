//! A secret that all workers of all generations know, and that the master
//! makes anew from time to time; the one before stays for a while. Whatever
//! needs a key of its own, such as the session tickets of a virtual server,
//! derives it from this.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::board::{Board, Head};

/// Words of one secret.
const WORDS: usize = 4;
/// Secrets there is room for: the current one, the one before, and the next,
/// which can be written while the others are read.
const SECRETS: usize = 3;
/// Words of shared memory.
pub(super) const SIZE: usize = WORDS * SECRETS;

/// The secret that holds, and the one that held before.
#[derive(Clone, Copy)]
pub(crate) struct Secrets {
    pub(crate) current: [u8; 32],
    pub(crate) previous: [u8; 32],
}

impl Board {
    /// What the secrets are now.
    pub(crate) fn secrets(&self) -> Secrets {
        let epoch = self.head(Head::Epoch).load(Acquire) as usize % SECRETS;
        Secrets {
            current: self.secret_at(epoch),
            previous: self.secret_at((epoch + SECRETS - 1) % SECRETS),
        }
    }

    fn secret_at(&self, place: usize) -> [u8; 32] {
        let words = &self.rotating()[place * WORDS..][..WORDS];
        let mut octets = [0; 32];
        for (eight, word) in octets.chunks_exact_mut(8).zip(words) {
            eight.copy_from_slice(&word.load(Relaxed).to_le_bytes());
        }
        octets
    }

    /// Makes `fresh` the current secret. Only the master does that.
    pub(crate) fn rotate(&self, fresh: [u8; 32]) {
        let epoch = self.head(Head::Epoch).load(Relaxed).wrapping_add(1);
        let place = epoch as usize % SECRETS;
        let words = &self.rotating()[place * WORDS..][..WORDS];
        for (word, eight) in words.iter().zip(fresh.chunks_exact(8)) {
            let eight = eight.try_into().unwrap_or_default();
            word.store(u64::from_le_bytes(eight), Relaxed);
        }
        self.head(Head::Epoch).store(epoch, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_before_stays_and_older_ones_are_forgotten() {
        let board = Board::map(1, &[]).unwrap();
        for n in 1..=7 {
            board.rotate([n; 32]);
        }
        let Secrets { current, previous } = board.secrets();
        assert_eq!((current, previous), ([7; 32], [6; 32]));
        board.head(Head::Epoch).store(u64::MAX, Relaxed);
        board.secrets();
    }
}
