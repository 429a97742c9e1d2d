//! PRIVILEGED. The four ways in which a daemon ends.

use std::sync::atomic::Ordering::Relaxed;

use nix::sys::signal::Signal;

use super::board::Head;
use super::master::Master;
use super::service::Service;
use super::signals::LOOK;
use super::upgrade::Relief;
use crate::base::clock::{Ms, now};

/// How long all that are told to go may take, in milliseconds.
const PATIENCE: Ms = 5000;

/// How the master goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everybody now; killed at that time.
    All(Ms),
    /// When the last session is over.
    Delayed,
    /// At once, sessions go on.
    Parent,
    /// When the last session is over; another master serves.
    Relieved,
}

impl<S: Service> Master<S> {
    /// Obeys a shutdown word.
    pub(super) fn shut_down(&mut self, how: &str) {
        event!(SHUTDOWN, "-", how = how);
        let pools = || self.current.iter().chain(&self.old);
        match how {
            "children" => pools().for_each(|pool| pool.signal(Signal::SIGINT)),
            "parent" => self.ending = Some(Ending::Parent),
            "delayed" => {
                self.ending = Some(Ending::Delayed);
                self.shut_doors();
                self.board.head(Head::Generation).store(u64::MAX, Relaxed);
                pools().for_each(|pool| pool.signal(LOOK));
                // Another master may start while our last sessions finish.
                self.remove_pidfile();
            }
            _ => {
                self.ending = Some(Ending::All(now() + PATIENCE));
                self.shut_doors();
                pools().for_each(|pool| pool.signal(Signal::SIGTERM));
            }
        }
        if self.ending.is_some() {
            self.notify.stopping(how);
            self.end_trial("the daemon is shutting down");
            self.end_upgrade("the daemon is shutting down");
        }
    }

    /// Nobody else comes in, unless another master has the doors, too. Who comes
    /// to one that systemd keeps waits for the next master.
    fn shut_doors(&self) {
        if !self.shared {
            self.doors.shut();
        }
    }

    /// Is a shutdown, or a change of hands, complete?
    pub(super) fn finished(&mut self) -> bool {
        let empty = self.current.is_none() && self.old.is_empty();
        match self.ending {
            None => false,
            Some(Ending::Parent) => true,
            Some(Ending::Delayed) => empty,
            Some(Ending::Relieved) => {
                let watched = self.relief.as_ref().is_some_and(Relief::is_on_trial);
                empty && self.upgrade.is_none() && !watched
            }
            Some(Ending::All(limit)) => {
                if now() > limit {
                    let pools = self.current.iter().chain(&self.old);
                    pools.for_each(|pool| pool.signal(Signal::SIGKILL));
                }
                empty || now() > limit + PATIENCE
            }
        }
    }
}
