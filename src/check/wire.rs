//! What stands in the datagrams; mailcheck(7) is its manual.
//!
//! A question is `*`, a letter, what the letter needs, and at most one line
//! end: CR, LF or both. An answer is `+OK ` or `-ERR `, a text and LF.

use std::io::Write;

/// Longest datagram, in octets, its line end included.
pub(crate) const LONGEST: usize = 512;

/// Longest answer that we give, in octets: a question with a forged address
/// must not be worth its while.
pub(super) const LONGEST_ANSWER: usize = 64;

/// A datagram that we made.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Datagram {
    /// Puts pieces together; `None` if they do not fit into `longest` octets.
    pub(super) fn of(pieces: &[&[u8]], longest: usize) -> Option<Datagram> {
        let mut made = Datagram {
            bytes: [0; LONGEST],
            len: 0,
        };
        for piece in pieces {
            let end = made.len + piece.len();
            if end > longest.min(LONGEST) {
                return None;
            }
            made.bytes[made.len..end].copy_from_slice(piece);
            made.len = end;
        }
        Some(made)
    }
}

impl std::ops::Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    /// How high is the load?
    Load,
    /// Is there mail in this mailbox? Its name is not checked here.
    Mail(&'a [u8]),
}

/// Why a question gets no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Nothing at all, or an answer: who answers that may go on for ever
    /// with somebody who does the same.
    NoQuestion,
    TooLong,
    /// It begins without `*`, as questions did long ago.
    NoStar,
    UnknownLetter,
    NoMailbox,
    Surplus,
    /// A NUL octet, or a line end that is not at the end.
    Control,
}

impl Bad {
    /// What is wrong, in a few words of ASCII.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Bad::NoQuestion => "no question",
            Bad::TooLong => "question too long",
            Bad::NoStar => "a question begins with *",
            Bad::UnknownLetter => "unknown question",
            Bad::NoMailbox => "mailbox missing",
            Bad::Surplus => "text behind the question",
            Bad::Control => "control character",
        }
    }

    /// What the asker is told; `None` is silence.
    pub(crate) fn reply(self) -> Option<Answer> {
        (self != Bad::NoQuestion).then(|| Answer::Error(self.why()))
    }
}

impl<'a> Question<'a> {
    /// Reads a question.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(datagram: &'a [u8]) -> Result<Question<'a>, Bad> {
        if datagram.len() > LONGEST {
            return Err(Bad::TooLong);
        }
        let text = without_end(datagram);
        match text {
            [] | [b'+' | b'-', ..] => Err(Bad::NoQuestion),
            _ if text.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) => Err(Bad::Control),
            b"*L" => Ok(Question::Load),
            [b'*', b'L', ..] => Err(Bad::Surplus),
            b"*M" => Err(Bad::NoMailbox),
            [b'*', b'M', mailbox @ ..] => Ok(Question::Mail(mailbox)),
            [b'*', ..] => Err(Bad::UnknownLetter),
            _ => Err(Bad::NoStar),
        }
    }

    /// The datagram that asks it; `None` if no datagram can.
    pub(crate) fn encode(self) -> Option<Datagram> {
        let made = match self {
            Question::Load => Datagram::of(&[b"*L\n"], LONGEST),
            Question::Mail(mailbox) => Datagram::of(&[b"*M", mailbox, b"\n"], LONGEST),
        }?;
        (Question::parse(&made) == Ok(self)).then_some(made)
    }
}

/// Takes off LF, and the CR before it.
pub(super) fn without_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// What a mailbox holds, as far as pcheckd says; the number is the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    Nothing,
    /// Only mail that was seen.
    Old,
    New,
    /// The load is too high to look.
    Busy,
}

const MAIL: [(Mail, &str); 4] = [
    (Mail::Nothing, "no mails"),
    (Mail::Old, "old mails"),
    (Mail::New, "new mails"),
    (Mail::Busy, "load too high"),
];

/// What pcheckd answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Mail(Mail),
    /// The load average of the last minute.
    Load(f64),
    /// Why there is no other answer: a line of ASCII.
    Error(&'static str),
}

impl Answer {
    /// The answer on the wire, at most 64 octets; a longer text is cut.
    pub(crate) fn encode(&self) -> Datagram {
        let mut made = Datagram {
            bytes: [0; LONGEST],
            len: 0,
        };
        let mut room = &mut made.bytes[..LONGEST_ANSWER - 1];
        // Room that runs out cuts the text.
        let _ = match self {
            Answer::Mail(mail) => write!(room, "+OK {} {}", *mail as u8, MAIL[*mail as usize].1),
            Answer::Load(load) => write!(room, "+OK {:.2}", load.clamp(0.0, 1e6)),
            Answer::Error(text) => write!(room, "-ERR {text}"),
        };
        let len = LONGEST_ANSWER - 1 - room.len();
        made.bytes[len] = b'\n';
        made.len = len + 1;
        made
    }
}

/// Why an answer does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal<'a> {
    /// `-ERR` and this text, which may hold any octets.
    Error(&'a [u8]),
    /// It is no answer.
    Garbage,
}

/// The text behind `+OK`.
///
/// # Errors
/// The answer is `-ERR`, or none.
pub(crate) fn fine(datagram: &[u8]) -> Result<&[u8], Refusal<'_>> {
    if datagram.len() > LONGEST {
        return Err(Refusal::Garbage);
    }
    let text = without_end(datagram);
    match text {
        [b'+', b'O', b'K', b' ', rest @ ..] => Ok(rest),
        b"-ERR" => Err(Refusal::Error(b"")),
        [b'-', b'E', b'R', b'R', b' ', rest @ ..] => Err(Refusal::Error(rest)),
        _ => Err(Refusal::Garbage),
    }
}

/// What an answer to [`Question::Mail`] says: only its number counts.
///
/// # Errors
/// As [`fine`], and a number that means nothing.
pub(crate) fn mail(datagram: &[u8]) -> Result<Mail, Refusal<'_>> {
    let number = fine(datagram)?.split(|b| *b == b' ').next();
    match number {
        Some([digit @ b'0'..=b'3']) => Ok(MAIL[usize::from(digit - b'0')].0),
        _ => Err(Refusal::Garbage),
    }
}

#[cfg(test)]
mod tests;
