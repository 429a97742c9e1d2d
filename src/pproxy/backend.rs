//! The way to a verified user's mailbox: is there mail, and will the backend
//! serve it.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::session::Session;
use super::site::{Backend, Proto};
use super::vars::{CONNECTTIMEOUT, Count};
use crate::auth::request::Account;
use crate::base::clock::now;
use crate::net::dial::tcp;
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline};
use crate::pop3::client::{Entry, Login, Way, enter};
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

/// Refusals that say something to the user; everything else that a backend
/// has against a user whom we verified is between it and us, and for the
/// administrator. `[SYS/TEMP]` is both: a server that knows the mailbox and
/// cannot open it (a spool that is not mounted) must not be covered up by an
/// empty maildrop, at which clients forget what they have seen.
static FOR_CLIENTS: [&str; 3] = ["[IN-USE]", "[LOGIN-DELAY]", "[SYS/PERM]"];

/// A backend did not do its part.
pub(super) struct Failure {
    /// What it was to do.
    pub(super) state: &'static str,
    at: SocketAddr,
    pub(super) why: Broken,
}

/// A backend did its part.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) entry: Entry,
    at: SocketAddr,
}

impl Session<'_> {
    /// Finds out where `account` is to be served; `user` and `password` are
    /// what the client typed.
    pub(super) fn reach(&self, account: &Account, user: &[u8], password: &[u8]) -> Reach {
        let Some(backend) = self.site.backend(&account.backend) else {
            return Reach::Soft("backend_unknown");
        };
        if !self.vserv.serves(self.seat) {
            return Reach::Soft("vserv_disabled");
        }
        if let Some(why) = backend.closed(self.seat) {
            return Reach::Soft(why);
        }
        if let Proto::Pop3 { .. } = backend.proto {
            let login = Login {
                user: account.user.as_deref().unwrap_or(user),
                password: account.password.as_ref().map_or(password, Secret::octets),
            };
            return self.open(backend, backend.way(login));
        }
        self.reach_xpop(backend, account, user)
    }

    /// The same at a backend that is told the mailbox.
    fn reach_xpop(&self, backend: &Backend, account: &Account, user: &[u8]) -> Reach {
        let Some(mailbox) = &account.mailbox else {
            return Reach::Soft("account_without_mailbox");
        };
        if let Some(early) = self.look(backend, mailbox) {
            return early;
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
        let Opened { stream, entry, at } = match self.enter(backend, way) {
            Ok(opened) => opened,
            Err(Failure {
                why: why @ Broken::Stop(_),
                ..
            }) => return Reach::Stopped(why),
            Err(failure) => {
                self.log_failed(backend, &failure);
                return Reach::Soft("backend_failed");
            }
        };
        match entry {
            Entry::Open(text) => {
                self.learn_from(backend, &text);
                Reach::Open(stream, text)
            }
            Entry::Refused(state, text) => self.refused(backend, at, state.name(), text),
        }
    }

    /// Hears whether the backend lets us in. If it does not the session is no
    /// longer counted there.
    pub(super) fn enter(&self, backend: &Backend, way: Way<'_>) -> Result<Opened, Failure> {
        let entered = self.enter_now(backend, way);
        let open = matches!(&entered, Ok(opened) if matches!(opened.entry, Entry::Open(_)));
        if !open {
            self.uncount_at_backend();
        }
        entered
    }
    /// Connects, and hears whether the backend lets us in.
    fn enter_now(&self, backend: &Backend, way: Way<'_>) -> Result<Opened, Failure> {
        let (seat, began) = (self.seat, now());
        let deadline = || began + seat.var(CONNECTTIMEOUT) * 1000;
        let (mut stream, at) = self.dial(backend, &deadline)?;
        match enter(&mut stream, way, seat, &deadline) {
            Ok(entry) => Ok(Opened { stream, entry, at }),
            Err(failure) => Err(Failure {
                state: failure.state.name(),
                at,
                why: failure.why,
            }),
        }
    }

    /// Connects to the first address that answers. An address that does not
    /// answer must leave time for those behind it.
    fn dial(
        &self,
        backend: &Backend,
        deadline: Deadline<'_>,
    ) -> Result<(Stream, SocketAddr), Failure> {
        let mut last: Option<Failure> = None;
        for (place, &at) in backend.addresses.iter().enumerate() {
            if let Some(before) = &last {
                self.log_failed(backend, before);
            }
            let (start, left) = (now(), (backend.addresses.len() - place) as u64);
            let share = || start + deadline().saturating_sub(start) / left;
            match tcp(at, self.seat, &share) {
                Ok(stream) => return Ok((stream, at)),
                Err(why) => {
                    last = Some(Failure {
                        state: "connect",
                        at,
                        why,
                    })
                }
            }
            if matches!(
                last,
                Some(Failure {
                    why: Broken::Stop(_),
                    ..
                })
            ) {
                break;
            }
        }
        Err(last.unwrap_or_else(|| Failure {
            state: "resolve",
            at: ([0, 0, 0, 0], 0).into(),
            why: Broken::Io(std::io::Error::other("its name could not be resolved")),
        }))
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
        let temporary = code.eq_ignore_ascii_case(SYS_TEMP);
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

    pub(super) fn log_failed(&self, backend: &Backend, failure: &Failure) {
        self.count(Count::BackendFailed, 1);
        event!(
            BACKEND_FAILED,
            self.sid,
            backend = backend.id,
            address = failure.at,
            state = failure.state,
            why = format_args!("{}", failure.why)
        );
    }
}
