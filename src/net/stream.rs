//! A connected stream socket: reads and writes that wait as [`super::wait`]
//! does. The socket stays in blocking mode; no call on it ever blocks.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, recv, send, sendmsg};

use super::wait::{Broken, Deadline, Watch, wait_one};

const FLAGS: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    /// Octets read so far.
    pub(crate) received: u64,
    /// Octets written so far.
    pub(crate) sent: u64,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Stream {
        Stream {
            socket,
            received: 0,
            sent: 0,
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Stream {
    /// Our own address and port on this connection.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// Reads what is there, waiting for the first octet. 0 means that the
    /// peer will send no more.
    ///
    /// # Errors
    /// Deadline, watch, or the socket's error.
    pub(crate) fn read(
        &mut self,
        buf: &mut [u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<usize, Broken> {
        loop {
            wait_one(self, PollFlags::POLLIN, watch, deadline)?;
            if let Some(count) = self.read_now(buf)? {
                return Ok(count);
            }
        }
    }

    /// As [`Self::read`], but what it shows is still to be read.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn peek(
        &self,
        buf: &mut [u8],
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<usize, Broken> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
        loop {
            wait_one(self, PollFlags::POLLIN, watch, deadline)?;
            match recv(self.socket.as_raw_fd(), buf, flags) {
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }

    /// Reads what is there without waiting; `None` if there is nothing.
    ///
    /// # Errors
    /// The socket's error.
    pub(crate) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(self.socket.as_raw_fd(), buf, MsgFlags::MSG_DONTWAIT) {
                Ok(count) => {
                    self.received += count as u64;
                    return Ok(Some(count));
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Writes as much as goes without waiting; 0 if nothing does.
    ///
    /// # Errors
    /// The socket's error.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(self.socket.as_raw_fd(), bytes, FLAGS) {
                Ok(count) => {
                    self.sent += count as u64;
                    return Ok(count);
                }
                Err(Errno::EAGAIN) => return Ok(0),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
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

    /// Tells the peer that we will send no more.
    pub(crate) fn finish(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Writes two pieces as one, if they go at once; for refusals that wait
    /// for nobody.
    pub(crate) fn parting_words(&mut self, first: &[u8], second: &[u8]) {
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let _ = sendmsg::<()>(self.socket.as_raw_fd(), &pieces, &[], FLAGS, None);
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
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Two ends of one connection.
    pub(crate) fn pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0.into(), peer)
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
