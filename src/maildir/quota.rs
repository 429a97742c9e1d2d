//! How much a mailbox holds, and may hold: the file `maildirsize` of
//! Maildir++.
//!
//! Everybody who adds or removes mail adds a line to it. To count anew, and
//! to look and then store, must not be done by two at once: so whoever changes
//! the file holds a lock on `tmp`, a directory that stays while the file is
//! replaced. What is added is written down before it is there, and what is
//! removed when it is gone: who is killed between the two leaves a sum that is
//! too high, and a sum that seems too high is counted anew.

mod book;

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use super::spool::Mailbox;
use super::{Error, if_there, name, on};
use crate::base::clock::{Ms, now, wall};
use crate::sys::dir::{Dir, Kind, Lock};

use book::Book;
pub(crate) use book::{Limits, Sum};

/// The name of the file.
pub(crate) const FILE: &[u8] = b"maildirsize";

/// The folder that does not count.
const TRASH: &[u8] = b".Trash";

/// Longest wait for the lock, in milliseconds; who holds it removes or counts.
const PATIENCE: Ms = 10_000;

/// A file of one line that is younger in seconds is believed, even if it says
/// that there is no room.
const FRESH: u64 = 15 * 60;

/// So often a restless mailbox is counted.
const COUNTS: usize = 3;

/// The file, held for changes.
#[derive(Debug)]
pub(crate) struct Ledger<'m> {
    mailbox: &'m Mailbox,
    tmp: Dir,
    _lock: Lock,
    file: File,
    limits: Limits,
    stored: Sum,
    /// Removed, and not written down yet.
    removed: Sum,
    /// Whether it was counted and not changed since.
    exact: bool,
}

impl<'m> Ledger<'m> {
    /// Takes the ledger of a mailbox; `None` if it has none and needs none.
    /// With `limits` they are its limits from now on; without, those that it
    /// has stay.
    ///
    /// # Errors
    /// The file cannot be read or made, or others hold it for too long.
    pub(crate) fn open(
        mailbox: &'m Mailbox,
        limits: Option<Limits>,
    ) -> Result<Option<Ledger<'m>>, Error> {
        let there = if_there(mailbox.root().stat(FILE)).map_err(on("maildirsize"))?;
        if there.is_none() && limits.is_none_or(Limits::none) {
            return Ok(None);
        }
        let tmp = mailbox.tmp().map_err(on("tmp"))?;
        let lock = lock(&tmp).map_err(on("lock on tmp"))?;
        let read = match mailbox.root().append(FILE) {
            Ok(file) => read(file).map_err(on("maildirsize"))?,
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => return Err(Error::Io("maildirsize", why)),
        };
        let told = read.as_ref().map(|(_, book)| book.limits);
        let Some(limits) = limits.or(told) else {
            let why = "its first line is no quota";
            return Err(Error::Io("maildirsize", io::Error::other(why)));
        };
        let usable = match read {
            Some((file, book)) if book.limits == limits => Some((file, book)),
            _ => None,
        };
        let mut exact = false;
        let (file, stored) = match usable.and_then(|(file, book)| Some((file, book.sum?, book))) {
            Some((file, sum, book)) => {
                exact = book.lines == 1 && is_fresh(&file);
                (file, sum)
            }
            None => recount(mailbox, &tmp, limits).map_err(on("maildirsize"))?,
        };
        Ok(Some(Ledger {
            mailbox,
            tmp,
            _lock: lock,
            file,
            limits,
            stored,
            removed: Sum::default(),
            exact,
        }))
    }

    /// Whether a message of that length may be stored. A no is certain: what
    /// may be wrong is counted anew before.
    ///
    /// # Errors
    /// The mailbox cannot be counted.
    pub(crate) fn admits(&mut self, octets: u64) -> Result<bool, Error> {
        let fits = |ledger: &Ledger<'_>| ledger.limits.admit(ledger.stored.plus(Sum::one(octets)));
        if fits(self) || self.exact {
            return Ok(fits(self));
        }
        let (file, stored) =
            recount(self.mailbox, &self.tmp, self.limits).map_err(on("maildirsize"))?;
        (self.file, self.stored, self.exact) = (file, stored, true);
        Ok(fits(self))
    }

    /// Writes down what is added, or by a negative sum what is removed.
    ///
    /// # Errors
    /// It is not written down. If half of it is, the next one who looks
    /// counts anew.
    pub(crate) fn add(&mut self, change: Sum) -> Result<(), Error> {
        if change == Sum::default() {
            return Ok(());
        }
        self.stored = self.stored.plus(change);
        self.exact = false;
        let line = change.line();
        self.file
            .write_all(line.as_bytes())
            .map_err(on("maildirsize"))
    }

    /// Removes a file. To be written down by [`Ledger::settle`].
    ///
    /// # Errors
    /// It is not removed.
    pub(crate) fn unlink(&mut self, folder: &Dir, file: &[u8]) -> io::Result<()> {
        self.remove(folder, file, || folder.unlink(file))
    }

    /// The same, where `away` takes the file out of its folder.
    ///
    /// # Errors
    /// It is still there.
    pub(crate) fn remove(
        &mut self,
        folder: &Dir,
        file: &[u8],
        away: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let weight = weight(folder, file)?;
        away()?;
        self.removed = self.removed.plus(weight);
        Ok(())
    }

    /// Gives a file a name that tells another length, and a mailbox with a
    /// quota the sum that follows from it.
    ///
    /// # Errors
    /// It has its old name. At worst the sum is too high.
    pub(super) fn rename(
        mailbox: &Mailbox,
        folder: &Dir,
        old: &[u8],
        new: &[u8],
    ) -> Result<(), Error> {
        let rename = || folder.rename(old, folder, new).map_err(on("message"));
        let Some(mut ledger) = Ledger::open(mailbox, None)? else {
            return rename();
        };
        let found = folder.stat(old).map_err(on("message"))?;
        let weight = |file| weight(folder, file).unwrap_or(Sum::one(found.octets));
        let change = weight(new).plus(weight(old).negative());
        if change.octets > 0 {
            ledger.add(change)?;
            return rename();
        }
        rename()?;
        // Where this fails the sum is too high, and will be counted anew.
        let _ = ledger.add(change);
        Ok(())
    }

    /// Writes down what was removed.
    ///
    /// # Errors
    /// Those of [`Ledger::add`].
    pub(crate) fn settle(mut self) -> Result<(), Error> {
        self.add(self.removed.negative())
    }
}

/// What this file adds to the sum. A length that the name does not tell is
/// looked up.
fn weight(folder: &Dir, file: &[u8]) -> io::Result<Sum> {
    if name::is_trashed(file) {
        return Ok(Sum::default());
    }
    match name::disk(file) {
        Some(octets) => Ok(Sum::one(octets)),
        None => folder.stat(file).map(|found| Sum::one(found.octets)),
    }
}

/// Whether mail in this folder of a mailbox counts.
pub(crate) fn counts(folder: &[u8]) -> bool {
    folder != TRASH
}

fn lock(tmp: &Dir) -> io::Result<Lock> {
    let end = now() + PATIENCE;
    loop {
        match tmp.lock()? {
            Some(lock) => return Ok(lock),
            None if now() >= end => return Err(io::ErrorKind::TimedOut.into()),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn read(mut file: File) -> io::Result<Option<(File, Book)>> {
    let mut text = Vec::new();
    Read::take(&mut file, book::MOST as u64).read_to_end(&mut text)?;
    Ok(Book::parse(&text).map(|book| (file, book)))
}

fn is_fresh(file: &File) -> bool {
    let written = file.metadata().and_then(|found| found.modified());
    let since = |at: std::time::SystemTime| at.duration_since(std::time::UNIX_EPOCH).ok();
    let written = written.ok().and_then(since).map_or(0, |at| at.as_secs());
    let now = wall().0;
    written <= now && now - written < FRESH
}

/// Counts the mailbox and makes the file anew.
fn recount(mailbox: &Mailbox, tmp: &Dir, limits: Limits) -> io::Result<(File, Sum)> {
    let mut sum = count(mailbox)?;
    for _ in 1..COUNTS {
        // Others who do not know our lock may have come between.
        let again = count(mailbox)?;
        if again == sum {
            break;
        }
        sum = again;
    }
    // What lies there was left by somebody who was killed: we hold the lock.
    if_there(tmp.unlink(FILE))?;
    let mut file = tmp.create(FILE)?;
    let text = limits.line() + &sum.line();
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| tmp.rename(FILE, mailbox.root(), FILE));
    if let Err(why) = renamed {
        let _ = tmp.unlink(FILE);
        return Err(why);
    }
    Ok((mailbox.root().append(FILE)?, sum))
}

/// All mail of a mailbox and its folders.
fn count(mailbox: &Mailbox) -> io::Result<Sum> {
    let mut sum = Sum::default();
    for (_, folder, _) in mailbox.folders() {
        add_up(folder, &mut sum)?;
    }
    let mut failed = None;
    let mut one = |folder: &[u8]| -> io::Result<()> {
        let Some(folder) = if_there(mailbox.root().sub(folder))? else {
            return Ok(());
        };
        for name in [&b"new"[..], b"cur"] {
            if let Some(part) = if_there(folder.sub(name))? {
                add_up(&part, &mut sum)?;
            }
        }
        Ok(())
    };
    mailbox.root().each_hidden(|folder, kind| {
        if kind == Kind::Directory && counts(folder) {
            failed = one(folder).err();
        }
        match failed {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    failed.map_or(Ok(sum), Err)
}

fn add_up(folder: &Dir, sum: &mut Sum) -> io::Result<()> {
    let failed = folder.each(|file, kind| {
        if kind != Kind::File {
            return ControlFlow::Continue(());
        }
        match if_there(weight(folder, file)) {
            Ok(one) => *sum = sum.plus(one.unwrap_or_default()),
            Err(why) => return ControlFlow::Break(why),
        }
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
