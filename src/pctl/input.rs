//! Lines of control words from a file or standard input, of bounded length.

use std::io::{ErrorKind, Read};

use crate::base::line::{Got, LineBuf};
use crate::base::words;

/// Lines of `source`, counted from 1.
pub(super) struct Lines<R> {
    source: R,
    buf: LineBuf,
    /// Number of the line last given out.
    pub(super) number: usize,
    /// The octet read last was no line end.
    open: bool,
    finished: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R) -> Lines<R> {
        Lines {
            source,
            buf: LineBuf::default(),
            number: 0,
            open: false,
            finished: false,
        }
    }

    /// The next line; the last one may lack its end. The inner error is a
    /// line that no daemon would take.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Result<String, String>>, String> {
        loop {
            let line = match self.buf.next(words::LONGEST) {
                Got::More if self.finished => return Ok(None),
                Got::More => {
                    self.fill()?;
                    continue;
                }
                Got::Line => std::str::from_utf8(self.buf.line())
                    .map(String::from)
                    .map_err(|_| "the line is not UTF-8".into()),
                Got::TooLong => Err(format!("a line has at most {} octets", words::LONGEST)),
                // The buffer gives no way past it.
                Got::Nul => return Err("a NUL octet: this is no text".into()),
            };
            self.number += 1;
            return Ok(Some(line));
        }
    }

    fn fill(&mut self) -> Result<(), String> {
        match self.source.read(self.buf.room()) {
            Ok(0) => {
                self.finished = true;
                if self.open {
                    self.buf.room()[0] = b'\n';
                    self.buf.filled(1);
                }
                Ok(())
            }
            Ok(count) => {
                self.open = self.buf.room()[count - 1] != b'\n';
                self.buf.filled(count);
                Ok(())
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    }
}

/// The words of a line that is worth sending: none of an empty line, or of
/// one that is all comment. A line that cannot be split is for the daemon to
/// refuse.
pub(super) fn first_word(line: &str) -> Option<String> {
    match words::split_text(line) {
        Ok(words) => words.into_iter().next(),
        Err(_) => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(usize, Result<String, String>)> {
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((lines.number, line));
        }
        found
    }

    #[test]
    fn the_last_line_may_lack_its_end() {
        let ok = |text: &str| Ok(text.to_string());
        assert_eq!(all(b"a\r\n\nb"), [(1, ok("a")), (2, ok("")), (3, ok("b"))]);
        assert_eq!(all(b"a\n"), [(1, ok("a"))]);
        assert_eq!(all(b""), []);
    }

    #[test]
    fn a_line_that_nobody_would_take_is_named_and_the_next_is_read() {
        let long = vec![b'x'; 20_000];
        let found = all(&[&long, b"\nshow\n\xff\n".as_slice(), &long].concat());
        let wrong: Vec<_> = found.iter().map(|(n, line)| (*n, line.is_err())).collect();
        assert_eq!(wrong, [(1, true), (2, false), (3, true), (4, true)]);
        assert!(Lines::new(b"a\0b\n".as_slice()).next().is_err());
    }

    #[test]
    fn comments_and_empty_lines_need_not_be_sent() {
        for (line, word) in [
            ("", None),
            (" \t", None),
            ("# set a b", None),
            (" set a b # c", Some("set")),
            ("\"commit\"", Some("commit")),
            ("set \"a", Some("")),
        ] {
            assert_eq!(first_word(line).as_deref(), word, "{line}");
        }
    }
}
