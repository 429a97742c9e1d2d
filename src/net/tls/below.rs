//! What is below TLS: a socket that is read ahead of what the library asks
//! for, which is a header, then a record; and that sends by one call what
//! belongs together, such as a ticket and the greeting.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::net::raw::Raw;

/// Octets read ahead: commands, short answers, the hello of a client.
const AHEAD: usize = 1024;

/// Octets that wait for more at most. The last words of a handshake are fewer.
const MOST: usize = 4096;

/// A socket, with what was read ahead of it and what is still to be sent.
#[derive(Debug)]
pub(super) struct Below {
    raw: Raw,
    ahead: [u8; AHEAD],
    /// What of `ahead` nobody has asked for.
    from: usize,
    to: usize,
    /// Waits for what will be written next, or until somebody reads.
    held: Vec<u8>,
    /// Is what is written held?
    holds_back: bool,
}

impl Below {
    /// As long as hands are shaken, what is written waits.
    pub(super) fn new(raw: Raw) -> Below {
        Below {
            raw,
            ahead: [0; AHEAD],
            from: 0,
            to: 0,
            held: Vec::new(),
            holds_back: true,
        }
    }

    pub(super) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Were octets read that nobody has asked for?
    pub(super) fn is_ahead(&self) -> bool {
        self.from < self.to
    }

    /// Does something wait to be sent?
    pub(super) fn is_behind(&self) -> bool {
        !self.held.is_empty()
    }

    /// From now on what is written waits.
    pub(super) fn hold_back(&mut self) {
        self.holds_back = true;
    }

    /// From now on what is written goes, and takes with it what waits.
    pub(super) fn let_go(&mut self) {
        self.holds_back = false;
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// The socket's; `WouldBlock` if not all of it goes now.
    pub(super) fn push(&mut self) -> io::Result<()> {
        while self.is_behind() {
            let count = self.raw.write(&self.held)?;
            self.held.drain(..count);
        }
        self.held = Vec::new();
        Ok(())
    }
}

impl Read for Below {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Whoever waits for an answer must have said what it answers.
        self.push()?;
        if !self.is_ahead() {
            if buf.len() >= AHEAD {
                return self.raw.read(buf);
            }
            (self.from, self.to) = (0, self.raw.read(&mut self.ahead)?);
        }
        let count = (&self.ahead[self.from..self.to]).read(buf)?;
        self.from += count;
        Ok(count)
    }
}

impl Write for Below {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.holds_back && self.held.len() + bytes.len() <= MOST {
            self.held.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let waited = self.held.len();
        if waited == 0 {
            return self.raw.write(bytes);
        }
        let sent = self
            .raw
            .write_vectored(&[IoSlice::new(&self.held), IoSlice::new(bytes)])?;
        self.held.drain(..sent.min(waited));
        match sent.saturating_sub(waited) {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    /// The library flushes at the end of each of its own turns; see
    /// [`Below::push`] for ours.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Below {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::tests::raw_pair;

    #[test]
    fn what_is_held_goes_with_what_is_written_next_or_before_a_read() {
        let (raw, mut peer) = raw_pair();
        let mut below = Below::new(raw);
        let mut buf = [0; 64];
        below.write_all(b"one ").unwrap();
        below.write_all(b"two ").unwrap();
        assert!(below.is_behind());
        below.let_go();
        below.write_all(b"three").unwrap();
        let count = peer.read(&mut buf).unwrap();
        assert_eq!(
            (&buf[..count], below.is_behind()),
            (&b"one two three"[..], false)
        );
        let (raw, mut peer) = raw_pair();
        let mut below = Below::new(raw);
        below.write_all(b"question").unwrap();
        let none = below.read(&mut buf).map_err(|why| why.kind());
        assert_eq!(none, Err(io::ErrorKind::WouldBlock));
        let count = peer.read(&mut buf).unwrap();
        assert_eq!(&buf[..count], b"question");
    }

    #[test]
    fn nothing_is_lost_of_what_is_read_ahead_or_does_not_go_at_once() {
        let (raw, mut peer) = raw_pair();
        let mut below = Below::new(raw);
        let sent: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
        peer.write_all(&sent).unwrap();
        let mut got = Vec::new();
        for size in [1, 5, 700, 3000, 5, 9].iter().cycle() {
            let mut buf = vec![0; *size];
            let count = below.read(&mut buf).unwrap();
            got.extend_from_slice(&buf[..count]);
            if got.len() == sent.len() {
                break;
            }
        }
        assert!(got == sent && !below.is_ahead());
        // More than the kernel takes: the rest is told to be written again.
        below.write_all(&[1; MOST]).unwrap();
        below.let_go();
        let large = vec![2; 32 << 20];
        let mut count = 0;
        while let Ok(more) = below.write(&large[count..]) {
            count += more;
        }
        drop(below);
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        assert_eq!(all.len(), MOST + count);
        assert!(all[..MOST].iter().all(|&octet| octet == 1));
    }
}
