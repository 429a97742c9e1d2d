//! One mailbox: what is stale in it, and the whole of it if it has no account.

use std::io;
use std::ops::ControlFlow;

use super::accounts::Accounts;
use super::plan::{DAY, Plan};
use super::tally::Tally;
use super::walk::{Here, PARTS, Visitor};
use crate::maildir::name::delivered;
use crate::maildir::quota::{self, Ledger};
use crate::maildir::spool::Spool;
use crate::maildir::{self, if_there};
use crate::sys::dir::{Dir, Kind};

/// Seconds after which nobody writes a file in `tmp` any more; so says
/// Maildir.
const STALE: u64 = 36 * 3600;

/// Removals at once, for which a mailbox is locked.
const BATCH: usize = 100;

/// Goes through all mailboxes.
pub(super) struct Sweeper<'p> {
    pub(super) plan: &'p Plan,
    pub(super) spool: &'p Spool,
    pub(super) accounts: Option<&'p Accounts>,
    /// Whether only mailboxes are counted.
    pub(super) count: bool,
    /// When all this began, in seconds since the epoch.
    pub(super) now: u64,
    pub(super) tally: Tally<'p>,
}

impl Visitor for Sweeper<'_> {
    fn mailbox(&mut self, here: &Here<'_>) {
        self.tally.counts.mailboxes += 1;
        let orphan = self.accounts.is_some_and(|list| !list.has(here.name));
        self.tally.counts.orphans += u64::from(orphan);
        if self.count {
            return;
        }
        let done = match orphan {
            true => self.orphan(here),
            false => self.stale(here).and_then(|()| self.old(here)),
        };
        if let Err(why) = done {
            self.tally.failed(here.name, &why.to_string());
        }
    }

    fn trouble(&mut self, path: &[u8], why: &str) {
        self.tally.failed(path, why);
    }
}

/// Files of one folder that are to go.
struct Doomed<'d> {
    here: &'d Here<'d>,
    folder: &'d Dir,
    label: &'d [u8],
    /// Whether they count for the quota.
    counts: bool,
    days: u64,
    names: Vec<Vec<u8>>,
}

impl Sweeper<'_> {
    /// Removes what was left in `tmp` by deliveries that never ended.
    fn stale(&mut self, here: &Here<'_>) -> io::Result<()> {
        let Some(tmp) = if_there(here.dir.sub(b"tmp"))? else {
            return Ok(());
        };
        each_file(&tmp, |file| {
            if written(&tmp, file)?.is_none_or(|at| at.saturating_add(STALE) > self.now) {
                return Ok(());
            }
            if self.plan.act {
                if_there(tmp.unlink(file))?;
            }
            self.tally
                .removed(&[here.name, b"tmp", file], "older than 36 hours");
            self.pace(1);
            Ok(())
        })
    }

    /// Removes mail that is older than it may be in its folder.
    fn old(&mut self, here: &Here<'_>) -> io::Result<()> {
        if !self.plan.ages() {
            return Ok(());
        }
        for part in [&b"new"[..], b"cur"] {
            self.old_in(here, here.dir, part, part, true)?;
        }
        each_folder(here.dir, |folder, dir| {
            for part in [&b"new"[..], b"cur"] {
                self.old_in(here, &dir, part, folder, quota::counts(folder))?;
            }
            Ok(())
        })
    }

    /// The same in `part` of `dir`; `rule` is what the age is said for.
    fn old_in(
        &mut self,
        here: &Here<'_>,
        dir: &Dir,
        part: &[u8],
        rule: &[u8],
        counts: bool,
    ) -> io::Result<()> {
        let Some(age) = self.plan.age(rule) else {
            return Ok(());
        };
        let Some(folder) = if_there(dir.sub(part))? else {
            return Ok(());
        };
        let label = if rule == part {
            part.to_vec()
        } else {
            [rule, b"/", part].concat()
        };
        let mut doomed = Doomed {
            here,
            folder: &folder,
            label: &label,
            counts,
            days: age / DAY,
            names: Vec::new(),
        };
        let mut free = true;
        each_file(&folder, |file| {
            let old = |at: u64| at.saturating_add(age) <= self.now;
            // Whoever copies a mailbox may give its files new times, or old
            // names: the younger of the two counts.
            if free && old(delivered(file) >> 20) && written(&folder, file)?.is_some_and(old) {
                doomed.names.push(file.to_vec());
            }
            if doomed.names.len() == BATCH {
                free = self.remove(&mut doomed)?;
            }
            Ok(())
        })?;
        if free {
            self.remove(&mut doomed)?;
        }
        Ok(())
    }

    /// Removes these files while no session has the mailbox, and writes down
    /// what that changes for its quota. False if a session has it.
    fn remove(&mut self, doomed: &mut Doomed<'_>) -> io::Result<bool> {
        let names = std::mem::take(&mut doomed.names);
        if names.is_empty() {
            return Ok(true);
        }
        let here = doomed.here;
        let mut gone = vec![true; names.len()];
        if self.plan.act {
            let Some(_lock) = here.dir.lock()? else {
                self.tally.passed(here.name, "in use");
                return Ok(false);
            };
            let mailbox = self.spool.mailbox(here.name).map_err(other)?;
            let mut ledger = match &mailbox {
                Some(mailbox) if doomed.counts => {
                    Ledger::open(mailbox, None).unwrap_or_else(|why| {
                        event!(QUOTA_FAILED, "-", mbox = here.name, why = why.to_string());
                        None
                    })
                }
                _ => None,
            };
            for (name, gone) in names.iter().zip(&mut gone) {
                let removed = match &mut ledger {
                    Some(ledger) => ledger.unlink(doomed.folder, name),
                    None => doomed.folder.unlink(name),
                };
                *gone = if_there(removed)?.is_some();
            }
            if let Some(Err(why)) = ledger.map(Ledger::settle) {
                event!(QUOTA_FAILED, "-", mbox = here.name, why = why.to_string());
            }
        }
        let why = format!("older than {} days", doomed.days);
        for (name, _) in names.iter().zip(&gone).filter(|(_, gone)| **gone) {
            self.tally.removed(&[here.name, doomed.label, name], &why);
        }
        self.pace(names.len() as u64);
        Ok(true)
    }

    /// Removes a mailbox without an account, unless something happened in it
    /// during the last day: then its account may be younger than the list.
    fn orphan(&mut self, here: &Here<'_>) -> io::Result<()> {
        if !self.is_calm(here)? {
            self.tally
                .passed(here.name, "no account, but it changed during the last day");
            return Ok(());
        }
        if !self.plan.act {
            self.tally.gone(here.name);
            return Ok(());
        }
        // Held to the end: there is no account, so nobody waits for it.
        let Some(_lock) = here.dir.lock()? else {
            self.tally.passed(here.name, "no account, but it is in use");
            return Ok(());
        };
        self.take_apart(here)
    }

    /// Removes a mailbox that is locked, but nothing that came during the last
    /// day, and nothing that is not a mailbox's.
    fn take_apart(&mut self, here: &Here<'_>) -> io::Result<()> {
        each_folder(here.dir, |folder, dir| {
            for part in PARTS {
                self.empty(&dir, part)?;
            }
            self.clear(&dir)?;
            emptied(here.dir.rmdir(folder))
        })?;
        for part in PARTS {
            self.empty(here.dir, part)?;
        }
        if holds_parts(here.dir)? {
            // Whoever delivers next finds a whole mailbox again.
            self.spool.create(here.name).map_err(other)?;
            self.tally.passed(here.name, "no account, but mail came");
            return Ok(());
        }
        self.clear(here.dir)?;
        match here.parent.rmdir(here.last) {
            Err(why) if why.kind() == io::ErrorKind::DirectoryNotEmpty => {
                self.tally.passed(
                    here.name,
                    "no account and no mail, but other things lie in it",
                );
            }
            removed => {
                if_there(removed)?;
                self.tally.gone(here.name);
            }
        }
        Ok(())
    }

    fn is_calm(&self, here: &Here<'_>) -> io::Result<bool> {
        let mut latest = here.dir.stat_self()?.written;
        for part in PARTS {
            if let Some(found) = if_there(here.dir.stat(part))? {
                latest = latest.max(found.written);
            }
        }
        Ok(self.is_calm_since(latest))
    }

    fn is_calm_since(&self, written: i64) -> bool {
        u64::try_from(written).unwrap_or(0).saturating_add(DAY) <= self.now
    }

    /// Removes a folder with the mail in it; what came during the last day,
    /// and what is no mail, stays, and the folder with it.
    fn empty(&mut self, dir: &Dir, part: &[u8]) -> io::Result<()> {
        let Some(folder) = if_there(dir.sub(part))? else {
            return Ok(());
        };
        self.clear(&folder)?;
        emptied(dir.rmdir(part))
    }

    /// Removes all that is no directory, and older than a day.
    fn clear(&mut self, dir: &Dir) -> io::Result<()> {
        let mut visit = |file: &[u8], kind| match kind {
            Kind::Directory => ControlFlow::Continue(()),
            _ => go_on(self.unlink_calm(dir, file)),
        };
        for failed in [dir.each(&mut visit)?, dir.each_hidden(&mut visit)?] {
            failed.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn unlink_calm(&mut self, dir: &Dir, file: &[u8]) -> io::Result<()> {
        let found = if_there(dir.stat(file))?;
        if found.is_some_and(|found| self.is_calm_since(found.written)) {
            if_there(dir.unlink(file))?;
            self.pace(1);
        }
        Ok(())
    }

    fn pace(&mut self, removals: u64) {
        if self.plan.act {
            self.tally.pace(removals);
        }
    }
}

/// Whether anything of a Maildir is left.
fn holds_parts(dir: &Dir) -> io::Result<bool> {
    for part in PARTS {
        if if_there(dir.stat(part))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When a file was last written, if it is a regular one that is there.
fn written(folder: &Dir, file: &[u8]) -> io::Result<Option<u64>> {
    let found = if_there(folder.stat(file))?.filter(|found| found.kind == Kind::File);
    Ok(found.map(|found| u64::try_from(found.written).unwrap_or(0)))
}

fn other(why: maildir::Error) -> io::Error {
    io::Error::other(why.to_string())
}

/// That a directory is not empty is no error.
fn emptied(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(why) if why.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => if_there(removed).map(|_| ()),
    }
}

/// Shows every regular file, until there is an error.
fn each_file(folder: &Dir, mut visit: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let failed = folder.each(|file, kind| match kind {
        Kind::File => go_on(visit(file)),
        _ => ControlFlow::Continue(()),
    })?;
    failed.map_or(Ok(()), Err)
}

/// Shows every folder of Maildir++, until there is an error.
fn each_folder(dir: &Dir, mut visit: impl FnMut(&[u8], Dir) -> io::Result<()>) -> io::Result<()> {
    let failed = dir.each_hidden(|folder, kind| {
        if kind != Kind::Directory {
            return ControlFlow::Continue(());
        }
        go_on(if_there(dir.sub(folder)).and_then(|opened| match opened {
            Some(opened) => visit(folder, opened),
            None => Ok(()),
        }))
    })?;
    failed.map_or(Ok(()), Err)
}

fn go_on(done: io::Result<()>) -> ControlFlow<io::Error> {
    match done {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => ControlFlow::Break(why),
    }
}
