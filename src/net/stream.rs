//! A connected stream socket, with TLS around it or without: reads and writes
//! that wait as [`super::wait`] does.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;

use super::raw::Raw;
use super::tls::Channel;
use super::wait::{Broken, Deadline, Watch, is_over, look, may_last, wait_on, wait_one};
use crate::base::clock::now;
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
    /// Do reads that wait by themselves come to an end?
    lasting: bool,
    /// Octets read so far, those of TLS itself not counted.
    pub(crate) received: u64,
    /// Octets written so far.
    pub(crate) sent: u64,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Stream {
        Stream::accepted(socket, false)
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
    /// A connection of which reads may be `lasting`: they wait by themselves,
    /// no longer than half a second.
    pub(super) fn accepted(socket: TcpStream, lasting: bool) -> Stream {
        Stream {
            link: Link::Plain(socket.into()),
            lasting,
            received: 0,
            sent: 0,
        }
    }

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
        let (since, mut lasting) = (now(), self.lasting && !self.reads_by_writing());
        loop {
            if self.holds() {
                look(watch)?;
            } else if std::mem::take(&mut lasting) && may_last(watch, deadline) {
                // One call in place of two.
                self.raw().let_last(true);
            } else {
                wait_on(since, self, self.reads(), watch, deadline)?;
            }
            let read = self.read_now(buf);
            // TLS may not have come to read at all, and others must not wait.
            self.raw().let_last(false);
            if let Some(count) = read? {
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

    /// Writes as much of these as goes without waiting, by one call; 0 if
    /// nothing does, or if they are better written as one.
    ///
    /// # Errors
    /// The socket's error.
    pub(crate) fn write_pieces(&mut self, pieces: [&[u8]; 3]) -> io::Result<usize> {
        let Link::Plain(raw) = &mut self.link else {
            return Ok(0);
        };
        let count = now_or_never(raw.write_vectored(&pieces.map(IoSlice::new)))?;
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

    /// Writes all of `bytes`, and tells the peer that we will send no more:
    /// all of it in one segment, if it fits.
    ///
    /// # Errors
    /// As [`Self::write_all`].
    pub(crate) fn write_last(
        &mut self,
        bytes: &[u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<(), Broken> {
        if let Link::Tls(channel) = &mut self.link {
            channel.hold_back();
        }
        self.end_with();
        self.write_all(bytes, watch, deadline)?;
        if let Link::Tls(channel) = &mut self.link {
            channel.finish();
        }
        self.push(watch, deadline)?;
        self.raw().shut();
        Ok(())
    }

    /// What is written from now on need not go before [`Self::finish`].
    pub(super) fn end_with(&self) {
        self.raw().end_with();
    }

    /// Tells the peer that we will send no more.
    pub(crate) fn finish(&mut self) {
        self.end_with();
        if let Link::Tls(channel) = &mut self.link {
            channel.finish();
        }
        self.raw().shut();
    }

    /// Writes two pieces as one, if they go at once; for refusals that wait
    /// for nobody.
    pub(crate) fn parting_words(&mut self, first: &[u8], second: &[u8]) {
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        self.end_with();
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
pub(crate) mod tests;
