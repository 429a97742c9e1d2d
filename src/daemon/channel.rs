//! Lines between two masters. Neither waits for the other.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags};

use crate::sys::secret::wipe;

/// Longest line that is heard, in octets.
pub(super) const LONGEST: usize = 4096;

/// One end of it.
pub(super) struct Channel {
    stream: UnixStream,
    /// What the other side has not taken yet, and how much of it it has.
    out: Vec<u8>,
    sent: usize,
    heard: Vec<u8>,
    /// Nothing more will be heard.
    over: bool,
}

impl Channel {
    /// # Errors
    /// What the kernel says.
    pub(super) fn new(stream: UnixStream) -> io::Result<Channel> {
        stream.set_nonblocking(true)?;
        Ok(Channel {
            stream,
            out: Vec::new(),
            sent: 0,
            heard: Vec::new(),
            over: false,
        })
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> Option<PollFd<'_>> {
        let out = match self.sent < self.out.len() {
            true => PollFlags::POLLOUT,
            false => PollFlags::empty(),
        };
        (!self.over).then(|| PollFd::new(self.stream.as_fd(), PollFlags::POLLIN | out))
    }

    /// Says whole lines; what does not go now goes later. They are wiped.
    pub(super) fn say(&mut self, mut lines: Vec<u8>) {
        self.out.extend_from_slice(&lines);
        wipe(&mut lines);
        self.write();
    }

    fn write(&mut self) {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(count) if count > 0 => self.sent += count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
        wipe(&mut self.out);
        self.out.clear();
        self.sent = 0;
    }

    fn read(&mut self) {
        let mut buf = [0; 1024];
        while !self.over && self.heard.len() <= LONGEST {
            match self.stream.read(&mut buf) {
                Ok(0) => self.over = true,
                Ok(count) => self.heard.extend_from_slice(&buf[..count]),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.over = true,
            }
        }
    }

    /// The next line, if it is there; one that is too long is cut.
    pub(super) fn next(&mut self) -> Option<String> {
        self.write();
        self.read();
        let end = match self.heard.iter().position(|b| *b == b'\n') {
            Some(end) => end,
            None if self.heard.len() > LONGEST => LONGEST,
            None => return None,
        };
        let line: Vec<u8> = self.heard.drain(..=end).take(end).collect();
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Has the other side hung up, and nothing is left that it has said?
    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        wipe(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_at_once_goes_later() {
        let (a, b) = UnixStream::pair().unwrap();
        let (mut a, mut b) = (Channel::new(a).unwrap(), Channel::new(b).unwrap());
        let lines = b"many words\n".repeat(100_000);
        a.say(lines);
        let mut count = 0;
        while count < 100_000 {
            match b.next() {
                Some(line) => {
                    assert_eq!(line, "many words");
                    count += 1;
                }
                None => assert!(a.next().is_none() && !a.is_over()),
            }
        }
        assert!(a.out.is_empty() && b.next().is_none());
        drop(a);
        assert!(b.next().is_none() && b.is_over());
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut b = Channel::new(b).unwrap();
        a.write_all(b"serv").unwrap();
        assert_eq!(b.next(), None);
        a.write_all(b"ing\n\n").unwrap();
        assert_eq!(b.next().as_deref(), Some("serving"));
        assert_eq!(b.next().as_deref(), Some(""));
        a.write_all(&[b'x'; 5000]).unwrap();
        assert_eq!(b.next().map(|line| line.len()), Some(LONGEST));
    }
}
