//! Standard input, and the signals that call a delivery off.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use crate::daemon::signals::{ENDING, Signals};
use crate::net::ready::look;
use crate::sys::proc::stdin_is_lost;

/// Longest wait in milliseconds before we look again; of no consequence.
const WAIT: u16 = 60_000;

/// Why there is no more input.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A signal says that we shall end.
    Signal,
    /// We were started without standard input.
    Closed,
    Failed(io::Error),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Signal => f.write_str("ended by a signal"),
            Stopped::Closed => f.write_str("standard input is closed"),
            Stopped::Failed(why) => write!(f, "standard input: {why}"),
        }
    }
}

/// The message as it comes in.
pub(crate) struct Input {
    file: File,
    signals: Signals,
}

impl Input {
    /// From here on signals only call off what is read.
    ///
    /// # Errors
    /// No standard input, no descriptors.
    pub(crate) fn open() -> Result<Input, Stopped> {
        if stdin_is_lost() {
            return Err(Stopped::Closed);
        }
        // Not by way of the standard library's handle: that one takes a
        // descriptor it cannot read for the end of the input.
        let file = io::stdin().as_fd().try_clone_to_owned();
        Ok(Input {
            file: file.map_err(Stopped::Failed)?.into(),
            signals: Signals::listen(ENDING).map_err(Stopped::Failed)?,
        })
    }

    /// Reads what is there, waiting for the first octet; 0 at the end.
    ///
    /// # Errors
    /// A signal, or the input's error.
    pub(crate) fn read(&mut self, piece: &mut [u8]) -> Result<usize, Stopped> {
        loop {
            let ready = look(&[self.signals.as_fd(), self.file.as_fd()], WAIT);
            let ready = ready.map_err(Stopped::Failed)?;
            if ready.contains(&0) {
                return Err(Stopped::Signal);
            }
            if !ready.contains(&1) {
                continue;
            }
            match self.file.read(piece) {
                Err(why) if is_passing(&why) => {}
                read => return read.map_err(Stopped::Failed),
            }
        }
    }

    /// Whether we may go on.
    ///
    /// # Errors
    /// A signal has come.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        let ready = look(&[self.signals.as_fd()], 0).map_err(Stopped::Failed)?;
        match ready.is_empty() {
            true => Ok(()),
            false => Err(Stopped::Signal),
        }
    }
}

fn is_passing(why: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(why.kind(), Interrupted | WouldBlock)
}
