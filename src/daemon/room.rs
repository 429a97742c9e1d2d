//! When all places are taken, the oldest session that has not logged in yet
//! gives way to a newcomer. Who comes in asks it, by a word in its slot, and
//! the pool wakes it, since workers send no signals to each other.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use super::board::{Board, Field, State};
use super::pool::Pool;
use super::seat::Seat;
use super::service::Service;
use super::signals::LOOK;
use crate::base::clock::{Ms, now};
use crate::net::wait::{Broken, wait_for};
use crate::sys::proc::kill;

/// What is written into the pipe of the pool, besides the `p` of those who
/// tell that few are idle.
pub(super) const ASKED: u8 = b'g';

/// A session that is younger need not give way, in milliseconds: whoever
/// comes has a moment to say who he is.
const YOUNG: Ms = 1000;
/// How long a newcomer waits for the place.
const PATIENCE: Ms = 1000;
/// How often a newcomer looks for somebody to ask: there are few of them.
const TRIES: usize = 4;
/// Between two looks at it.
const STEP: Ms = 5;

/// A session in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

/// May the session of this slot be asked, and since when is it here?
fn oldest_of(board: &Board, slot: usize, generation: u64) -> Option<(Ms, Place)> {
    let field = |f| board.field(slot, f).load(Relaxed);
    let serial = field(Field::Serial);
    let fresh = board.state(slot) == State::Busy
        && field(Field::Fresh) == serial
        && field(Field::GiveWay) != serial
        && field(Field::Generation) == generation;
    fresh.then(|| (field(Field::Since), Place { slot, serial }))
}

/// Asks the oldest session of `generation` that may be asked, and that began
/// before `then`. If somebody else is quicker to ask it, it is another one.
fn ask(board: &Board, generation: u64, then: Ms) -> Option<Place> {
    (0..TRIES).find_map(|_| {
        let all = (0..board.len()).filter_map(|slot| oldest_of(board, slot, generation));
        let (_, place) = all.filter(|(since, _)| *since < then).min_by_key(|x| x.0)?;
        let word = board.field(place.slot, Field::GiveWay);
        let before = word.load(Relaxed);
        let won = before != place.serial
            && word
                .compare_exchange(before, place.serial, AcqRel, Relaxed)
                .is_ok();
        won.then_some(place)
    })
}

/// Has the session left?
fn has_left(board: &Board, place: Place) -> bool {
    let serial = board.field(place.slot, Field::Serial).load(Relaxed);
    board.state(place.slot) != State::Busy || serial != place.serial
}

/// Asks a session to leave, by way of `wake`, and waits until it has, not
/// for long.
pub(super) fn make(seat: &Seat, generation: u64, wake: impl Fn()) -> bool {
    let board = seat.board();
    let Some(place) = ask(&board, generation, now().saturating_sub(YOUNG)) else {
        return false;
    };
    wake();
    let end = now() + PATIENCE;
    while !has_left(&board, place) {
        let pause = now() + STEP;
        let waited = wait_for::<0>([], seat, &|| pause);
        if now() >= end || matches!(waited, Err(Broken::Stop(_) | Broken::Io(_))) {
            return false;
        }
    }
    true
}

impl<S: Service> Pool<S> {
    /// Wakes the sessions that were asked to leave.
    pub(super) fn wake_the_asked(&self) {
        let board = self.nest.board;
        let asked = |slot| {
            let field = |f| board.field(slot, f).load(Relaxed);
            field(Field::GiveWay) == field(Field::Serial) && field(Field::Serial) != 0
        };
        for child in self.workers().filter(|child| asked(child.slot)) {
            let _ = kill(child.pid, LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A board with sessions that began at these times, in these generations.
    fn board(sessions: &[(Ms, u64)]) -> Board {
        let board = Board::map(8, &[]).unwrap();
        for &(since, generation) in sessions {
            let slot = board.claim().unwrap();
            board.set_state(slot, State::Busy);
            let set = |field, value| board.field(slot, field).store(value, Relaxed);
            set(Field::Serial, 5);
            set(Field::Fresh, 5);
            set(Field::Since, since);
            set(Field::Generation, generation);
        }
        board
    }

    #[test]
    fn the_oldest_is_asked_first_and_each_once() {
        let board = board(&[(30, 7), (10, 7), (5, 6), (20, 7), (90, 7)]);
        let asked: Vec<_> = (0..5).map_while(|_| ask(&board, 7, 50)).collect();
        let slots: Vec<_> = asked.iter().map(|place| place.slot).collect();
        assert_eq!(slots, [1, 3, 0], "no young one, none of another pool");
    }

    #[test]
    fn who_has_logged_in_is_not_asked() {
        let board = board(&[(10, 7), (20, 7)]);
        board.field(0, Field::Fresh).store(0, Relaxed);
        board.set_state(1, State::Idle);
        assert_eq!(ask(&board, 7, 50), None);
    }

    #[test]
    fn a_place_is_free_when_its_session_is_over() {
        let board = board(&[(10, 7)]);
        let place = ask(&board, 7, 50).unwrap();
        assert!(!has_left(&board, place));
        board.field(0, Field::Serial).store(6, Relaxed);
        assert!(has_left(&board, place), "even if another has begun there");
    }
}
