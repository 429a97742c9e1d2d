//! Who is the client? Behind a balancer that is what the balancer says, and
//! nobody else is asked: a header is never looked for, only demanded.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::limits::Reached;
use super::session::Session;
use super::vars::AUTHTIMEOUT;
use crate::base::clock::now;
use crate::base::log;
use crate::base::nets::holds;
use crate::daemon::board::Text;
use crate::net::listen::canonical;
use crate::net::proxy::{Header, read};
use crate::net::wait::Broken;
use crate::pop3::reply::err;

/// Milliseconds within which a balancer must have sent its header; it does
/// so before anything else, and unasked.
const PATIENCE: u64 = 5000;

impl Session<'_> {
    /// Greets the client, behind the header of its balancer if there is one.
    ///
    /// # Errors
    /// Why the session ends before it has begun.
    pub(super) fn meet(&mut self) -> Result<(), &'static str> {
        if holds(&self.vserv.balancers, self.peer.ip()) {
            self.hear_balancer()?;
        }
        if let Err(reached) = self.come_in() {
            return Err(self.turn_away(reached));
        }
        self.seat.may_give_way();
        if self.vserv.tls.implicit() {
            self.shake_hands()?;
        }
        let (board, slot) = (self.seat.board(), self.seat.slot());
        board.set_text(slot, Text::Sid, self.sid.as_bytes());
        board.set_text(slot, Text::Peer, self.peer.ip().to_string().as_bytes());
        self.seat.show(Text::Doing, b"login");
        self.wire.out.extend_from_slice(&self.vserv.greeting);
        Ok(())
    }

    /// Says why there is no room, if that goes without waiting.
    fn turn_away(&mut self, reached: Reached) -> &'static str {
        let mut line = Vec::new();
        err(&mut line, reached);
        self.part(&line);
        reached.0.name()
    }

    /// Says `line`, if that goes without waiting. In the clear it would be
    /// nonsense to who expects TLS.
    pub(super) fn part(&mut self, line: &[u8]) {
        let secure = self.wire.stream.channel().is_some();
        if secure || !self.vserv.tls.implicit() {
            self.wire.stream.parting_words(line, b"");
        }
    }

    fn hear_balancer(&mut self) -> Result<(), &'static str> {
        let (seat, since) = (self.seat, now());
        let until = || since + PATIENCE.min(seat.var(AUTHTIMEOUT) * 1000);
        match read(&mut self.wire.stream, seat, &until) {
            Ok(Header::Local) => Ok(()),
            Ok(Header::Proxied { client, server }) => {
                self.balancer = Some(self.peer.ip());
                (self.peer, self.local) = (canonical(client), Some(server));
                log::about(Some(self.peer.ip()));
                Ok(())
            }
            Err(why @ Broken::Stop(_)) => Err(why.reason()),
            // A balancer that only looks whether anybody is here says nothing,
            // and often leaves with a reset.
            Err(Broken::Io(why)) if why.kind() != ErrorKind::InvalidData => Err("eof"),
            Err(why) => {
                event!(
                    PROXY_HEADER_BAD,
                    self.sid,
                    vserv = self.vserv.id,
                    peer = self.peer.ip(),
                    why = format_args!("{why}")
                );
                Err("proxy_header")
            }
        }
    }

    /// The address at which the client knocked.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.local.or_else(|| self.wire.stream.local())
    }
}
