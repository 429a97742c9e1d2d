//! A connected stream socket, with TLS around it or without: reads and writes
//! that wait as [`super::wait`] does.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;

use super::raw::Raw;
use super::tls::Channel;
use super::wait::{Broken, Deadline, Watch, is_over, look, wait_one};
use crate::sys::sendfile::sendfile;

/// How octets go to and fro.
#[derive(Debug)]
enum Link {
    Plain(Raw),
    Tls(Box<Channel>),
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    link: Link,
    /// Octets read so far, those of TLS itself not counted.
    pub(crate) received: u64,
    /// Octets written so far.
    pub(crate) sent: u64,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Stream {
        Stream {
            link: Link::Plain(socket.into()),
            received: 0,
            sent: 0,
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw().as_fd()
    }
}

/// What would have blocked has moved nothing.
fn now_or_never<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

impl Stream {
    fn raw(&self) -> &Raw {
        match &self.link {
            Link::Plain(raw) => raw,
            Link::Tls(channel) => channel.raw(),
        }
    }

    /// Our own address and port on this connection.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.raw().socket().local_addr().ok()
    }

    /// What TLS there is.
    pub(crate) fn channel(&self) -> Option<&Channel> {
        match &self.link {
            Link::Plain(_) => None,
            Link::Tls(channel) => Some(channel),
        }
    }

    /// The TLS there is, to be changed.
    pub(crate) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match &mut self.link {
            Link::Plain(_) => None,
            Link::Tls(channel) => Some(channel),
        }
    }

    /// Puts TLS around the connection, by a handshake that `shake` makes.
    ///
    /// # Errors
    /// Those of `shake`; nothing more can then be said on the connection.
    pub(super) fn secure(
        &mut self,
        shake: impl FnOnce(Raw) -> Result<Channel, Broken>,
    ) -> Result<(), Broken> {
        if let Link::Plain(raw) = &self.link {
            self.link = Link::Tls(Box::new(shake(raw.clone())?));
        }
        Ok(())
    }

    /// Are there octets that the socket does not tell of? Then nobody must
    /// wait for it.
    pub(crate) fn holds(&self) -> bool {
        self.channel().is_some_and(Channel::holds)
    }

    /// What to wait for before the next read.
    pub(crate) fn reads(&self) -> PollFlags {
        match self.reads_by_writing() {
            true => PollFlags::POLLOUT,
            false => PollFlags::POLLIN,
        }
    }

    /// Must something be written before the next read?
    pub(crate) fn reads_by_writing(&self) -> bool {
        self.channel().is_some_and(Channel::must_write)
    }

    /// Reads what is there, waiting for the first octet. 0 means that the
    /// peer will send no more. What is there is read though it be late, but
    /// nobody is waited for who sends what is nothing to us.
    ///
    /// # Errors
    /// Deadline, watch, or the socket's error.
    pub(crate) fn read(
        &mut self,
        buf: &mut [u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<usize, Broken> {
        self.push(watch, deadline)?;
        loop {
            match self.holds() {
                true => look(watch)?,
                false => wait_one(self, self.reads(), watch, deadline)?,
            }
            if let Some(count) = self.read_now(buf)? {
                return Ok(count);
            }
            if is_over(deadline) {
                return Err(Broken::Timeout);
            }
        }
    }

    /// Sends what a handshake has left to be said, which goes by itself only
    /// with what is written next.
    fn push(&mut self, watch: &dyn Watch, deadline: Deadline<'_>) -> Result<(), Broken> {
        while let Link::Tls(channel) = &mut self.link {
            match now_or_never(channel.push())? {
                Some(()) => break,
                None => wait_one(self, PollFlags::POLLOUT, watch, deadline)?,
            }
        }
        Ok(())
    }

    /// As [`Self::read`], but what it shows is still to be read; for what
    /// comes before TLS.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn peek(
        &self,
        buf: &mut [u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<usize, Broken> {
        loop {
            wait_one(self, PollFlags::POLLIN, watch, deadline)?;
            if let Some(count) = now_or_never(self.raw().peek(buf))? {
                return Ok(count);
            }
        }
    }

    /// Reads what is there without waiting; `None` if there is nothing.
    ///
    /// # Errors
    /// The socket's error.
    pub(crate) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let count = now_or_never(match &mut self.link {
            Link::Plain(raw) => raw.read(buf),
            Link::Tls(channel) => channel.read(buf),
        })?;
        self.received += count.unwrap_or(0) as u64;
        Ok(count)
    }

    /// Writes as much as goes without waiting; 0 if nothing does. Then the
    /// next write must begin with the same octets.
    ///
    /// # Errors
    /// The socket's error.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = now_or_never(match &mut self.link {
            Link::Plain(raw) => raw.write(bytes),
            Link::Tls(channel) => channel.write(bytes),
        })?;
        let count = count.unwrap_or(0);
        self.sent += count as u64;
        Ok(count)
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// Deadline (asked for anew before each wait), watch, or the socket's error.
    pub(crate) fn write_all(
        &mut self,
        bytes: &[u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.write_now(rest)?;
            rest = &rest[count..];
            if count == 0 {
                wait_one(self, PollFlags::POLLOUT, watch, deadline)?;
            }
        }
        Ok(())
    }

    /// Writes up to `most` octets of a file, from place `at` on, by the kernel
    /// alone; how many it were, 0 at the end of the file. `None` if that
    /// cannot be done: with TLS, or on this system.
    ///
    /// # Errors
    /// As [`Self::write_all`]; of kind `Other` if the file cannot be read.
    pub(crate) fn write_file(
        &mut self,
        file: &File,
        at: u64,
        most: usize,
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<Option<usize>, Broken> {
        let Link::Plain(raw) = &self.link else {
            return Ok(None);
        };
        self.never_wait()?;
        loop {
            match now_or_never(sendfile(raw.as_fd(), file, at, most))? {
                Some(count) => {
                    self.sent += count.unwrap_or(0) as u64;
                    return Ok(count);
                }
                None => wait_one(raw, PollFlags::POLLOUT, watch, deadline)?,
            }
        }
    }

    /// Does it carry what is said as it is, so that others can carry it?
    pub(super) fn is_bare(&self) -> bool {
        matches!(&self.link, Link::Plain(_))
    }

    /// Sees to it that calls that know no other way do not wait either. The
    /// connection is ours alone.
    pub(super) fn never_wait(&self) -> io::Result<()> {
        self.raw().socket().set_nonblocking(true)
    }

    /// Lets `carry` move octets that do not pass through us; `None` if there
    /// are none to be moved now.
    ///
    /// # Errors
    /// The socket's error.
    pub(super) fn siphon_now(
        &mut self,
        carry: impl FnOnce(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        now_or_never(carry(self.as_fd()))
    }

    /// Tells the peer that we will send no more.
    pub(crate) fn finish(&mut self) {
        if let Link::Tls(channel) = &mut self.link {
            channel.finish();
        }
        let _ = self.raw().socket().shutdown(Shutdown::Write);
    }

    /// Writes two pieces as one, if they go at once; for refusals that wait
    /// for nobody.
    pub(crate) fn parting_words(&mut self, first: &[u8], second: &[u8]) {
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let _ = match &mut self.link {
            Link::Plain(raw) => raw.write_vectored(&pieces),
            Link::Tls(channel) => channel.write(&[first, second].concat()),
        };
        self.finish();
    }
}

impl From<io::Error> for Broken {
    fn from(why: io::Error) -> Broken {
        Broken::Io(why)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::net::wait::Alone;
    use std::net::TcpListener;

    /// Two ends of one connection.
    pub(crate) fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0.into(), peer)
    }

    /// The same without what keeps count.
    pub(in crate::net) fn raw_pair() -> (Raw, TcpStream) {
        let (ours, theirs) = pair();
        (ours.raw().clone(), theirs)
    }

    #[test]
    fn what_is_written_at_one_end_is_read_at_the_other() {
        let (mut ours, mut theirs) = pair();
        let alone = Alone::new().unwrap();
        let soon = || now() + 5000;
        theirs.write_all(b"hello").unwrap();
        let mut buf = [0; 16];
        assert_eq!(ours.read(&mut buf, &alone, &soon).unwrap(), 5);
        ours.write_all(b"good bye", &alone, &soon).unwrap();
        ours.finish();
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert_eq!(
            (text.as_str(), ours.received, ours.sent),
            ("good bye", 5, 8)
        );
    }

    #[test]
    fn a_silent_peer_ends_a_read_and_a_deaf_one_a_write() {
        let (mut ours, _theirs) = pair();
        let alone = Alone::new().unwrap();
        let soon = || now();
        assert!(matches!(
            ours.read(&mut [0; 4], &alone, &soon),
            Err(Broken::Timeout)
        ));
        let much = vec![0; 64 << 20];
        assert!(matches!(
            ours.write_all(&much, &alone, &soon),
            Err(Broken::Timeout)
        ));
    }
}
