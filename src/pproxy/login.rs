//! From the password to the maildrop: who verifies, what is logged, what
//! the client is told.

use super::backend::Reach;
use super::counts::AtBackend;
use super::health::REFUSING;
use super::penalty::{Attempt, Delayed};
use super::session::{Mode, Phase, Session};
use super::site::Backend;
use super::soft::{Soft, soft};
use super::vars::Count;
use super::verify::Proof;
use crate::auth::request::{Account, Outcome};
use crate::base::clock::{Ms, now};
use crate::daemon::board::Text;
use crate::daemon::vars::{IDLETIMEOUT, WRITETIMEOUT};
use crate::net::pump::{Tap, pump};
use crate::net::stream::Stream;
use crate::net::wait::Broken;
use crate::pop3::client::Login;
use crate::pop3::command::{Next, Refusal};
use crate::pop3::reply::{AUTH, SYS_TEMP, err, ok};
use crate::pop3::spy::Spy;

/// Refused logins after which a client is hung up on.
const LOGINS: u32 = 5;

impl<'s> Session<'s> {
    /// PASS (RFC 1939 section 7). A name is good for one password.
    pub(super) fn pass(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        let user = match &mut self.phase {
            Phase::Auth { user } => user.take().ok_or("USER comes first")?,
            _ => return Err("PASS is not allowed now".into()),
        };
        Ok(self.login(user, args[0]))
    }

    /// A login with a password, however the client has put it.
    pub(super) fn login(&mut self, user: Vec<u8>, password: &[u8]) -> Next {
        self.login_as(user, Proof::Password(password))
    }

    /// A login.
    pub(super) fn login_as(&mut self, user: Vec<u8>, proof: Proof<'_>) -> Next {
        let password = proof.password();
        let attempt = match self.attempt(&user, password) {
            Ok(attempt) => attempt,
            Err(next) => return next,
        };
        let (outcome, cached) = self.verify(&user, proof);
        match outcome {
            Outcome::Accept {
                pdm,
                vouched,
                account,
            } => {
                self.log_accepted(&user, pdm, (vouched, cached), &account);
                // A master password is not the user's, and no backend is to hear it.
                let own = match vouched.is_some() && account.master {
                    true => b"",
                    false => password,
                };
                self.admit(user, own, &account)
            }
            Outcome::Refuse { pdm, why } => {
                let login = Login {
                    user: &user,
                    password,
                };
                // What another server could verify is the password.
                let fallback = self.fallback(pdm.is_some(), login);
                match fallback.filter(|_| !password.is_empty()) {
                    Some(backend) => match self.wait_first(attempt, &user) {
                        Ok(attempt) => self.fall_back(backend, user, password, attempt),
                        Err(next) => next,
                    },
                    None => self.refuse(&user, pdm, &why, attempt),
                }
            }
            Outcome::Fail { pdm, why } => self.put_off(&user, pdm, &why),
        }
    }

    #[inline(never)] // see admit
    fn log_accepted(&self, user: &[u8], pdm: &str, how: (Option<&str>, bool), account: &Account) {
        self.count(Count::LoginsOk, 1);
        let (vserv, rip) = (&self.vserv.id, self.peer.ip());
        let (ns, backend, mbox) = (&self.vserv.namespace, &account.backend, &account.mailbox);
        let (vouched, cached) = (how.0, how.1.then_some("yes"));
        event!(
            LOGIN_OK,
            self.sid,
            vserv = vserv,
            rip = rip,
            user = user,
            ns = ns,
            pdm = pdm,
            vouched = vouched,
            cached = cached,
            backend = backend,
            mbox = mbox
        );
    }

    /// Wrong user or password; which of both, the client does not learn.
    pub(super) fn refuse(
        &mut self,
        user: &[u8],
        pdm: Option<&str>,
        why: &str,
        attempt: Attempt,
    ) -> Next {
        let due = self.punish(attempt);
        self.log_refused(user, pdm, why, due.saturating_sub(now()));
        let reply = format!("{AUTH} wrong user or password");
        self.tell_refusal(&reply, due)
    }

    /// Logs and counts a refused login; `delay` is in milliseconds.
    pub(super) fn log_refused(&self, user: &[u8], pdm: Option<&str>, why: &str, delay: Ms) {
        self.count(Count::LoginsRefused, 1);
        event!(
            LOGIN_REFUSED,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = user,
            ns = self.vserv.namespace,
            pdm = pdm,
            why = why,
            delay = delay.div_ceil(1000)
        );
    }

    /// Tells the client when it is time.
    pub(super) fn tell_refusal(&mut self, reply: &str, due: Ms) -> Next {
        match self.sit_out(due) {
            Delayed::Over | Delayed::Full => {
                err(&mut self.wire.out, reply);
                self.try_again()
            }
            other => self.end_waiting(other),
        }
    }

    /// Nobody may try for ever.
    pub(super) fn try_again(&mut self) -> Next {
        self.refused += 1;
        match self.refused < LOGINS {
            true => Next::Stay,
            false => self.leave("wrong_logins"),
        }
    }

    /// A module failed: that is our fault, and says nothing of the password.
    fn put_off(&mut self, user: &[u8], pdm: &str, why: &str) -> Next {
        self.count(Count::LoginsFailed, 1);
        event!(
            LOGIN_FAILED,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = user,
            ns = self.vserv.namespace,
            pdm = pdm,
            why = why
        );
        err(
            &mut self.wire.out,
            format_args!("{SYS_TEMP} cannot verify you now, try again later"),
        );
        Next::Stay
    }

    /// A verified user gets a maildrop, or hears why not. The password is the
    /// user's; empty if that was not shown.
    #[inline(never)] // what it needs of the stack is not needed below the modules
    fn admit(&mut self, user: Vec<u8>, password: &[u8], account: &Account) -> Next {
        self.seat.settled();
        let shown = [&user, b"@".as_slice(), self.vserv.namespace.as_bytes()].concat();
        self.seat
            .board()
            .set_text(self.seat.slot(), Text::User, &shown);
        self.backend = Some(account.backend.clone());
        let backend = self.site.backend(&account.backend);
        self.mailbox = Some(self.mailbox_key(account, backend, &user));
        let many = !account.master && self.is_one_too_many(&user);
        if many || self.comes_too_early(&user, account) {
            self.uncount_user();
            return self.try_again();
        }
        let reach = self.reach(account, &user, password);
        if matches!(reach, Reach::Nothing | Reach::Open(..)) {
            self.served(&user, account);
        }
        self.user = Some(user);
        match reach {
            Reach::Nothing => {
                self.count(Count::Empty, 1);
                self.play_empty(Mode::Empty)
            }
            Reach::Open(server, greeting) => self.hand_over(server, &greeting),
            Reach::Refused(text) => {
                self.uncount_user();
                err(&mut self.wire.out, text);
                Next::Stay
            }
            Reach::Soft(why) => self.fail_softly(why, backend),
            Reach::Stopped(broken) => self.leave(broken.reason()),
        }
    }

    /// The mailbox of a verified user cannot be reached.
    fn fail_softly(&mut self, why: &str, backend: Option<&Backend>) -> Next {
        let kind = match soft(self.seat, self.vserv, backend) {
            _ if why == REFUSING => Soft::Tempfail,
            Soft::Smart if self.was_empty() => Soft::Empty,
            Soft::Smart => Soft::Tempfail,
            kind => kind,
        };
        event!(
            SOFT_FAILURE,
            self.sid,
            vserv = self.vserv.id,
            rip = self.peer.ip(),
            user = self.user,
            ns = self.vserv.namespace,
            backend = self.backend,
            why = why,
            kind = kind.name()
        );
        if let Some(backend) = backend {
            backend.count(self.seat, AtBackend::Soft, 1);
        }
        match kind {
            Soft::Empty => {
                self.count(Count::SoftEmpty, 1);
                self.play_empty(Mode::Soft)
            }
            Soft::Smart | Soft::Tempfail => {
                self.uncount_user();
                self.count(Count::SoftTempfail, 1);
                self.mode = Mode::Soft;
                let text = "the mailbox cannot be reached, try again later";
                err(&mut self.wire.out, format_args!("{SYS_TEMP} {text}"));
                Next::Stay
            }
        }
    }

    fn play_empty(&mut self, mode: Mode) -> Next {
        (self.phase, self.mode) = (Phase::Empty, mode);
        self.seat.show(Text::Doing, b"empty");
        ok(&mut self.wire.out, "0 messages");
        Next::Stay
    }

    /// The backend's word becomes ours, the last one of this conversation.
    pub(super) fn hand_over(&mut self, server: Stream, greeting: &str) -> Next {
        self.mode = Mode::Relay;
        self.count(Count::Relayed, 1);
        let id = self.backend.as_deref().unwrap_or_default();
        self.seat
            .show(Text::Doing, format!("relay {id}").as_bytes());
        ok(&mut self.wire.out, greeting);
        self.server = Some(server);
        self.leave("closed")
    }

    /// Gives the backend what the client sent behind its password, then
    /// copies both ways until the client has all that the backend said.
    pub(super) fn relay(&mut self, mut server: Stream) -> Result<&'static str, Broken> {
        let (seat, since) = (self.seat, now());
        let patience = |pending: bool| match pending {
            true => seat.var(WRITETIMEOUT) * 1000,
            false => seat.var(IDLETIMEOUT) * 1000,
        };
        let mut spy = Spy::new(seat);
        let ahead = self.wire.lines.rest();
        match spy.wanted() {
            true => spy.up(ahead),
            false => spy.missed(),
        }
        let sent = server.write_all(ahead, seat, &|| since + patience(true));
        self.wire.lines.wipe();
        let client = &mut self.wire.stream;
        let done = sent.and_then(|()| pump(client, &mut server, seat, &patience, &mut spy));
        self.count_relayed(&server);
        done.map(|_| "closed")
    }

    fn count_relayed(&self, server: &Stream) {
        let backend = self.backend.as_deref().and_then(|id| self.site.backend(id));
        if let Some(backend) = backend {
            backend.count(self.seat, AtBackend::OctetsIn, server.received);
            backend.count(self.seat, AtBackend::OctetsOut, server.sent);
        }
    }
}
