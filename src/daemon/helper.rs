//! The helper of a generation: a process beside the workers, without clients
//! and doors, for what no session shall wait for. It ends with its
//! generation and with its master, and another is born when it dies.

use std::io;
use std::os::fd::AsFd;

use super::board::Text;
use super::brood::Child;
use super::pool::{FIRST_PAUSE, LONGEST_PAUSE, Pool};
use super::seat::Seat;
use super::service::{Role, Service};
use crate::base::clock::{Ms, NEVER, now};
use crate::net::ready::look;
use crate::net::wait::Watch;

/// No rest is longer, in milliseconds; and none shorter than 10.
const NAP: Ms = 1000;

/// What a pool knows of its helper.
pub(super) struct Help {
    wanted: bool,
    not_before: Ms,
    pause: Ms,
}

impl Help {
    pub(super) fn new(wanted: bool) -> Help {
        Help {
            wanted,
            not_before: 0,
            pause: 0,
        }
    }

    /// It died of something. The first time another is born at once; one that
    /// dies again and again must not keep its pool busy.
    pub(super) fn died(&mut self) {
        let quiet = now().saturating_sub(self.not_before) > 2 * LONGEST_PAUSE;
        self.pause = match self.pause {
            _ if quiet => 0,
            0 => FIRST_PAUSE,
            pause => (pause * 2).min(LONGEST_PAUSE),
        };
        self.not_before = now() + self.pause;
    }
}

impl<S: Service> Pool<S> {
    /// Does this child sit where helpers sit?
    pub(super) fn is_helper(&self, child: &Child) -> bool {
        child.slot >= self.nest.board.len()
    }

    /// All children but the helper.
    pub(super) fn workers(&self) -> impl DoubleEndedIterator<Item = Child> + '_ {
        let workers = self.nest.board.len();
        self.children.iter().filter(move |c| c.slot < workers)
    }

    /// Forks the helper if there should be one and is none.
    pub(super) fn keep_helper(&mut self) -> io::Result<()> {
        let due = self.help.wanted && now() >= self.help.not_before;
        if !due || self.children.iter().any(|c| self.is_helper(&c)) {
            return Ok(());
        }
        // Those of the generations before may still be about to leave theirs.
        match self.nest.board.claim_helper() {
            Some(slot) => self.bear(slot, Self::become_helper).map(drop),
            None => Ok(()),
        }
    }

    /// In the child: helps.
    fn become_helper(&mut self, slot: usize) -> io::Result<i32> {
        let Some(seat) = self.sit(slot, Role::Helper)? else {
            return Ok(1);
        };
        self.nest.doors.clear();
        self.bounds.settle()?;
        seat.show(Text::Doing, b"");
        while !seat.must_leave(self.nest.generation) {
            let until = self.service.tend(&seat);
            // Whatever it waited for, it is not behind a deadline now.
            seat.guard(NEVER);
            if self.rest(&seat, until)? {
                break;
            }
        }
        Ok(0)
    }

    /// Waits, not for long; true if the master is gone.
    fn rest(&self, seat: &Seat, until: Ms) -> io::Result<bool> {
        let nap = until.saturating_sub(now()).clamp(10, NAP) as u16;
        let ready = look(&[seat.wake_fd(), self.nest.death.as_fd()], nap)?;
        // What there is to look at `must_leave` will see.
        let _ = seat.woken();
        Ok(ready.contains(&1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dies_again_and_again_is_replaced_ever_later() {
        let mut help = Help::new(true);
        help.not_before = now();
        let pauses: Vec<_> = (0..9)
            .map(|_| {
                help.died();
                help.pause
            })
            .collect();
        assert_eq!(pauses[..3], [100, 200, 400]);
        assert_eq!(pauses[8], LONGEST_PAUSE);
        help.not_before = now().saturating_sub(3 * LONGEST_PAUSE);
        help.died();
        assert_eq!(help.pause, 0);
    }
}
