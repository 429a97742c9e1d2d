//! TLS to clients: each virtual server has its own keys, its own tickets,
//! and its own mind about passwords in the clear.

use std::cell::Cell;

use super::session::{Phase, Session};
use super::vars::{self, Count, TLSCIPHERS, TLSMIN};
use crate::base::digest::mac;
use crate::daemon::board::{Board, Text};
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::pairs::{self, IMPLICIT, Loader, STARTTLS};
use crate::daemon::rotating::Secrets;
use crate::net::tls::pair::Subject;
use crate::net::tls::{Acceptor, Channel, Offer, Policy};
use crate::net::wait::Broken;
use crate::pop3::command::{Next, Refusal};
use crate::pop3::reply::ok;
use crate::sys::ticket::{Key, Keys};

/// The TLS of one virtual server.
pub(crate) struct Tls {
    when: u64,
    acceptor: Option<Acceptor>,
    /// What its tickets and sessions belong to.
    id: [u8; 32],
    /// The keys of its tickets, and the secret they come from.
    keys: Cell<Option<([u8; 32], Keys)>>,
    /// What there is to tell of its certificates.
    notes: Vec<Note>,
}

/// What must hold of the options together.
///
/// # Errors
/// What does not fit, and what would be right.
pub(crate) fn check(object: &Object) -> Result<(), String> {
    use vars::vserv::{CERT, KEY, TLS};
    let without = object.keys.number(TLS) > 0 && object.keys.text(CERT).is_empty();
    let right = match without {
        true => Err("tls needs cert= and key=".into()),
        false => pairs::check(object, CERT, KEY),
    };
    right.map_err(|why| format!("vserv {}: {why}", object.id))
}

impl Tls {
    /// No TLS at all.
    pub(crate) fn none() -> Tls {
        Tls {
            when: 0,
            acceptor: None,
            id: [0; 32],
            keys: Cell::new(None),
            notes: Vec::new(),
        }
    }

    /// Reads the keys and makes ready what all workers share.
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub(crate) fn new(object: &Object, config: &Config) -> Result<Tls, String> {
        use vars::vserv::{CERT, CLIENTCA, KEY, NAMESPACE, SNI, TLS};
        let text = |key| object.keys.text(key);
        let mut loader = Loader::new(config, vars::VSERV, object);
        let ca = loader.authorities(CLIENTCA)?;
        let id = mac(
            &[0; 32],
            &[
                object.id.as_bytes(),
                text(NAMESPACE).as_bytes(),
                ca.as_deref().unwrap_or_default(),
            ],
        );
        let mut tls = Tls {
            when: object.keys.number(TLS),
            id: id.map_err(|why| why.to_string())?,
            ..Tls::none()
        };
        if tls.when == 0 {
            return Ok(tls);
        }
        let pairs = loader.pairs(CERT, KEY)?;
        let names = loader.named(SNI)?.into_iter().collect();
        let offer = Offer {
            policy: Policy {
                lowest: config.vars.number(TLSMIN),
                ciphers: config.vars.text(TLSCIPHERS),
            },
            pairs,
            names,
            client_ca: ca.as_deref(),
            strict: false,
            resumes: true,
            id: tls.id,
        };
        let acceptor = Acceptor::new(offer).map_err(|why| loader.wrong(&why))?;
        let any = Key {
            name: [0; 16],
            cipher: [0; 32],
            mac: [0; 32],
        };
        acceptor.warm_up(Some(Keys {
            current: any,
            previous: any,
        }));
        (tls.acceptor, tls.notes) = (Some(acceptor), loader.notes);
        Ok(tls)
    }

    /// What there is to tell of its certificates.
    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Does it begin before anything is said?
    pub(crate) fn implicit(&self) -> bool {
        self.when == IMPLICIT
    }

    /// The keys of tickets that hold now; they are derived once a secret.
    fn ticket_keys(&self, board: Board) -> Option<Keys> {
        let Secrets { current, previous } = board.secrets();
        if let Some((_, keys)) = self.keys.get().filter(|(of, _)| *of == current) {
            return Some(keys);
        }
        let derive = |secret: &[u8; 32], what: &[u8]| mac(secret, &[what, &self.id]).ok();
        let key = |secret: &[u8; 32]| {
            let mut name = [0; 16];
            name.copy_from_slice(&derive(secret, b"ticket name")?[..16]);
            Some(Key {
                name,
                cipher: derive(secret, b"ticket cipher")?,
                mac: derive(secret, b"ticket mac")?,
            })
        };
        let keys = Keys {
            current: key(&current)?,
            previous: key(&previous)?,
        };
        self.keys.set(Some((current, keys)));
        Some(keys)
    }
}

impl Session<'_> {
    /// STLS (RFC 2595 section 4).
    pub(super) fn stls(&mut self, _: &[&[u8]]) -> Result<Next, Refusal> {
        if self.wire.stream.channel().is_some() {
            return Err("there is TLS already".into());
        }
        if !self.offers_stls() {
            return Err("there is no TLS here".into());
        }
        // What was sent in the clear must not count as if it had come behind the handshake.
        if !self.wire.lines.rest().is_empty() {
            self.wire.lines.wipe();
            return Ok(self.leave("tls_injection"));
        }
        ok(&mut self.wire.out, "begin TLS now");
        let secured = self.flush().map_err(|broken| broken.reason());
        match secured.and_then(|()| self.shake_hands()) {
            Ok(()) => {
                self.phase = Phase::Auth { user: None };
                Ok(Next::Stay)
            }
            Err(end) => Ok(self.leave(end)),
        }
    }

    /// Would STLS be obeyed now?
    pub(super) fn offers_stls(&self) -> bool {
        let early = !matches!(self.phase, Phase::Empty);
        early && self.vserv.tls.when == STARTTLS && self.wire.stream.channel().is_none()
    }

    /// The handshake, within the time for all of the login.
    ///
    /// # Errors
    /// Why the session ends; nothing more can be said on its connection.
    pub(super) fn shake_hands(&mut self) -> Result<(), &'static str> {
        let Some(acceptor) = &self.vserv.tls.acceptor else {
            return Ok(());
        };
        self.seat.show(Text::Doing, b"tls");
        let keys = self.vserv.tls.ticket_keys(self.seat.board());
        let (limit, seat) = (self.login_limit(), self.seat);
        let until = || limit().unwrap_or_default();
        match acceptor.accept(&mut self.wire.stream, keys, seat, &until) {
            Ok(()) => {
                let channel = self.wire.stream.channel();
                let resumed = channel.is_some_and(Channel::resumed);
                self.count(
                    if resumed {
                        Count::TlsResumed
                    } else {
                        Count::TlsFull
                    },
                    1,
                );
                self.seat.show(Text::Doing, b"login");
                Ok(())
            }
            Err(Broken::Io(why)) => {
                self.count(Count::TlsFailed, 1);
                event!(
                    TLS_FAILED,
                    self.sid,
                    vserv = self.vserv.id,
                    rip = self.peer.ip(),
                    why = why
                );
                Err("tls_failed")
            }
            Err(broken) => Err(broken.reason()),
        }
    }

    /// May this client send a password as things are?
    pub(super) fn takes_passwords(&self) -> bool {
        let plain = self.seat.object_var(self.vserv.row, vars::vserv::PLAINTEXT);
        let secure = self.wire.stream.channel().is_some();
        let local = self.balancer.is_none() && self.peer.ip().is_loopback();
        secure || local || plain == 1 || plain == 0 && self.vserv.tls.when == 0
    }

    /// What TLS there was, for the log.
    pub(super) fn tls_name(&self) -> Option<String> {
        let channel = self.wire.stream.channel()?;
        let resumed = if channel.resumed() { "/resumed" } else { "" };
        Some(format!("{}{resumed}", channel.name()))
    }

    /// Whose certificate the client has shown, and we have verified.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.wire.stream.channel()?.subject()
    }

    /// The version of TLS, for modules and for the log; empty without.
    pub(super) fn tls_version(&self) -> &'static str {
        let channel = self.wire.stream.channel();
        channel.map_or("", |channel| channel.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_tickets_rotate_and_the_one_before_is_still_known() {
        let board = Board::map(1, &[]).unwrap();
        let server = |id| Tls { id, ..Tls::none() };
        let (one, two) = (server([1; 32]), server([2; 32]));
        let names = |tls: &Tls| {
            let keys = tls.ticket_keys(board).unwrap();
            (keys.current.name, keys.previous.name)
        };
        board.rotate([7; 32]);
        board.rotate([8; 32]);
        let before = names(&one);
        assert_eq!(names(&one), before);
        board.rotate([9; 32]);
        assert_eq!(names(&one).1, before.0);
        let (a, b) = (names(&one), names(&two));
        assert!([b.0, b.1].iter().all(|name| *name != a.0 && *name != a.1));
    }
}
