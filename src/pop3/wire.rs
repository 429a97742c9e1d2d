//! A conversation in lines: what was read ahead, what is still to be said.

use std::fs::File;

use super::show;
use crate::base::line::{Got, LineBuf};
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline, Side, Watch};

/// Longest command line, its end included (RFC 2449 section 4).
pub(crate) const COMMAND: usize = 255;

/// Said in one write at most; longer answers go out in pieces of this size.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What came from the peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line: `wire.lines.line()`.
    Line,
    /// A line that was too long and is gone.
    TooLong,
    /// A NUL octet.
    Nul,
    /// The peer will say no more.
    Eof,
}

/// One side of a conversation.
pub(crate) struct Wire<'w> {
    pub(crate) stream: Stream,
    pub(crate) lines: LineBuf,
    /// What is to be said before we listen again.
    pub(crate) out: Vec<u8>,
    pub(crate) watch: &'w dyn Watch,
    /// Where in `out` the answer begins whose first line is to be shown.
    answer_at: Option<usize>,
}

impl<'w> Wire<'w> {
    pub(crate) fn new(stream: Stream, watch: &'w dyn Watch) -> Wire<'w> {
        Wire {
            stream,
            lines: LineBuf::default(),
            out: Vec::new(),
            watch,
            answer_at: None,
        }
    }

    /// The next line of at most `longest` octets. Everything that waits to
    /// be said is said, in one write, before we wait: so a client that sent
    /// several commands in one packet gets their answers in one.
    ///
    /// # Errors
    /// As for reading and writing; `read` and `write` are the deadlines.
    pub(crate) fn next(
        &mut self,
        longest: usize,
        read: Deadline<'_>,
        write: Deadline<'_>,
    ) -> Result<Input, Broken> {
        loop {
            match self.lines.next(longest) {
                Got::Line => return Ok(Input::Line),
                Got::TooLong => return Ok(Input::TooLong),
                Got::Nul => return Ok(Input::Nul),
                Got::More => {}
            }
            self.flush(write)?;
            let count = self.stream.read(self.lines.room(), self.watch, read)?;
            if count == 0 {
                return Ok(Input::Eof);
            }
            self.lines.filled(count);
        }
    }

    /// Says what waits to be said, `text` behind it, and then `end`: as much as
    /// goes at once, by one call. The rest waits.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn say_with(&mut self, text: &[u8], end: &[u8]) -> std::io::Result<()> {
        self.show_begun();
        let mut sent = self.stream.write_pieces([&self.out, text, end])?;
        let waited = sent.min(self.out.len());
        self.out.drain(..waited);
        sent -= waited;
        for piece in [text, end] {
            let gone = sent.min(piece.len());
            self.out.extend_from_slice(&piece[gone..]);
            sent -= gone;
        }
        Ok(())
    }

    /// Says a part of a file; nothing else may wait to be said.
    ///
    /// # Errors
    /// As [`Stream::write_file`], which see.
    pub(crate) fn write_file(
        &mut self,
        file: &File,
        at: u64,
        most: usize,
        deadline: Deadline<'_>,
    ) -> Result<Option<usize>, Broken> {
        let stream = &mut self.stream;
        stream.write_file(file, at, most, self.watch, deadline)
    }

    /// A line was heard, which `shown` makes fit to be seen: shows it to who
    /// watches. The answer that it gets from here on is shown by
    /// [`Wire::show_answer`], or before, when it is said.
    pub(crate) fn show(&mut self, line: &[u8], shown: fn(&[u8]) -> Vec<u8>) {
        if self.watch.is_watched() {
            self.watch.tell(Side::Client, &shown(line));
            self.answer_at = Some(self.out.len());
        }
    }

    /// Shows the first line of the answer to who watches, once.
    pub(crate) fn show_answer(&mut self) {
        if let Some(at) = self.answer_at.take() {
            if let Some(line) = self.out.get(at..).and_then(show::answer) {
                self.watch.tell(Side::Server, line);
            }
        }
    }

    /// What waits is said now; an answer that is among it is shown before.
    fn show_begun(&mut self) {
        match self.answer_at {
            Some(at) if at < self.out.len() => self.show_answer(),
            Some(_) => self.answer_at = Some(0),
            None => {}
        }
    }

    /// Says what waits to be said, and that there will be no more. Who leaves
    /// without a word does not say that either.
    ///
    /// # Errors
    /// As for writing.
    pub(crate) fn finish(&mut self, deadline: Deadline<'_>) -> Result<(), Broken> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.show_begun();
        let Wire { stream, out, .. } = self;
        stream.write_last(out, self.watch, deadline)
    }

    /// Says what waits to be said.
    ///
    /// # Errors
    /// As for writing.
    pub(crate) fn flush(&mut self, deadline: Deadline<'_>) -> Result<(), Broken> {
        if !self.out.is_empty() {
            self.show_begun();
            self.stream.write_all(&self.out, self.watch, deadline)?;
            self.out.clear();
            self.out.shrink_to(CHUNK);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::net::stream::tests::pair;
    use crate::net::wait::Alone;
    use std::io::{Read, Write};

    #[test]
    fn what_does_not_go_at_once_waits_and_nothing_is_lost_or_said_twice() {
        let (stream, mut client) = pair();
        let alone = Alone::new().unwrap();
        let mut wire = Wire::new(stream, &alone);
        let text: Vec<u8> = (0..30_000_000_u32).map(|n| (n % 251) as u8).collect();
        let whole = [b"+OK\r\n", &text[..], b".\r\n"].concat();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            got
        });
        crate::pop3::reply::ok(&mut wire.out, "");
        wire.say_with(&text, b".\r\n").unwrap();
        assert!(!wire.out.is_empty(), "it all went at once");
        wire.finish(&|| now() + 60_000).unwrap();
        drop(wire);
        assert!(reader.join().unwrap() == whole);
    }

    #[test]
    fn answers_to_pipelined_commands_leave_in_one_piece_and_in_order() {
        let (stream, mut client) = pair();
        let alone = Alone::new().unwrap();
        let soon = || now() + 5000;
        let mut wire = Wire::new(stream, &alone);
        client.write_all(b"NOOP\r\nSTAT\r\nQU").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut seen = Vec::new();
        while wire.next(COMMAND, &soon, &soon).unwrap() == Input::Line {
            seen.push(wire.lines.line().to_vec());
            crate::pop3::reply::ok(&mut wire.out, seen.len());
        }
        assert_eq!(
            seen,
            [b"NOOP", b"STAT"],
            "QUIT without its line end is no QUIT"
        );
        drop(wire);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "+OK 1\r\n+OK 2\r\n");
    }
}
