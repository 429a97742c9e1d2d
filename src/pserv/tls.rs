//! TLS to proxies: at once, or when a proxy says STLS in place of the first
//! line of its preamble.

use std::net::SocketAddr;

use super::Server;
use super::preamble::Trouble;
use super::vars::{self, Count, TLSCIPHERS, TLSMIN, keys};
use crate::base::digest::mac;
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::pairs::{self, IMPLICIT, Loader, STARTTLS};
use crate::daemon::seat::Seat;
use crate::net::stream::Stream;
use crate::net::tls::{Acceptor, Offer, Policy};
use crate::net::wait::Deadline;
use crate::pop3::reply::ok;
use crate::pop3::wire::Wire;

/// The TLS of one server.
#[derive(Default)]
pub(super) struct Tls {
    when: u64,
    acceptor: Option<Acceptor>,
    /// Proxies have to show a certificate.
    strict: bool,
}

/// What must hold of the options together.
///
/// # Errors
/// What does not fit, and what would be right.
pub(super) fn check(object: &Object) -> Result<(), String> {
    let given = |key| !object.keys.text(key).is_empty();
    let right = match object.keys.number(keys::TLS) {
        // Whoever names an authority wants that nobody else comes in.
        0 if given(keys::CLIENTCA) => Err("clientca needs tls=starttls or tls=implicit".into()),
        1.. if !given(keys::CERT) => Err("tls needs cert= and key=".into()),
        _ => pairs::check(object, keys::CERT, keys::KEY),
    };
    right.map_err(|why| format!("server {}: {why}", object.id))
}

impl Tls {
    /// Reads the keys and makes ready what all workers share. Adds to `notes`
    /// what there is to tell of the certificates.
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub(super) fn new(
        object: &Object,
        config: &Config,
        notes: &mut Vec<Note>,
    ) -> Result<Tls, String> {
        let when = object.keys.number(keys::TLS);
        if when == 0 {
            return Ok(Tls::default());
        }
        let mut loader = Loader::new(config, vars::SERVERS, object);
        let ca = loader.authorities(keys::CLIENTCA)?;
        let offer = Offer {
            policy: Policy {
                lowest: config.vars.number(TLSMIN),
                ciphers: config.vars.text(TLSCIPHERS),
            },
            pairs: loader.pairs(keys::CERT, keys::KEY)?,
            names: Vec::new(),
            client_ca: ca.as_deref(),
            strict: ca.is_some(),
            resumes: false,
            id: mac(&[0; 32], &[object.id.as_bytes()]).map_err(|why| why.to_string())?,
        };
        let acceptor = Acceptor::new(offer).map_err(|why| loader.wrong(&why))?;
        acceptor.warm_up(None);
        notes.append(&mut loader.notes);
        Ok(Tls {
            when,
            acceptor: Some(acceptor),
            strict: ca.is_some(),
        })
    }

    /// Does it begin before anything is said?
    pub(super) fn implicit(&self) -> bool {
        self.when == IMPLICIT
    }

    /// Is this line a wish for TLS? Behind a handshake, and where there is no
    /// TLS, it names a mailbox.
    fn is_asked_by(&self, stream: &Stream, line: &[u8]) -> bool {
        self.when == STARTTLS && stream.channel().is_none() && line == b"STLS"
    }
}

impl Server {
    /// May a preamble come in the clear?
    pub(super) fn takes_plaintext(&self, peer: SocketAddr, seat: &Seat) -> bool {
        match seat.object_var(self.row, keys::PLAINTEXT) {
            0 => self.tls.when == 0 || peer.ip().is_loopback() && !self.tls.strict,
            own => own == 1,
        }
    }

    /// Begins TLS, if `line`, the first of a preamble, asks for it. Returns
    /// whether it did.
    ///
    /// # Errors
    /// Why the session does not begin.
    pub(super) fn stls(
        &self,
        line: &[u8],
        wire: &mut Wire<'_>,
        peer: SocketAddr,
        seat: &Seat,
        until: Deadline<'_>,
    ) -> Result<bool, Trouble> {
        if !self.tls.is_asked_by(&wire.stream, line) {
            return Ok(false);
        }
        // What was sent in the clear must not count as if it had come behind the handshake.
        if !wire.lines.rest().is_empty() {
            wire.lines.wipe();
            let why = "something was sent behind STLS in the clear";
            return Err(Trouble::Tell(why.into()));
        }
        ok(&mut wire.out, "begin TLS now");
        let said = wire.flush(until);
        said.map_err(|broken| Trouble::Tell(broken.reason().into()))?;
        self.shake_hands(wire, peer, seat, until).map(|()| true)
    }

    /// # Errors
    /// As [`Self::stls`].
    pub(super) fn shake_hands(
        &self,
        wire: &mut Wire<'_>,
        peer: SocketAddr,
        seat: &Seat,
        until: Deadline<'_>,
    ) -> Result<(), Trouble> {
        let Some(acceptor) = &self.tls.acceptor else {
            return Ok(());
        };
        if let Err(why) = acceptor.accept(&mut wire.stream, None, seat, until) {
            seat.count(Count::TlsFailed as usize, 1);
            let (rip, why) = (peer.ip(), why.to_string());
            event!(TLS_FAILED, "-", server = self.id, rip = rip, why = why);
            return Err(Trouble::Hang);
        }
        seat.count(Count::Tls as usize, 1);
        Ok(())
    }
}
