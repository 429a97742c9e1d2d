//! The end of a multi-line reply, and how many octets of text come before it
//! (RFC 1939 section 3), across any cutting of what is received.

use std::io::BufRead as _;

/// Where in the text we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Anywhere but behind a dot that begins a line.
    Text,
    /// Behind such a dot.
    Dot,
    /// Behind that and CR.
    DotCr,
}

/// Reads one text.
#[derive(Debug)]
pub(super) struct Text {
    place: Place,
    /// The last two octets of the text.
    tail: [u8; 2],
    /// Octets so far; those that were stuffed do not count.
    pub(super) octets: u64,
}

impl Default for Text {
    fn default() -> Text {
        Text {
            place: Place::Text,
            tail: *b"\r\n",
            octets: 0,
        }
    }
}

impl Text {
    /// Takes in what was received. If the text ends there: how much of it
    /// belonged to it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match (self.place, bytes[at]) {
                (Place::Text, _) => {
                    at += self.plain(&bytes[at..]);
                    continue;
                }
                (Place::Dot, b'\r') => self.place = Place::DotCr,
                (Place::DotCr, b'\n') => return Some(at + 1),
                (Place::Dot, _) => {
                    // It was stuffed: this octet begins the line.
                    self.place = Place::Text;
                    self.count(&bytes[at..=at]);
                }
                (Place::DotCr, _) => {
                    self.place = Place::Text;
                    self.count(b"\r");
                    continue;
                }
            }
            at += 1;
        }
        None
    }

    /// Takes in text up to a dot that begins a line, that dot too; how much
    /// it was.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        // The reader of a slice searches with memchr, and cannot fail.
        while let Ok(octets @ 1..) = (&bytes[at..]).skip_until(b'.') {
            at += octets;
            if bytes[at - 1] != b'.' {
                break;
            }
            let begins = match bytes[..at - 1] {
                [] => self.tail == *b"\r\n",
                [only] => [self.tail[1], only] == *b"\r\n",
                [.., last, end] => [last, end] == *b"\r\n",
            };
            if begins {
                self.count(&bytes[..at - 1]);
                self.place = Place::Dot;
                return at;
            }
        }
        self.count(bytes);
        bytes.len()
    }

    fn count(&mut self, text: &[u8]) {
        self.octets += text.len() as u64;
        match text {
            [] => {}
            [only] => self.tail = [self.tail[1], *only],
            [.., last, end] => self.tail = [*last, *end],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_ends_at_a_lone_dot_and_stuffed_dots_do_not_count() {
        for (reply, octets) in [
            (".\r\n", 0),
            ("a\r\n.\r\n", 3),
            ("..\r\n.\r\n", 3),
            ("a.\r\n\r\n....\r\n.\r\n", 11),
            ("a\n.\r\n\r\n.\r\n", 7),
            (".\rx\r\n.\r\n", 4),
        ] {
            let mut text = Text::default();
            assert_eq!(text.hear(reply.as_bytes()), Some(reply.len()), "{reply:?}");
            assert_eq!(text.octets, octets, "{reply:?}");
        }
        assert_eq!(Text::default().hear(b"a\r\n.\r"), None);
    }

    proptest! {
        #[test]
        fn what_the_server_stuffs_is_counted_however_it_is_cut(
            lines in proptest::collection::vec("[.a\r]{0,4}", 0..6), cut in 1usize..8
        ) {
            let mut reply = Vec::new();
            let mut octets = 0;
            for line in lines {
                if line.starts_with('.') {
                    reply.push(b'.');
                }
                reply.extend_from_slice(line.as_bytes());
                reply.extend_from_slice(b"\r\n");
                octets += line.len() as u64 + 2;
            }
            reply.extend_from_slice(b".\r\n");
            let mut text = Text::default();
            let mut ends = reply.chunks(cut).map(|part| text.hear(part)).collect::<Vec<_>>();
            let last = ends.pop().flatten();
            prop_assert!(ends.iter().all(Option::is_none));
            prop_assert_eq!(last, Some((reply.len() - 1) % cut + 1));
            prop_assert_eq!(text.octets, octets);
        }
    }
}
