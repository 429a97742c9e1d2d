//! Octets that go from one socket to another through a pipe, in the kernel
//! alone. Elsewhere than on Linux there is none, and all are copied.

use std::io;
use std::os::fd::BorrowedFd;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Siphon;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::Siphon;

/// Octets asked for at once. A pipe holds as many, of whole pages.
const MOST: usize = 64 * 1024;

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::os::fd::{AsFd, OwnedFd};

    use nix::errno::Errno;
    use nix::fcntl::{OFlag, SpliceFFlags, splice};
    use nix::unistd::pipe2;

    /// A pipe between two sockets, which must not block.
    #[derive(Debug)]
    pub(in crate::net) struct Siphon {
        mouth: OwnedFd,
        spout: OwnedFd,
        held: usize,
    }

    impl Siphon {
        /// # Errors
        /// No descriptors, or no memory.
        pub(in crate::net) fn new() -> io::Result<Siphon> {
            let (spout, mouth) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
            Ok(Siphon {
                mouth,
                spout,
                held: 0,
            })
        }

        /// Octets in it.
        pub(in crate::net) fn held(&self) -> usize {
            self.held
        }

        /// Takes in what there is now; 0 at the end, and perhaps before an
        /// urgent octet.
        ///
        /// # Errors
        /// The socket's; `WouldBlock` if there is nothing.
        pub(in crate::net) fn fill(&mut self, source: BorrowedFd<'_>) -> io::Result<usize> {
            let count = carry(source, &self.mouth, MOST)?;
            self.held += count;
            Ok(count)
        }

        /// Gives out what goes now.
        ///
        /// # Errors
        /// The socket's; `WouldBlock` if nothing goes.
        pub(in crate::net) fn drain(&mut self, sink: BorrowedFd<'_>) -> io::Result<usize> {
            let count = carry(&self.spout, sink, self.held)?;
            self.held -= count;
            Ok(count)
        }
    }

    fn carry(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        loop {
            match splice(&from, None, &to, None, most, flags) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::*;

    /// Cannot be had.
    #[derive(Debug)]
    pub(in crate::net) enum Siphon {}

    impl Siphon {
        /// # Errors
        /// Always.
        pub(in crate::net) fn new() -> io::Result<Siphon> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in crate::net) fn held(&self) -> usize {
            match *self {}
        }

        /// # Errors
        /// There is none to fill.
        pub(in crate::net) fn fill(&mut self, _: BorrowedFd<'_>) -> io::Result<usize> {
            match *self {}
        }

        /// # Errors
        /// There is none to drain.
        pub(in crate::net) fn drain(&mut self, _: BorrowedFd<'_>) -> io::Result<usize> {
            match *self {}
        }
    }
}
