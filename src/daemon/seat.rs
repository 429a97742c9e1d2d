//! A worker's or helper's place: its slot, its signals, the live values it looks at.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::Signal;

use super::board::{Board, Field, Head, State, Text};
pub(crate) use super::claim::Holder;
use super::follow::Watched;
use super::service::Role;
use super::signals::{LOOK, Signals};
use super::strain::Strain;
use super::vars::TRYTIMEOUT;
use crate::base::clock::{Ms, NEVER, now};
use crate::base::vars::Key;
use crate::net::ready::Waiting;
use crate::net::wait::{Side, Stop, Watch};

/// What pools and workers listen to.
pub(super) const SIGNALS: [Signal; 4] = [LOOK, Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD];

/// How often a session that would give way looks whether it is asked to, in
/// milliseconds: who asks may be the child of another pool, which wakes nobody here.
const LOOKS: Ms = 1000;

/// What a worker holds while it lives.
pub(crate) struct Seat {
    board: Board,
    slot: usize,
    program: &'static str,
    role: Role,
    pid: i32,
    signals: Rc<Signals>,
    ended: Cell<bool>,
    doors: Cell<Option<Waiting>>,
    /// Row and number of counters of the object at whose door it stands.
    at: Cell<(usize, usize)>,
    /// After how long without a move the session gives way to who asks.
    pub(super) yields: Cell<Option<Key>>,
}

impl Seat {
    /// Sits down in a claimed slot, with a pipe of its own for [`SIGNALS`].
    ///
    /// # Errors
    /// No descriptors left.
    #[cfg(test)]
    pub(crate) fn take(board: Board, slot: usize, program: &'static str) -> std::io::Result<Seat> {
        Ok(Seat::sit(
            board,
            slot,
            (program, Role::Worker),
            Rc::new(Signals::listen(&SIGNALS)?),
        ))
    }

    /// Sits down in a claimed slot; called in the worker or helper, which is
    /// killed unless it begins to wait, by [`Seat::end`], within `trytimeout`.
    pub(super) fn sit(
        board: Board,
        slot: usize,
        (program, role): (&'static str, Role),
        signals: Rc<Signals>,
    ) -> Seat {
        let pid = crate::sys::proc::pid();
        let seat = Seat {
            board,
            slot,
            program,
            role,
            pid,
            signals,
            ended: false.into(),
            doors: Cell::new(None),
            at: Cell::default(),
            yields: Cell::new(None),
        };
        // The pool writes it, too, but may die before it does.
        seat.field(Field::Pid).store(pid as u64, Relaxed);
        seat.guard(seat.after(TRYTIMEOUT));
        seat.show(Text::Doing, b"starting");
        seat
    }

    /// A live value: seconds, 0 or 1, or the place in a list of words.
    pub(crate) fn var(&self, key: Key) -> u64 {
        self.board.live(key).load(Relaxed)
    }

    /// So long after now as the interval `key` says.
    pub(crate) fn after(&self, key: Key) -> Ms {
        now().saturating_add(self.var(key).saturating_mul(1000))
    }

    /// The state of an object: a place in its kind's list of states.
    pub(crate) fn object_state(&self, row: usize) -> u64 {
        self.board.row(row)[0].load(Relaxed)
    }

    /// An option of an object, as it is now.
    pub(crate) fn object_var(&self, row: usize, key: Key) -> u64 {
        self.board
            .row(row)
            .get(1 + key.0)
            .map_or(0, |cell| cell.load(Relaxed))
    }

    /// What workers have learnt of an object: cell 0 to 7 of their own.
    pub(crate) fn object_cell(&self, row: usize, cell: usize) -> &'static AtomicU64 {
        self.board.own_cell(row, cell)
    }

    /// Adds to a counter of the program, and to that of the object at whose
    /// door the work came in, if it has one of this number.
    pub(crate) fn count(&self, counter: usize, by: u64) {
        self.board.add(self.slot, counter, by);
        let (row, counters) = self.at.get();
        if counter < counters {
            self.tally(row, counter, by);
        }
    }

    /// Adds to a counter of the object in this row.
    pub(crate) fn tally(&self, row: usize, counter: usize, by: u64) {
        self.board.tally(row, counter, by);
    }

    /// What follows comes from the door of the object in this row, which has
    /// so many counters.
    pub(super) fn stand_at(&self, tallies: (usize, usize)) {
        self.at.set(tallies);
    }

    /// Marks this session with a key of `kind`, unless it would be one more
    /// than `limit`; then it bears no such mark. Of two who come at once for
    /// the last place both may be turned away, but never are too many let in.
    pub(crate) fn mark(&self, kind: usize, key: u64, limit: u64) -> bool {
        self.board.set_mark(kind, self.slot, key);
        let fits = self.board.marked(kind, key) as u64 <= limit;
        if !fits {
            self.unmark(kind);
        }
        fits
    }

    /// Takes a mark of this session away.
    pub(crate) fn unmark(&self, kind: usize) {
        self.board.set_mark(kind, self.slot, 0);
    }

    /// Own process number.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// How many sessions this slot has had; unlike in every session of a process.
    pub(crate) fn serial(&self) -> u64 {
        self.board.field(self.slot, Field::Serial).load(Relaxed)
    }

    /// Shows something about the session in lists and in ps.
    pub(crate) fn show(&self, text: Text, bytes: &[u8]) {
        self.board.set_text(self.slot, text, bytes);
        if text != Text::Sid {
            self.retitle();
        }
    }

    fn retitle(&self) {
        let mut title = format!("{}: {}", self.program, self.role.name()).into_bytes();
        for text in [Text::Peer, Text::User, Text::Doing] {
            let bytes = self.board.text(self.slot, text);
            if !bytes.is_empty() {
                title.push(b' ');
                title.extend_from_slice(&bytes);
            }
        }
        crate::sys::title::set(&title);
    }

    /// A call begins that cannot be called off: whoever is not back by
    /// `until` is killed.
    pub(crate) fn guard(&self, until: Ms) {
        self.field(Field::Deadline).store(until, Relaxed);
    }

    /// The board that the seat is on.
    pub(crate) fn board(&self) -> Board {
        self.board
    }

    /// The number of the slot.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// A field of the slot.
    pub(crate) fn field(&self, field: Field) -> &'static AtomicU64 {
        self.board.field(self.slot, field)
    }

    /// A session begins; from here on it is counted. Returns how many there are.
    pub(crate) fn begin(&self) -> usize {
        self.field(Field::Serial).fetch_add(1, Relaxed);
        self.field(Field::Since).store(now(), Relaxed);
        self.board.set_state(self.slot, State::Busy);
        self.board.count(State::Busy)
    }

    /// The session that has begun gives way to a newcomer if all places are
    /// taken, until it is [`Self::settled`].
    pub(crate) fn may_give_way(&self) {
        self.field(Field::Fresh).store(self.serial(), Relaxed);
    }

    /// It does not any more.
    pub(crate) fn settled(&self) {
        self.field(Field::Fresh).store(0, Relaxed);
    }

    /// Are there so many sessions that nobody should take his time?
    pub(crate) fn is_strained(&self) -> bool {
        Strain::read(&self.board, Head::SessionState) != Strain::Ok
    }

    /// Is the load of the host too high for more work?
    pub(crate) fn is_overloaded(&self) -> bool {
        Strain::read(&self.board, Head::LoadState) == Strain::Max
    }

    /// The session is over.
    pub(crate) fn end(&self) {
        self.field(Field::Deadline).store(NEVER, Relaxed);
        self.yields.set(None);
        self.board.clear_texts(self.slot);
        self.board.clear_marks(self.slot);
        self.board.set_state(self.slot, State::Idle);
        self.retitle();
    }

    /// The standing wait at the doors, kept from one session to the next; `None`:
    /// there was none, or the last session has lasted.
    pub(super) fn take_doors(&self) -> Option<Waiting> {
        self.doors.take()
    }

    /// Keeps it. The kernel passes by all who wait at a door, also those who are
    /// busy, to find one to wake: so it is given up by sessions that last.
    pub(super) fn keep_doors(&self, waiting: Waiting) {
        self.doors.set(Some(waiting));
    }

    /// Shall we leave as soon as we are idle?
    pub(crate) fn must_leave(&self, generation: u64) -> bool {
        self.ended.get()
            || self.field(Field::Leave).load(Relaxed) != 0
            || self.board.head(Head::Generation).load(Relaxed) != generation
    }
}

impl Watch for Seat {
    fn lull(&self, since: Ms) {
        drop(self.doors.take());
        crate::sys::heap::rest();
        self.field(Field::Still).store(since, Relaxed);
    }

    fn look_at(&self) -> Ms {
        let at = self.gives_way_at();
        at.map_or(Ms::MAX, |at| at.max(now() + LOOKS))
    }

    fn moved(&self) {
        self.field(Field::Still).store(0, Relaxed);
    }

    fn wake_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    fn woken(&self) -> Option<Stop> {
        self.signals.drain();
        for signal in SIGNALS {
            if self.signals.take(signal) && matches!(signal, Signal::SIGTERM | Signal::SIGINT) {
                self.ended.set(true);
            }
        }
        if self.ended.get() {
            return Some(Stop::Shutdown);
        }
        let (field, serial) = (|f| self.field(f).load(Relaxed), self.serial());
        match serial {
            0 => None,
            _ if field(Field::Kick) == serial => Some(Stop::Kicked),
            _ if field(Field::GiveWay) != serial => None,
            _ if field(Field::Fresh) == serial => Some(Stop::GaveWay),
            _ => {
                let due = self.gives_way_at().is_some_and(|at| at <= now());
                due.then_some(Stop::GaveWay)
            }
        }
    }

    fn waiting(&self, until: Ms) {
        self.field(Field::Deadline).store(until, Relaxed);
    }

    fn is_quiet(&self) -> bool {
        !self.signals.are_raised()
    }

    fn is_watched(&self) -> bool {
        let word = self.field(Field::Watched).load(Relaxed);
        word != 0 && Watched::ring(word, self.serial()).is_some()
    }

    fn tell(&self, side: Side, line: &[u8]) {
        let word = self.field(Field::Watched).load(Relaxed);
        if let Some(ring) = Watched::ring(word, self.serial()) {
            self.board.ring(ring).write(side, line);
        }
    }
}
