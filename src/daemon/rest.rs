//! What follows an accept that failed: who waits at the door stays there, and
//! would wake the process at once, again and again.

use std::io::{self, ErrorKind};

use crate::base::clock::{Ms, now};

/// How long none is tried, in milliseconds.
const REST: Ms = 1000;
/// How long until the next one is told of, in milliseconds.
const TOLD: Ms = 10_000;

/// The rest of one who accepts.
#[derive(Default)]
pub(super) struct Rest {
    until: Ms,
    tell_at: Ms,
}

impl Rest {
    /// Is it time to accept?
    pub(super) fn is_over(&self) -> bool {
        now() >= self.until
    }

    /// What was accepted. A rest begins if nothing can be.
    pub(super) fn heed<T>(&mut self, accepted: io::Result<T>) -> Option<T> {
        use ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(why) if matches!(why.kind(), ConnectionAborted | Interrupted | WouldBlock) => {}
            Err(why) => self.begin(&why),
        }
        None
    }

    fn begin(&mut self, why: &io::Error) {
        self.until = now() + REST;
        if now() >= self.tell_at {
            self.tell_at = now() + TOLD;
            let why = format!("control socket: {why}");
            event!(ACCEPT_FAILED, "-", why = why);
        }
    }
}
