//! A connected socket whose calls never wait: the waiting is done by
//! [`super::wait`] alone.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, sendmsg};

const FLAGS: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// A socket of which no call ever blocks, though it stays in blocking mode:
/// the mode belongs to the connection, which others may hold too.
#[derive(Debug, Clone)]
pub(super) struct Raw(Rc<TcpStream>);

impl From<TcpStream> for Raw {
    fn from(socket: TcpStream) -> Raw {
        Raw(Rc::new(socket))
    }
}

impl Raw {
    pub(super) fn socket(&self) -> &TcpStream {
        &self.0
    }

    /// Shows what is there to be read, and leaves it there.
    ///
    /// # Errors
    /// The socket's; `WouldBlock` if there is nothing.
    pub(super) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK)
    }

    fn receive(&self, buf: &mut [u8], flags: MsgFlags) -> io::Result<usize> {
        loop {
            match recv(self.0.as_raw_fd(), buf, flags) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf, MsgFlags::MSG_DONTWAIT)
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(self.0.as_raw_fd(), bytes, FLAGS) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match sendmsg::<()>(self.0.as_raw_fd(), pieces, &[], FLAGS, None) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
