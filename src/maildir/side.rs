//! Files beside the mail: they lie in the root of a mailbox, where no program
//! looks for messages. Whatever they hold is as hostile as mail.

use std::fs::File;
use std::io::{self, BufRead, BufWriter};

use super::deliver::{fresh, no_links};
use super::if_there;
use super::spool::Mailbox;

/// Octets of a line that are kept, its end not counted.
pub(super) const LINE: usize = 4096;

/// Octets of a file that are read at all.
pub(super) const MOST: u64 = 128 << 20;

/// What becomes of a file that stands there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is replaced. After a crash it may be the old one, the new one, or
    /// one that is torn.
    Replace,
    /// It stays, and `AlreadyExists` is the error. The new one is on disk
    /// before it is there.
    Keep,
}

impl Mailbox {
    /// Opens a file beside the mail; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be opened, is no regular file, or is longer than [`MOST`].
    pub(super) fn side(&self, name: &[u8]) -> io::Result<Option<File>> {
        let Some(file) = if_there(self.root().read(name))? else {
            return Ok(None);
        };
        if file.metadata()?.len() > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(file))
    }

    /// Writes a file beside the mail, whole or not at all.
    ///
    /// # Errors
    /// What was there is still there, and nothing else.
    pub(super) fn put_side(
        &self,
        name: &[u8],
        place: Place,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<()> {
        let tmp = self.tmp()?;
        let (scratch, file) = fresh(name, |scratch| tmp.create(scratch))?;
        let written = || {
            let mut out = BufWriter::with_capacity(64 * 1024, file);
            write(&mut out)?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            if place == Place::Replace {
                return tmp.rename(&scratch, self.root(), name);
            }
            file.sync_all()?;
            match tmp.link(&scratch, self.root(), name) {
                Err(why) if no_links(&why) => {
                    if if_there(self.root().stat(name))?.is_some() {
                        return Err(io::ErrorKind::AlreadyExists.into());
                    }
                    tmp.rename(&scratch, self.root(), name)?;
                }
                linked => linked?,
            }
            self.root().sync()
        };
        let done = written();
        // After a renaming there is nothing to remove.
        if done.is_err() || place == Place::Keep {
            let _ = tmp.unlink(&scratch);
        }
        done
    }

    /// Removes a file beside the mail, if it is there.
    pub(super) fn drop_side(&self, name: &[u8]) {
        let _ = self.root().unlink(name);
    }
}

/// Reads a line without its LF; `None` at the end of the file. Of one that is
/// longer than [`LINE`] just one octet more than that is kept.
pub(super) fn line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<()>> {
    line.clear();
    loop {
        let piece = match input.fill_buf() {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        if piece.is_empty() {
            return Ok((!line.is_empty()).then_some(()));
        }
        let end = super::crlf::line(piece);
        let text = &piece[..end.map_or(piece.len(), |end| end - 1)];
        let room = (LINE + 1).saturating_sub(line.len());
        line.extend_from_slice(&text[..text.len().min(room)]);
        let octets = end.unwrap_or(piece.len());
        input.consume(octets);
        if end.is_some() {
            return Ok(Some(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::spool::tests::marked;
    use std::fs;
    use std::io::Write;

    #[test]
    fn lines_are_cut_and_the_last_may_lack_its_end() {
        let text = [&b"a\n\n"[..], &[b'x'; 2 * LINE], b"\nend"].concat();
        let mut input = io::BufReader::with_capacity(7, &text[..]);
        let (mut one, mut octets) = (Vec::new(), Vec::new());
        while line(&mut input, &mut one).unwrap().is_some() {
            octets.push(one.len());
        }
        assert_eq!(octets, [1, 0, LINE + 1, 3]);
        assert_eq!(one, b"");
    }

    #[test]
    fn a_file_is_replaced_or_kept_and_a_failure_leaves_nothing() {
        let (scratch, spool) = marked("side");
        let mailbox = spool.create(b"joe").unwrap();
        let joe = scratch.path().join("joe");
        let put = |place, text: &'static [u8]| mailbox.put_side(b"x", place, |o| o.write_all(text));
        put(Place::Keep, b"one").unwrap();
        let kept = put(Place::Keep, b"two").unwrap_err();
        assert_eq!(kept.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(joe.join("x")).unwrap(), b"one");
        put(Place::Replace, b"three").unwrap();
        let fails = |_: &mut BufWriter<File>| Err(io::ErrorKind::StorageFull.into());
        assert!(mailbox.put_side(b"x", Place::Replace, fails).is_err());
        assert_eq!(fs::read(joe.join("x")).unwrap(), b"three");
        assert_eq!(fs::read_dir(joe.join("tmp")).unwrap().count(), 0);
        mailbox.drop_side(b"x");
        assert!(mailbox.side(b"x").unwrap().is_none());
    }

    #[test]
    fn what_is_no_file_or_too_long_is_an_error() {
        let (scratch, spool) = marked("side-odd");
        let mailbox = spool.create(b"joe").unwrap();
        let joe = scratch.path().join("joe");
        fs::create_dir(joe.join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", joe.join("link")).unwrap();
        fs::File::create(joe.join("long"))
            .unwrap()
            .set_len(MOST + 1)
            .unwrap();
        for name in [&b"folder"[..], b"link", b"long"] {
            assert!(mailbox.side(name).is_err());
        }
    }
}
