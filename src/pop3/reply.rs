//! Replies: `+OK`, `-ERR`, and the dot-stuffing of multi-line answers
//! (RFC 1939 section 3).

use std::fmt::Display;
use std::io::{BufRead as _, Write as _};

/// Longest first line of a reply, its end included (RFC 2449 section 4).
pub(crate) const LONGEST: usize = 512;

/// Response codes (RFC 2449 section 8, RFC 3206).
pub(crate) const SYS_TEMP: &str = "[SYS/TEMP]";
pub(crate) const SYS_PERM: &str = "[SYS/PERM]";
pub(crate) const AUTH: &str = "[AUTH]";
pub(crate) const IN_USE: &str = "[IN-USE]";
pub(crate) const LOGIN_DELAY: &str = "[LOGIN-DELAY]";

/// Appends `+OK text`; without text just `+OK`.
pub(crate) fn ok(out: &mut Vec<u8>, text: impl Display) {
    put(out, "+OK", text);
}

/// Appends `-ERR text`.
pub(crate) fn err(out: &mut Vec<u8>, text: impl Display) {
    put(out, "-ERR", text);
}

/// One line of at most 512 octets; whatever could end it early or move a
/// terminal is shown as a question mark.
fn put(out: &mut Vec<u8>, status: &str, text: impl Display) {
    let start = out.len();
    let _ = write!(out, "{status} {text}");
    let end = out.len().min(start + LONGEST - 2);
    out.truncate(end);
    let line = &mut out[start..];
    for octet in line.iter_mut().filter(|b| !(0x20..0x7f).contains(*b)) {
        *octet = b'?';
    }
    if line.len() == status.len() + 1 {
        // There is no text: no blank either.
        out.pop();
    }
    out.extend_from_slice(b"\r\n");
}

/// Where the first line behind this one begins that begins with a dot; the
/// length of the text if none does.
fn first_dot(text: &[u8]) -> usize {
    let mut at = 0;
    // The reader of a slice searches with memchr, and cannot fail.
    while let Ok(octets @ 1..) = (&text[at..]).skip_until(b'.') {
        at += octets;
        if text[..at].ends_with(b"\n.") {
            return at - 1;
        }
    }
    text.len()
}

/// Doubles the dot at the start of a line, across any cutting of the text.
pub(crate) struct Stuffer {
    line_start: bool,
}

impl Default for Stuffer {
    fn default() -> Stuffer {
        Stuffer { line_start: true }
    }
}

impl Stuffer {
    /// Appends `text`, whose line ends are CRLF.
    pub(crate) fn put(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(&first) = rest.first() {
            if self.line_start && first == b'.' {
                out.push(b'.');
            }
            let end = first_dot(rest);
            out.extend_from_slice(&rest[..end]);
            self.line_start = rest[end - 1] == b'\n';
            rest = &rest[end..];
        }
    }

    /// Appends the end of the answer, in one piece with what stands before it.
    pub(crate) fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start {
            b".\r\n"
        } else {
            b"\r\n.\r\n"
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a client makes of it.
    fn unstuff(answer: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let mut rest = answer;
        loop {
            let end = rest.windows(2).position(|w| w == b"\r\n")? + 2;
            let line = &rest[..end];
            rest = &rest[end..];
            if line == b".\r\n" {
                return rest.is_empty().then_some(text);
            }
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
    }

    #[test]
    fn a_message_that_is_one_dot_does_not_end_the_answer() {
        let mut out = Vec::new();
        let mut stuffer = Stuffer::default();
        stuffer.put(b".\r\n..\r\n", &mut out);
        stuffer.end(&mut out);
        assert_eq!(out, b"..\r\n...\r\n.\r\n");
    }

    #[test]
    fn a_reply_is_one_line_of_512_octets_whatever_the_text() {
        let mut out = Vec::new();
        err(
            &mut out,
            "a\r\n+OK \u{1b}[2J".to_string() + &"x".repeat(600),
        );
        assert!(out.starts_with(b"-ERR a??+OK ?[2J") && out.ends_with(b"x\r\n"));
        assert_eq!(out.len(), LONGEST);
        out.clear();
        ok(&mut out, "");
        assert_eq!(out, b"+OK\r\n");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(lines in proptest::collection::vec("[.a\r]{0,4}", 0..20), cut in 1usize..8) {
            let mut text = lines.join("\r\n").replace("\r\r\n", "\r\n").into_bytes();
            text.extend_from_slice(b"x\r\n");
            let (mut out, mut stuffer) = (Vec::new(), Stuffer::default());
            for piece in text.chunks(cut) {
                stuffer.put(piece, &mut out);
            }
            stuffer.end(&mut out);
            prop_assert_eq!(unstuff(&out), Some(text));
        }
    }
}
