//! The way to a verified user's mailbox: is there mail, and will the backend
//! serve it.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::call::{Caller, Opened};
use super::counts::AtBackend;
use super::health::News;
use super::session::Session;
use super::site::{Backend, Proto};
use super::vars::{Count, MARK_PENDING};
use crate::auth::request::Account;
use crate::base::clock::now;
use crate::net::listen::canonical;
use crate::net::proxy::Header;
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline};
use crate::pop3::client::{Entry, Login, Way};
use crate::pop3::reply::SYS_TEMP;
use crate::pop3::xpop::Preamble;
use crate::sys::secret::Secret;

/// What came of it.
pub(super) enum Reach {
    /// There is no mail: nobody needs to be disturbed.
    Nothing,
    /// The backend serves; what it said behind `+OK`.
    Open(Stream, String),
    /// It will not, and the client is to know why: what it said behind `-ERR`.
    Refused(String),
    /// Not now, and not by the client's fault; why, in a word for the log.
    Soft(&'static str),
    /// The session must end.
    Stopped(Broken),
}

/// Why a session has not heard what the backend says.
pub(super) enum NoEntry {
    /// It must end.
    Stop(Broken),
    /// In a word for the log.
    Soft(&'static str),
}

/// Refusals that say something to the user; everything else that a backend
/// has against a user whom we verified is between it and us, and for the
/// administrator. `[SYS/TEMP]` is both: a server that knows the mailbox and
/// cannot open it (a spool that is not mounted) must not be covered up by an
/// empty maildrop, at which clients forget what they have seen.
static FOR_CLIENTS: [&str; 3] = ["[IN-USE]", "[LOGIN-DELAY]", "[SYS/PERM]"];

/// Does a backend say that it cannot serve now?
pub(super) fn is_temporary(text: &str) -> bool {
    let code = text.split_inclusive(']').next().unwrap_or_default();
    code.eq_ignore_ascii_case(SYS_TEMP)
}

impl Session<'_> {
    /// Finds out where `account` is to be served; `user` and `password` are
    /// what the client typed, the latter empty if it is not the user's.
    pub(super) fn reach(&self, account: &Account, user: &[u8], password: &[u8]) -> Reach {
        let Some(backend) = self.site.backend(&account.backend) else {
            return Reach::Soft("backend_unknown");
        };
        if !self.vserv.serves(self.seat) {
            return Reach::Soft("vserv_disabled");
        }
        let closed = backend.closed(self.seat);
        if let Some(why) = closed.filter(|_| !self.may_look(backend)) {
            return Reach::Soft(why);
        }
        if let Proto::Pop3 { .. } = backend.proto {
            let login = Login {
                user: account.user.as_deref().unwrap_or(user),
                password: account.password.as_ref().map_or(password, Secret::octets),
            };
            if login.password.is_empty() {
                return Reach::Soft("account_without_password");
            }
            return self.open(backend, backend.way(login));
        }
        self.reach_xpop(backend, closed, account, user)
    }

    /// The same at a backend that is told the mailbox.
    fn reach_xpop(
        &self,
        backend: &Backend,
        closed: Option<&'static str>,
        account: &Account,
        user: &[u8],
    ) -> Reach {
        let Some(mailbox) = &account.mailbox else {
            return Reach::Soft("account_without_mailbox");
        };
        if let Some(early) = self.look(backend, mailbox) {
            return early;
        }
        if let Some(why) = closed {
            return Reach::Soft(why);
        }
        let preamble = Preamble {
            mailbox,
            sid: &self.sid,
            master: account.master,
            ip: Some(self.peer.ip()),
            user: Cow::Borrowed(user),
        };
        self.open(backend, Way::Xpop(&preamble))
    }

    /// Opens the maildrop.
    fn open(&self, backend: &Backend, way: Way<'_>) -> Reach {
        if let Err(reached) = self.count_at(backend) {
            return Reach::Refused(reached.to_string());
        }
        let Opened { stream, entry, at } = match self.enter(backend, way, None) {
            Ok(opened) => opened,
            Err(NoEntry::Stop(why)) => return Reach::Stopped(why),
            Err(NoEntry::Soft(why)) => return Reach::Soft(why),
        };
        match entry {
            Entry::Open(text) => {
                self.learn_from(backend, &text);
                Reach::Open(stream, text)
            }
            Entry::Refused(state, text) => self.refused(backend, at, state.name(), text),
        }
    }

    /// Hears whether the backend lets us in, as one of not too many who wait
    /// for that, and takes note of how it is. If it does not the session is
    /// no longer counted there. `verdict` is that of [`Caller`].
    pub(super) fn enter(
        &self,
        backend: &Backend,
        way: Way<'_>,
        verdict: Option<Deadline<'_>>,
    ) -> Result<Opened, NoEntry> {
        let entered = self.enter_now(backend, way, verdict);
        let open = matches!(&entered, Ok(opened) if matches!(opened.entry, Entry::Open(_)));
        if !open {
            self.uncount_at_backend();
        }
        entered
    }

    fn enter_now(
        &self,
        backend: &Backend,
        way: Way<'_>,
        verdict: Option<Deadline<'_>>,
    ) -> Result<Opened, NoEntry> {
        let (seat, most) = (self.seat, backend.maxpending(self.seat));
        if !seat.mark(MARK_PENDING, backend.key(), most) {
            return Err(NoEntry::Soft("backend_pending"));
        }
        let caller = Caller {
            seat,
            sid: &self.sid,
            client: Some(self.peer),
            header: self.header(backend),
            verdict,
        };
        let began = now();
        let result = caller.enter(backend, way);
        seat.unmark(MARK_PENDING);
        match result {
            Ok(opened) => {
                if matches!(&opened.entry, Entry::Open(_)) {
                    backend.count(seat, AtBackend::Sessions, 1);
                    backend.count(seat, AtBackend::ConnectMs, now() - began);
                } else {
                    backend.count(seat, AtBackend::Refused, 1);
                }
                if !matches!(&opened.entry, Entry::Refused(_, text) if is_temporary(text)) {
                    backend.heard(seat, News::Served);
                }
                Ok(opened)
            }
            Err(failure) if matches!(failure.why, Broken::Stop(_)) => {
                Err(NoEntry::Stop(failure.why))
            }
            Err(failure) => {
                caller.log_failed(backend, &failure);
                backend.failed(seat, &failure);
                Err(NoEntry::Soft("backend_failed"))
            }
        }
    }

    /// For whom we come, where that is to be said first.
    fn header(&self, backend: &Backend) -> Header {
        let client = self.peer;
        let local = backend.sendproxy.and_then(|_| self.local());
        local.map_or(Header::Local, |local| Header::Proxied {
            client,
            server: canonical(local),
        })
    }

    /// What a refusal means: the first word of it decides.
    fn refused(
        &self,
        backend: &Backend,
        at: SocketAddr,
        state: &'static str,
        text: String,
    ) -> Reach {
        self.count(Count::BackendRefused, 1);
        let code = text.split_inclusive(']').next().unwrap_or_default();
        let temporary = is_temporary(&text);
        if FOR_CLIENTS.iter().any(|c| c.eq_ignore_ascii_case(code)) {
            event!(
                REFUSAL_PASSED,
                self.sid,
                backend = backend.id,
                address = at,
                state = state,
                reply = text
            );
            return Reach::Refused(text);
        }
        event!(
            BACKEND_REFUSED,
            self.sid,
            backend = backend.id,
            address = at,
            state = state,
            reply = text
        );
        match temporary {
            true => Reach::Refused(text),
            false => Reach::Soft("backend_refused"),
        }
    }
}
