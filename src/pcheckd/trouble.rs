//! What may be wrong with every question, and must not fill the log.

use std::sync::atomic::Ordering::Relaxed;

use super::Server;
use crate::base::clock::{Ms, now};
use crate::daemon::seat::Seat;

/// How often something that may be wrong with every question is logged at
/// most, by all workers together, in milliseconds.
const RARELY: Ms = 1000;

/// What is logged so, and the cells in which a server remembers when.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    Denied,
    Bad,
    Mailbox,
    Spool,
    Failed,
    Key,
}

/// Is it time to log this trouble again? One worker hears yes. The word lies
/// in the shared page: nonsense in it costs a log line or saves one.
pub(super) fn rarely(server: &Server, trouble: Trouble, seat: &Seat) -> bool {
    let word = seat.object_cell(server.row, trouble as usize);
    let (last, now) = (word.load(Relaxed), now());
    let soon = last != 0 && last <= now && now - last < RARELY;
    !soon && word.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcheckd::rig::Rig;

    #[test]
    fn trouble_is_logged_once_a_second_for_each_kind() {
        let rig = Rig::new("answer-rarely");
        assert!(rarely(&rig.server, Trouble::Bad, &rig.seat));
        assert!(!rarely(&rig.server, Trouble::Bad, &rig.seat));
        assert!(rarely(&rig.server, Trouble::Denied, &rig.seat));
        let word = rig.seat.object_cell(0, Trouble::Bad as usize);
        word.store(now() - RARELY, Relaxed);
        assert!(rarely(&rig.server, Trouble::Bad, &rig.seat));
        word.store(u64::MAX, Relaxed);
        assert!(
            rarely(&rig.server, Trouble::Bad, &rig.seat),
            "nonsense in the page"
        );
    }
}
