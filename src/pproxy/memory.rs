//! What this proxy last learned of mailboxes, for `softfail=smart`. A client
//! that was told of an empty maildrop last time forgets nothing when it is
//! told so again; one that knows of mail would.

use super::session::Session;
use super::site::{Backend, Proto};
use super::vars::LEARNED;
use crate::auth::request::Account;
use crate::base::clock::now;

impl Session<'_> {
    /// Under which key the mailbox of `account` is remembered. Several names
    /// may lead to one mailbox, and share what is known of it; where POP3 is
    /// spoken the name at the backend is all there is.
    pub(super) fn mailbox_key(
        &self,
        account: &Account,
        backend: Option<&Backend>,
        user: &[u8],
    ) -> u64 {
        let xpop = backend.is_none_or(|b| !matches!(b.proto, Proto::Pop3 { .. }));
        let (kind, name) = match &account.mailbox {
            Some(mailbox) if xpop => (&b"mailbox"[..], mailbox.as_bytes()),
            _ => (&b"user"[..], account.user.as_deref().unwrap_or(user)),
        };
        let parts = [account.backend.as_bytes(), kind, name];
        self.seat.board().key(&parts)
    }

    /// Remembers whether the mailbox of this session is empty; what cannot be
    /// known to be so is not. The time stands in front, so that the oldest
    /// knowledge is forgotten first.
    pub(super) fn learn(&self, empty: bool) {
        let table = self.seat.board().table(LEARNED);
        if let Some(key) = self.mailbox {
            table.put(key, now().max(1) << 1 | u64::from(empty));
        }
    }

    /// Was the mailbox of this session empty when it was last heard of?
    pub(super) fn was_empty(&self) -> bool {
        let table = self.seat.board().table(LEARNED);
        let known = self.mailbox.and_then(|key| table.get(key));
        known.is_some_and(|value| value & 1 == 1)
    }

    /// What our own server's greeting tells: `N messages`. Nobody can put
    /// mail into a session, so a maildrop that is empty at first remains so.
    pub(super) fn learn_from(&self, backend: &Backend, greeting: &str) {
        let empty = greeting == "0 messages" && !matches!(backend.proto, Proto::Pop3 { .. });
        self.learn(empty);
    }
}
