//! A shelf: where a process lays an open file for all its children, those too
//! that could not open it themselves. It stays there: each of them takes a copy.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, recv, sendmsg, socketpair,
};

/// A socket in which at most one message waits; the file is its right. A
/// child that was taken over can empty it, but nothing of it goes to others.
pub(crate) struct Shelf {
    /// Only the process that made the shelf has it.
    put: Option<OwnedFd>,
    take: OwnedFd,
}

impl Shelf {
    /// # Errors
    /// No descriptors left.
    pub(crate) fn new() -> io::Result<Shelf> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (put, take) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        Ok(Shelf {
            put: Some(put),
            take,
        })
    }

    /// In a child: only takes from here on.
    pub(crate) fn only_take(&mut self) {
        self.put = None;
    }

    /// Lays `file` there, in the place of what lies there.
    ///
    /// # Errors
    /// What the kernel says; in a child always.
    pub(crate) fn put(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        let Some(put) = &self.put else {
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        while recv(self.take.as_raw_fd(), &mut [0; 16], MsgFlags::empty()).is_ok_and(|n| n > 0) {}
        let (octet, rights) = ([io::IoSlice::new(b"f")], [file.as_raw_fd()]);
        let rights = [ControlMessage::ScmRights(&rights)];
        // A child that shuts its end must not end us.
        let flags = MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(put.as_raw_fd(), &octet, &rights, flags, None)?;
        Ok(())
    }

    /// A copy of the file that lies there.
    ///
    /// # Errors
    /// There is none, or no descriptors are left.
    #[cfg(target_os = "linux")]
    pub(crate) fn copy(&self) -> io::Result<OwnedFd> {
        use std::os::fd::FromRawFd;

        use nix::sys::socket::{ControlMessageOwned, recvmsg};

        let mut octet = [0];
        let mut octets = [io::IoSliceMut::new(&mut octet)];
        let mut room = nix::cmsg_space!([i32; 1]);
        // Who only peeks gets rights of his own, and leaves the message where it is.
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_CMSG_CLOEXEC;
        let take = self.take.as_raw_fd();
        let message = recvmsg::<()>(take, &mut octets, Some(&mut room), flags)?;
        for part in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(rights) = part {
                if let [fd] = rights[..] {
                    // SAFETY: the kernel has made it just now, for us alone.
                    return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
                }
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// The portable twin: elsewhere rights cannot be had by peeking.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn copy(&self) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    fn says(shelf: &Shelf) -> String {
        let mut text = String::new();
        let copy = shelf.copy().map(File::from);
        if let Ok(mut file) = copy {
            let _ = file.read_to_string(&mut text);
        }
        text
    }

    fn file(text: &str) -> OwnedFd {
        let (read, write) = crate::sys::proc::pipe().unwrap();
        nix::unistd::write(&write, text.as_bytes()).unwrap();
        read
    }

    #[test]
    fn what_lies_on_the_shelf_is_there_for_everybody() {
        let mut shelf = Shelf::new().unwrap();
        assert!(shelf.copy().is_err(), "nothing is there");
        let first = file("first");
        shelf.put(first.as_fd()).unwrap();
        drop(first);
        let kept = shelf.copy().unwrap();
        assert_eq!(says(&shelf), "first");
        assert!(shelf.copy().is_ok(), "it stays");
        shelf.put(file("second").as_fd()).unwrap();
        assert_eq!(says(&shelf), "second");
        drop(kept);
        shelf.only_take();
        assert!(shelf.put(file("third").as_fd()).is_err());
    }
}
