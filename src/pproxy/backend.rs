//! The way to a verified user's mailbox: is there mail, and will the backend
//! serve it.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::session::Session;
use super::site::Backend;
use super::vars::{CONNECTTIMEOUT, Count};
use crate::auth::request::Account;
use crate::base::clock::now;
use crate::net::dial::tcp;
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline};
use crate::pop3::reply::{LONGEST, SYS_TEMP};
use crate::pop3::xpop::Preamble;

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
struct Failure {
    /// What it was to do.
    state: &'static str,
    at: SocketAddr,
    why: Broken,
}

fn broken(why: &'static str) -> Broken {
    Broken::Io(std::io::Error::other(why))
}

impl Session<'_> {
    /// Finds out where `account` is to be served.
    pub(super) fn reach(&self, account: &Account, user: &[u8]) -> Reach {
        let Some(backend) = self.site.backend(&account.backend) else {
            return Reach::Soft("backend_unknown");
        };
        if !self.vserv.serves(self.seat) {
            return Reach::Soft("vserv_disabled");
        }
        if let Some(why) = backend.closed(self.seat) {
            return Reach::Soft(why);
        }
        let Some(mailbox) = &account.mailbox else {
            return Reach::Soft("account_without_mailbox");
        };
        match self.look(backend, mailbox) {
            Some(early) => early,
            None => self.open(backend, mailbox, account.master, user),
        }
    }

    /// Opens the mailbox.
    fn open(&self, backend: &Backend, mailbox: &str, master: bool, user: &[u8]) -> Reach {
        let preamble = Preamble {
            mailbox,
            sid: &self.sid,
            master,
            ip: Some(self.peer.ip()),
            user: Cow::Borrowed(user),
        };
        let (seat, began) = (self.seat, now());
        let deadline = || began + seat.var(CONNECTTIMEOUT) * 1000;
        let opened = self
            .dial(backend, &deadline)
            .and_then(|(stream, at)| self.introduce(stream, at, &preamble, &deadline));
        match opened {
            Ok((stream, line, at)) => self.answer(backend, stream, &line, at),
            Err(Failure {
                why: why @ Broken::Stop(_),
                ..
            }) => Reach::Stopped(why),
            Err(failure) => self.failed(backend, &failure),
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
            why: broken("its name could not be resolved"),
        }))
    }

    /// Says who comes, and hears what the backend says to that.
    fn introduce(
        &self,
        mut stream: Stream,
        at: SocketAddr,
        preamble: &Preamble<'_>,
        deadline: Deadline<'_>,
    ) -> Result<(Stream, Vec<u8>, SocketAddr), Failure> {
        let mut lines = Vec::with_capacity(LONGEST);
        preamble.encode(&mut lines);
        let said = stream.write_all(&lines, self.seat, deadline);
        said.map_err(|why| Failure {
            state: "preamble",
            at,
            why,
        })?;
        let heard = first_line(&mut stream, self.seat, deadline);
        let line = heard.map_err(|why| Failure {
            state: "answer",
            at,
            why,
        })?;
        Ok((stream, line, at))
    }

    /// What the backend's first line means.
    fn answer(&self, backend: &Backend, stream: Stream, line: &[u8], at: SocketAddr) -> Reach {
        let text = String::from_utf8_lossy(line);
        if let Some(text) = behind(&text, "+OK") {
            return Reach::Open(stream, text.into());
        }
        let Some(text) = behind(&text, "-ERR") else {
            let why = broken("its answer is no POP3");
            return self.failed(
                backend,
                &Failure {
                    state: "answer",
                    at,
                    why,
                },
            );
        };
        self.count(Count::BackendRefused, 1);
        let code = text.split_inclusive(']').next().unwrap_or_default();
        let temporary = code.eq_ignore_ascii_case(SYS_TEMP);
        if FOR_CLIENTS.iter().any(|c| c.eq_ignore_ascii_case(code)) {
            event!(
                REFUSAL_PASSED,
                self.sid,
                backend = backend.id,
                address = at,
                reply = text
            );
            return Reach::Refused(text.into());
        }
        event!(
            BACKEND_REFUSED,
            self.sid,
            backend = backend.id,
            address = at,
            reply = text
        );
        if temporary {
            return Reach::Refused(text.into());
        }
        Reach::Soft("backend_refused")
    }

    fn failed(&self, backend: &Backend, failure: &Failure) -> Reach {
        self.log_failed(backend, failure);
        Reach::Soft("backend_failed")
    }

    fn log_failed(&self, backend: &Backend, failure: &Failure) {
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

/// The text behind `status`, if the line begins with that word.
fn behind<'a>(line: &'a str, status: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(status)?;
    match rest.strip_prefix(' ') {
        Some(text) => Some(text),
        None => rest.is_empty().then_some(""),
    }
}

/// One line of at most 512 octets, without its end, and nothing behind it:
/// a backend that goes on talking before it was asked would answer commands
/// that the client has yet to send.
fn first_line(
    stream: &mut Stream,
    watch: &dyn crate::net::wait::Watch,
    deadline: Deadline<'_>,
) -> Result<Vec<u8>, Broken> {
    let (mut buf, mut len) = ([0; LONGEST], 0);
    loop {
        match stream.read(&mut buf[len..], watch, deadline)? {
            0 => return Err(broken("it hung up")),
            count => len += count,
        }
        match buf[..len].iter().position(|&octet| octet == b'\n') {
            Some(end) if end + 1 == len => {
                let line = &buf[..end];
                return Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            }
            Some(_) => return Err(broken("it talks out of turn")),
            None if len == LONGEST => return Err(broken("its first line is too long")),
            None => {}
        }
    }
}
