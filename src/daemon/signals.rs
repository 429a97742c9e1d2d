//! Signals become bytes in a pipe, and a flag each.
//!
//! signal-hook installs its handlers with SA_RESTART, so system calls go on in
//! spite of a signal: who wants to know must poll the pipe. On Linux a read
//! from a socket that has a time limit (SO_RCVTIMEO) ends; elsewhere it may
//! begin again, and ends with that limit. Pipe and registration survive a
//! fork, so a child makes a pipe of its own while signals are still blocked: a
//! pool registers anew, a worker, of whom there are thousands, lays its pipe
//! under the numbers that are registered, which touches no memory.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use signal_hook::SigId;
use signal_hook::{flag, low_level};

/// Power failure, where the system has such a signal.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const POWER: Signal = Signal::SIGPWR;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const POWER: Signal = Signal::SIGUSR1;

/// "Look at the page": sent to pools and workers.
pub(crate) const LOOK: Signal = Signal::SIGUSR2;

/// What ends a tool. A file that is too long is one of them, but who listens
/// gets an error from the write instead.
pub(crate) const ENDING: &[Signal] = &[
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGXFSZ,
];

/// What a program listens to that draws on a terminal.
pub(crate) const SCREEN: &[Signal] = &[
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTSTP,
    Signal::SIGCONT,
    Signal::SIGWINCH,
];

/// What such a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screened {
    Leave,
    /// It is to stop, once it has given the terminal back.
    Stopped,
    Continued,
    Resized,
}

/// Stops this process until it is continued.
pub(crate) fn stop_here() {
    let _ = nix::sys::signal::raise(Signal::SIGSTOP);
}

/// The signals that one process listens to.
pub(crate) struct Signals {
    reader: UnixStream,
    flags: Vec<(Signal, Arc<AtomicBool>)>,
    ids: Vec<SigId>,
    /// The write ends, which belong to the registration.
    writers: Vec<RawFd>,
}

impl Signals {
    /// Listens to `which`.
    ///
    /// # Errors
    /// No descriptors left.
    pub(crate) fn listen(which: &[Signal]) -> io::Result<Signals> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let mut signals = Signals {
            reader,
            flags: Vec::new(),
            ids: Vec::new(),
            writers: Vec::new(),
        };
        for &signal in which {
            let raised = Arc::new(AtomicBool::new(false));
            // The flag first: who is woken by the pipe must find it raised.
            signals
                .ids
                .push(flag::register(signal as i32, raised.clone())?);
            let writer = writer.try_clone()?;
            signals.writers.push(writer.as_raw_fd());
            signals
                .ids
                .push(low_level::pipe::register(signal as i32, writer)?);
            signals.flags.push((signal, raised));
        }
        Ok(signals)
    }

    /// Empties the pipe. To be done before the flags are looked at.
    pub(crate) fn drain(&self) {
        let mut buf = [0; 64];
        while matches!((&self.reader).read(&mut buf), Ok(n) if n == buf.len()) {}
    }

    /// Was this signal raised since the last time we asked?
    pub(crate) fn take(&self, which: Signal) -> bool {
        self.flags
            .iter()
            .filter(|(signal, _)| *signal == which)
            // Most were not, and a page that is not written stays shared.
            .any(|(_, flag)| flag.load(Ordering::Acquire) && flag.swap(false, Ordering::AcqRel))
    }
}

impl Signals {
    /// Was one raised that nobody has taken? Asks nobody but the flags.
    pub(crate) fn are_raised(&self) -> bool {
        let mut flags = self.flags.iter();
        flags.any(|(_, flag)| flag.load(Ordering::Acquire))
    }

    /// Which of [`SCREEN`] was raised, the one first that matters most.
    pub(crate) fn screened(&self) -> Option<Screened> {
        let means = |signal| match signal {
            Signal::SIGWINCH => Screened::Resized,
            Signal::SIGTSTP => Screened::Stopped,
            Signal::SIGCONT => Screened::Continued,
            _ => Screened::Leave,
        };
        let raised = SCREEN.iter().copied().find(|signal| self.take(*signal));
        raised.map(means)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Signals {
    /// In a child, signals still blocked: the same signals through a pipe of
    /// its own.
    ///
    /// # Errors
    /// No descriptors left.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for &old in &self.writers {
            crate::sys::proc::lay_over(&writer, old)?;
        }
        self.reader = reader;
        for (signal, _) in &self.flags {
            self.take(*signal);
        }
        Ok(())
    }

    /// Listens no more: what a child does with those of its parent.
    pub(crate) fn forget(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_pipe_hears_what_the_old_one_heard() {
        let mut signals = Signals::listen(&[Signal::SIGURG]).unwrap();
        signals.renew().unwrap();
        low_level::raise(Signal::SIGURG as i32).unwrap();
        let ready = crate::net::ready::look(&[signals.as_fd()], 5000).unwrap();
        assert_eq!((ready, signals.take(Signal::SIGURG)), (vec![0], true));
    }

    #[test]
    fn a_signal_is_seen_once() {
        let signals = Signals::listen(&[Signal::SIGWINCH]).unwrap();
        low_level::raise(Signal::SIGWINCH as i32).unwrap();
        signals.drain();
        assert!(signals.take(Signal::SIGWINCH));
        assert!(!signals.take(Signal::SIGWINCH) && !signals.take(LOOK));
    }
}
