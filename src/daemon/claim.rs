//! What one session at a time may have, known by a key. A session in which
//! nothing has moved for some time gives way to another that wants the same.
//!
//! The thing itself is locked elsewhere, by something that dies with the
//! process. The scoreboard only says whom to ask, whatever its generation.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};

use super::board::{Board, Field, State, Text};
use super::room::Place;
use super::seat::Seat;
use crate::base::clock::{Ms, now};
use crate::base::vars::Key;

/// The session that holds what another wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(Place);

impl Seat {
    /// From now on this session holds what is known by `key`. It gives way to
    /// who asks, once nothing has moved for the interval that `after` says.
    pub(crate) fn hold(&self, kind: usize, key: u64, after: Key) {
        self.board().set_mark(kind, self.slot(), key);
        self.yields.set(Some(after));
    }

    /// It does not any more.
    pub(crate) fn let_go(&self, kind: usize) {
        self.yields.set(None);
        self.unmark(kind);
    }

    /// The session that holds it, if one of this daemon does.
    pub(crate) fn holder(&self, kind: usize, key: u64) -> Option<Holder> {
        let board = self.board();
        let mut others = board
            .bearers(kind, key)
            .filter(|&slot| slot != self.slot() && board.state(slot) == State::Busy);
        let slot = others.next()?;
        let serial = board.field(slot, Field::Serial).load(Relaxed);
        Some(Holder(Place { slot, serial }))
    }

    /// Asks it to give way, if nothing has moved in it for the interval
    /// `after`. It looks within a second, and may have moved by then.
    pub(crate) fn ask(&self, holder: Holder, after: Key) -> bool {
        let (board, Place { slot, serial }) = (self.board(), holder.0);
        let yields = due(&board, slot, self.var(after)).is_some_and(|at| at <= now());
        if yields {
            board.field(slot, Field::GiveWay).store(serial, Relaxed);
        }
        yields
    }

    /// Takes that back. Somebody else who asks does so again.
    pub(crate) fn withdraw(&self, holder: Holder) {
        let word = self.board().field(holder.0.slot, Field::GiveWay);
        let _ = word.compare_exchange(holder.0.serial, 0, AcqRel, Relaxed);
    }

    /// The session id of a holder.
    pub(crate) fn sid_of(&self, holder: Holder) -> Vec<u8> {
        self.board().text(holder.0.slot, Text::Sid)
    }

    /// When this session would give way, if nothing moves until then.
    pub(super) fn gives_way_at(&self) -> Option<Ms> {
        let after = self.var(self.yields.get()?);
        due(&self.board(), self.slot(), after)
    }
}

/// When nothing will have moved in a slot for so many seconds; `None` if
/// something moves.
fn due(board: &Board, slot: usize, seconds: u64) -> Option<Ms> {
    let still = board.field(slot, Field::Still).load(Relaxed);
    (still != 0).then(|| still.saturating_add(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::wait::{Stop, Watch};

    /// Two sessions, with idletimeout for the interval.
    fn pair() -> (Seat, Seat) {
        let board = Board::map(4, &[]).unwrap();
        board.live(AFTER).store(60, Relaxed);
        let seat = || {
            let seat = Seat::take(board, board.claim().unwrap(), "test").unwrap();
            seat.begin();
            seat
        };
        (seat(), seat())
    }

    const AFTER: Key = crate::daemon::vars::IDLETIMEOUT;

    #[test]
    fn who_is_still_long_enough_gives_way_when_asked() {
        let (old, new) = pair();
        assert_eq!(new.holder(0, 7), None);
        old.hold(0, 7, AFTER);
        let holder = new.holder(0, 7).unwrap();
        assert!(!new.ask(holder, AFTER), "it moves");
        old.lull(now().saturating_sub(59_000).max(1));
        assert!(!new.ask(holder, AFTER), "not long enough");
        assert_eq!(old.woken(), None);
        new.board().live(AFTER).store(0, Relaxed);
        assert_eq!(old.woken(), None, "nobody has asked");
        assert!(new.ask(holder, AFTER));
        assert_eq!(old.woken(), Some(Stop::GaveWay));
    }

    #[test]
    fn who_moves_after_all_stays_and_is_not_asked_for_ever() {
        let (old, new) = pair();
        new.board().live(AFTER).store(0, Relaxed);
        old.hold(0, 7, AFTER);
        old.lull(1);
        let holder = new.holder(0, 7).unwrap();
        assert!(new.ask(holder, AFTER));
        old.moved();
        assert_eq!(old.woken(), None);
        new.withdraw(holder);
        old.lull(1);
        assert_eq!(old.woken(), None);
    }

    #[test]
    fn who_has_let_go_or_has_ended_holds_nothing() {
        let (old, new) = pair();
        old.hold(0, 7, AFTER);
        assert_eq!(old.holder(0, 7), None, "nobody is in his own way");
        old.let_go(0);
        assert_eq!((new.holder(0, 7), old.gives_way_at()), (None, None));
        old.hold(0, 7, AFTER);
        old.lull(1);
        old.end();
        assert_eq!((new.holder(0, 7), old.gives_way_at()), (None, None));
    }
}
