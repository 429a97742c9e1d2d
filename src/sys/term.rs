//! A terminal whose keys are read one by one.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};

use super::tty::{self, Raw};

/// How often, in milliseconds, it is looked whether a signal has come.
const LOOK: u16 = 200;

/// Signals that end us, and must find the terminal as it was.
const ENDS: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// Standard input in raw mode, until this is dropped or one of [`ENDS`] comes.
pub(crate) struct Keys {
    raw: Raw,
    mask: SigSet,
}

impl Keys {
    /// Takes the terminal out of line mode. What was typed already stays.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub(crate) fn take() -> io::Result<Keys> {
        let mut mask = SigSet::empty();
        let ends: SigSet = ENDS.into_iter().collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ends), Some(&mut mask))?;
        let raw = Raw::enter(io::stdin().as_fd()).inspect_err(|_| put_back(&mask))?;
        Ok(Keys { raw, mask })
    }

    /// Waits for keys; 0 octets are the end. A signal that comes meanwhile
    /// ends this process, but not before the terminal is as it was.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            let stdin = io::stdin();
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(LOOK));
            if ENDS.into_iter().any(is_pending) {
                self.restore();
            }
            if matches!(ready, Ok(n) if n > 0) {
                match io::stdin().lock().read(room) {
                    Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                    read => return read,
                }
            }
        }
    }

    /// Stops this process, as a terminal would at its key for that; comes
    /// back when it goes on.
    pub(crate) fn suspend(self) -> io::Result<Keys> {
        drop(self);
        raise(Signal::SIGTSTP)?;
        Keys::take()
    }

    fn restore(&self) {
        self.raw.restore();
        put_back(&self.mask);
    }
}

/// Lets signals through as before; those that came meanwhile come now.
fn put_back(mask: &SigSet) {
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.restore();
    }
}

fn is_pending(signal: Signal) -> bool {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call fills the set it is given, which is ours.
    if unsafe { libc::sigpending(set.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call above has succeeded, so the set was filled.
    let set = unsafe { set.assume_init() };
    // SAFETY: the set is a whole one, and the number is that of a signal.
    unsafe { libc::sigismember(&set, signal as i32) == 1 }
}

/// How many columns the terminal has, 80 if it does not say.
pub(crate) fn columns() -> usize {
    let size = tty::size(io::stdout().as_fd());
    size.map_or(80, |(columns, _)| columns).max(2)
}

/// Writes to the terminal, to be seen at once.
///
/// # Errors
/// It is gone.
pub(crate) fn show(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
