//! Questions and answers with a key: whoever has none can neither ask nor
//! answer; mailcheck(7) is the manual of this too.
//!
//! A question is `*K`, a nonce, a blank, a MAC, a blank, and the question as it
//! is without a key. An answer has a MAC as its last word. It is made over the
//! nonce and the question too, so an answer is good for that question alone;
//! and since no nonce is used twice, it is good only once.

use super::wire::{Answer, Bad, Datagram, LONGEST, LONGEST_ANSWER, Question, without_end};
use crate::base::digest::{Hmac, hex, same};
use crate::sys::entropy;

/// Octets of the key in its file, without a line end.
const KEY: std::ops::RangeInclusive<usize> = 16..=256;

/// Length of a nonce, and of a MAC, on the wire: 16 octets as hexadecimal digits.
const DIGITS: usize = 32;

/// What a question has in front: `*K`, nonce, blank, MAC, blank.
const HEAD: usize = 2 + DIGITS + 1 + DIGITS + 1;

/// Longest text of an answer: behind it are a blank, the MAC and LF.
const LONGEST_TEXT: usize = LONGEST_ANSWER - 1 - DIGITS - 1;

/// What is shared by those who ask and those who answer.
#[derive(Clone)]
pub(crate) struct CheckKey(Hmac);

impl std::fmt::Debug for CheckKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckKey")
    }
}

/// A question that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    nonce: [u8; DIGITS],
    /// As it is without a key, without its line end.
    question: &'a [u8],
}

/// Why a question is not taken for one of somebody who has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It has none.
    Unkeyed,
    /// It has another one, or has been altered on its way.
    WrongKey,
}

impl Foreign {
    /// In a few words for the log.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Foreign::Unkeyed => "no key",
            Foreign::WrongKey => "wrong key",
        }
    }

    /// What the asker is told, for want of a common key without one; `None` is silence.
    /// Nothing is answered that is longer than the question, and nothing to an answer.
    pub(crate) fn reply(question: &[u8]) -> Option<Datagram> {
        let no_question = Question::parse(question) == Err(Bad::NoQuestion);
        let told = Answer::Error("key").encode();
        (!no_question && told.len() <= question.len()).then_some(told)
    }
}

impl CheckKey {
    /// The key that is in a file with these octets.
    ///
    /// # Errors
    /// It is too short, or too long.
    pub(crate) fn parse(file: &[u8]) -> Result<CheckKey, String> {
        let key = without_end(file);
        match KEY.contains(&key.len()) {
            true => Ok(CheckKey(Hmac::new(key))),
            false => Err(format!(
                "a key has {} to {} octets, not {}",
                KEY.start(),
                KEY.end(),
                key.len()
            )),
        }
    }

    fn mac(&self, direction: u8, asked: &Asked, answer: &[u8]) -> [u8; DIGITS] {
        let Asked { nonce, question } = asked;
        let mac = match direction {
            b'Q' => self.0.of(&[b"Q", nonce, question]),
            _ => self.0.of(&[b"A", nonce, question, b"\n", answer]),
        };
        let mut text = [0; DIGITS];
        hex(&mac, &mut text);
        text
    }

    /// Does a question leave room for what a key puts in front of it?
    pub(crate) fn has_room(question: &Datagram) -> bool {
        question.len() <= LONGEST - HEAD
    }

    /// Puts a key to a question: what is sent, and what the answer belongs to.
    ///
    /// # Errors
    /// There is no room, or the system has no random octets.
    pub(crate) fn ask<'q>(
        &self,
        plain: &'q Datagram,
    ) -> Result<(Datagram, Asked<'q>), &'static str> {
        let mut nonce = [0; DIGITS];
        let octets = entropy::octets().map_err(|_| "no random octets")?;
        hex(&octets, &mut nonce);
        let question = without_end(plain);
        let asked = Asked { nonce, question };
        let mac = self.mac(b'Q', &asked, b"");
        let pieces: [&[u8]; 7] = [b"*K", &nonce, b" ", &mac, b" ", question, b"\n"];
        let sealed = Datagram::of(&pieces, LONGEST).ok_or("no room for a key")?;
        Ok((sealed, asked))
    }

    /// The question in a datagram of somebody who has this key.
    ///
    /// # Errors
    /// He has not.
    pub(crate) fn open<'d>(&self, datagram: &'d [u8]) -> Result<Asked<'d>, Foreign> {
        if datagram.len() > LONGEST {
            return Err(Foreign::Unkeyed);
        }
        let (head, question) = without_end(datagram)
            .split_at_checked(HEAD)
            .ok_or(Foreign::Unkeyed)?;
        let Some([b'*', b'K', digits @ ..]) = head.strip_suffix(b" ") else {
            return Err(Foreign::Unkeyed);
        };
        let (nonce, mac) = digits.split_at(DIGITS);
        let (Ok(nonce), Some((b' ', mac))) = (nonce.try_into(), mac.split_first()) else {
            return Err(Foreign::Unkeyed);
        };
        let asked = Asked { nonce, question };
        let right = self.mac(b'Q', &asked, b"");
        match mac.try_into() {
            Ok(mac) if same(mac, &right) => Ok(asked),
            _ => Err(Foreign::WrongKey),
        }
    }

    /// The answer to a question that was opened, at most 64 octets.
    pub(crate) fn answer(&self, asked: &Asked, answer: &Answer) -> Option<Datagram> {
        let plain = answer.encode();
        let text = without_end(&plain);
        let text = &text[..text.len().min(LONGEST_TEXT)];
        let mac = self.mac(b'A', asked, text);
        Datagram::of(&[text, b" ", &mac, b"\n"], LONGEST_ANSWER)
    }

    /// What an answer says without its MAC, if it is one to this question by
    /// somebody who has this key.
    pub(crate) fn verified<'d>(&self, asked: &Asked, datagram: &'d [u8]) -> Option<&'d [u8]> {
        if datagram.len() > LONGEST {
            return None;
        }
        let text = without_end(datagram);
        let (text, mac) = text.split_at_checked(text.len().checked_sub(DIGITS)?)?;
        let text = text.strip_suffix(b" ")?;
        let right = self.mac(b'A', asked, text);
        same(mac.try_into().ok()?, &right).then_some(text)
    }
}

impl<'a> Asked<'a> {
    /// The question, for [`Question::parse`].
    pub(crate) fn question(&self) -> &'a [u8] {
        self.question
    }
}

#[cfg(test)]
mod tests;
