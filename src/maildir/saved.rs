//! Unique ids that were told before: by an old server, whose list is taken
//! over once, into a file of ours in the mailbox.
//!
//! The first session that tells unique ids makes the file, be it empty. From
//! then on nothing else counts: no other server that works on the mailbox can
//! change an id that was told. Who has which id follows from the list alone,
//! and not from the messages that are there, so that it stays so when
//! messages go: an id belongs to the first line that has it, and a message
//! has the id of the last line that names it and has an id of its own. A
//! message that no such line names keeps off all ids of the list.

use std::fs::File;
use std::io::{self, BufReader, Write};

use super::legacy::{Format, LISTS};
use super::list::List;
use super::side::Place;
use super::spool::Mailbox;
use super::uidl::Uidl;
use super::{Error, name, on};

/// Name of the file.
const NAME: &str = "popular-uidl";

/// Octets that are read at once.
const PIECE: usize = 64 * 1024;

/// No message, or no id.
const NONE: u32 = u32::MAX;

/// What an administrator should know of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Name of the file.
    pub(crate) from: &'static str,
    /// Messages that have their ids from it, if this session took it over.
    pub(crate) imported: Option<usize>,
    /// Lines that say nothing.
    pub(crate) useless: u64,
    /// Why it could not be read or taken over.
    pub(crate) why: Option<String>,
}

/// The ids of a list, and the messages that have them.
#[derive(Debug, Default)]
pub(super) struct Saved {
    texts: Vec<u8>,
    /// Place and length of each id in `texts`, sorted by what stands there.
    ids: Vec<(u32, u8)>,
    /// Which of them a message has; empty if none has any.
    of: Vec<u32>,
}

/// A line of the list: its id, and the message that it names.
struct Line {
    at: u32,
    octets: u8,
    message: u32,
}

impl Saved {
    /// Reads the list of this mailbox, and makes it if there is none yet.
    ///
    /// # Errors
    /// There is a list, and it cannot be read: to tell other ids would make
    /// clients fetch everything again.
    pub(super) fn load(list: &List, mailbox: &Mailbox) -> Result<(Saved, Option<Report>), Error> {
        let mut report: Option<Report> = None;
        loop {
            if let Some(file) = mailbox.side(NAME.as_bytes()).map_err(on(NAME))? {
                let (saved, useless) =
                    Saved::read(list, Format::Popular, file).map_err(on(NAME))?;
                match &mut report {
                    Some(report) if report.why.is_none() => report.imported = Some(saved.count()),
                    Some(_) => {}
                    None if useless > 0 => report = Some(Report::new(NAME, useless, None)),
                    None => {}
                }
                return Ok((saved, report));
            }
            let old = Old::find(mailbox)?;
            match Old::take_over(old.as_ref(), mailbox) {
                Ok(told) => report = told,
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Saved::unsaved(list, mailbox, &why),
            }
        }
    }

    /// Where our file cannot be made, the list of the old server is used as
    /// it is.
    fn unsaved(
        list: &List,
        mailbox: &Mailbox,
        why: &io::Error,
    ) -> Result<(Saved, Option<Report>), Error> {
        let Some(Old { from, format, file }) = Old::find(mailbox)? else {
            return Ok(Default::default());
        };
        let why = format!("{NAME} cannot be written: {why}");
        let (saved, useless) = Saved::read(list, format, file).map_err(on(from))?;
        Ok((saved, Some(Report::new(from, useless, Some(why)))))
    }

    /// Returns the ids, and the number of lines that say nothing.
    fn read(list: &List, format: Format, file: File) -> io::Result<(Saved, u64)> {
        let (mut texts, mut lines, mut next) = (Vec::new(), Vec::new(), 0);
        let useless = format.each(BufReader::with_capacity(PIECE, file), |name, id| {
            // A file is short enough for this never to be too much.
            let at = u32::try_from(texts.len()).map_err(io::Error::other)?;
            let octets = u8::try_from(id.len()).map_err(io::Error::other)?;
            let message = list.with_core(name, &mut next).unwrap_or(NONE);
            texts.extend_from_slice(id);
            lines.push(Line {
                at,
                octets,
                message,
            });
            Ok(())
        })?;
        Ok((Saved::settle(texts, &lines, list.entries.len()), useless))
    }

    /// Who has which id.
    fn settle(texts: Vec<u8>, lines: &[Line], messages: usize) -> Saved {
        if lines.is_empty() {
            return Saved::default();
        }
        let line = |place: u32| &lines[place as usize];
        let id = |place: u32| text(&texts, (line(place).at, line(place).octets));
        let mut owners: Vec<u32> = (0..lines.len() as u32).collect();
        owners.sort_unstable_by(|&a, &b| id(a).cmp(id(b)).then(a.cmp(&b)));
        owners.dedup_by(|later, first| id(*later) == id(*first));
        let mut last = vec![None; messages];
        let named = |place: u32| Some(line(place).message).filter(|&m| m != NONE);
        for &place in &owners {
            if let Some(message) = named(place) {
                let last: &mut Option<u32> = &mut last[message as usize];
                *last = (*last).max(Some(place));
            }
        }
        let mut of = vec![NONE; messages];
        for (rank, &place) in owners.iter().enumerate() {
            match named(place).map(|message| message as usize) {
                Some(message) if last[message] == Some(place) => of[message] = rank as u32,
                _ => {}
            }
        }
        let ids = owners
            .iter()
            .map(|&place| (line(place).at, line(place).octets));
        let ids = ids.collect();
        Saved { texts, ids, of }
    }

    /// The id of a message. `twin` is its inode if it is one of several files
    /// with one core; the list does not tell which of them it means.
    pub(super) fn id(&self, message: usize, name: &[u8], twin: Option<u64>) -> Uidl {
        let saved = self.of.get(message).filter(|_| twin.is_none());
        if let Some(&id) = saved.and_then(|&rank| self.ids.get(rank as usize)) {
            return Uidl::saved(text(&self.texts, id));
        }
        let own = twin.map_or_else(|| Uidl::of(name), |inode| Uidl::of_twin(name, inode));
        let others = (1..).map(|turn| Uidl::instead(name, twin, turn));
        let mut ids = std::iter::once(own).chain(others);
        ids.find(|id| !self.has(id.as_ref())).unwrap_or(own)
    }

    fn has(&self, id: &[u8]) -> bool {
        let place = self
            .ids
            .binary_search_by(|&at| text(&self.texts, at).cmp(id));
        place.is_ok()
    }

    /// Messages that have ids of the list.
    fn count(&self) -> usize {
        self.of.iter().filter(|&&id| id != NONE).count()
    }
}

/// One id of those that lie behind each other.
fn text(texts: &[u8], (at, octets): (u32, u8)) -> &[u8] {
    &texts[at as usize..at as usize + usize::from(octets)]
}

impl Report {
    fn new(from: &'static str, useless: u64, why: Option<String>) -> Report {
        Report {
            from,
            imported: None,
            useless,
            why,
        }
    }
}

/// The list of another server.
struct Old {
    from: &'static str,
    format: Format,
    file: File,
}

impl Old {
    fn find(mailbox: &Mailbox) -> Result<Option<Old>, Error> {
        for (from, format) in LISTS {
            if let Some(file) = mailbox.side(from.as_bytes()).map_err(on(from))? {
                return Ok(Some(Old { from, format, file }));
            }
        }
        Ok(None)
    }

    /// Makes our file; without an old list, or with one that is none, it is
    /// empty.
    fn take_over(old: Option<&Old>, mailbox: &Mailbox) -> io::Result<Option<Report>> {
        let empty = || mailbox.put_side(NAME.as_bytes(), Place::Keep, |_| Ok(()));
        let Some(Old { from, format, file }) = old else {
            return empty().map(|()| None);
        };
        let mut useless = 0;
        let copied = mailbox.put_side(NAME.as_bytes(), Place::Keep, |out| {
            let file = BufReader::with_capacity(PIECE, file);
            useless = format.each(file, |name, id| {
                out.write_all(&[name::base(name), b" ", id, b"\n"].concat())
            })?;
            Ok(())
        });
        let why = match copied {
            Err(why) if why.kind() == io::ErrorKind::InvalidData => {
                empty()?;
                Some("its first line is not understood".into())
            }
            copied => copied.map(|()| None)?,
        };
        Ok(Some(Report::new(from, useless, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maildir::tests::{Box, ids};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;

    const DOVECOT: &str = "3 V7 N9\n1 :1.a.h:2,S\n2 PUID2-7 :2.a.h\n5 :5.a.h\nx\n";

    fn file(mail: &Box, name: &str) -> String {
        fs::read_to_string(mail.joe.join(name)).unwrap()
    }

    #[test]
    fn an_old_list_is_taken_over_once_and_may_go_then() {
        let mail = Box::new("saved");
        mail.put("cur/1.a.h:2,FS", "x");
        mail.put("new/2.a.h", "x");
        mail.put("dovecot-uidlist", DOVECOT);
        mail.put("courierpop3dsizelist", "/3 1 1\n1.a.h 3 9:9:0\n");
        let mut drop = mail.open();
        let report = drop.load_ids().unwrap().unwrap();
        assert_eq!((report.from, report.useless), ("dovecot-uidlist", 1));
        assert_eq!((report.imported, report.why), (Some(2), None));
        let want = ["0000000100000007", "UID2-7"];
        assert_eq!(ids(&mut drop), want);
        let saved = "1.a.h 0000000100000007\n2.a.h UID2-7\n5.a.h 0000000500000007\n";
        assert_eq!(file(&mail, "popular-uidl"), saved);
        fs::remove_file(mail.joe.join("dovecot-uidlist")).unwrap();
        mail.put("new/3.a.h", "x");
        let mut drop = mail.open();
        assert_eq!(drop.load_ids().unwrap(), None);
        assert_eq!(ids(&mut drop), ["0000000100000007", "UID2-7", "3.a.h"]);
    }

    #[test]
    fn no_list_that_comes_later_changes_an_id() {
        let mail = Box::new("saved-later");
        mail.put("new/1.a.h", "x");
        assert_eq!(ids(&mut mail.open()), ["1.a.h"]);
        mail.put("dovecot-uidlist", DOVECOT);
        assert_eq!(ids(&mut mail.open()), ["1.a.h"]);
        assert_eq!(file(&mail, "popular-uidl"), "");
        // Only the administrator can want that.
        fs::remove_file(mail.joe.join("popular-uidl")).unwrap();
        assert_eq!(ids(&mut mail.open()), ["0000000100000007"]);
    }

    #[test]
    fn where_nothing_can_be_written_the_old_list_is_used_as_it_is() {
        let mail = Box::new("saved-full");
        mail.put("new/1.a.h", "x");
        fs::remove_dir(mail.joe.join("tmp")).unwrap();
        assert_eq!(ids(&mut mail.open()), ["1.a.h"]);
        mail.put("courierpop3dsizelist", "/2 3 4\n1.a.h 3 1:4\n");
        let mut drop = mail.open();
        let report = drop.load_ids().unwrap().unwrap();
        assert!(report.imported.is_none() && report.why.is_some());
        assert_eq!(ids(&mut drop), ["UID1-4"]);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_an_error_and_one_that_is_none_is_told() {
        let mail = Box::new("saved-bad");
        mail.put("new/1.a.h", "x");
        mail.put("dovecot-uidlist", "garbage\n");
        let mut drop = mail.open();
        let report = drop.load_ids().unwrap().unwrap();
        assert_eq!(
            (report.from, report.why.is_some()),
            ("dovecot-uidlist", true)
        );
        assert_eq!(ids(&mut drop), ["1.a.h"]);
        for name in ["popular-uidl", "dovecot-uidlist"] {
            fs::remove_file(mail.joe.join(name)).unwrap();
            fs::create_dir(mail.joe.join(name)).unwrap();
            assert!(matches!(mail.open().uidl(1), Err(Error::Io(..))));
            fs::remove_dir(mail.joe.join(name)).unwrap();
        }
    }

    #[test]
    fn of_lines_that_disagree_each_id_and_each_message_has_one() {
        let mail = Box::new("saved-conflict");
        for name in ["1.a.h", "2.a.h", "3.a.h", "4.a.h", "5.a.h", "6.a.h,S=1,W=3"] {
            mail.put(&format!("new/{name}"), "x");
        }
        let list = "1.a.h x\n2.a.h x\n3.a.h y\n3.a.h z\ngone 4.a.h\n6.a.h,S=9,W=9 six\n";
        mail.put("popular-uidl", list);
        let got = ids(&mut mail.open());
        assert_eq!([&got[0], &got[1], &got[2]], ["x", "2.a.h", "z"]);
        assert_eq!(
            (got[3].len(), &got[4][..], &got[5][..]),
            (64, "5.a.h", "six")
        );
        fs::remove_file(mail.joe.join("new/1.a.h")).unwrap();
        assert_eq!(ids(&mut mail.open()), got[1..]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn ids_are_legal_distinct_and_stay_while_messages_come_and_go(
            lines in proptest::collection::vec(("[a-d](,S=1,W=3)?(:2,S)?", "[a-f]{1,2}|[\\x01-\\x7f]{1,72}"), 0..12),
            mails in proptest::collection::btree_set("[a-d](,S=1,W=3)?", 1..6),
            gone in proptest::collection::vec(any::<bool>(), 6),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mail = Box::new("saved-any");
            for name in &mails {
                mail.put(&format!("new/{name}"), "x");
            }
            let lines: Vec<_> = lines.iter().map(|(name, id)| format!("{name} {id}\n")).collect();
            let list = [lines.concat().as_bytes(), &tail].concat();
            fs::write(mail.joe.join("popular-uidl"), list).unwrap();
            // Twins lose their ids with each other, which Maildir forbids.
            let cores: BTreeMap<_, _> = mails.iter().map(|n| (name::core(n.as_bytes()), n)).collect();
            prop_assume!(cores.len() == mails.len());
            let before = ids(&mut mail.open());
            let distinct: std::collections::BTreeSet<_> = before.iter().collect();
            prop_assert_eq!(distinct.len(), mails.len());
            for id in &before {
                prop_assert!((1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
            }
            let mut want = Vec::new();
            for ((name, gone), id) in mails.iter().zip(gone).zip(before) {
                let old = mail.joe.join(format!("new/{name}"));
                match gone {
                    true => fs::remove_file(old).unwrap(),
                    false => {
                        fs::rename(old, mail.joe.join(format!("cur/{name}:2,S"))).unwrap();
                        want.push(id);
                    }
                }
            }
            mail.put("new/0", "x");
            let after = ids(&mut mail.open());
            // It is "0", unless the list has that for another.
            prop_assert!(!want.contains(&after[0]));
            prop_assert_eq!(&after[1..], &want[..]);
        }
    }
}
