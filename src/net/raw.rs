//! A connected socket whose calls do not wait unless they are told to: waiting
//! is [`super::wait`]'s.

use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, sendmsg};

const FLAGS: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// What is written waits for what comes next, for as long as the kernel likes:
/// a fifth of a second. Where the system knows no such thing it goes at once.
const MORE: MsgFlags = MsgFlags::from_bits_retain(crate::sys::flags::MORE);

/// A socket whose calls do not block, though it stays in blocking mode: the
/// mode belongs to the connection, which others may hold too.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    socket: Rc<TcpStream>,
    /// The next read may last as long as the socket lets it.
    lasts: Cell<bool>,
    /// What is written goes with the end of it all.
    ends: Cell<bool>,
}

impl From<TcpStream> for Raw {
    fn from(socket: TcpStream) -> Raw {
        Raw {
            socket: Rc::new(socket),
            lasts: Cell::new(false),
            ends: Cell::new(false),
        }
    }
}

impl Raw {
    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Lets the next read wait, no longer than the socket's own limit, or not.
    pub(super) fn let_last(&self, lasts: bool) {
        self.lasts.set(lasts);
    }

    /// From now on what is written need not go before [`Self::shut`].
    pub(super) fn end_with(&self) {
        self.ends.set(true);
    }

    /// Sends what there is, and tells the peer that there will be no more.
    pub(super) fn shut(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn sending(&self) -> MsgFlags {
        match self.ends.get() {
            true => FLAGS | MORE,
            false => FLAGS,
        }
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
            match recv(self.socket.as_raw_fd(), buf, flags) {
                // A signal is a reason to look around.
                Err(Errno::EINTR) if flags.is_empty() => return Err(Errno::EAGAIN.into()),
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let flags = match self.lasts.take() {
            true => MsgFlags::empty(),
            false => MsgFlags::MSG_DONTWAIT,
        };
        self.receive(buf, flags)
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(self.socket.as_raw_fd(), bytes, self.sending()) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match sendmsg::<()>(self.socket.as_raw_fd(), pieces, &[], self.sending(), None) {
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
        self.socket.as_fd()
    }
}
