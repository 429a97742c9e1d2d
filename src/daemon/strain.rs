//! How near the daemon is to its limits: two machines of three states, one
//! for the number of sessions and one for the load of the host. The pool of
//! the current generation moves them; everybody reads them.

use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Field, Head, State};
use super::pool::Pool;
use super::service::Service;
use super::signals::LOOK;
use super::vars::{MAXLOCALLOAD, MAXSESSION};
use crate::base::clock::{Ms, now};
use crate::sys::load::one_minute;
use crate::sys::proc::kill;

/// How often the load is looked at, in milliseconds.
const PERIOD: Ms = 1000;

/// A state; its number stands in the shared page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strain {
    Ok,
    Warn,
    Max,
}

impl Strain {
    /// All names, in order.
    pub(crate) const NAMES: &'static [&'static str] = &["OK", "WARN", "MAX"];

    /// The word for it in variables and lists.
    pub(crate) fn name(self) -> &'static str {
        Strain::NAMES[self as usize]
    }

    /// The state that a word of the head tells.
    pub(crate) fn read(board: &Board, which: Head) -> Strain {
        match board.head(which).load(Relaxed) {
            0 => Strain::Ok,
            1 => Strain::Warn,
            _ => Strain::Max,
        }
    }

    /// The state behind this one: WARN begins at 90 % of the limit and ends
    /// below 80 %, MAX begins at 100 % and ends below 90 %. A limit of 0 is
    /// none.
    fn next(self, value: u64, limit: u64) -> Strain {
        let reaches = |percent: u64| value.saturating_mul(100) >= limit.saturating_mul(percent);
        match self {
            _ if limit == 0 => Strain::Ok,
            _ if reaches(100) => Strain::Max,
            Strain::Max if reaches(90) => Strain::Max,
            Strain::Max => Strain::Warn.next(value, limit),
            Strain::Warn if reaches(80) => Strain::Warn,
            Strain::Ok if reaches(90) => Strain::Warn,
            _ => Strain::Ok,
        }
    }

    /// Moves a machine; the new state, if it is another one.
    fn step(board: &Board, which: Head, value: u64, limit: u64) -> Option<(Strain, Strain)> {
        let before = Strain::read(board, which);
        let after = before.next(value, limit);
        board.head(which).store(after as u64, Relaxed);
        (before != after).then_some((before, after))
    }
}

impl<S: Service> Pool<S> {
    /// Moves both machines, and logs what has changed.
    pub(super) fn watch_strain(&mut self) {
        self.watch_sessions();
        if now().saturating_sub(self.load_seen) >= PERIOD {
            self.load_seen = now();
            self.watch_load();
        }
    }

    fn watch_sessions(&self) {
        let board = self.nest.board;
        let sessions = board.count(State::Busy) as u64;
        let limit = board.live(MAXSESSION).load(Relaxed);
        let moved = Strain::step(&board, Head::SessionState, sessions, limit);
        let Some((before, after)) = moved else {
            return;
        };
        event!(
            SESSION_STATE,
            "-",
            state = after.name(),
            sessions = sessions,
            maxsession = limit
        );
        if before == Strain::Ok {
            self.hurry();
        }
    }

    /// Time limits have become shorter: those who wait look at them again.
    fn hurry(&self) {
        let board = self.nest.board;
        let fresh = |slot| {
            let field = |f| board.field(slot, f).load(Relaxed);
            board.state(slot) == State::Busy && field(Field::Fresh) == field(Field::Serial)
        };
        for child in self.workers().filter(|child| fresh(child.slot)) {
            let _ = kill(child.pid, LOOK);
        }
    }

    /// Looks at the load, if there is a limit or was one. What the system
    /// does not tell is no load.
    fn watch_load(&self) {
        let board = self.nest.board;
        let limit = board.live(MAXLOCALLOAD).load(Relaxed);
        if limit == 0 && Strain::read(&board, Head::LoadState) == Strain::Ok {
            return;
        }
        let load = one_minute().unwrap_or(0.0);
        let hundredths = (load * 100.0).round() as u64;
        if let Some((_, state)) = Strain::step(&board, Head::LoadState, hundredths, limit) {
            event!(
                LOAD_STATE,
                "-",
                state = state.name(),
                load = format_args!("{load:.2}"),
                maxlocalload = format_args!("{:.2}", limit as f64 / 100.0)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_table_of_moves() {
        use Strain::{Max, Ok, Warn};
        #[rustfmt::skip]
        let table = [
            (Ok,    89, 100, Ok  ), (Ok,    90, 100, Warn), (Ok,   100, 100, Max ),
            (Warn,  99, 100, Warn), (Warn, 100, 100, Max ), (Warn,  80, 100, Warn),
            (Warn,  79, 100, Ok  ), (Max,   90, 100, Max ), (Max,   89, 100, Warn),
            (Max,   79, 100, Ok  ), (Max,    9,   0, Ok  ), (Ok,     1,   1, Max ),
            (Max,    0,   1, Ok  ),
        ];
        for (before, value, limit, after) in table {
            assert_eq!(
                before.next(value, limit),
                after,
                "{before:?} {value}/{limit}"
            );
        }
    }

    #[test]
    fn a_change_is_told_once_and_kept_in_the_page() {
        let board = Board::map(1, &[]).unwrap();
        let step = |value| Strain::step(&board, Head::LoadState, value, 850);
        assert_eq!(step(900), Some((Strain::Ok, Strain::Max)));
        assert_eq!(step(800), None);
        assert_eq!(step(760), Some((Strain::Max, Strain::Warn)));
        assert_eq!(Strain::read(&board, Head::LoadState), Strain::Warn);
        assert_eq!(Strain::read(&board, Head::SessionState), Strain::Ok);
    }

    proptest! {
        #[test]
        fn the_same_value_twice_changes_nothing(state in 0u64..3, value in 0u64..300, limit in 0u64..200) {
            let board = Board::map(1, &[]).unwrap();
            board.head(Head::LoadState).store(state, Relaxed);
            Strain::step(&board, Head::LoadState, value, limit);
            prop_assert_eq!(Strain::step(&board, Head::LoadState, value, limit), None);
        }
    }
}
