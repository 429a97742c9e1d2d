//! Whether there is any mail: the question of a mail check.

use std::ops::ControlFlow;

use super::spool::Spool;
use super::{Error, if_there, on};
use crate::sys::dir::Kind;

/// What a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    Nothing,
    /// Only mail that was seen.
    Old,
    New,
}

/// Looks into `new`, then into `cur`, no further than the first message.
/// Mail that is moved from one to the other meanwhile is seen.
///
/// # Errors
/// Those of [`Spool::mailbox`], and folders that cannot be read.
pub(crate) fn any_mail(spool: &Spool, mailbox: &[u8]) -> Result<Mail, Error> {
    let Some(mailbox) = spool.folder(mailbox)? else {
        return Ok(Mail::Nothing);
    };
    for (name, mail) in [("new", Mail::New), ("cur", Mail::Old)] {
        let folder = if_there(mailbox.sub(name.as_bytes())).map_err(on(name))?;
        let Some(folder) = folder else {
            continue;
        };
        let found = folder.into_each(|_, kind| match kind {
            Kind::File => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        if found.map_err(on(name))?.is_some() {
            return Ok(mail);
        }
    }
    Ok(Mail::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::spool::tests::marked;
    use std::fs;

    #[test]
    fn new_mail_comes_before_old_and_folders_are_no_mail() {
        let (scratch, spool) = marked("peek");
        let look = || any_mail(&spool, b"joe").unwrap();
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
    fn a_mailbox_that_cannot_be_read_is_an_error_and_not_empty() {
        let (scratch, spool) = marked("peek-error");
        spool.create(b"joe").unwrap();
        let new = scratch.path().join("joe/new");
        fs::remove_dir(&new).unwrap();
        fs::write(&new, "").unwrap();
        assert!(any_mail(&spool, b"joe").is_err());
    }
}
