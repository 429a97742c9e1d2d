//! Floor 3: where mail lies. Knows no protocol and no process tree.
//!
//! A mailbox is a Maildir below the spool, reached from the open spool one
//! component after the other, never through a symbolic link. Names and sizes
//! are as the world outside left them: nothing in a mailbox is trusted.

mod aside;
pub(crate) mod body;
pub(crate) mod crlf;
pub(crate) mod deliver;
mod expunge;
pub(crate) mod home;
mod legacy;
mod list;
pub(crate) mod maildrop;
pub(crate) mod name;
pub(crate) mod peek;
pub(crate) mod quota;
pub(crate) mod saved;
mod scan;
mod side;
mod sizes;
pub(crate) mod spool;
pub(crate) mod uidl;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

/// Why mail could not be had.
#[derive(Debug)]
pub(crate) enum Error {
    /// The spool lacks its mark: its file system is not mounted.
    NotMounted,
    /// The name of the mailbox could lead out of the spool.
    BadName,
    /// A message of this number there is not.
    NoSuchMessage,
    /// The message is marked as deleted in this session.
    Deleted,
    /// Another session has removed the message.
    Gone,
    /// A call failed; the word says on what.
    Io(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotMounted => write!(
                f,
                "the spool is not mounted, or lacks the file {}",
                spool::MARK
            ),
            Error::BadName => f.write_str("not the name of a mailbox"),
            Error::NoSuchMessage => f.write_str("no such message"),
            Error::Deleted => f.write_str("message is deleted"),
            Error::Gone => f.write_str("message was removed by another session"),
            Error::Io(on, why) => write!(f, "{on}: {why}"),
        }
    }
}

/// Names the thing that a failed call was about.
fn on(thing: &'static str) -> impl Fn(io::Error) -> Error {
    move |why| Error::Io(thing, why)
}

/// `None` if it is not there; every other error stays one.
pub(crate) fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
