//! The messages of a mailbox, in order of their delivery.
//!
//! Reading a directory is not atomic: a message that is renamed meanwhile
//! can be seen twice, or not at all. It is not at all seen only if its folder
//! changed under our eyes; then the folders are read again, and what was seen
//! in any reading counts.

use std::io;
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::list::{CUR, Entry, GONE, LINKED, List, MET, TWIN, UNKNOWN, name_in, sort};
use super::spool::Mailbox;
use super::{Error, name, on};
use crate::sys::dir::Kind;

/// Readings at most, however restless the mailbox is.
const READINGS: usize = 4;

/// Seconds for which a time of change proves nothing: clocks of file systems
/// are coarse.
const COARSE: i64 = 2;

/// Most messages a list may be told to take; keeps the names below 4 GiB.
const MOST: usize = 4_000_000;

impl List {
    /// Reads the mailbox. Of more than `most` messages the newest are left
    /// out, lest a mailbox take all memory.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn read(mailbox: &Mailbox, most: usize) -> Result<List, Error> {
        let most = most.clamp(1, MOST);
        let mut list = List::default();
        for reading in 0..READINGS {
            let before = Stamps::of(mailbox)?;
            let fresh = list.take_in(mailbox, most, reading == 0)?;
            if reading > 0 && !fresh || before.still_hold(mailbox)? {
                break;
            }
        }
        list.settle(mailbox);
        list.cut(most);
        if let Some(first) = list.over.take() {
            list.left_out.add(&first, "more messages than allowed");
            let more = list.met.saturating_sub(list.entries.len() + 1);
            list.left_out.count += more as u64;
        }
        list.recall(mailbox);
        list.drop_unreadable(mailbox);
        Ok(list)
    }

    /// One reading: `new` first, so that what is moved to `cur` meanwhile is
    /// met there. Returns whether there was a message not known before.
    fn take_in(&mut self, mailbox: &Mailbox, most: usize, first: bool) -> Result<bool, Error> {
        let mut fresh = false;
        self.met = 0;
        for (cur, folder, label) in mailbox.folders() {
            let mut found = Vec::new();
            let read = folder.each(|file, kind| {
                match kind {
                    Kind::File => {
                        self.met += 1;
                        fresh |= self.meet(file, cur, &mut found);
                    }
                    Kind::Link if first => self.left_out.add(file, "symbolic link"),
                    Kind::Directory if first => self.left_out.add(file, "directory"),
                    Kind::Other if first => self.left_out.add(file, "no regular file"),
                    _ => {}
                }
                if found.len() > most {
                    self.absorb(&mut found);
                    self.cut(most);
                    self.pack();
                }
                ControlFlow::<()>::Continue(())
            });
            read.map_err(on(label))?;
            self.absorb(&mut found);
        }
        Ok(fresh)
    }

    /// Notes a name, unless it is known. Returns whether the message is new
    /// to us.
    fn meet(&mut self, file: &[u8], cur: bool, found: &mut Vec<Entry>) -> bool {
        let is_known = |at| self.find(file, at).is_some_and(|e| e.is(CUR) == cur);
        let exact = self.place(file);
        if is_known(exact) || is_known(exact + 1) {
            return false;
        }
        let fresh = !self.has_core(self.place_of_core(file), file);
        found.extend(self.entry(file, cur));
        fresh
    }

    /// Of several names with one core, leaves those that are files of their
    /// own: the same message may have been met before and after a renaming.
    fn settle(&mut self, mailbox: &Mailbox) {
        let List {
            names,
            entries,
            twins,
            ..
        } = self;
        let same = |a: &Entry, b: &Entry| {
            a.delivered == b.delivered
                && name::core(name_in(names, a)) == name::core(name_in(names, b))
        };
        if !entries.windows(2).any(|pair| same(&pair[0], &pair[1])) {
            return;
        }
        let mut settled = Vec::with_capacity(entries.len());
        for run in entries.chunk_by(same) {
            match run {
                [entry] => settled.push(*entry),
                _ => settled.extend(tell_apart(names, run, mailbox, twins)),
            }
        }
        *entries = settled;
        twins.sort_unstable();
    }

    /// Leaves out what will have to be opened for its size and cannot be.
    fn drop_unreadable(&mut self, mailbox: &Mailbox) {
        let List {
            names,
            entries,
            left_out,
            ..
        } = self;
        entries.retain(|entry| {
            let file = name_in(names, entry);
            if entry.size != UNKNOWN {
                return true;
            }
            let readable = mailbox.folder(entry.is(CUR)).map(|f| f.may_read(file));
            match readable {
                Some(Err(why)) if why.kind() == io::ErrorKind::PermissionDenied => {
                    left_out.add(file, "no permission to read");
                    false
                }
                _ => true,
            }
        });
    }

    /// Reads the mailbox again, since an entry was not where it had been.
    /// Every entry then has its present name or is marked as gone; new
    /// messages are not taken in.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn refresh(&mut self, mailbox: &Mailbox) -> Result<(), Error> {
        self.entries.iter_mut().for_each(|e| e.marks &= !MET);
        for _ in 0..READINGS {
            let before = Stamps::of(mailbox)?;
            for (cur, folder, label) in mailbox.folders() {
                let read = folder.each(|file, kind| {
                    if kind == Kind::File {
                        self.meet_again(file, cur);
                    }
                    ControlFlow::<()>::Continue(())
                });
                read.map_err(on(label))?;
            }
            if self.entries.iter().all(|e| e.is(MET)) || before.still_hold(mailbox)? {
                break;
            }
        }
        for entry in &mut self.entries {
            match entry.is(MET) {
                true => entry.marks &= !GONE,
                false => entry.marks |= GONE,
            }
        }
        Ok(())
    }

    fn meet_again(&mut self, file: &[u8], cur: bool) {
        let at = self.place_of_core(file);
        if !self.has_core(at, file) {
            return;
        }
        if !self.entries[at].is(TWIN) {
            self.renamed(at, file, cur);
            self.entries[at].marks |= MET;
            return;
        }
        // A twin is known by its full name only.
        let at = self.place(file);
        for at in [at, at + 1] {
            if self.find(file, at).is_some_and(|e| e.is(CUR) == cur) {
                self.entries[at].marks |= MET;
            }
        }
    }
}

/// The files that this run of names with one core stands for, each once.
fn tell_apart(
    names: &[u8],
    run: &[Entry],
    mailbox: &Mailbox,
    twins: &mut Vec<(u32, u64)>,
) -> Vec<Entry> {
    let file = |e: &Entry| {
        let folder = mailbox.folder(e.is(CUR))?;
        Some((folder.stat(name_in(names, e)).ok()?.id, *e))
    };
    // Of two names of one file that in `cur`, which sorts last, is the newer.
    let mut files: Vec<_> = run.iter().rev().filter_map(file).collect();
    files.sort_by_key(|&(id, _)| id);
    files.dedup_by(|(other, _), (id, kept)| {
        let linked = other == id;
        kept.marks |= if linked { LINKED } else { 0 };
        linked
    });
    if files.is_empty() {
        // Renamed once more. Where it is now will be found out in time.
        return run[run.len() - 1..].to_vec();
    }
    if files.len() > 1 {
        files.iter_mut().for_each(|(_, e)| e.marks |= TWIN);
        twins.extend(files.iter().map(|&((_, inode), e)| (e.at, inode)));
    }
    let mut apart: Vec<_> = files.into_iter().map(|(_, e)| e).collect();
    sort(names, &mut apart);
    apart
}

/// When the folders last changed.
#[derive(Debug)]
struct Stamps {
    taken: i64,
    changed: [Option<(i64, i64)>; 2],
}

impl Stamps {
    fn of(mailbox: &Mailbox) -> Result<Stamps, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let changed = |cur| match mailbox.folder(cur) {
            Some(folder) => folder.stat_self().map(|found| Some(found.changed)),
            None => Ok(None),
        };
        Ok(Stamps {
            taken: now.map_or(0, |now| now.as_secs() as i64),
            changed: [
                changed(false).map_err(on("new"))?,
                changed(true).map_err(on("cur"))?,
            ],
        })
    }

    /// Whether nothing has been renamed since: the times are what they were,
    /// and they were so old that a later change would show.
    fn still_hold(&self, mailbox: &Mailbox) -> Result<bool, Error> {
        let old = |&(seconds, _): &(i64, i64)| seconds.saturating_add(COARSE) < self.taken;
        Ok(self.changed.iter().flatten().all(old) && Stamps::of(mailbox)?.changed == self.changed)
    }
}
