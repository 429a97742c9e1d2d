//! LOGIN-DELAY (RFC 2449 section 6.5): a user who has just been served must
//! not come back before the delay is over. Each proxy counts for itself, and
//! may forget whom it has not seen for long when too many came since.

use super::session::Session;
use super::vars::{Count, DELAYS, LOGINDELAY};
use crate::auth::request::Account;
use crate::base::clock::now;
use crate::pop3::reply::{LOGIN_DELAY, err};

impl Session<'_> {
    /// Refuses a verified user who comes too early. Master sessions are no
    /// visits of the user, and neither wait nor make others wait.
    pub(super) fn comes_too_early(&mut self, user: &[u8], account: &Account) -> bool {
        let delay = self.seat.var(LOGINDELAY) * 1000;
        if delay == 0 || account.master {
            return false;
        }
        let last = self.seat.board().table(DELAYS).get(self.visitor(user));
        let left = last.map_or(0, |last| (last + delay).saturating_sub(now()).min(delay));
        if left == 0 {
            return false;
        }
        let seconds = left.div_ceil(1000);
        self.count(Count::LoginsDelayed, 1);
        event!(
            LOGIN_DELAYED,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = user,
            ns = self.vserv.namespace,
            seconds = seconds
        );
        err(
            &mut self.wire.out,
            format_args!("{LOGIN_DELAY} come back in {seconds} seconds"),
        );
        true
    }

    /// The user is being served: the delay begins. It is remembered whether
    /// or not there is one, so that one which is set later holds at once.
    pub(super) fn served(&self, user: &[u8], account: &Account) {
        if !account.master {
            let table = self.seat.board().table(DELAYS);
            table.put(self.visitor(user), now().max(1));
        }
    }

    fn visitor(&self, user: &[u8]) -> u64 {
        let namespace = self.vserv.namespace.as_bytes();
        self.seat.board().key(&[b"visitor", namespace, user])
    }
}
