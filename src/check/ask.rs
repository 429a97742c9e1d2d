//! The asker's side: one question over a socket of its own, asked twice.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::keyed::{Asked, CheckKey};
use super::wire::{self, Datagram, LONGEST, Mail, Question, Refusal};
use crate::base::clock::{Ms, now};
use crate::net::dgram::{recv, send};
use crate::net::dial::udp;
use crate::net::wait::{Broken, Stop, Watch};

/// How long is waited for a better answer behind one without our key, in
/// milliseconds. It may have come from anybody; but where the keys differ no
/// better one will come, and somebody waits for his mail.
const LINGER: Ms = 50;

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'k> {
    /// The address of ours from which it is reached; `None` leaves it to the system.
    pub(crate) from: Option<IpAddr>,
    pub(crate) to: SocketAddr,
    /// What it shares with us.
    pub(crate) key: Option<&'k CheckKey>,
}

/// What came of a mail check.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The mailbox is empty.
    Nothing,
    /// It holds only mail that was seen.
    Old,
    /// It holds new mail.
    New,
    /// The load is too high to look.
    Busy,
    /// We do not know, so there may be mail.
    Unknown(Why),
}

impl Answer {
    /// One word for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Answer::Nothing => "nothing",
            Answer::Old => "old",
            Answer::New => "new",
            Answer::Busy => "busy",
            Answer::Unknown(_) => "unknown",
        }
    }
}

/// Why we do not know.
#[derive(Debug)]
pub(crate) enum Why {
    /// No answer in time.
    Silence,
    /// The network says that nobody is there, or there is no way.
    Unreachable(io::Error),
    /// `-ERR` and this text.
    Error(String),
    /// It was no answer.
    Garbage,
    /// It was not made with our key.
    Foreign,
    /// The name of the mailbox fits into no question.
    BadName,
}

impl Why {
    /// Did nobody answer at all? See [`super::silence`].
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Why::Silence | Why::Unreachable(_))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Silence => f.write_str("no answer in time"),
            Why::Unreachable(why) => write!(f, "{why}"),
            Why::Error(text) => write!(f, "error: {text}"),
            Why::Garbage => f.write_str("not an answer"),
            Why::Foreign => f.write_str(FOREIGN),
            Why::BadName => f.write_str("no name for a mailbox"),
        }
    }
}

impl From<Refusal<'_>> for Why {
    fn from(refusal: Refusal<'_>) -> Why {
        match refusal {
            Refusal::Error(text) => Why::Error(printable(text)),
            Refusal::Garbage => Why::Garbage,
        }
    }
}

/// What is said of an answer that was not made with our key.
pub(crate) const FOREIGN: &str = "the answer has no key, or another one";

/// Asks a pcheckd whether there is mail in `mailbox`. After half of `timeout`
/// milliseconds the question is repeated.
///
/// # Errors
/// The watch called it off.
pub(crate) fn ask(
    server: Server<'_>,
    mailbox: &[u8],
    watch: &dyn Watch,
    timeout: Ms,
) -> Result<Answer, Stop> {
    let question = Question::Mail(mailbox).encode();
    let room = |question: &Datagram| server.key.is_none() || CheckKey::has_room(question);
    let Some(question) = question.filter(room) else {
        return Ok(Answer::Unknown(Why::BadName));
    };
    let mut room = Room::default();
    Ok(
        match exchange(server, &question, watch, timeout, &mut room) {
            Ok(Heard::Foreign) => Answer::Unknown(Why::Foreign),
            Ok(Heard::Answer(answer)) => match wire::mail(answer) {
                Ok(Mail::Nothing) => Answer::Nothing,
                Ok(Mail::Old) => Answer::Old,
                Ok(Mail::New) => Answer::New,
                Ok(Mail::Busy) => Answer::Busy,
                Err(refusal) => Answer::Unknown(refusal.into()),
            },
            Err(Broken::Stop(stop)) => return Err(stop),
            Err(Broken::Timeout) => Answer::Unknown(Why::Silence),
            Err(Broken::Io(why)) => Answer::Unknown(Why::Unreachable(why)),
        },
    )
}

/// Room for an answer, and for one octet more than any that is right.
pub(crate) struct Room([u8; LONGEST + 1]);

impl Default for Room {
    fn default() -> Room {
        Room([0; LONGEST + 1])
    }
}

/// What came back.
pub(crate) enum Heard<'r> {
    /// An answer, without its MAC if it had to have one.
    Answer(&'r [u8]),
    /// Only what was not made with our key.
    Foreign,
}

/// Sends `question`, once more after half of `timeout` milliseconds, and waits
/// for what comes back. The socket is new, so an answer to somebody else's
/// question cannot arrive at it; a late answer to our first sending is as
/// good as one to the second.
///
/// # Errors
/// Silence, the watch, or what the network says.
pub(crate) fn exchange<'r>(
    server: Server<'_>,
    question: &Datagram,
    watch: &dyn Watch,
    timeout: Ms,
    room: &'r mut Room,
) -> Result<Heard<'r>, Broken> {
    let keyed = match server.key {
        Some(key) => Some((key, key.ask(question).map_err(io::Error::other)?)),
        None => None,
    };
    let (sent, proof) = match &keyed {
        Some((key, (sealed, asked))) => (sealed, Some((*key, asked))),
        None => (question, None),
    };
    let socket = udp(server.from, server.to)?;
    let start = now();
    for until in [start + timeout / 2, start + timeout] {
        send(&socket, sent)?;
        match hear(&socket, &mut room.0, watch, until, proof) {
            Ok(None) => return Ok(Heard::Foreign),
            Ok(Some(len)) => return Ok(Heard::Answer(&room.0[..len])),
            Err(Broken::Timeout) => {}
            Err(broken) => return Err(broken),
        }
    }
    Err(Broken::Timeout)
}

/// What an answer must be made with: key, and question.
type Proof<'p> = Option<(&'p CheckKey, &'p Asked<'p>)>;

/// Waits until then for an answer that is good, and returns its length without
/// its MAC; `None` if there were only others.
fn hear(
    socket: &UdpSocket,
    room: &mut [u8],
    watch: &dyn Watch,
    mut until: Ms,
    proof: Proof<'_>,
) -> Result<Option<usize>, Broken> {
    let mut foreign = false;
    loop {
        match recv(socket, room, watch, &|| until) {
            Ok(len) => match good(proof, &room[..len]) {
                Some(len) => return Ok(Some(len)),
                None if !foreign => (foreign, until) = (true, until.min(now() + LINGER)),
                // Whoever sends many of them must not keep us here.
                None if now() >= until => return Ok(None),
                None => {}
            },
            Err(Broken::Timeout) if foreign => return Ok(None),
            Err(broken) => return Err(broken),
        }
    }
}

fn good(proof: Proof<'_>, datagram: &[u8]) -> Option<usize> {
    match proof {
        Some((key, asked)) => key.verified(asked, datagram).map(<[u8]>::len),
        None => Some(datagram.len()),
    }
}

/// Foreign octets as they can be shown: ASCII, the rest as `\xNN`.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let show = |b: &u8| match b {
        b' '..=b'~' => char::from(*b).to_string(),
        _ => format!("\\x{b:02x}"),
    };
    bytes.iter().take(LONGEST).map(show).collect()
}

#[cfg(test)]
mod tests;
