//! The way to a mailbox.

use std::io;
use std::path::Path;

use super::{Error, if_there, on};
use crate::sys::dir::{Dir, Lock};

/// The file that marks the root of a spool.
pub(crate) const MARK: &str = ".popular-spool";

/// The root of all mailboxes.
#[derive(Debug)]
pub(crate) struct Spool(Dir);

/// The folders of one mailbox. One that is missing holds no mail.
#[derive(Debug)]
pub(crate) struct Mailbox {
    new: Option<Dir>,
    cur: Option<Dir>,
    folder: Dir,
}

impl Spool {
    /// Opens the spool. To be done anew for each session: an open directory
    /// never sees what is mounted on it later.
    ///
    /// # Errors
    /// `NotMounted` if the directory or its mark is not there.
    pub(crate) fn open(path: &Path) -> Result<Spool, Error> {
        let root = if_there(Dir::open(path)).map_err(on("spool"))?;
        let root = root.ok_or(Error::NotMounted)?;
        let mark = if_there(root.stat(MARK.as_bytes())).map_err(on("mark of the spool"))?;
        mark.map(|_| Spool(root)).ok_or(Error::NotMounted)
    }

    /// Whether both are one directory, or it cannot be told that they are not.
    pub(crate) fn is(&self, other: &Spool) -> bool {
        let id = |spool: &Spool| spool.0.stat_self().map(|found| found.id).ok();
        id(self) == id(other)
    }

    /// The directory with all mailboxes.
    pub(crate) fn top(&self) -> &Dir {
        &self.0
    }

    /// Opens a mailbox; `None` if it does not exist.
    ///
    /// # Errors
    /// All others that stand in the way.
    pub(crate) fn mailbox(&self, name: &[u8]) -> Result<Option<Mailbox>, Error> {
        let Some(folder) = self.folder(name)? else {
            return Ok(None);
        };
        Ok(Some(Mailbox {
            new: if_there(folder.sub(b"new")).map_err(on("new"))?,
            cur: if_there(folder.sub(b"cur")).map_err(on("cur"))?,
            folder,
        }))
    }

    /// Opens the directory of a mailbox.
    pub(super) fn folder(&self, name: &[u8]) -> Result<Option<Dir>, Error> {
        self.walk(name, |folder, part| if_there(folder.sub(part)))
    }

    /// Makes a mailbox, as far as it is not there, and waits until the way
    /// to it is on disk.
    ///
    /// # Errors
    /// Those of the calls; what was made so far stays.
    pub(crate) fn create(&self, name: &[u8]) -> Result<Mailbox, Error> {
        let walked = self.walk(name, |folder, part| made(folder, part).map(Some))?;
        let folder = walked.ok_or(Error::BadName)?;
        // `new` comes last: where it is, the others are.
        made(&folder, b"tmp").map_err(on("tmp"))?;
        let cur = made(&folder, b"cur").map_err(on("cur"))?;
        let new = made(&folder, b"new").map_err(on("new"))?;
        Ok(Mailbox {
            new: Some(new),
            cur: Some(cur),
            folder,
        })
    }

    /// Goes down to a mailbox, one step for each component of its name.
    fn walk(
        &self,
        name: &[u8],
        step: impl Fn(&Dir, &[u8]) -> io::Result<Option<Dir>>,
    ) -> Result<Option<Dir>, Error> {
        let checked = crate::base::names::mailbox(name).map_err(|_| Error::BadName)?;
        let mut at: Option<Dir> = None;
        for part in checked.split('/') {
            let from = at.as_ref().unwrap_or(&self.0);
            match step(from, part.as_bytes()).map_err(on("mailbox"))? {
                None => return Ok(None),
                next => at = next,
            }
        }
        Ok(at)
    }
}

impl Mailbox {
    /// Whether mail can be delivered here. `new` is made last; but who was
    /// killed while removing a mailbox, or made one by hand, may have left it
    /// without `tmp`.
    pub(crate) fn is_complete(&self) -> bool {
        self.new.is_some() && self.folder.stat(b"tmp").is_ok()
    }

    /// The folders that are there, `new` first: whether it is `cur`, the
    /// folder, its name.
    pub(super) fn folders(&self) -> impl Iterator<Item = (bool, &Dir, &'static str)> {
        let new = self.new.as_ref().map(|dir| (false, dir, "new"));
        let cur = self.cur.as_ref().map(|dir| (true, dir, "cur"));
        new.into_iter().chain(cur)
    }

    /// `cur` or `new`.
    pub(super) fn folder(&self, cur: bool) -> Option<&Dir> {
        if cur {
            self.cur.as_ref()
        } else {
            self.new.as_ref()
        }
    }

    /// Locks the mailbox for one session; `None` if another has it.
    ///
    /// # Errors
    /// Its file system has no locks.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Error> {
        self.folder.lock().map_err(on("lock of the mailbox"))
    }

    /// The directory itself.
    pub(super) fn root(&self) -> &Dir {
        &self.folder
    }

    /// The folder for mail that is being written.
    pub(super) fn tmp(&self) -> io::Result<Dir> {
        self.folder.sub(b"tmp")
    }
}

/// Opens `name` in `folder`, made if need be. The folder is synced even if
/// another process made it: that one may not have come so far yet.
fn made(folder: &Dir, name: &[u8]) -> io::Result<Dir> {
    match folder.mkdir(name) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
        _ => folder.sync()?,
    }
    folder.sub(name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A marked spool in a scratch folder.
    pub(crate) fn marked(title: &str) -> (Scratch, Spool) {
        let scratch = Scratch::new(title);
        fs::write(scratch.path().join(MARK), "").unwrap();
        let spool = Spool::open(scratch.path()).unwrap();
        (scratch, spool)
    }

    #[test]
    fn a_spool_without_its_mark_is_not_mounted() {
        let scratch = Scratch::new("spool-bare");
        let open = |path: &Path| Spool::open(path).unwrap_err();
        assert!(matches!(open(scratch.path()), Error::NotMounted));
        let nowhere = scratch.path().join("nowhere");
        assert!(matches!(open(&nowhere), Error::NotMounted));
    }

    #[test]
    fn a_mailbox_that_is_not_there_is_none_and_a_file_in_the_way_an_error() {
        let (scratch, spool) = marked("spool-none");
        assert!(spool.mailbox(b"3/2d/joe").unwrap().is_none());
        fs::write(scratch.path().join("3"), "").unwrap();
        assert!(matches!(spool.mailbox(b"3/2d/joe"), Err(Error::Io(..))));
        assert!(matches!(spool.mailbox(b"../x"), Err(Error::BadName)));
    }

    #[test]
    fn a_symbolic_link_leads_to_no_mailbox() {
        let (scratch, spool) = marked("spool-link");
        spool.create(b"joe").unwrap();
        symlink("joe", scratch.path().join("link")).unwrap();
        assert!(matches!(spool.mailbox(b"link"), Err(Error::Io(..))));
        fs::remove_dir(scratch.path().join("joe/new")).unwrap();
        symlink("/tmp", scratch.path().join("joe/new")).unwrap();
        assert!(matches!(spool.mailbox(b"joe"), Err(Error::Io(..))));
    }

    #[test]
    fn a_mailbox_is_made_with_all_its_folders_and_again_without_harm() {
        let (scratch, spool) = marked("spool-create");
        spool.create(b"3/2d/joe").unwrap();
        spool.create(b"3/2d/joe").unwrap();
        let mailbox = spool.mailbox(b"3/2d/joe").unwrap().unwrap();
        assert!(mailbox.new.is_some() && mailbox.cur.is_some() && mailbox.tmp().is_ok());
        assert!(scratch.path().join("3/2d/joe/cur").is_dir());
        assert!(mailbox.is_complete());
        fs::remove_dir(scratch.path().join("3/2d/joe/tmp")).unwrap();
        assert!(!mailbox.is_complete());
    }
}
