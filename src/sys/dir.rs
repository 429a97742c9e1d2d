//! Directories and files by descriptor: every name is one component, looked
//! up in a directory that is already open, and no symbolic link is followed.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag};
use nix::sys::stat::{self, FileStat, Mode, SFlag};
use nix::unistd::{self, AccessFlags, UnlinkatFlags};

use super::listing::Names;

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it may lead.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// What the kernel says of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    /// Length in octets.
    pub(crate) octets: u64,
    /// Device and inode: the same pair is the same file.
    pub(crate) id: (u64, u64),
    /// Time of the last change of the inode; seconds and nanoseconds.
    pub(crate) changed: (i64, i64),
    /// When its contents were last written, in seconds.
    pub(crate) written: i64,
}

/// What stands at the end of a path that no directory was opened for. Links on
/// the way there are followed, the last name is not: so it tells only whether
/// something that was reached safely before is still there, as it was.
pub(crate) fn stat_path(path: &[u8]) -> io::Result<Stat> {
    retry(|| stat::lstat(path)).map(|found| stat_of(&found))
}

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    /// Its names were listed before.
    listed: AtomicBool,
}

/// A lock on a directory: it ends when this is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, never looked at")] OwnedFd);

impl Dir {
    fn of(fd: OwnedFd) -> Dir {
        Dir {
            fd,
            listed: AtomicBool::new(false),
        }
    }

    /// Opens the directory that `path` leads to. Symbolic links on the way
    /// are followed: the path is the administrator's.
    pub(crate) fn open(path: &Path) -> io::Result<Dir> {
        retry(|| fcntl::open(path, DIRECTORY, Mode::empty())).map(Dir::of)
    }

    /// Opens the directory `name` in this one, and never through a link.
    pub(crate) fn sub(&self, name: &[u8]) -> io::Result<Dir> {
        let flags = DIRECTORY | OFlag::O_NOFOLLOW;
        retry(|| fcntl::openat(&self.fd, name, flags, Mode::empty())).map(Dir::of)
    }

    /// Opens the regular file `name` for reading. A FIFO cannot block this
    /// call; what is no regular file is refused with `InvalidInput`.
    pub(crate) fn read(&self, name: &[u8]) -> io::Result<File> {
        self.read_all(name).map(|(file, _)| file)
    }

    /// The same, with the octets that are in it.
    pub(crate) fn read_all(&self, name: &[u8]) -> io::Result<(File, u64)> {
        self.regular(name, OFlag::O_RDONLY)
    }

    /// Opens the regular file `name` for reading, and for writing at its end,
    /// whoever else writes there. As careful as [`Dir::read`].
    pub(crate) fn append(&self, name: &[u8]) -> io::Result<File> {
        let access = OFlag::O_RDWR | OFlag::O_APPEND;
        self.regular(name, access).map(|(file, _)| file)
    }

    fn regular(&self, name: &[u8], access: OFlag) -> io::Result<(File, u64)> {
        let careful = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = retry(|| fcntl::openat(&self.fd, name, access | careful, Mode::empty()))?;
        let found = stat_of(&retry(|| stat::fstat(&file))?);
        match found.kind {
            Kind::File => Ok((File::from(file), found.octets)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Creates the file `name`, which must not exist, for writing.
    pub(crate) fn create(&self, name: &[u8]) -> io::Result<File> {
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        retry(|| fcntl::openat(&self.fd, name, flags, mode)).map(File::from)
    }

    /// Makes the directory `name`, open to its owner only.
    pub(crate) fn mkdir(&self, name: &[u8]) -> io::Result<()> {
        retry(|| stat::mkdirat(&self.fd, name, Mode::S_IRWXU))
    }

    /// Removes the file `name`.
    pub(crate) fn unlink(&self, name: &[u8]) -> io::Result<()> {
        retry(|| unistd::unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir))
    }

    /// Removes the directory `name`, if it is empty.
    pub(crate) fn rmdir(&self, name: &[u8]) -> io::Result<()> {
        retry(|| unistd::unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir))
    }

    /// Renames `name` to `new` in the directory `to`, whatever stood there.
    pub(crate) fn rename(&self, name: &[u8], to: &Dir, new: &[u8]) -> io::Result<()> {
        retry(|| fcntl::renameat(&self.fd, name, &to.fd, new))
    }

    /// Gives the file `name` the second name `new` in the directory `to`,
    /// unless something stands there.
    pub(crate) fn link(&self, name: &[u8], to: &Dir, new: &[u8]) -> io::Result<()> {
        retry(|| unistd::linkat(&self.fd, name, &to.fd, new, AtFlags::empty()))
    }

    /// Waits until the names in this directory are on disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        retry(|| unistd::fsync(&self.fd))
    }

    /// Locks this directory by flock(2), without waiting; `None` if somebody
    /// has it locked, be it this very process.
    pub(crate) fn lock(&self) -> io::Result<Option<Lock>> {
        // A lock belongs to one opening of a file.
        let own = self.sub(b".")?.fd;
        // SAFETY: the call takes two numbers, and the descriptor stays open behind it.
        while unsafe { libc::flock(own.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            match Errno::last() {
                Errno::EWOULDBLOCK => return Ok(None),
                Errno::EINTR => {}
                errno => return Err(errno.into()),
            }
        }
        Ok(Some(Lock(own)))
    }

    /// What stands behind `name`; a link is not followed.
    pub(crate) fn stat(&self, name: &[u8]) -> io::Result<Stat> {
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        retry(|| stat::fstatat(&self.fd, name, flags)).map(|found| stat_of(&found))
    }

    /// What this directory itself is.
    pub(crate) fn stat_self(&self) -> io::Result<Stat> {
        retry(|| stat::fstat(&self.fd)).map(|found| stat_of(&found))
    }

    /// Fails unless this process may read the file `name`.
    pub(crate) fn may_read(&self, name: &[u8]) -> io::Result<()> {
        retry(|| unistd::faccessat(&self.fd, name, AccessFlags::R_OK, AtFlags::empty()))
    }

    /// Shows every name but those that begin with a dot to `visit`, until it
    /// breaks; the value of the break is returned.
    pub(crate) fn each<B>(
        &self,
        visit: impl FnMut(&[u8], Kind) -> ControlFlow<B>,
    ) -> io::Result<Option<B>> {
        self.list(false, visit)
    }

    /// As [`Dir::each`], for the names that begin with a dot, without `.` and
    /// `..`.
    pub(crate) fn each_hidden<B>(
        &self,
        visit: impl FnMut(&[u8], Kind) -> ControlFlow<B>,
    ) -> io::Result<Option<B>> {
        self.list(true, visit)
    }

    fn list<B>(
        &self,
        hidden: bool,
        mut visit: impl FnMut(&[u8], Kind) -> ControlFlow<B>,
    ) -> io::Result<Option<B>> {
        if self.listed.swap(true, Relaxed) {
            // The descriptor stands where that listing ended. One of its own also lets a
            // network file system look whether there is anything new.
            return self.sub(b".")?.list(hidden, visit);
        }
        let mut names = Names::of(self.fd.as_fd())?;
        while let Some((name, kind)) = names.next()? {
            if name.starts_with(b".") != hidden || matches!(name, b"." | b"..") {
                continue;
            }
            let Some(kind) = kind.or_else(|| self.kind(name)) else {
                continue;
            };
            if let ControlFlow::Break(value) = visit(name, kind) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The kind of a name whose file system does not tell it in a listing; one
    /// that is gone by now has none. One that cannot be asked counts as a file,
    /// which will be found out when it is opened: a mailbox must not seem to be
    /// empty because a server does not answer.
    fn kind(&self, name: &[u8]) -> Option<Kind> {
        match self.stat(name) {
            Ok(found) => Some(found.kind),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(Kind::File),
        }
    }
}

/// How directories are opened.
const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);

/// Makes a call again as long as a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done.map_err(io::Error::from),
        }
    }
}

#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn stat_of(found: &FileStat) -> Stat {
    let kind = match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    };
    Stat {
        kind,
        octets: u64::try_from(found.st_size).unwrap_or(0),
        id: (found.st_dev as u64, found.st_ino as u64),
        changed: (found.st_ctime as i64, found.st_ctime_nsec as i64),
        written: found.st_mtime as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_fifo_is_refused_at_once_and_a_link_is_not_followed() {
        let scratch = Scratch::new("dir-read");
        let dir = Dir::open(scratch.path()).unwrap();
        unistd::mkfifo(&scratch.path().join("fifo"), Mode::S_IRWXU).unwrap();
        std::fs::write(scratch.path().join("mail"), "text").unwrap();
        symlink("mail", scratch.path().join("link")).unwrap();
        assert_eq!(
            dir.read(b"fifo").unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert!(dir.read(b"link").is_err());
        assert!(dir.read(b"mail").is_ok());
        assert!(dir.sub(b"link").is_err());
    }

    #[test]
    fn what_cannot_be_asked_for_its_kind_counts_as_a_file() {
        let scratch = Scratch::new("dir-kind");
        let dir = Dir::open(scratch.path()).unwrap();
        assert_eq!(dir.kind(b"gone"), None);
        // No name that is listed is so long, but the call fails.
        assert_eq!(dir.kind(&[b'x'; 300]), Some(Kind::File));
    }

    #[test]
    fn a_link_never_replaces_what_stands_there() {
        let scratch = Scratch::new("dir-link");
        let dir = Dir::open(scratch.path()).unwrap();
        drop(dir.create(b"one").unwrap());
        drop(dir.create(b"two").unwrap());
        let refused = dir.link(b"one", &dir, b"two").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        dir.link(b"one", &dir, b"three").unwrap();
        assert_eq!(dir.stat(b"one").unwrap().id, dir.stat(b"three").unwrap().id);
    }

    #[test]
    fn a_directory_is_locked_once_and_free_when_the_lock_is_dropped() {
        let scratch = Scratch::new("dir-lock");
        let dir = Dir::open(scratch.path()).unwrap();
        let lock = dir.lock().unwrap();
        assert!(lock.is_some());
        assert!(dir.lock().unwrap().is_none());
        drop(lock);
        assert!(dir.lock().unwrap().is_some());
    }

    #[test]
    fn a_second_listing_begins_anew_and_a_long_one_is_whole() {
        let scratch = Scratch::new("dir-twice");
        let dir = Dir::open(scratch.path()).unwrap();
        let names: Vec<_> = (0..200).map(|n| format!("{n:0200}").into_bytes()).collect();
        names
            .iter()
            .for_each(|name| drop(dir.create(name).unwrap()));
        for _ in 0..3 {
            let mut found = Vec::new();
            let end = dir.each(|name, kind| {
                found.push(name.to_vec());
                match kind {
                    Kind::File => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            });
            found.sort();
            assert!(end.unwrap().is_none() && found == names);
        }
    }

    #[test]
    fn a_listing_knows_kinds_and_hides_dot_files() {
        let scratch = Scratch::new("dir-each");
        let dir = Dir::open(scratch.path()).unwrap();
        dir.mkdir(b"folder").unwrap();
        drop(dir.create(b"file").unwrap());
        drop(dir.create(b".hidden").unwrap());
        let mut found = Vec::new();
        let end = dir.each(|name, kind| {
            found.push((name.to_vec(), kind));
            ControlFlow::<()>::Continue(())
        });
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(end.unwrap(), None);
        assert_eq!(
            found,
            [
                (b"file".to_vec(), Kind::File),
                (b"folder".to_vec(), Kind::Directory)
            ]
        );
        let mut hidden = Vec::new();
        let end = dir.each_hidden(|name, _| {
            hidden.push(name.to_vec());
            ControlFlow::<()>::Continue(())
        });
        assert_eq!((end.unwrap(), hidden), (None, vec![b".hidden".to_vec()]));
    }

    #[test]
    fn what_is_appended_stands_behind_what_others_appended() {
        use std::io::{Read, Write};
        let scratch = Scratch::new("dir-append");
        let dir = Dir::open(scratch.path()).unwrap();
        drop(dir.create(b"file").unwrap());
        let (mut one, mut two) = (dir.append(b"file").unwrap(), dir.append(b"file").unwrap());
        one.write_all(b"a").unwrap();
        two.write_all(b"b").unwrap();
        let mut text = String::new();
        dir.read(b"file")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "ab");
        symlink("file", scratch.path().join("link")).unwrap();
        assert!(dir.append(b"link").is_err());
    }
}
