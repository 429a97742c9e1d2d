//! The asker's side: one question over a socket of its own, asked twice.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::wire::{self, LONGEST, Mail, Question, Refusal};
use crate::base::clock::{Ms, now};
use crate::net::dgram::{recv, send};
use crate::net::dial::udp;
use crate::net::wait::{Broken, Stop, Watch};

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

/// Asks the pcheckd at `to` whether there is mail in `mailbox`. After half
/// of `timeout` milliseconds the question is repeated.
///
/// # Errors
/// The watch called it off.
pub(crate) fn ask(
    to: SocketAddr,
    mailbox: &[u8],
    watch: &dyn Watch,
    timeout: Ms,
) -> Result<Answer, Stop> {
    let Some(question) = Question::Mail(mailbox).encode() else {
        return Ok(Answer::Unknown(Why::BadName));
    };
    let mut room = Room::default();
    Ok(match exchange(to, &question, watch, timeout, &mut room) {
        Ok(answer) => match wire::mail(answer) {
            Ok(Mail::Nothing) => Answer::Nothing,
            Ok(Mail::Old) => Answer::Old,
            Ok(Mail::New) => Answer::New,
            Ok(Mail::Busy) => Answer::Busy,
            Err(refusal) => Answer::Unknown(refusal.into()),
        },
        Err(Broken::Stop(stop)) => return Err(stop),
        Err(Broken::Timeout) => Answer::Unknown(Why::Silence),
        Err(Broken::Io(why)) => Answer::Unknown(Why::Unreachable(why)),
    })
}

/// Room for an answer, and for one octet more than any that is right.
pub(crate) struct Room([u8; LONGEST + 1]);

impl Default for Room {
    fn default() -> Room {
        Room([0; LONGEST + 1])
    }
}

/// Sends `question` to `to`, once more after half of `timeout` milliseconds,
/// and waits for what comes back. The socket is new, so an answer to
/// somebody else's question cannot arrive at it; a late answer to our first
/// sending is as good as one to the second.
///
/// # Errors
/// Silence, the watch, or what the network says.
pub(crate) fn exchange<'r>(
    to: SocketAddr,
    question: &[u8],
    watch: &dyn Watch,
    timeout: Ms,
    room: &'r mut Room,
) -> Result<&'r [u8], Broken> {
    let socket = udp(to)?;
    let start = now();
    for until in [start + timeout / 2, start + timeout] {
        send(&socket, question)?;
        match recv(&socket, &mut room.0, watch, &|| until) {
            Ok(len) => return Ok(&room.0[..len]),
            Err(Broken::Timeout) => {}
            Err(broken) => return Err(broken),
        }
    }
    Err(Broken::Timeout)
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
mod tests {
    use super::*;
    use crate::net::wait::Alone;
    use std::net::UdpSocket;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::thread::{JoinHandle, spawn};

    /// A pcheckd that says these things, one a question, then no more.
    fn fake(answers: &'static [&'static [u8]]) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let patience = std::time::Duration::from_secs(10);
        socket.set_read_timeout(Some(patience)).unwrap();
        let heard = move || {
            let mut heard = Vec::new();
            for answer in answers {
                let mut room = [0; 600];
                let (len, peer) = socket.recv_from(&mut room).unwrap();
                heard.push(room[..len].to_vec());
                if !answer.is_empty() {
                    socket.send_to(answer, peer).unwrap();
                }
            }
            heard
        };
        (address, spawn(heard))
    }

    fn asked(answers: &'static [&'static [u8]]) -> Answer {
        let (to, server) = fake(answers);
        let answer = ask(to, b"3/joe", &Alone::new().unwrap(), 2000).unwrap();
        let heard = server.join().unwrap();
        assert!(heard.iter().all(|h| h == b"*M3/joe\n"), "{heard:?}");
        answer
    }

    #[test]
    fn a_good_answer_is_understood() {
        assert!(matches!(asked(&[b"+OK 0 no mails\n"]), Answer::Nothing));
        assert!(matches!(asked(&[b"+OK 1 old mails\n"]), Answer::Old));
        assert!(matches!(asked(&[b"+OK 2 new mails\n"]), Answer::New));
        assert!(matches!(asked(&[b"+OK 3 load too high\n"]), Answer::Busy));
    }

    #[test]
    fn a_lost_question_is_asked_again() {
        assert!(matches!(asked(&[b"", b"+OK 0\n"]), Answer::Nothing));
    }

    #[test]
    fn an_error_and_garbage_leave_us_in_doubt_but_are_no_silence() {
        let Answer::Unknown(why) = asked(&[b"-ERR no\x1b[2Jspool\n"]) else {
            panic!("an error was taken for an answer");
        };
        assert_eq!(why.to_string(), "error: no\\x1b[2Jspool");
        assert!(!why.is_silence());
        let Answer::Unknown(why) = asked(&[b"\0\xff"]) else {
            panic!("garbage was taken for an answer");
        };
        assert!(matches!(why, Why::Garbage) && !why.is_silence());
    }

    #[test]
    fn silence_ends_in_time_and_a_closed_port_before_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let alone = Alone::new().unwrap();
        let start = now();
        let answer = ask(to, b"joe", &alone, 60).unwrap();
        assert!(matches!(answer, Answer::Unknown(Why::Silence)));
        assert!((60..2000).contains(&(now() - start)));
        drop(socket);
        let start = now();
        let Answer::Unknown(why) = ask(to, b"joe", &alone, 60_000).unwrap() else {
            panic!("nobody answered");
        };
        assert!(matches!(why, Why::Unreachable(_)) && why.is_silence());
        assert!(now() - start < 10_000);
    }

    #[test]
    fn a_name_that_fits_into_no_question_is_not_asked() {
        let answer = ask(
            ([127, 0, 0, 1], 9).into(),
            b"a\nb",
            &Alone::new().unwrap(),
            60_000,
        );
        assert!(matches!(answer, Ok(Answer::Unknown(Why::BadName))));
    }

    /// A watch that calls everything off.
    struct Off(UdpSocket);

    impl Watch for Off {
        fn wake_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        fn woken(&self) -> Option<Stop> {
            Some(Stop::Kicked)
        }

        fn waiting(&self, _: Ms) {}
    }

    #[test]
    fn a_kicked_session_does_not_wait_for_an_answer() {
        let woken = UdpSocket::bind("127.0.0.1:0").unwrap();
        woken.send_to(b"x", woken.local_addr().unwrap()).unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = silent.local_addr().unwrap();
        let end = ask(to, b"joe", &Off(woken), 60_000);
        assert_eq!(end.unwrap_err(), Stop::Kicked);
    }
}
