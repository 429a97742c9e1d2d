//! What a process is given by whoever starts it, besides its arguments:
//! descriptors, and words of the environment that are meant for it alone. And
//! the reverse: to become another program that is given such.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// The first descriptor that is passed, as with sd_listen_fds(3).
const FIRST: RawFd = 3;

/// Takes a word out of the environment: what this process starts does not
/// find it there.
pub(crate) fn take(name: &str) -> Option<OsString> {
    let value = std::env::var_os(name)?;
    // SAFETY: this process has one thread.
    unsafe { std::env::remove_var(name) };
    Some(value)
}

/// Takes over the first `count` descriptors behind standard error, as far as
/// they are open, and closes all others: whatever they are, pools and workers
/// would have them, too. To be called once, before anything is opened.
pub(crate) fn descriptors(count: usize) -> Vec<OwnedFd> {
    let end = FIRST + count as RawFd;
    close_from(end);
    (FIRST..end).filter_map(own).collect()
}

fn own(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: only borrowed for the call; a number that is not open is an error of it.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: it is open, and nobody in this process has it yet.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

fn close_from(first: RawFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: takes numbers only; nothing has been opened yet that could be closed.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as libc::c_uint,
            libc::c_uint::MAX,
            0u32,
        )
    };
    #[cfg(any(target_os = "freebsd", target_os = "openbsd"))]
    // SAFETY: as above.
    unsafe {
        libc::closefrom(first)
    };
    let _ = first;
}

/// Makes this process the program `path`, which finds `fds` as its
/// descriptors from 3 on, and `words` in its environment. It comes back only
/// if that failed, with copies of `fds`; then the numbers from 3 on are no
/// more what they were, so that there is nothing left but to report it and
/// to leave.
pub(crate) fn become_program(
    path: &Path,
    args: &[OsString],
    words: &[(&str, String)],
    fds: &[BorrowedFd<'_>],
) -> (io::Error, Vec<OwnedFd>) {
    let mut copies = Vec::new();
    let behind = FIRST + fds.len() as RawFd;
    for fd in fds {
        match fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(behind)) {
            // SAFETY: a number that was made just now.
            Ok(copy) => copies.push(unsafe { OwnedFd::from_raw_fd(copy) }),
            Err(errno) => return (errno.into(), copies),
        }
    }
    for (number, copy) in (FIRST..).zip(&copies) {
        // SAFETY: both are numbers; whoever had `number` in this process never uses it again.
        if unsafe { libc::dup2(copy.as_raw_fd(), number) } < 0 {
            return (io::Error::last_os_error(), copies);
        }
    }
    let mut command = std::process::Command::new(path);
    command.args(args).envs(words.iter().cloned());
    (command.exec(), copies)
}
