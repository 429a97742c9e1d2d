//! The end of a session: what was deleted is removed, what was read is
//! marked as seen (the UPDATE state of RFC 1939, section 6).

use std::io;

use super::aside::Aside;
use super::list::{CUR, DELETED, Entry, GONE, LINKED, List, REMOVED, SEEN, TWIN};
use super::maildrop::Maildrop;
use super::quota::Ledger;
use super::spool::Mailbox;
use super::{Error, name};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Expunged {
    /// Messages that are removed.
    pub(crate) removed: u64,
    /// Deleted messages that another session had removed before.
    pub(crate) gone: u64,
    /// Deleted messages that are still there.
    pub(crate) failed: u64,
    /// Messages that are now marked as seen, and that could not be.
    pub(crate) marked: u64,
    pub(crate) unmarked: u64,
    /// The first error in removing. If none failed, it means that the
    /// removals may not be on disk.
    pub(crate) why: Option<io::Error>,
    /// Why the quota of the mailbox is not kept right, if it is not.
    pub(crate) quota: Option<Error>,
}

impl Expunged {
    fn note(&mut self, why: io::Error) {
        self.why.get_or_insert(why);
    }
}

/// So often it is tried to remove what others rename meanwhile.
const ROUNDS: usize = 4;

/// Which folders were changed: `new`, `cur`.
type Touched = [bool; 2];

impl Maildrop {
    /// Removes what is deleted, or moves it aside. Unless it is a master
    /// session, what was retrieved and stays is marked as seen. Returns when
    /// that is on disk; each folder is synced once.
    pub(crate) fn expunge(&mut self, master: bool) -> Expunged {
        let mut done = Expunged::default();
        let Some(mailbox) = &self.mailbox else {
            return done;
        };
        let mut touched = Touched::default();
        let aside = &mut self.aside;
        let doomed = self.list.entries.iter().filter(|e| e.is(DELETED)).count() as u64;
        let mut ledger = match doomed {
            0 => None,
            _ => Ledger::open(mailbox, None).unwrap_or_else(|why| {
                done.quota = Some(why);
                None
            }),
        };
        for _ in 0..ROUNDS {
            let list = &mut self.list;
            if !list.remove(mailbox, aside, &mut ledger, &mut done, &mut touched) {
                break;
            }
            if let Err(why) = list.refresh(mailbox) {
                done.note(io::Error::other(why.to_string()));
                break;
            }
        }
        if let Some(Err(why)) = ledger.map(Ledger::settle) {
            done.quota = Some(why);
        }
        let left = |e: &&Entry| e.is(DELETED) && !e.is(GONE);
        done.failed = self.list.entries.iter().filter(left).count() as u64;
        if done.failed > 0 {
            done.note(io::Error::other("others rename it all the time"));
        }
        done.gone = doomed.saturating_sub(done.removed + done.failed);
        if !master {
            self.list.mark_seen(mailbox, &mut done, &mut touched);
        }
        // First where it is now, then where it is not any more.
        if let Some(Err(why)) = aside.as_ref().map(Aside::sync) {
            done.note(why);
        }
        sync(mailbox, touched, &mut done);
        done
    }
}

impl List {
    /// One try to remove what is deleted and not gone. Returns whether it is
    /// worth to look where there still is something: what is not where it was
    /// may have been renamed meanwhile.
    fn remove(
        &mut self,
        mailbox: &Mailbox,
        aside: &mut Option<Aside>,
        ledger: &mut Option<Ledger<'_>>,
        done: &mut Expunged,
        touched: &mut Touched,
    ) -> bool {
        let mut missed = false;
        for at in 0..self.entries.len() {
            let entry = self.entries[at];
            if !entry.is(DELETED) || entry.is(GONE) {
                continue;
            }
            let (name, cur) = (self.name(&entry), entry.is(CUR));
            let removed = match (mailbox.folder(cur), &mut *ledger, &mut *aside) {
                (None, _, _) => Err(io::ErrorKind::NotFound.into()),
                (Some(from), None, None) => from.unlink(name),
                (Some(from), None, Some(aside)) => aside.take(from, name, cur),
                (Some(from), Some(ledger), None) => ledger.unlink(from, name),
                (Some(from), Some(ledger), Some(aside)) => {
                    ledger.remove(from, name, || aside.take(from, name, cur))
                }
            };
            match removed {
                Ok(()) => {
                    done.removed += u64::from(!entry.is(REMOVED));
                    touched[usize::from(entry.is(CUR))] = true;
                    self.entries[at].marks |= GONE | REMOVED;
                    missed |= entry.is(LINKED);
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => missed = true,
                Err(why) => done.note(why),
            }
        }
        missed
    }

    /// Moves what was retrieved and stays to `cur`, with the flag for seen. A
    /// message that another session has moved or removed needs nothing. A
    /// twin stays where it is: to rename it could destroy the other.
    fn mark_seen(&self, mailbox: &Mailbox, done: &mut Expunged, touched: &mut Touched) {
        let Some(cur) = mailbox.folder(true) else {
            return;
        };
        let read = |e: &&Entry| e.is(SEEN) && !e.is(DELETED | GONE | TWIN);
        for entry in self.entries.iter().filter(read) {
            let old = self.name(entry);
            let new = match name::seen(old) {
                Some(new) => new,
                None if entry.is(CUR) => continue,
                None => old.to_vec(),
            };
            let Some(from) = mailbox.folder(entry.is(CUR)) else {
                continue;
            };
            match from.rename(old, cur, &new) {
                Ok(()) => {
                    done.marked += 1;
                    touched[usize::from(entry.is(CUR))] = true;
                    touched[1] = true;
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(_) => done.unmarked += 1,
            }
        }
    }
}

/// `cur` comes first: a message on its way there is found in one of the two
/// whenever the power fails.
fn sync(mailbox: &Mailbox, touched: Touched, done: &mut Expunged) {
    for cur in [true, false] {
        let folder = mailbox.folder(cur).filter(|_| touched[usize::from(cur)]);
        if let Some(Err(why)) = folder.map(|folder| folder.sync()) {
            done.note(why);
        }
    }
}
