//! Files that were replaced since a generation has loaded them: a worker
//! notices, the master tries a new generation.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Head};
use super::generation::{Cause, MOST_DRAINING};
use super::master::Master;
use super::service::Service;

/// A worker of `generation` has found other files than it has loaded;
/// `number` stands for them. It is one word, so that nobody reads half of it.
pub(super) fn report(board: Board, generation: u64, number: u32) {
    let word = generation << 32 | u64::from(number);
    board.head(Head::Replaced).store(word, Relaxed);
}

/// What was reported last, if `generation` has reported anything.
fn reported(board: Board, generation: u64) -> Option<u32> {
    let word = board.head(Head::Replaced).load(Relaxed);
    let number = word as u32;
    (number != 0 && word >> 32 == generation & 0xffff_ffff).then_some(number)
}

impl<S: Service> Master<S> {
    /// What was to be tried was not even begun, for want of something that comes
    /// back: files that were replaced are looked at again.
    pub(super) fn not_tried(&mut self, call: &str, why: &io::Error) -> String {
        self.tried = 0;
        self.keys.tried.clear();
        format!("{call}: {why}")
    }

    /// PRIVILEGED. Tries a new generation if files were replaced. What could
    /// not be loaded is not tried again before it changes again.
    pub(super) fn try_replaced(&mut self) {
        let generation = self.current.as_ref().map(|pool| pool.generation);
        let Some(number) = generation.and_then(|g| reported(self.board, g)) else {
            return;
        };
        // Whoever replaces files all the time must not end the sessions of generations that
        // drain; nor can anything be tried beside another trial.
        let crowded = self.old.len() + 1 >= MOST_DRAINING;
        let busy = self.trial.is_some() || self.ending.is_some() || self.is_changing_hands();
        if number == self.tried || crowded || busy {
            return;
        }
        self.tried = number;
        event!(FILES_REPLACED, "-", generation = generation);
        let mut same = self.config.clone();
        same.reload_files();
        if let Err(why) = self.attempt(same, Cause::Own("files replaced")) {
            event!(LOAD_FAILED, "-", cause = "files replaced", why = why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_files_are_reported_for_one_generation() {
        let board = Board::map(1, &[]).unwrap();
        assert_eq!(reported(board, 0), None);
        report(board, 7, u32::MAX);
        assert_eq!(reported(board, 7), Some(u32::MAX));
        assert_eq!(reported(board, 6), None);
        report(board, 1 << 32 | 8, 5);
        assert_eq!(reported(board, 1 << 32 | 8), Some(5));
        report(board, 8, 0);
        assert_eq!(reported(board, 8), None);
    }
}
