//! Before a session: may this proxy come in, which mailbox does it want, and
//! can we have it?

use std::net::{IpAddr, SocketAddr};

use super::lock::{self, Refused};
use super::session::Session;
use super::vars::{Count, MAXMESSAGE, PREAMBLETIMEOUT, SERVER_MARK};
use super::{Places, Server};
use crate::base::clock::now;
use crate::base::nets;
use crate::daemon::board::Text;
use crate::daemon::config::Object;
use crate::daemon::seat::Seat;
use crate::maildir::maildrop::Maildrop;
use crate::maildir::spool::Spool;
use crate::maildir::{self, Error};
use crate::net::proxy::{self, Header};
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline};
use crate::pop3::reply::{IN_USE, SYS_PERM, SYS_TEMP, err};
use crate::pop3::wire::{Input, Wire};
use crate::pop3::xpop::{self, Preamble};

/// Why a session does not begin.
pub(super) enum Trouble {
    /// That is logged, and told to the proxy.
    Tell(String),
    /// A handshake failed, which has been logged; nothing more can be said.
    Hang,
}

/// Takes a connection from its first octet to its last.
pub(super) fn receive(
    places: Places<'_>,
    server: &Server,
    stream: Stream,
    peer: SocketAddr,
    seat: &Seat,
) {
    let proxy = peer.ip().to_string();
    seat.show(Text::Peer, proxy.as_bytes());
    let mut wire = Wire::new(stream, seat);
    if seat.object_state(server.row) != 0 || !nets::holds(&server.allow, peer.ip()) {
        seat.count(Count::Denied as usize, 1);
        event!(PEER_DENIED, "-", rip = peer.ip());
        let why = format!("{SYS_TEMP} no proxy is expected at your address");
        return refuse(server, wire, why);
    }
    seat.board()
        .set_mark(SERVER_MARK, seat.slot(), Object::mark(server.row));
    seat.count(Count::Sessions as usize, 1);
    let began = now();
    let until = || began + seat.var(PREAMBLETIMEOUT) * 1000;
    let (client, lines) = match hear(&mut wire, server, peer, seat, &until) {
        Ok(heard) => heard,
        Err(Trouble::Hang) => return seat.count(Count::Failed as usize, 1),
        Err(Trouble::Tell(why)) => {
            seat.count(Count::Failed as usize, 1);
            event!(XPOP_BAD, "-", rip = peer.ip(), why = why);
            return refuse(server, wire, format!("{SYS_TEMP} {why}"));
        }
    };
    let [mailbox, sid, flags] = &lines;
    let mut preamble = match xpop::parse(mailbox, sid, flags) {
        Ok(preamble) => preamble,
        Err(flaw) => {
            let (rip, why) = (peer.ip(), flaw.to_string());
            seat.count(Count::Failed as usize, 1);
            event!(MAILBOX_BAD, "-", rip = rip, why = why, mbox = mailbox);
            return refuse(server, wire, format!("{SYS_PERM} {why}"));
        }
    };
    preamble.ip = preamble.ip.or(client);
    begin(places, server, &preamble, wire, peer, seat);
}

/// The client of whom a header tells, where one is demanded. What the
/// preamble says of the client is nearer to the truth.
fn read_header(
    wire: &mut Wire<'_>,
    server: &Server,
    peer: SocketAddr,
    seat: &Seat,
    until: Deadline<'_>,
) -> Result<Option<IpAddr>, Trouble> {
    if !nets::holds(&server.headers, peer.ip()) {
        return Ok(None);
    }
    match proxy::read(&mut wire.stream, seat, until) {
        Ok(Header::Local) => Ok(None),
        Ok(Header::Proxied { client, .. }) => Ok(Some(client.ip().to_canonical())),
        Err(why) => {
            let why = format!("header of the PROXY protocol: {why}");
            Err(Trouble::Tell(why))
        }
    }
}

/// Everything up to the end of the preamble: the header, TLS, and the three
/// lines; the client of the header too.
fn hear(
    wire: &mut Wire<'_>,
    server: &Server,
    peer: SocketAddr,
    seat: &Seat,
    until: Deadline<'_>,
) -> Result<(Option<IpAddr>, [Vec<u8>; 3]), Trouble> {
    let client = read_header(wire, server, peer, seat, until)?;
    if server.tls.implicit() {
        server.shake_hands(wire, peer, seat, until)?;
    }
    let mut first = read_line(wire, until)?;
    if server.stls(&first, wire, peer, seat, until)? {
        first = read_line(wire, until)?;
    }
    if wire.stream.channel().is_none() && !server.takes_plaintext(peer, seat) {
        return Err(Trouble::Tell("TLS is demanded here".into()));
    }
    let rest = (read_line(wire, until)?, read_line(wire, until)?);
    Ok((client, [first, rest.0, rest.1]))
}

/// One line; all of them have one time.
fn read_line(wire: &mut Wire<'_>, until: Deadline<'_>) -> Result<Vec<u8>, Trouble> {
    let why = match wire.next(xpop::LONGEST, until, until) {
        Ok(Input::Line) => return Ok(wire.lines.line().to_vec()),
        Ok(Input::TooLong) => "a line of the preamble is too long",
        Ok(Input::Nul) => "NUL in the preamble",
        Ok(Input::Eof) => "the preamble is not complete",
        Err(Broken::Timeout) => "the preamble did not come in time",
        Err(broken) => broken.reason(),
    };
    Err(Trouble::Tell(why.into()))
}

/// Opens the maildrop and begins the session.
fn begin(
    places: Places<'_>,
    server: &Server,
    preamble: &Preamble<'_>,
    wire: Wire<'_>,
    peer: SocketAddr,
    seat: &Seat,
) {
    seat.show(Text::Sid, preamble.sid.as_bytes());
    seat.show(Text::User, &preamble.user);
    seat.show(Text::Doing, preamble.mailbox.as_bytes());
    seat.guard(now() + super::session::DISK);
    let most = usize::try_from(seat.var(MAXMESSAGE)).unwrap_or(usize::MAX);
    match open(places, preamble, most, seat) {
        Ok(drop) => Session::new(seat, wire, drop, preamble, peer).serve(),
        Err(Refused::InUse) => {
            let why = format!("{IN_USE} another session has this mailbox open");
            refuse(server, wire, why);
        }
        Err(Refused::Failed(why)) => {
            seat.count(Count::Failed as usize, 1);
            log_failure(&why, preamble);
            refuse(
                server,
                wire,
                format!("{SYS_TEMP} the mailbox cannot be opened now"),
            );
        }
    }
}

fn open(
    places: Places<'_>,
    preamble: &Preamble<'_>,
    most: usize,
    seat: &Seat,
) -> Result<Maildrop, Refused> {
    let mailbox = Spool::open(places.spool)
        .and_then(|spool| spool.mailbox(preamble.mailbox.as_bytes()))
        .map_err(Refused::Failed)?;
    let lock = match &mailbox {
        Some(mailbox) => lock::take(mailbox, preamble, seat)?,
        None => None,
    };
    // To wait for the lock had another deadline.
    seat.guard(now() + super::session::DISK);
    let mut drop = Maildrop::open(mailbox, lock, most).map_err(Refused::Failed)?;
    if let Some(aside) = places.aside {
        drop.keep_deleted(aside, preamble.mailbox.as_bytes());
    }
    Ok(drop)
}

fn log_failure(why: &maildir::Error, preamble: &Preamble<'_>) {
    match why {
        Error::NotMounted => event!(SPOOL_MISSING, preamble.sid, why = why.to_string()),
        _ => event!(
            MAILDROP_FAILED,
            preamble.sid,
            mbox = preamble.mailbox,
            why = why.to_string()
        ),
    }
}

/// In the clear a refusal would be nonsense to who expects TLS.
fn refuse(server: &Server, mut wire: Wire<'_>, why: String) {
    if server.tls.implicit() && wire.stream.channel().is_none() {
        return;
    }
    err(&mut wire.out, why);
    let soon = now() + 1000;
    let _ = wire.flush(&|| soon);
}
