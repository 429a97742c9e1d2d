//! Before a session: may this proxy come in, which mailbox does it want, and
//! can we have it?

use std::net::SocketAddr;
use std::path::Path;

use super::Server;
use super::session::Session;
use super::vars::{Count, MAXMESSAGE, PREAMBLETIMEOUT};
use crate::base::clock::now;
use crate::base::nets;
use crate::daemon::board::Text;
use crate::daemon::seat::Seat;
use crate::maildir::maildrop::Maildrop;
use crate::maildir::spool::Spool;
use crate::maildir::{self, Error};
use crate::net::stream::Stream;
use crate::net::wait::Broken;
use crate::pop3::reply::{SYS_PERM, SYS_TEMP, err};
use crate::pop3::wire::{Input, Wire};
use crate::pop3::xpop::{self, Preamble};

/// Takes a connection from its first octet to its last.
pub(super) fn receive(
    spool: &Path,
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
        return refuse(
            wire,
            format!("{SYS_TEMP} no proxy is expected at your address"),
        );
    }
    seat.count(Count::Sessions as usize, 1);
    let lines = match read_lines(&mut wire, seat) {
        Ok(lines) => lines,
        Err(why) => {
            seat.count(Count::Failed as usize, 1);
            event!(XPOP_BAD, "-", rip = peer.ip(), why = why);
            return refuse(wire, format!("{SYS_TEMP} {why}"));
        }
    };
    match xpop::parse(&lines[0], &lines[1], &lines[2]) {
        Ok(preamble) => begin(spool, &preamble, wire, peer, seat),
        Err(flaw) => {
            seat.count(Count::Failed as usize, 1);
            event!(
                MAILBOX_BAD,
                "-",
                rip = peer.ip(),
                why = flaw.to_string(),
                mbox = lines[0]
            );
            refuse(wire, format!("{SYS_PERM} {flaw}"));
        }
    }
}

/// The three lines, all of them within one time.
fn read_lines(wire: &mut Wire<'_>, seat: &Seat) -> Result<[Vec<u8>; 3], &'static str> {
    let began = now();
    let until = || began + seat.var(PREAMBLETIMEOUT) * 1000;
    let mut lines = [const { Vec::new() }; 3];
    for line in &mut lines {
        match wire.next(xpop::LONGEST, &until, &until) {
            Ok(Input::Line) => *line = wire.lines.line().to_vec(),
            Ok(Input::TooLong) => return Err("a line of the preamble is too long"),
            Ok(Input::Nul) => return Err("NUL in the preamble"),
            Ok(Input::Eof) => return Err("the preamble is not complete"),
            Err(Broken::Timeout) => return Err("the preamble did not come in time"),
            Err(broken) => return Err(broken.reason()),
        }
    }
    Ok(lines)
}

/// Opens the maildrop and begins the session.
fn begin(spool: &Path, preamble: &Preamble<'_>, wire: Wire<'_>, peer: SocketAddr, seat: &Seat) {
    seat.show(Text::Sid, preamble.sid.as_bytes());
    seat.show(Text::User, &preamble.user);
    seat.show(Text::Doing, preamble.mailbox.as_bytes());
    seat.guard(now() + super::session::DISK);
    let most = usize::try_from(seat.var(MAXMESSAGE)).unwrap_or(usize::MAX);
    let opened = Spool::open(spool)
        .and_then(|spool| Maildrop::open(&spool, preamble.mailbox.as_bytes(), most));
    match opened {
        Ok(drop) => Session::new(seat, wire, drop, preamble, peer).serve(),
        Err(why) => {
            seat.count(Count::Failed as usize, 1);
            log_failure(&why, preamble);
            refuse(wire, format!("{SYS_TEMP} the mailbox cannot be opened now"));
        }
    }
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

fn refuse(mut wire: Wire<'_>, why: String) {
    err(&mut wire.out, why);
    let soon = now() + 1000;
    let _ = wire.flush(&|| soon);
}
