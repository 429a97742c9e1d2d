//! A terminal: how large it is, and keys that come as they are pressed.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Columns and rows of a terminal; `None` if it is none, or does not know.
pub(crate) fn size(tty: BorrowedFd<'_>) -> Option<(usize, usize)> {
    let mut size = MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the request writes one winsize, for which there is room.
    let done = unsafe { libc::ioctl(tty.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr()) };
    // SAFETY: all of it is numbers, and was zero before the call.
    let size = unsafe { size.assume_init() };
    let known = done == 0 && size.ws_col > 0 && size.ws_row > 0;
    known.then_some((size.ws_col.into(), size.ws_row.into()))
}

/// A terminal that hands out every key at once, unechoed, those for signals
/// too. When it is dropped it is as it was.
pub(crate) struct Raw {
    tty: OwnedFd,
    before: libc::termios,
}

impl Raw {
    /// # Errors
    /// It is no terminal.
    pub(crate) fn enter(tty: BorrowedFd<'_>) -> io::Result<Raw> {
        let tty = tty.try_clone_to_owned()?;
        let mut before = MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: the call writes one termios, for which there is room.
        if unsafe { libc::tcgetattr(tty.as_raw_fd(), before.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call that fills it has succeeded.
        let before = unsafe { before.assume_init() };
        let raw = Raw { tty, before };
        raw.again()?;
        Ok(raw)
    }

    /// The same again, after somebody else has had the terminal.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn again(&self) -> io::Result<()> {
        let mut mode = self.before;
        mode.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG | libc::IEXTEN);
        mode.c_iflag &= !(libc::IXON | libc::ICRNL);
        (mode.c_cc[libc::VMIN], mode.c_cc[libc::VTIME]) = (1, 0);
        set(self.tty.as_fd(), &mode)
    }

    /// As it was, until [`Self::again`].
    pub(crate) fn restore(&self) {
        // A terminal that is gone needs no care.
        let _ = set(self.tty.as_fd(), &self.before);
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.restore();
    }
}

fn set(tty: BorrowedFd<'_>, mode: &libc::termios) -> io::Result<()> {
    // SAFETY: the pointer is to a live termios, which is only read.
    match unsafe { libc::tcsetattr(tty.as_raw_fd(), libc::TCSANOW, mode) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_no_terminal() {
        let (reader, _writer) = crate::sys::proc::pipe().unwrap();
        assert_eq!(size(reader.as_fd()), None);
        assert!(Raw::enter(reader.as_fd()).is_err());
    }
}
