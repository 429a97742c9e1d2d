//! Wire form: the message with CRLF line ends. LF and CRLF end a line on
//! disk; a CR that stands alone is text. A last line end that is missing is
//! supplied; an empty message stays empty.

use std::io::BufRead;

/// Length of the text up to and with its first LF.
pub(crate) fn line(text: &[u8]) -> Option<usize> {
    // The reader of a slice searches with memchr, and cannot fail.
    let mut rest = text;
    let octets = rest.skip_until(b'\n').unwrap_or(0);
    (octets > 0 && text[octets - 1] == b'\n').then_some(octets)
}

/// Turns text into wire form piece by piece, and counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crlf {
    /// Octets in wire form so far; the last line end is not in it.
    octets: u64,
    /// The last octet seen; LF before the first, which begins a line.
    last: u8,
    /// A line begins with a dot, among those that were counted.
    dotted: bool,
}

impl Default for Crlf {
    fn default() -> Crlf {
        Crlf {
            octets: 0,
            last: b'\n',
            dotted: false,
        }
    }
}

impl Crlf {
    /// Counts a piece without turning it. True if it is in wire form as it
    /// stands.
    pub(crate) fn count(&mut self, piece: &[u8]) -> bool {
        let odd = pairs(self.last, piece, |a, b| is_bare(a, b) | is_dotted(a, b));
        let bare = match odd {
            0 => 0,
            _ => pairs(self.last, piece, is_bare),
        };
        self.dotted |= odd > bare;
        self.last = piece.last().copied().unwrap_or(self.last);
        self.octets += (piece.len() + bare) as u64;
        bare == 0
    }

    /// Appends a piece to `out` in wire form.
    pub(crate) fn turn(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let (start, mut rest) = (out.len(), piece);
        while let Some(octets) = line(rest) {
            let (text, behind) = rest.split_at(octets - 1);
            out.extend_from_slice(text);
            let before = text.last().copied().unwrap_or(self.last);
            out.extend_from_slice(if before == b'\r' { b"\n" } else { b"\r\n" });
            self.last = b'\n';
            rest = &behind[1..];
        }
        out.extend_from_slice(rest);
        self.last = rest.last().copied().unwrap_or(self.last);
        self.octets += (out.len() - start) as u64;
    }

    /// What is missing at the end of the message. To be called once.
    pub(crate) fn end(&mut self) -> &'static [u8] {
        if self.octets == 0 || self.last == b'\n' {
            return b"";
        }
        self.octets += 2;
        self.last = b'\n';
        b"\r\n"
    }

    /// Whether a line that was counted begins with a dot.
    pub(crate) fn is_dotted(&self) -> bool {
        self.dotted
    }

    /// Octets so far.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }
}

/// Octets summed up at once: less than 256, and a multiple of what vectors hold.
const BLOCK: usize = 192;

/// An LF without a CR before it.
fn is_bare(before: u8, octet: u8) -> bool {
    (octet == b'\n') & (before != b'\r')
}

/// A dot at the start of a line.
fn is_dotted(before: u8, octet: u8) -> bool {
    (octet == b'.') & (before == b'\n')
}

/// How many octets of a piece, with the one before each, are so; `last` is
/// the octet before the piece. The inner loop sums in octets, which compilers
/// turn into vector code.
fn pairs(last: u8, piece: &[u8], is: impl Fn(u8, u8) -> bool) -> usize {
    let Some((&first, behind)) = piece.split_first() else {
        return 0;
    };
    let blocks = piece.chunks(BLOCK).zip(behind.chunks(BLOCK));
    let sum = |(before, octets): (&[u8], &[u8])| {
        let pairs = before.iter().zip(octets);
        usize::from(pairs.map(|(&a, &b)| u8::from(is(a, b))).sum::<u8>())
    };
    usize::from(is(last, first)) + blocks.map(sum).sum::<usize>()
}

/// Finds the end of what TOP shows of a message in wire form: the header,
/// the blank line and so many lines of the body (RFC 1939, section 7).
#[derive(Debug)]
pub(crate) struct Top {
    lines: u64,
    header: bool,
    /// Octets of the line we are in, so far.
    octets: u64,
    done: bool,
}

impl Top {
    pub(crate) fn new(lines: u64) -> Top {
        Top {
            lines,
            header: true,
            octets: 0,
            done: false,
        }
    }

    /// How many octets of the next piece are shown.
    pub(crate) fn take(&mut self, piece: &[u8]) -> usize {
        let mut shown = 0;
        while !self.done {
            let Some(octets) = line(&piece[shown..]) else {
                self.octets += (piece.len() - shown) as u64;
                return piece.len();
            };
            shown += octets;
            self.octets += octets as u64;
            match self.header {
                // In wire form two octets that end a line are its CRLF.
                true => self.header = self.octets != 2,
                false => self.lines -= 1,
            }
            self.done = !self.header && self.lines == 0;
            self.octets = 0;
        }
        shown
    }

    /// Whether all has been shown.
    pub(crate) fn done(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, written down plainly.
    pub(crate) fn plainly(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for &octet in text {
            if octet == b'\n' && out.last() != Some(&b'\r') {
                out.push(b'\r');
            }
            out.push(octet);
        }
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// Text with line ends of every kind, dots and NULs.
    pub(crate) fn odd_text() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![
            Just(b'\r'),
            Just(b'\n'),
            Just(b'.'),
            Just(b'x'),
            any::<u8>()
        ];
        proptest::collection::vec(octet, 0..600)
    }

    #[test]
    fn line_ends_of_all_kinds_become_crlf() {
        for (disk, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\nb\r\nc", "a\r\nb\r\nc\r\n"),
            ("\n", "\r\n"),
            ("a\rb\n", "a\rb\r\n"),
            ("a\r\r\n", "a\r\r\n"),
            ("a\r", "a\r\r\n"),
            ("\0\n\0", "\0\r\n\0\r\n"),
        ] {
            assert_eq!(plainly(disk.as_bytes()), wire.as_bytes(), "{disk:?}");
        }
    }

    #[test]
    fn top_ends_behind_the_blank_line_and_so_many_lines() {
        let mail = b"A: b\r\n\r\r\n\r\none\r\ntwo\r\n";
        let take = |lines| Top::new(lines).take(mail);
        assert_eq!(&mail[..take(0)], b"A: b\r\n\r\r\n\r\n");
        assert_eq!(&mail[..take(1)], b"A: b\r\n\r\r\n\r\none\r\n");
        assert_eq!(take(2), mail.len());
        assert_eq!(take(u64::MAX), mail.len());
        assert_eq!(Top::new(0).take(b"\r\nbody\r\n"), 2);
    }

    proptest! {
        #[test]
        fn turning_and_counting_agree_with_the_definition(text in odd_text(), cut in 1usize..300) {
            let (mut turned, mut counted, mut out) = (Crlf::default(), Crlf::default(), Vec::new());
            let mut unchanged = true;
            for piece in text.chunks(cut) {
                unchanged &= counted.count(piece);
                turned.turn(piece, &mut out);
            }
            prop_assert_eq!(unchanged, out == text);
            let mut lines = text.split_inclusive(|&b| b == b'\n');
            prop_assert_eq!(counted.is_dotted(), lines.any(|line| line[0] == b'.'));
            out.extend_from_slice(turned.end());
            prop_assert_eq!(counted.end().len() + text.len() == out.len(), unchanged);
            prop_assert_eq!(turned.octets(), out.len() as u64);
            prop_assert_eq!(counted.octets(), out.len() as u64);
            prop_assert_eq!(&plainly(&out), &out, "wire form stays as it is");
            prop_assert_eq!(out, plainly(&text));
        }

        #[test]
        fn top_does_not_depend_on_the_cutting(text in odd_text(), cut in 1usize..9, lines in 0u64..9) {
            let wire = plainly(&text);
            let mut top = Top::new(lines);
            let shown: usize = wire.chunks(cut).map(|piece| top.take(piece)).sum();
            prop_assert_eq!(shown, Top::new(lines).take(&wire));
        }
    }
}
