//! Octets of a file that go into a socket without passing through us.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

/// Sends up to `most` octets of `file` from place `at` on. How many were
/// sent, 0 at the end of the file; `None` where the system, or this kind of
/// file, cannot do that. Waits unless the socket is in non-blocking mode.
///
/// # Errors
/// Those of the call; `WouldBlock` if nothing can be sent now.
#[cfg(target_os = "linux")]
pub(crate) fn sendfile(
    socket: BorrowedFd<'_>,
    file: &File,
    at: u64,
    most: usize,
) -> io::Result<Option<usize>> {
    use nix::errno::Errno;
    use std::os::fd::AsRawFd;

    let mut at = i64::try_from(at).map_err(io::Error::other)?;
    loop {
        // SAFETY: both descriptors are open as long as they are lent, and the
        // place is ours.
        let count = unsafe { libc::sendfile(socket.as_raw_fd(), file.as_raw_fd(), &mut at, most) };
        return match Errno::result(count) {
            Ok(count) => Ok(Some(count.unsigned_abs())),
            Err(Errno::EINTR) => continue,
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM) => Ok(None),
            // It says that of files only; nobody shall blame the socket.
            Err(Errno::EIO) => Err(io::Error::other(Errno::EIO.desc())),
            Err(errno) => Err(errno.into()),
        };
    }
}

/// The portable twin: others' calls of that name want other things.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sendfile(_: BorrowedFd<'_>, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}
