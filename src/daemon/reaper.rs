//! What a pool does for its children: buries the dead, kills the stuck.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::Signal;

use super::board::{Field, Head, Text};
use super::brood::Child;
use super::pool::{FIRST_PAUSE, GRACE, LONGEST_PAUSE, Pool};
use super::service::Service;
use crate::base::clock::{Ms, NEVER, now};
use crate::sys::proc::{Death, kill, reap};

/// Between two looks at the deadlines of all children, in milliseconds: the pool
/// is woken by every other client, and there may be thousands of children.
const LOOKS: Ms = 100;

impl<S: Service> Pool<S> {
    /// Buries the dead and frees their slots.
    pub(super) fn reap(&mut self) -> io::Result<()> {
        while let Some((pid, death)) = reap()? {
            let Some(child) = self.children.take(pid) else {
                continue;
            };
            let board = self.nest.board;
            debug!(Pool, "-", died = pid, slot = child.slot, why = death);
            if board.field(child.slot, Field::Pid).load(Relaxed) != pid as u64 {
                event!(SLOT_CORRUPT, "-", worker = pid, slot = child.slot);
            }
            let first = board.field(child.slot, Field::Serial).load(Relaxed)
                <= child.serial.saturating_add(1);
            if death.clean() {
                self.pause = FIRST_PAUSE;
            } else {
                self.mourn(&child, death);
                if self.is_helper(&child) {
                    self.help.died();
                } else if first {
                    self.not_before = now() + self.pause;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
            board.free(child.slot);
        }
        Ok(())
    }

    fn mourn(&self, child: &Child, death: Death) {
        let board = self.nest.board;
        board.head(Head::Deaths).fetch_add(1, Relaxed);
        let text = |which| board.text(child.slot, which);
        let (sid, user, doing) = (text(Text::Sid), text(Text::User), text(Text::Doing));
        event!(
            WORKER_DIED,
            sid,
            worker = child.pid,
            why = death,
            user = user,
            doing = doing
        );
        S::lost(&board, &self.nest.config, &doing);
    }

    /// Kills whoever is behind its deadline, and everybody when it is time.
    pub(super) fn end_the_stuck(&mut self) {
        let (board, time) = (self.nest.board, now());
        if time < self.looked.saturating_add(LOOKS) {
            return;
        }
        self.looked = time;
        let too_late = self.kill_at != NEVER && time > self.kill_at;
        for child in self.children.iter() {
            let deadline = board.field(child.slot, Field::Deadline).load(Relaxed);
            let stuck = deadline != NEVER && time > deadline.saturating_add(GRACE);
            if stuck {
                let text = |which| board.text(child.slot, which);
                let (sid, user, doing) = (text(Text::Sid), text(Text::User), text(Text::Doing));
                event!(
                    WORKER_STUCK,
                    sid,
                    worker = child.pid,
                    user = user,
                    doing = doing,
                    late_ms = time - deadline
                );
            }
            if stuck || too_late {
                let _ = kill(child.pid, Signal::SIGKILL);
                board
                    .field(child.slot, Field::Deadline)
                    .store(time + GRACE, Relaxed);
            }
        }
    }
}
