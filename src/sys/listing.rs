//! The names in an open directory. Elsewhere than on Linux the C library
//! lists them; it takes 32 kB to do so, four calls to prepare and a descriptor
//! of its own, which is more than most mailboxes need to be read.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;

use super::dir::Kind;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Names;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::Names;

/// A name, with its kind if the file system tells that.
pub(super) type Found<'n> = (&'n [u8], Option<Kind>);

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::os::fd::AsRawFd;

    /// Octets that names are listed in at once: many times the longest name.
    const ROOM: usize = 4096;

    /// Where an entry has its length, its kind and its name (getdents64(2)).
    const LENGTH: usize = 16;
    const KIND: usize = 18;
    const NAME: usize = 19;

    /// The names in a directory, `.` and `..` among them.
    pub(in crate::sys) struct Names<'d> {
        dir: BorrowedFd<'d>,
        /// Not on the stack, since listings are nested as deep as folders are.
        room: Vec<u8>,
        /// What of `room` was not taken yet.
        from: usize,
        to: usize,
    }

    impl<'d> Names<'d> {
        /// Begins where the listing of `dir` stands.
        pub(in crate::sys) fn of(dir: BorrowedFd<'d>) -> io::Result<Names<'d>> {
            Ok(Names {
                dir,
                room: vec![0; ROOM],
                from: 0,
                to: 0,
            })
        }

        /// The next name; `None` behind the last.
        pub(in crate::sys) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
            if self.from == self.to {
                (self.from, self.to) = (0, self.more()?);
            }
            let rest = &self.room[self.from..self.to];
            let Some((entry, name, kind)) = parse(rest) else {
                return match rest.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::InvalidData.into()),
                };
            };
            self.from += entry;
            Ok(Some((name, kind)))
        }

        fn more(&mut self) -> io::Result<usize> {
            let room = self.room.as_mut_ptr();
            loop {
                // SAFETY: the kernel writes at most ROOM octets to where there are as many.
                let count = unsafe {
                    libc::syscall(libc::SYS_getdents64, self.dir.as_raw_fd(), room, ROOM)
                };
                match usize::try_from(count) {
                    Ok(count) => return Ok(count.min(ROOM)),
                    Err(_) if Errno::last() == Errno::EINTR => {}
                    Err(_) => return Err(Errno::last().into()),
                }
            }
        }
    }

    /// The first entry: its length, its name, its kind.
    fn parse(rest: &[u8]) -> Option<(usize, &[u8], Option<Kind>)> {
        let length = rest.get(LENGTH..LENGTH + 2)?;
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let entry = rest.get(..length)?;
        let name = entry.get(NAME..)?.split(|&octet| octet == 0).next()?;
        let kind = match *entry.get(KIND)? {
            libc::DT_REG => Some(Kind::File),
            libc::DT_DIR => Some(Kind::Directory),
            libc::DT_LNK => Some(Kind::Link),
            libc::DT_UNKNOWN => None,
            _ => Some(Kind::Other),
        };
        Some((length, name, kind))
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::*;
    use nix::dir::{Dir, Entry, OwningIter, Type};

    /// The names in a directory, `.` and `..` among them.
    pub(in crate::sys) struct Names {
        entries: OwningIter,
        entry: Option<Entry>,
    }

    impl Names {
        /// Begins where the listing of `dir` stands.
        pub(in crate::sys) fn of(dir: BorrowedFd<'_>) -> io::Result<Names> {
            Ok(Names {
                entries: Dir::from_fd(dir.try_clone_to_owned()?)?.into_iter(),
                entry: None,
            })
        }

        /// The next name; `None` behind the last.
        pub(in crate::sys) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
            self.entry = loop {
                match self.entries.next() {
                    Some(Err(Errno::EINTR)) => {}
                    entry => break entry.transpose()?,
                }
            };
            Ok(self.entry.as_ref().map(|entry| {
                let kind = entry.file_type().map(|kind| match kind {
                    Type::File => Kind::File,
                    Type::Directory => Kind::Directory,
                    Type::Symlink => Kind::Link,
                    _ => Kind::Other,
                });
                (entry.file_name().to_bytes(), kind)
            }))
        }
    }
}
