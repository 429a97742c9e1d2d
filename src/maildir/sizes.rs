//! The sizes that had to be counted, since no name tells them, or the name
//! tells a wrong one and cannot be mended. They are kept in a file in the
//! mailbox, so that the next session need not read the mail.
//!
//! The first line says what it is; then comes a line `SIZE NAME` for each
//! message, NAME being the core; then the SHA-256 digest of all before it.
//! A size in the file overrides that in the name. The file is a help and
//! nothing else: one that is torn, or in any other way not as it should be,
//! counts as none, and a size in it that is wrong is found at RETR like one
//! in a name.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use super::list::{Entry, GONE, List, TWIN, UNKNOWN, UNREAD};
use super::name;
use super::side::{self, Place};
use super::spool::Mailbox;
use crate::base::digest::Digest;

/// Its name.
const NAME: &[u8] = b"popular-sizes";

const FIRST: &[u8] = b"popular-sizes 1\n";
const LAST: &[u8] = b"sha256 ";

/// Lines for messages that are gone, beyond as many as are used, that are
/// not worth to write the file anew.
const WASTE: usize = 100;

impl List {
    /// Takes from the file what no name tells, or tells wrong.
    pub(super) fn recall(&mut self, mailbox: &Mailbox) {
        if self.entries.is_empty() {
            return;
        }
        let Ok(Some(file)) = mailbox.side(NAME) else {
            return;
        };
        match self.recall_from(BufReader::with_capacity(64 * 1024, file)) {
            Some((used, waste)) => self.to_save += usize::from(waste > used + WASTE),
            None => self.forget(),
        }
    }

    /// How many lines were used, and how many are of no use; `None` if the
    /// file is not to be trusted.
    fn recall_from(&mut self, mut file: impl BufRead) -> Option<(usize, usize)> {
        let (mut line, mut digest) = (Vec::new(), Digest::default());
        let (mut at, mut used, mut lines) = (0, 0, 0);
        side::line(&mut file, &mut line).ok()??;
        line.push(b'\n');
        if line != FIRST {
            return None;
        }
        loop {
            digest.add(&line);
            side::line(&mut file, &mut line).ok()??;
            if let Some(told) = line.strip_prefix(LAST) {
                let nothing_follows = file.fill_buf().ok()?.is_empty();
                let whole = nothing_follows && told == digest.hex();
                return whole.then_some((used, lines - used));
            }
            let (size, name) = parse(&line)?;
            while self.is_before(at, name) {
                at += 1;
            }
            if self.has_core(at, name) && !self.entries[at].is(TWIN) {
                used += usize::from(self.entries[at].size != size);
                self.entries[at].size = size;
            }
            lines += 1;
            line.push(b'\n');
        }
    }

    /// The file is in the order of the list.
    fn is_before(&self, at: usize, name: &[u8]) -> bool {
        let entry = self.entries.get(at);
        entry.is_some_and(|e| self.order(e, name) == Ordering::Less)
    }

    /// Knows again only what the names tell.
    fn forget(&mut self) {
        let List { names, entries, .. } = self;
        for entry in entries {
            let name = super::list::name_in(names, entry);
            entry.size = name::promised(name).unwrap_or(UNKNOWN);
        }
    }

    /// Writes the file, if a size was counted since it was read or written
    /// last. Nothing is synced: a torn file is recognised.
    ///
    /// # Errors
    /// The sizes will have to be counted again.
    pub(super) fn save_sizes(&mut self, mailbox: &Mailbox) -> io::Result<()> {
        if std::mem::take(&mut self.to_save) == 0 {
            return Ok(());
        }
        if !self.entries.iter().any(|e| self.is_worth_saving(e)) {
            mailbox.drop_side(NAME);
            return Ok(());
        }
        mailbox.put_side(NAME, Place::Replace, |out| self.write_sizes(out))
    }

    fn write_sizes(&self, out: &mut io::BufWriter<File>) -> io::Result<()> {
        let (mut line, mut digest) = (FIRST.to_vec(), Digest::default());
        for entry in self.entries.iter().filter(|e| self.is_worth_saving(e)) {
            digest.add(&line);
            out.write_all(&line)?;
            line.clear();
            write!(line, "{} ", entry.size)?;
            line.extend_from_slice(name::core(self.name(entry)));
            line.push(b'\n');
        }
        digest.add(&line);
        out.write_all(&line)?;
        out.write_all(&[LAST, &digest.hex(), b"\n"].concat())
    }

    /// Whether the size of this entry was counted, the name tells another or
    /// none, and the file can tell it.
    pub(super) fn is_worth_saving(&self, entry: &Entry) -> bool {
        let name = self.name(entry);
        entry.size != UNKNOWN
            && !entry.is(GONE | TWIN | UNREAD)
            && name::promised(name) != Some(entry.size)
            && !name.contains(&b'\n')
    }
}

/// `SIZE NAME`
fn parse(line: &[u8]) -> Option<(u64, &[u8])> {
    let blank = line.iter().position(|&b| b == b' ')?;
    let (size, name) = line.split_at(blank);
    Some((name::number(size)?, &name[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::crlf::tests::{odd_text, plainly};
    use crate::maildir::maildrop::Maildrop;
    use crate::maildir::tests::{Box, text};
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn list(drop: &mut Maildrop) -> Vec<u64> {
        (1..=drop.last()).map(|n| drop.size(n).unwrap()).collect()
    }

    /// The sizes that a session tells, and saves.
    fn told(mail: &Box) -> Vec<u64> {
        let mut drop = mail.open();
        let sizes = list(&mut drop);
        drop.save_sizes().unwrap();
        sizes
    }

    fn inode(mail: &Box) -> Option<u64> {
        fs::metadata(mail.joe.join("popular-sizes"))
            .ok()
            .map(|m| m.ino())
    }

    #[test]
    fn what_was_counted_once_is_not_read_again() {
        let mail = Box::new("sizes");
        mail.put("new/1.a.h", "a\n");
        mail.put("cur/2.a.h,S=9:2,S", "b\nb\n");
        mail.put("new/3.a.h,S=1,W=3", "c");
        assert_eq!(told(&mail), [3, 6, 3]);
        let first = inode(&mail);
        // Mail never changes; if it does, that is how we know it was not read.
        mail.put("new/1.a.h", "longer\n");
        fs::rename(mail.joe.join("new/1.a.h"), mail.joe.join("cur/1.a.h:2,S")).unwrap();
        assert_eq!(told(&mail), [3, 6, 3]);
        assert_eq!(
            inode(&mail),
            first,
            "nothing was counted, nothing is written"
        );
        // It is found out like a wrong size in a name, and mended.
        let mut drop = mail.open();
        assert_eq!(drop.retrieve(1).unwrap().promised, Some(3));
        drop.save_sizes().unwrap();
        assert_eq!(told(&mail), [8, 6, 3]);
        mail.put("new/4.a.h", "d");
        assert_eq!(told(&mail), [8, 6, 3, 3]);
    }

    #[test]
    fn names_that_tell_all_sizes_need_no_file() {
        let mail = Box::new("sizes-none");
        mail.put("new/1.a.h,S=1,W=3", "a");
        told(&mail);
        assert_eq!(inode(&mail), None);
        fs::create_dir(mail.joe.join("popular-sizes")).unwrap();
        assert_eq!(told(&mail), [3]);
    }

    #[test]
    fn a_wrong_size_that_must_stay_in_its_name_is_found_once() {
        let mail = Box::new("sizes-wrong");
        let names = ["new/1.a.h,W=7,S=5", "new/2.a.h,S=5,W=7,x"];
        for name in names {
            mail.put(name, "a\n");
        }
        mail.put("new/3.a.h,S=1,W=3", "c");
        assert_eq!(told(&mail), [7, 7, 3]);
        for (sizes, wrong) in [([3, 7, 3], 1), ([3, 3, 3], 2)] {
            let mut drop = mail.open();
            assert_eq!(drop.retrieve(wrong).unwrap().promised, Some(7));
            drop.save_sizes().unwrap();
            assert_eq!(told(&mail), sizes);
        }
        let first = inode(&mail);
        let mut drop = mail.open();
        for number in 1..=3 {
            assert_eq!(drop.retrieve(number).unwrap().promised, None);
        }
        assert_eq!(drop.stat(), (3, 9));
        drop.save_sizes().unwrap();
        assert_eq!(inode(&mail), first, "nothing new, nothing is written");
        assert_eq!(mail.names()[..2], names);
    }

    #[test]
    fn a_right_name_is_believed_again_once_the_file_was_found_wrong() {
        let mail = Box::new("sizes-liar");
        mail.put("new/1.a.h,S=1,W=3", "a");
        mail.put("new/2.a.h,S=9,W=9", "a");
        let mut file = [FIRST, b"4 1.a.h\n5 2.a.h\n"].concat();
        let mut digest = Digest::default();
        digest.add(&file);
        file.extend_from_slice(&[LAST, &digest.hex(), b"\n"].concat());
        fs::write(mail.joe.join("popular-sizes"), file).unwrap();
        assert_eq!(told(&mail), [4, 5]);
        let mut drop = mail.open();
        assert_eq!(drop.retrieve(1).unwrap().promised, Some(4));
        assert_eq!(drop.retrieve(2).unwrap().promised, Some(5));
        drop.save_sizes().unwrap();
        assert_eq!(inode(&mail), None, "the names tell all");
        assert_eq!(told(&mail), [3, 3]);
        assert_eq!(mail.names(), ["new/1.a.h,S=1,W=3", "new/2.a.h,S=1,W=3"]);
    }

    #[test]
    fn only_what_is_there_and_was_read_is_remembered() {
        let mail = Box::new("sizes-what");
        for name in [
            "new/1.a.h",
            "new/2.a\n.h",
            "new/3.a.h",
            "cur/3.a.h",
            "new/4.a.h",
        ] {
            mail.put(name, "x");
        }
        let mut drop = mail.open();
        fs::remove_file(mail.joe.join("new/4.a.h")).unwrap();
        assert_eq!(list(&mut drop), [3, 3, 3, 3, 0]);
        drop.save_sizes().unwrap();
        let file = fs::read_to_string(mail.joe.join("popular-sizes")).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines[..2], ["popular-sizes 1", "3 1.a.h"]);
        assert!(lines.len() == 3 && lines[2].starts_with("sha256 "));
        let mut drop = mail.open();
        assert_eq!(list(&mut drop), [3, 3, 3, 3]);
        let mail = Box::new("sizes-deleted");
        mail.put("new/1.a.h", "x");
        let mut drop = mail.open();
        assert_eq!(list(&mut drop), [3]);
        drop.delete(1).unwrap();
        assert_eq!(drop.expunge(false).removed, 1);
        drop.save_sizes().unwrap();
        assert_eq!(inode(&mail), None, "nothing is left to remember");
    }

    #[test]
    fn a_torn_or_changed_file_counts_as_none() {
        let mail = Box::new("sizes-torn");
        mail.put("new/1.a.h", "a\n");
        mail.put("new/2.a.h", "b\n");
        told(&mail);
        let path = mail.joe.join("popular-sizes");
        let whole = fs::read(&path).unwrap();
        for octets in 0..whole.len() - 1 {
            fs::write(&path, &whole[..octets]).unwrap();
            assert_eq!(told(&mail), [3, 3], "cut to {octets}");
            assert_eq!(fs::read(&path).unwrap(), whole, "and made anew");
            let mut changed = whole.clone();
            changed[octets] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(told(&mail), [3, 3], "octet {octets}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert_eq!(told(&mail), [3, 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_file_says_the_mail_comes_out_as_it_is(
            mails in proptest::collection::vec(odd_text(), 1..4),
            lines in proptest::collection::vec((any::<u64>(), 0usize..6), 0..6),
            noise in proptest::collection::vec(any::<u8>(), 0..80),
            sealed in any::<bool>(),
        ) {
            let mail = Box::new("sizes-any");
            let tail = |at| ["", ",W=2,S=2", ",S=1,W=1"][at % 3];
            for (at, text) in mails.iter().enumerate() {
                fs::write(mail.joe.join(format!("new/{at}.a.h{}", tail(at))), text).unwrap();
            }
            let mut file = FIRST.to_vec();
            for (size, at) in lines {
                let tail = if at % 3 == 1 { tail(1) } else { "" };
                file.extend_from_slice(format!("{size} {at}.a.h{tail}\n").as_bytes());
            }
            if sealed {
                let mut digest = Digest::default();
                digest.add(&file);
                file.extend_from_slice(&[LAST, &digest.hex(), b"\n"].concat());
            } else {
                file.extend_from_slice(&noise);
            }
            fs::write(mail.joe.join("popular-sizes"), file).unwrap();
            let want: Vec<_> = mails.iter().map(|text| plainly(text)).collect();
            let sizes: Vec<_> = want.iter().map(|text| text.len() as u64).collect();
            let mut drop = mail.open();
            if !sealed {
                prop_assert_eq!(list(&mut drop)[0], sizes[0]);
            }
            let _ = drop.stat();
            for (at, want) in want.iter().enumerate() {
                prop_assert_eq!(&text(&mut drop, at + 1).unwrap(), want);
            }
            prop_assert_eq!(list(&mut drop), &sizes[..]);
            drop.save_sizes().unwrap();
            prop_assert_eq!(told(&mail), sizes);
        }
    }
}
