//! Whether there is any mail: the question of a mail check.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::spool::{MARK, Spool};
use super::{Error, if_there, on};
use crate::sys::dir::{Dir, Kind, Stat, stat_path};

/// What a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    Nothing,
    /// Only mail that was seen.
    Old,
    New,
}

/// `new` and `cur` of a mailbox as they are without being read: as long as
/// that is the same, nothing has come into them, nor gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State([Stat; 2]);

impl State {
    /// As octets: equal for equal states only.
    pub(crate) fn octets(&self) -> [u8; 64] {
        let mut octets = [0; 64];
        let words = self.0.iter().flat_map(|folder| {
            let (seconds, nanoseconds) = folder.changed;
            [folder.id.0, folder.id.1, seconds as u64, nanoseconds as u64]
        });
        for (room, word) in octets.chunks_exact_mut(8).zip(words) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        octets
    }

    /// When one of them changed last, in seconds since the epoch.
    pub(crate) fn changed(&self) -> i64 {
        self.0[0].changed.0.max(self.0[1].changed.0)
    }
}

/// The state of a mailbox, by three calls and without opening anything. `None`:
/// one of the folders, or the mark of the spool, is not there, or something is
/// wrong that [`any_mail`] will tell. A state may have been found on a way that
/// [`any_mail`] does not go, so it tells nothing but that it is the same.
pub(crate) fn state(spool: &Path, mailbox: &[u8]) -> Option<State> {
    crate::base::names::mailbox(mailbox).ok()?;
    let spool = spool.as_os_str().as_bytes();
    let find = |names: &[&[u8]]| stat_path(&[&[spool], names].concat().join(&b'/')).ok();
    find(&[MARK.as_bytes()])?;
    let folder = |name: &[u8]| find(&[mailbox, name]).filter(|at| at.kind == Kind::Directory);
    Some(State([folder(b"new")?, folder(b"cur")?]))
}

/// Times that a restless mailbox is looked into at most.
const LOOKS: usize = 4;

/// Looks into `new`, then into `cur`, no further than the first message.
/// Mail that is moved from one to the other meanwhile is seen: if neither has
/// any, and `new` has changed by then, both are looked into again. Beside what
/// is there, the state that the folders had before they were read, if there are
/// both.
///
/// # Errors
/// Those of [`Spool::mailbox`], and folders that cannot be read.
pub(crate) fn any_mail(spool: &Spool, mailbox: &[u8]) -> Result<(Mail, Option<State>), Error> {
    let Some(mailbox) = spool.folder(mailbox)? else {
        return Ok((Mail::Nothing, None));
    };
    let (mut found, mut state, mut restless) = look(&mailbox)?;
    for _ in 1..LOOKS {
        if !restless {
            break;
        }
        (found, state, restless) = look(&mailbox)?;
    }
    Ok((found, state))
}

/// Looks once. Tells as well whether something may have been missed.
fn look(mailbox: &Dir) -> Result<(Mail, Option<State>, bool), Error> {
    let open = |name| if_there(mailbox.sub(name)).and_then(with_stat);
    let new = open(b"new").map_err(on("new"))?;
    let cur = open(b"cur").map_err(on("cur"))?;
    let stat = |folder: &Option<(Dir, Stat)>| folder.as_ref().map(|(_, stat)| *stat);
    let state = stat(&new).zip(stat(&cur)).map(|(n, c)| State([n, c]));
    for (name, folder, mail) in [("new", &new, Mail::New), ("cur", &cur, Mail::Old)] {
        let found = folder
            .as_ref()
            .map_or(Ok(false), |(dir, _)| holds_mail(dir));
        if found.map_err(on(name))? {
            return Ok((mail, state, false));
        }
    }
    let changed = |(dir, before): &(Dir, Stat)| Ok(dir.stat_self()? != *before);
    let restless = new.as_ref().map_or(Ok(false), changed);
    Ok((Mail::Nothing, state, restless.map_err(on("new"))?))
}

fn with_stat(folder: Option<Dir>) -> std::io::Result<Option<(Dir, Stat)>> {
    let stat = folder.as_ref().map(Dir::stat_self).transpose()?;
    Ok(folder.zip(stat))
}

fn holds_mail(folder: &Dir) -> std::io::Result<bool> {
    let found = folder.each(|_, kind| match kind {
        Kind::File => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.map(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::spool::tests::marked;
    use std::fs;

    #[test]
    fn new_mail_comes_before_old_and_folders_are_no_mail() {
        let (scratch, spool) = marked("peek");
        let look = || any_mail(&spool, b"joe").unwrap().0;
        assert_eq!(look(), Mail::Nothing, "no mailbox");
        spool.create(b"joe").unwrap();
        let joe = scratch.path().join("joe");
        fs::create_dir(joe.join("new/folder")).unwrap();
        fs::write(joe.join("new/.hidden"), "").unwrap();
        assert_eq!(look(), Mail::Nothing);
        fs::write(joe.join("cur/1:2,S"), "").unwrap();
        assert_eq!(look(), Mail::Old);
        fs::write(joe.join("new/2"), "").unwrap();
        assert_eq!(look(), Mail::New);
    }

    #[test]
    fn a_message_that_is_moved_to_and_fro_is_never_missed() {
        let (scratch, spool) = marked("peek-moved");
        spool.create(b"joe").unwrap();
        let joe = scratch.path().join("joe");
        fs::write(joe.join("new/1"), "").unwrap();
        let mover = std::thread::spawn(move || {
            for _ in 0..40 {
                // So that the times of the changes differ.
                std::thread::sleep(std::time::Duration::from_millis(25));
                fs::rename(joe.join("new/1"), joe.join("cur/1")).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(25));
                fs::rename(joe.join("cur/1"), joe.join("new/1")).unwrap();
            }
        });
        let mut missed = 0;
        while !mover.is_finished() {
            let found = any_mail(&spool, b"joe").unwrap().0;
            missed += u32::from(found == Mail::Nothing);
        }
        mover.join().unwrap();
        assert_eq!(missed, 0);
    }

    #[test]
    fn a_mailbox_that_cannot_be_read_is_an_error_and_not_empty() {
        let (scratch, spool) = marked("peek-error");
        spool.create(b"joe").unwrap();
        let new = scratch.path().join("joe/new");
        fs::remove_dir(&new).unwrap();
        fs::write(&new, "").unwrap();
        assert!(any_mail(&spool, b"joe").is_err());
    }

    #[test]
    fn a_state_is_the_same_until_something_comes_or_goes_or_the_folder_is_another() {
        let (scratch, spool) = marked("peek-state");
        let known = || state(scratch.path(), b"3/joe");
        let read = || any_mail(&spool, b"3/joe").unwrap().1;
        assert_eq!((known(), read()), (None, None), "no mailbox");
        spool.create(b"3/joe").unwrap();
        let joe = scratch.path().join("3/joe");
        let mut before = known().unwrap();
        assert_eq!(read(), Some(before));
        let mut changed = |what: &str| {
            let after = known();
            assert_ne!(after.unwrap().octets(), before.octets(), "{what}");
            before = after.unwrap();
        };
        // The times of changes that follow upon each other closely may be one.
        let tick = || std::thread::sleep(std::time::Duration::from_millis(25));
        tick();
        fs::write(joe.join("new/1"), "").unwrap();
        changed("came");
        assert_eq!(read(), known());
        tick();
        fs::rename(joe.join("new/1"), joe.join("cur/1:2,S")).unwrap();
        changed("was moved");
        tick();
        fs::remove_file(joe.join("cur/1:2,S")).unwrap();
        changed("went");
        fs::rename(joe.join("new"), joe.join("old")).unwrap();
        assert_eq!((known(), read()), (None, None), "a folder is gone");
        fs::create_dir(joe.join("new")).unwrap();
        changed("is another folder");
        fs::remove_file(scratch.path().join(MARK)).unwrap();
        assert_eq!(known(), None, "not mounted");
    }

    #[test]
    fn what_is_no_folder_or_no_name_has_no_state() {
        let (scratch, spool) = marked("peek-no-state");
        spool.create(b"joe").unwrap();
        let joe = scratch.path().join("joe");
        assert!(state(scratch.path(), b"joe").is_some());
        for name in [&b"../joe"[..], b"/joe", b"joe/", b"", b"joe\0"] {
            assert_eq!(state(scratch.path(), name), None, "{name:?}");
        }
        fs::rename(joe.join("cur"), joe.join("kept")).unwrap();
        std::os::unix::fs::symlink("kept", joe.join("cur")).unwrap();
        assert_eq!(state(scratch.path(), b"joe"), None, "a link");
    }
}
