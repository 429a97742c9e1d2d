//! Lines out of a stream of octets: bounded, and honest about what is bad.

/// How much is read ahead: commands that a client sends in one go
/// (PIPELINING, RFC 2449 section 6.6) wait here. More than the longest line,
/// a SASL response of 8192 octets.
const CAPACITY: usize = 8448;

/// How much at first: hardly any client ever needs more, and every page that
/// is written to is one more page of memory for each session.
const FIRST: usize = 512;

/// What the buffer holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// A line, without its end; it is `buffer.line()` until the next call.
    Line,
    /// A line longer than allowed, swallowed whole, its end included.
    TooLong,
    /// A NUL octet: no client of ours sends that.
    Nul,
    /// Nothing whole; read on.
    More,
}

/// Takes octets in and gives lines out. A line ends with LF; a CR before it
/// belongs to the end.
pub(crate) struct LineBuf {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The line last given out.
    line: std::ops::Range<usize>,
    /// Inside a line that was too long: what comes belongs to it until its end.
    skipping: bool,
}

impl Default for LineBuf {
    fn default() -> LineBuf {
        LineBuf {
            bytes: vec![0; FIRST],
            start: 0,
            end: 0,
            line: 0..0,
            skipping: false,
        }
    }
}

impl LineBuf {
    /// Room for new octets: read into it, then say [`Self::filled`].
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            let left = self.end - self.start..self.end;
            (self.start, self.end) = (0, left.start);
            // What has moved may be the first part of a secret.
            crate::sys::secret::wipe(&mut self.bytes[left]);
        }
        if self.end == self.bytes.len() {
            self.grow();
        }
        &mut self.bytes[self.end..]
    }

    /// Moves to more room; what may be a secret is not left behind.
    fn grow(&mut self) {
        let mut more = vec![0; (self.bytes.len() * 4).min(CAPACITY)];
        more[..self.end].copy_from_slice(&self.bytes[..self.end]);
        crate::sys::secret::wipe(&mut self.bytes);
        self.bytes = more;
    }

    /// `count` octets of the room were filled.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// The next line of at most `longest` octets, its end included
    /// (`longest` is less than the capacity).
    pub(crate) fn next(&mut self, longest: usize) -> Got {
        let longest = longest.min(CAPACITY - 1);
        let held = &self.bytes[self.start..self.end];
        let end = held.iter().position(|&b| b == b'\n');
        let line = &held[..end.map_or(held.len(), |at| at + 1)];
        if line.contains(&0) {
            return Got::Nul;
        }
        let (len, whole) = (line.len(), end.is_some());
        if !whole && len <= longest && !self.skipping {
            return Got::More;
        }
        let from = self.start;
        self.start += len;
        if self.skipping || len > longest {
            self.skipping = !whole;
            return if whole { Got::TooLong } else { Got::More };
        }
        let cr = len >= 2 && self.bytes[from + len - 2] == b'\r';
        self.line = from..from + len - 1 - usize::from(cr);
        Got::Line
    }

    /// The line that [`Self::next`] found last.
    pub(crate) fn line(&self) -> &[u8] {
        &self.bytes[self.line.clone()]
    }

    /// What was read but not yet given out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Wipes and forgets everything, secrets that passed through included.
    pub(crate) fn wipe(&mut self) {
        crate::sys::secret::wipe(&mut self.bytes[..]);
        (self.start, self.end, self.line, self.skipping) = (0, 0, 0..0, false);
    }

    /// Wipes the line last given out: it held a password.
    pub(crate) fn wipe_line(&mut self) {
        crate::sys::secret::wipe(&mut self.bytes[self.line.clone()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(buf: &mut LineBuf, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = buf.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            buf.filled(count);
            rest = &rest[count..];
        }
    }

    fn all(input: &[u8], longest: usize, step: usize) -> Vec<Result<Vec<u8>, &'static str>> {
        let mut buf = LineBuf::default();
        let mut out = Vec::new();
        for piece in input.chunks(step) {
            feed(&mut buf, piece);
            loop {
                match buf.next(longest) {
                    Got::Line => out.push(Ok(buf.line().to_vec())),
                    Got::TooLong => out.push(Err("long")),
                    Got::Nul => return [out, vec![Err("nul")]].concat(),
                    Got::More => break,
                }
            }
        }
        out
    }

    #[test]
    fn lines_end_with_lf_or_crlf() {
        let lines = all(b"USER a\r\nPASS b c\n\nrest", 255, 100);
        assert_eq!(
            lines,
            [Ok(b"USER a".to_vec()), Ok(b"PASS b c".to_vec()), Ok(vec![])]
        );
    }

    #[test]
    fn nothing_of_a_password_that_came_in_pieces_is_left_behind() {
        let mut buf = LineBuf::default();
        for piece in [&b"USER joe\r\nPASS open ses"[..], b"ame\r\n"] {
            feed(&mut buf, piece);
            while buf.next(255) == Got::Line {
                buf.wipe_line();
            }
        }
        assert_eq!(buf.rest(), b"");
        let left: Vec<_> = buf.bytes.iter().filter(|b| **b > b' ').collect();
        assert_eq!(
            left,
            [&0u8; 0],
            "{:?}",
            buf.bytes.escape_ascii().to_string()
        );
    }

    #[test]
    fn what_follows_in_a_line_too_long_is_never_a_line() {
        let mut input = vec![b'A'; 9000];
        input.extend_from_slice(b"DELE 1\r\nNOOP\r\n");
        assert_eq!(all(&input, 255, 1000), [Err("long"), Ok(b"NOOP".to_vec())]);
    }

    #[test]
    fn the_limit_counts_the_line_end() {
        assert_eq!(all(b"12345678\r\n", 10, 100), [Ok(b"12345678".to_vec())]);
        assert_eq!(all(b"123456789\r\n", 10, 100), [Err("long")]);
    }

    #[test]
    fn a_nul_octet_is_seen_before_its_line_ends() {
        assert_eq!(
            all(b"NOOP\r\nUS\0", 255, 100),
            [Ok(b"NOOP".to_vec()), Err("nul")]
        );
    }

    #[test]
    fn what_was_read_ahead_is_kept() {
        let mut buf = LineBuf::default();
        feed(&mut buf, b"PASS x\r\nSTAT\r\nQU");
        assert_eq!(buf.next(255), Got::Line);
        assert_eq!(
            (buf.line(), buf.rest()),
            (b"PASS x".as_slice(), b"STAT\r\nQU".as_slice())
        );
    }

    proptest! {
        #[test]
        fn the_way_it_is_cut_makes_no_difference(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), 1u8..=255], 0..600),
            step in 1usize..50,
        ) {
            prop_assert_eq!(all(&input, 40, step), all(&input, 40, 600));
        }
    }
}
