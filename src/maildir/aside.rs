//! Where deleted messages go instead of being removed (`deletedir`): another
//! spool, in which each mailbox has the path it has in its own. A message
//! is renamed, so it is always in one of the two and never in both.

use std::io;
use std::path::{Path, PathBuf};

use super::name;
use super::spool::{Mailbox, Spool};
use super::{Error, if_there};
use crate::sys::dir::Dir;

/// The place for the deleted messages of one mailbox.
#[derive(Debug)]
pub(super) struct Aside {
    spool: PathBuf,
    mailbox: Vec<u8>,
    /// Opened, or made, for the first message; why that failed.
    opened: Option<Result<Mailbox, String>>,
}

impl Aside {
    pub(super) fn new(spool: &Path, mailbox: &[u8]) -> Aside {
        Aside {
            spool: spool.into(),
            mailbox: mailbox.into(),
            opened: None,
        }
    }

    /// Moves a message here, into the folder of the same name.
    ///
    /// # Errors
    /// `NotFound`: there is no such message in `from`. All others say that it
    /// is still there.
    pub(super) fn take(&mut self, from: &Dir, file: &[u8], cur: bool) -> io::Result<()> {
        let to = self.folder(cur)?;
        let free = if_there(to.stat(file)).map_err(|why| here(&why))?.is_none();
        let new = match free {
            true => file.to_vec(),
            false if to.stat_self()?.id == from.stat_self()?.id => {
                return Err(here(&"this is the spool itself"));
            }
            // Against all rules there were two files of one name.
            false => told_apart(file, from.stat(file)?.id.1),
        };
        from.rename(file, to, &new).map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => why,
            _ => here(&why),
        })
    }

    /// Waits until all that was moved is on disk.
    ///
    /// # Errors
    /// That it may not be.
    pub(super) fn sync(&self) -> io::Result<()> {
        let Some(Ok(mailbox)) = &self.opened else {
            return Ok(());
        };
        let mut folders = mailbox.folders();
        folders.try_for_each(|(_, folder, _)| folder.sync().map_err(|why| here(&why)))
    }

    fn folder(&mut self, cur: bool) -> io::Result<&Dir> {
        let (spool, name) = (&self.spool, &self.mailbox);
        let opened = self
            .opened
            .get_or_insert_with(|| open(spool, name).map_err(|why| why.to_string()));
        let folder = match opened {
            Ok(mailbox) => mailbox.folder(cur),
            Err(why) => return Err(here(why)),
        };
        folder.ok_or_else(|| here(&"not a Maildir"))
    }
}

fn open(spool: &Path, name: &[u8]) -> Result<Mailbox, Error> {
    let spool = Spool::open(spool)?;
    match spool.mailbox(name)? {
        Some(mailbox) if mailbox.is_complete() => Ok(mailbox),
        _ => spool.create(name),
    }
}

/// What went wrong there is never taken for a message that is gone.
fn here(why: &impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("deletedir: {why}"))
}

/// The same name, with the inode of the file in its base.
fn told_apart(file: &[u8], inode: u64) -> Vec<u8> {
    let (base, info) = file.split_at(name::base(file).len());
    [base, format!(".{inode}").as_bytes(), info].concat()
}
