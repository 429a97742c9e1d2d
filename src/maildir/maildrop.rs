//! A mailbox as one session sees it: numbered messages that do not change
//! until the session ends (RFC 1939, sections 4 to 7).

use super::aside::Aside;
use super::body::{Body, Room};
use super::list::{CUR, DELETED, Entry, GONE, LeftOut, List, SEEN, TWIN, UNKNOWN, UNREAD};
use super::name;
use super::quota::Ledger;
use super::saved::{Report, Saved};
use super::spool::Mailbox;
use super::uidl::Uidl;
use super::{Error, on};
use crate::sys::dir::Lock;

use std::fs::File;
use std::io;
use std::path::Path;

/// The maildrop of a session. Messages are numbered from 1.
#[derive(Debug)]
pub(crate) struct Maildrop {
    /// `None` if there is no such mailbox: it has no mail.
    pub(super) mailbox: Option<Mailbox>,
    pub(super) list: List,
    /// Where deleted messages go; `None`: nowhere.
    pub(super) aside: Option<Aside>,
    lock: Option<Lock>,
    /// Read when an id is first asked for.
    saved: Option<Saved>,
    /// For the message that is read next.
    room: Room,
}

/// Sizes that are counted before they are saved. A client that will not wait
/// so long, or a worker that is stopped, leaves that much behind.
const BATCH: usize = 10_000;

/// A message that is about to be sent.
#[derive(Debug)]
pub(crate) struct Retrieved {
    pub(crate) body: Body,
    /// The size that STAT and LIST told, or would have, if it was wrong. It
    /// is right from now on, in later sessions too.
    pub(crate) promised: Option<u64>,
}

impl Maildrop {
    /// Opens the maildrop with at most so many messages, the oldest. `lock`
    /// is that of the mailbox, unless sessions share it.
    ///
    /// # Errors
    /// Folders that cannot be read.
    pub(crate) fn open(
        mailbox: Option<Mailbox>,
        lock: Option<Lock>,
        most: usize,
    ) -> Result<Maildrop, Error> {
        let list = match &mailbox {
            Some(mailbox) => List::read(mailbox, most)?,
            None => List::default(),
        };
        Ok(Maildrop {
            mailbox,
            list,
            aside: None,
            lock,
            saved: None,
            room: Room::default(),
        })
    }

    /// From now on deleted messages are moved to the mailbox of this name in
    /// another spool, on the same file system.
    pub(crate) fn keep_deleted(&mut self, spool: &Path, mailbox: &[u8]) {
        self.aside = Some(Aside::new(spool, mailbox));
    }

    /// Lets others have the mailbox.
    pub(crate) fn unlock(&mut self) {
        self.lock = None;
    }

    /// Files in the mailbox that are not served and were not told of yet.
    pub(crate) fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.list.left_out)
    }

    /// The highest number a message has, deleted or not.
    pub(crate) fn last(&self) -> usize {
        self.list.entries.len()
    }

    /// The numbers of the messages that are not deleted.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        let listed = |&(_, entry): &(usize, &Entry)| !entry.is(DELETED);
        let entries = self.list.entries.iter().enumerate();
        entries.filter(listed).map(|(at, _)| at + 1)
    }

    /// How many messages there are, and their octets; without the deleted.
    pub(crate) fn stat(&mut self) -> (usize, u64) {
        let (mut count, mut octets) = (0, 0u64);
        for at in 0..self.last() {
            if !self.list.entries[at].is(DELETED) {
                count += 1;
                octets = octets.saturating_add(self.size_at(at));
            }
        }
        (count, octets)
    }

    /// Octets of a message in wire form. A size that no name tells is
    /// counted when it is first asked for. A message that cannot be read has
    /// none, and is added to those left out: to retrieve it will fail.
    ///
    /// # Errors
    /// No message of this number, or it is deleted.
    pub(crate) fn size(&mut self, number: usize) -> Result<u64, Error> {
        let at = self.at(number)?;
        Ok(self.size_at(at))
    }

    /// Reads what is saved of unique ids, or saves what an old server left,
    /// unless that was done before. What there is to tell of it is told once.
    ///
    /// # Errors
    /// A list that is there cannot be read; then no ids can be told.
    pub(crate) fn load_ids(&mut self) -> Result<Option<Report>, Error> {
        let (Some(mailbox), None, false) =
            (&self.mailbox, &self.saved, self.list.entries.is_empty())
        else {
            return Ok(None);
        };
        let (saved, report) = Saved::load(&self.list, mailbox)?;
        self.saved = Some(saved);
        Ok(report)
    }

    /// The unique id of a message.
    ///
    /// # Errors
    /// No message of this number, or it is deleted; those of
    /// [`Maildrop::load_ids`].
    pub(crate) fn uidl(&mut self, number: usize) -> Result<Uidl, Error> {
        let at = self.at(number)?;
        self.load_ids()?;
        let entry = &self.list.entries[at];
        let twin = self.list.inode(entry).filter(|_| entry.is(TWIN));
        let saved = self.saved.get_or_insert_default();
        Ok(saved.id(at, self.list.name(entry), twin))
    }

    /// Opens a message for RETR.
    ///
    /// # Errors
    /// No message of this number, it is deleted, gone, or cannot be read.
    pub(crate) fn retrieve(&mut self, number: usize) -> Result<Retrieved, Error> {
        let at = self.at(number)?;
        let body = self.count(at)?;
        let told = self.list.entries[at].size;
        let wrong = told != UNKNOWN && told != body.wire();
        self.list.entries[at].size = body.wire();
        self.list.entries[at].marks &= !UNREAD;
        if wrong {
            self.mend(at, body.disk(), body.wire());
        }
        if told == UNKNOWN || wrong {
            self.counted(at);
        }
        // The file beside the mail may be what told it.
        self.list.to_save += usize::from(wrong);
        Ok(Retrieved {
            body,
            promised: wrong.then_some(told),
        })
    }

    /// Opens a message for TOP with so many lines of the body.
    ///
    /// # Errors
    /// As [`Maildrop::retrieve`].
    pub(crate) fn top(&mut self, number: usize, lines: u64) -> Result<Body, Error> {
        let at = self.at(number)?;
        let (file, room) = (self.find(at)?, std::mem::take(&mut self.room));
        Ok(Body::top(file, room, lines))
    }

    /// Takes back a message that was sent, for its room.
    pub(crate) fn give_back(&mut self, body: Body) {
        self.room = body.into_room();
    }

    fn count(&mut self, at: usize) -> Result<Body, Error> {
        let (file, room) = (self.find(at)?, std::mem::take(&mut self.room));
        Body::counted(file, room).map_err(on("message"))
    }

    /// Notes that a message was sent to its end.
    pub(crate) fn seen(&mut self, number: usize) {
        if let Ok(at) = self.at(number) {
            self.list.entries[at].marks |= SEEN;
        }
    }

    /// Marks a message as deleted.
    ///
    /// # Errors
    /// No message of this number, or it is deleted already.
    pub(crate) fn delete(&mut self, number: usize) -> Result<(), Error> {
        let at = self.at(number)?;
        self.list.entries[at].marks |= DELETED;
        Ok(())
    }

    /// Takes all marks of deletion back.
    pub(crate) fn reset(&mut self) {
        let entries = &mut self.list.entries;
        entries.iter_mut().for_each(|e| e.marks &= !DELETED);
    }

    fn at(&self, number: usize) -> Result<usize, Error> {
        let at = number.checked_sub(1).ok_or(Error::NoSuchMessage)?;
        let entry = self.list.entries.get(at).ok_or(Error::NoSuchMessage)?;
        match entry.is(DELETED) {
            true => Err(Error::Deleted),
            false => Ok(at),
        }
    }

    fn size_at(&mut self, at: usize) -> u64 {
        if self.list.entries[at].size == UNKNOWN {
            let size = match self.count(at) {
                Ok(body) => {
                    let octets = body.wire();
                    self.give_back(body);
                    octets
                }
                Err(why) => {
                    let name = self.list.name(&self.list.entries[at]).to_vec();
                    if !matches!(why, Error::Gone) {
                        self.list.left_out.add(&name, "cannot be read");
                    }
                    self.list.entries[at].marks |= UNREAD;
                    0
                }
            };
            self.list.entries[at].size = size;
            self.counted(at);
        }
        self.list.entries[at].size
    }

    /// Notes that the size of an entry is known now.
    fn counted(&mut self, at: usize) {
        let entry = &self.list.entries[at];
        self.list.to_save += usize::from(self.list.is_worth_saving(entry));
        if self.list.to_save >= BATCH {
            // If it fails it will fail again at the end, and be told.
            let _ = self.save_sizes();
        }
    }

    /// Saves what was counted, for later sessions. To be called at the end.
    ///
    /// # Errors
    /// Later sessions will have to count again.
    pub(crate) fn save_sizes(&mut self) -> Result<(), Error> {
        match &self.mailbox {
            Some(mailbox) => self.list.save_sizes(mailbox).map_err(on("popular-sizes")),
            None => Ok(()),
        }
    }

    /// Opens the file of an entry, wherever others have renamed it to.
    fn find(&mut self, at: usize) -> Result<(File, u64), Error> {
        let Some(mailbox) = &self.mailbox else {
            return Err(Error::NoSuchMessage);
        };
        for again in [false, true] {
            if again {
                self.list.refresh(mailbox)?;
            }
            let entry = &self.list.entries[at];
            let folder = mailbox.folder(entry.is(CUR));
            let (false, Some(folder)) = (entry.is(GONE), folder) else {
                break;
            };
            match folder.read_all(self.list.name(entry)) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map_err(on("message")),
            }
        }
        Err(Error::Gone)
    }

    /// Gives a message a name with its true sizes, if its unique id stays the
    /// same; the quota is put right with it. A name that stays is overridden
    /// by what is remembered beside the mail.
    fn mend(&mut self, at: usize, disk: u64, wire: u64) {
        let entry = self.list.entries[at];
        let old = self.list.name(&entry);
        let (Some(mailbox), false) = (&self.mailbox, entry.is(TWIN)) else {
            return;
        };
        let (Some(folder), Some(new)) =
            (mailbox.folder(entry.is(CUR)), name::mended(old, disk, wire))
        else {
            return;
        };
        if Uidl::of(old) != Uidl::of(&new) {
            return;
        }
        let renamed = match name::disk(old) == Some(disk) {
            true => folder.rename(old, folder, &new).is_ok(),
            false => Ledger::rename(mailbox, folder, old, &new).is_ok(),
        };
        if renamed {
            self.list.renamed(at, &new, entry.is(CUR));
        }
    }
}
