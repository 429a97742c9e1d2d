//! Users whom no module knows, while a system is being moved: a server of
//! the old one is asked, and serves them as before. Here the server is the
//! one that verifies, so its refusal is the client's business.

use super::backend::NoEntry;
use super::call::Opened;
use super::penalty::Attempt;
use super::session::Session;
use super::site::{Backend, Fallback, Proto};
use super::vars::Count;
use crate::base::clock::now;
use crate::daemon::board::Text;
use crate::pop3::client::{Entry, Login, State};
use crate::pop3::command::Next;
use crate::pop3::reply::{AUTH, SYS_TEMP, err};

/// What a client is told if nobody could verify it.
const LATER: &str = "cannot verify you now, try again later";

impl<'s> Session<'s> {
    /// The fallback that is to be asked about a user whom no module let in;
    /// `known` if one of them knows the user. What could not be sent there
    /// is refused here.
    pub(super) fn fallback(&self, known: bool, login: Login<'_>) -> Option<&'s Backend> {
        let Fallback { backend, all } = self.vserv.fallback.as_ref()?;
        let backend = self.site.backend(backend).filter(|_| *all || !known)?;
        let plain = matches!(backend.proto, Proto::Pop3 { plain: true });
        login.fits(plain).then_some(backend)
    }

    /// Lets the backend decide.
    pub(super) fn fall_back(
        &mut self,
        backend: &'s Backend,
        user: Vec<u8>,
        password: &[u8],
        attempt: Attempt,
    ) -> Next {
        let login = Login {
            user: &user,
            password,
        };
        if !self.vserv.serves(self.seat) {
            return self.cannot_ask(backend, &user, "vserv_disabled");
        }
        if let Some(why) = backend.closed(self.seat) {
            return self.cannot_ask(backend, &user, why);
        }
        if let Err(reached) = self.count_at(backend) {
            err(&mut self.wire.out, reached);
            return Next::Stay;
        }
        // Many a server makes whoever was wrong wait for the answer. Were that a failure, a guesser
        // would not be counted, and would take the server away from its users.
        let limit = self.login_limit();
        let verdict = || limit().unwrap_or_default();
        match self.enter(backend, backend.way(login), Some(&verdict)) {
            Ok(Opened {
                stream,
                entry: Entry::Open(text),
                ..
            }) => {
                if self.is_one_too_many(&user) {
                    self.uncount_at_backend();
                    return self.try_again();
                }
                self.taken_over(backend, user);
                self.hand_over(stream, &text)
            }
            Ok(Opened {
                entry: Entry::Refused(state, text),
                ..
            }) => self.fallback_refused(backend, &user, (state, &text), attempt),
            Err(NoEntry::Stop(why)) => self.leave(why.reason()),
            Err(NoEntry::Soft(why)) => self.cannot_ask(backend, &user, why),
        }
    }

    /// The user is one of the fallback's.
    fn taken_over(&mut self, backend: &Backend, user: Vec<u8>) {
        self.count(Count::LoginsOk, 1);
        self.count(Count::FallbackOk, 1);
        self.seat.settled();
        event!(
            FALLBACK_OK,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = user,
            ns = self.vserv.namespace,
            backend = backend.id
        );
        let shown = [&user, b"@".as_slice(), self.vserv.namespace.as_bytes()].concat();
        let slot = self.seat.slot();
        self.seat.board().set_text(slot, Text::User, &shown);
        (self.user, self.backend) = (Some(user), Some(backend.id.clone()));
    }

    /// It does not let the client in. What is said of the password counts
    /// against the client, and carries the code for it (RFC 3206); any other
    /// trouble is only passed on.
    fn fallback_refused(
        &mut self,
        backend: &Backend,
        user: &[u8],
        (state, text): (State, &str),
        attempt: Attempt,
    ) -> Next {
        let code = text.split_inclusive(']').next().unwrap_or_default();
        let coded = code.starts_with('[') && code.ends_with(']');
        let blames = !coded || code.eq_ignore_ascii_case(AUTH);
        let with = |default: &str| match coded {
            true => text.to_string(),
            false => format!("{default} {text}"),
        };
        if state == State::Banner || !blames {
            self.log_unasked(backend, user, "backend_refused", text);
            err(&mut self.wire.out, with(SYS_TEMP));
            return Next::Stay;
        }
        self.count(Count::FallbackRefused, 1);
        let why = format!("fallback {}: {text}", backend.id);
        let due = self.punish(attempt);
        self.log_refused(user, None, &why, due.saturating_sub(now()));
        self.tell_refusal(&with(AUTH), due)
    }

    /// The fallback cannot tell: that says nothing of the password.
    fn cannot_ask(&mut self, backend: &Backend, user: &[u8], why: &str) -> Next {
        self.log_unasked(backend, user, why, "");
        err(&mut self.wire.out, format_args!("{SYS_TEMP} {LATER}"));
        Next::Stay
    }

    fn log_unasked(&self, backend: &Backend, user: &[u8], why: &str, reply: &str) {
        self.count(Count::LoginsFailed, 1);
        self.count(Count::FallbackFailed, 1);
        event!(
            FALLBACK_FAILED,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = user,
            ns = self.vserv.namespace,
            backend = backend.id,
            why = why,
            reply = reply
        );
    }
}
