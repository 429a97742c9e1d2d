//! A call at a backend: from the connection to the word that says whether we
//! are let in. Sessions make it on behalf of their clients, and the helper
//! to learn whether a backend is there again, so that what it learns holds
//! for them.

use std::net::SocketAddr;

use super::counts::AtBackend;
use super::guard::{self, Guard};
use super::site::{Backend, Proto};
use super::vars::{self, CONNECTTIMEOUT, Count};
use crate::base::clock::now;
use crate::daemon::config::Object;
use crate::daemon::seat::Seat;
use crate::net::dial::tcp;
use crate::net::proxy::Header;
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline};
use crate::pop3::client::{self, Entry, Way, enter};
use crate::pop3::xclient::Xclient;

/// What must hold of the options together. Where XPOP is spoken the preamble
/// names the client.
///
/// # Errors
/// What does not fit, and what would be right.
pub(super) fn check(backend: &Object) -> Result<(), String> {
    let pop3 = matches!(Proto::of(backend), Proto::Pop3 { .. });
    match pop3 || backend.keys.number(vars::backend::XCLIENT) == 0 {
        true => guard::check(backend),
        false => Err(format!(
            "backend {}: xclient=yes needs proto=pop3",
            backend.id
        )),
    }
}

/// A backend did not do its part.
pub(super) struct Failure {
    /// What it was to do.
    pub(super) state: &'static str,
    pub(super) at: SocketAddr,
    pub(super) why: Broken,
    /// It could not be asked, for a reason that is not its own.
    pub(super) ours: bool,
}

/// A backend did its part.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) entry: Entry,
    pub(super) at: SocketAddr,
}

/// Who calls.
pub(super) struct Caller<'c> {
    pub(super) seat: &'c Seat,
    /// For the log.
    pub(super) sid: &'c str,
    /// For whom we come; nobody but us, if that is none.
    pub(super) client: Option<SocketAddr>,
    /// The same for those who want it as a header.
    pub(super) header: Header,
    /// By when the password must have been judged, if there is more time for
    /// that than for all the rest.
    pub(super) verdict: Option<Deadline<'c>>,
}

impl Caller<'_> {
    /// Connects, and hears whether the backend lets us in.
    pub(super) fn enter(&self, backend: &Backend, way: Way<'_>) -> Result<Opened, Failure> {
        let (seat, began) = (self.seat, now());
        let deadline = || began + seat.var(CONNECTTIMEOUT) * 1000;
        let (stream, at) = self.dial(backend, &deadline)?;
        self.speak(stream, at, backend, way, &deadline)
    }

    /// Hears whether the backend lets us in on `stream`, which has just been
    /// connected.
    pub(super) fn speak(
        &self,
        mut stream: Stream,
        at: SocketAddr,
        backend: &Backend,
        way: Way<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Opened, Failure> {
        self.head(backend, &mut stream, deadline)
            .map_err(|why| Failure {
                state: "sendproxy",
                at,
                why,
                ours: false,
            })?;
        let whom = match backend.xclient {
            true => self.client.or_else(|| stream.local()),
            false => None,
        };
        let sid = self.sid;
        let whom = whom.map(|client| Xclient { client, sid });
        let secure = backend.guard.as_ref().map(Guard::secure);
        let verdict = || self.verdict.map_or(0, |verdict| verdict()).max(deadline());
        let whom = whom.as_ref();
        match enter(
            &mut stream,
            way,
            whom,
            secure,
            self.seat,
            deadline,
            &verdict,
        ) {
            Ok(entry) => Ok(Opened { stream, entry, at }),
            Err(client::Failure { state, why, ours }) => Err(Failure {
                state: state.name(),
                at,
                why,
                ours,
            }),
        }
    }

    /// Begins the connection with a header, where one is expected. It goes
    /// alone, since behind it the two sides may first agree on a cipher.
    fn head(
        &self,
        backend: &Backend,
        stream: &mut Stream,
        deadline: Deadline<'_>,
    ) -> Result<(), Broken> {
        match backend.sendproxy {
            None => Ok(()),
            Some(version) => stream.write_all(&self.header.encode(version), self.seat, deadline),
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
            let failure = match tcp(backend.source, at, self.seat, &share) {
                Ok(stream) => return Ok((stream, at)),
                Err(why) => Failure::connect(at, why),
            };
            if matches!(failure.why, Broken::Stop(_)) {
                return Err(failure);
            }
            last = Some(failure);
        }
        Err(last.unwrap_or_else(|| Failure {
            state: "resolve",
            at: ([0, 0, 0, 0], 0).into(),
            why: Broken::Io(std::io::Error::other("its name could not be resolved")),
            ours: false,
        }))
    }

    /// Logs why a backend does not serve this client.
    pub(super) fn log_failed(&self, backend: &Backend, failure: &Failure) {
        self.seat.count(Count::BackendFailed as usize, 1);
        backend.count(self.seat, AtBackend::Failed, 1);
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

impl Failure {
    /// There is no connection.
    pub(super) fn connect(at: SocketAddr, why: Broken) -> Failure {
        Failure {
            state: "connect",
            at,
            ours: why.is_shortage(),
            why,
        }
    }
}
