//! Sessions on mailboxes as they are found in the world.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;

use super::Error;
use super::crlf::tests::{odd_text, plainly};
use super::deliver::Delivery;
use super::list::Entry;
use super::maildrop::Maildrop;
use super::spool::tests::marked;
use super::spool::{MARK, Spool};
use crate::sys::scratch::Scratch;

mod others;

/// A mailbox in a scratch folder.
pub(super) struct Box {
    pub(super) joe: PathBuf,
    pub(super) spool: Spool,
    _scratch: Scratch,
}

impl Box {
    pub(super) fn new(title: &str) -> Box {
        let (scratch, spool) = marked(title);
        spool.create(b"joe").unwrap();
        Box {
            joe: scratch.path().join("joe"),
            spool,
            _scratch: scratch,
        }
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        fs::write(self.joe.join(name), text).unwrap();
    }

    pub(super) fn open(&self) -> Maildrop {
        open(&self.spool, b"joe", 1000)
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["new", "cur"] {
            for entry in fs::read_dir(self.joe.join(folder)).unwrap() {
                let name = entry.unwrap().file_name();
                names.push(format!("{folder}/{}", name.to_string_lossy()));
            }
        }
        names.sort();
        names
    }
}

pub(super) fn open(spool: &Spool, name: &[u8], most: usize) -> Maildrop {
    Maildrop::open(spool.mailbox(name).unwrap(), None, most).unwrap()
}

pub(super) fn text(drop: &mut Maildrop, number: usize) -> Result<Vec<u8>, Error> {
    let mut body = drop.retrieve(number)?.body;
    let mut all = Vec::new();
    while let Some(piece) = body.next().unwrap() {
        all.extend_from_slice(piece);
    }
    Ok(all)
}

pub(super) fn ids(drop: &mut Maildrop) -> Vec<String> {
    let numbers: Vec<usize> = drop.numbers().collect();
    let id = |n| drop.uidl(n).unwrap().to_string();
    numbers.into_iter().map(id).collect()
}

#[test]
fn messages_stand_in_the_order_of_their_delivery() {
    let mail = Box::new("order");
    mail.put("new/1700000001.M2P1Q1.h,S=1,W=3", "a");
    mail.put("cur/1700000001.M1P1Q2.h:2,S", "b");
    mail.put("new/1700000000.77_1.h", "c");
    mail.put("cur/900000000.9.h:2,", "d");
    let mut drop = mail.open();
    let order = ["900000000.9.h", "1700000000.77_1.h", "1700000001.M1P1Q2.h"];
    assert_eq!(ids(&mut drop)[..3], order);
    assert_eq!(ids(&mut drop)[3], "1700000001.M2P1Q1.h");
}

#[test]
fn a_mailbox_that_does_not_exist_is_empty() {
    let (_scratch, spool) = marked("nobody");
    let mut drop = open(&spool, b"nobody", 10);
    assert_eq!((drop.stat(), drop.last()), ((0, 0), 0));
    assert!(matches!(drop.size(1), Err(Error::NoSuchMessage)));
    assert_eq!(drop.expunge(false).removed, 0);
}

#[test]
fn what_is_no_readable_file_is_left_out_and_told_once() {
    let mail = Box::new("odd");
    mail.put("new/1.a.h", "x");
    fs::create_dir(mail.joe.join("new/2.folder.h")).unwrap();
    symlink("/etc/passwd", mail.joe.join("new/3.link.h")).unwrap();
    symlink("nowhere", mail.joe.join("cur/4.link.h")).unwrap();
    mail.put("new/.hidden", "x");
    let mut mkfifo = Command::new("mkfifo");
    let made = mkfifo.arg(mail.joe.join("cur/5.fifo.h")).status();
    assert!(made.unwrap().success());
    let mut drop = mail.open();
    assert_eq!(drop.stat(), (1, 3));
    let left_out = drop.left_out();
    assert_eq!(left_out.count, 4);
    let first = left_out.first.unwrap();
    let new = [
        (b"2.folder.h".to_vec(), "directory"),
        (b"3.link.h".to_vec(), "symbolic link"),
    ];
    assert!(new.contains(&first), "{first:?}");
    assert_eq!(drop.left_out().count, 0);
}

#[test]
fn sizes_come_from_the_name_or_are_counted() {
    let mail = Box::new("sizes");
    mail.put("new/1.a.h,S=5,W=7", "12345");
    mail.put("new/2.a.h", "a\nb\nc");
    mail.put(
        "new/3.a.h,S=99999999999999999999,W=99999999999999999999",
        "x",
    );
    mail.put("new/4.a.h,S=2", "a\n");
    let mut drop = mail.open();
    assert_eq!(drop.size(1).unwrap(), 7);
    assert_eq!(drop.size(2).unwrap(), 9);
    assert_eq!(drop.size(3).unwrap(), 3);
    assert_eq!(drop.stat(), (4, 22));
}

#[test]
fn a_wrong_size_in_a_name_is_found_at_retr_and_mended() {
    let mail = Box::new("wrong");
    mail.put("cur/1.M1P1Q1.h,S=5,W=7:2,F", "a\nb\n");
    mail.put("cur/2.x.h,W=9,S=9:2,F", "a\n");
    let mut drop = mail.open();
    let before = ids(&mut drop);
    assert_eq!(drop.size(1).unwrap(), 7);
    let got = drop.retrieve(1).unwrap();
    assert_eq!((got.promised, got.body.wire()), (Some(7), 6));
    assert_eq!(drop.retrieve(2).unwrap().promised, Some(9));
    assert_eq!(drop.stat(), (2, 9));
    assert_eq!(drop.retrieve(1).unwrap().promised, None);
    assert_eq!(text(&mut drop, 1).unwrap(), b"a\r\nb\r\n");
    let want = ["cur/1.M1P1Q1.h,S=4,W=6:2,F", "cur/2.x.h,W=9,S=9:2,F"];
    assert_eq!(mail.names(), want);
    assert_eq!(ids(&mut drop), before);
    assert_eq!(ids(&mut mail.open()), before);
}

#[test]
fn a_name_that_is_its_id_is_not_mended() {
    let mail = Box::new("digested");
    let name = format!("cur/1.{},S=5,W=7:2,", "x".repeat(70));
    mail.put(&name, "a\n");
    let mut drop = mail.open();
    let before = ids(&mut drop);
    assert_eq!(drop.retrieve(1).unwrap().promised, Some(7));
    assert_eq!(drop.size(1).unwrap(), 3);
    assert_eq!(mail.names(), [name]);
    assert_eq!(ids(&mut mail.open()), before);
}

#[test]
fn only_quit_removes_and_marks() {
    let mail = Box::new("quit");
    for name in ["new/1.a.h", "new/2.a.h", "cur/3.a.h:2,FT", "cur/4.a.h:2,"] {
        mail.put(name, "x\r\n");
    }
    let before = mail.names();
    let mut drop = mail.open();
    drop.delete(1).unwrap();
    assert!(matches!(drop.delete(1), Err(Error::Deleted)));
    assert!(matches!(drop.retrieve(1), Err(Error::Deleted)));
    drop.reset();
    drop.delete(4).unwrap();
    drop.seen(2);
    drop.seen(3);
    assert_eq!(drop.stat(), (3, 9));
    assert_eq!(mail.names(), before, "nothing has happened yet");
    let done = drop.expunge(false);
    assert_eq!((done.removed, done.failed, done.marked), (1, 0, 2));
    assert_eq!(
        mail.names(),
        ["cur/2.a.h:2,S", "cur/3.a.h:2,FST", "new/1.a.h"]
    );
}

#[test]
fn a_removal_that_fails_is_told() {
    let mail = Box::new("failed");
    mail.put("new/1.a.h", "x");
    mail.put("new/2.a.h", "x");
    let mut drop = mail.open();
    drop.delete(1).unwrap();
    drop.delete(2).unwrap();
    // A directory is not unlinked, whoever asks.
    fs::remove_file(mail.joe.join("new/1.a.h")).unwrap();
    fs::create_dir(mail.joe.join("new/1.a.h")).unwrap();
    let done = drop.expunge(false);
    assert_eq!((done.removed, done.failed, done.gone), (1, 1, 0));
    assert!(done.why.is_some());
}

#[test]
fn what_is_deleted_is_moved_aside_and_stays_if_that_fails() {
    let mail = Box::new("aside");
    let aside = mail.joe.with_file_name("aside");
    for name in ["new/1.a.h", "cur/2.a.h:2,S", "cur/3.a.h:2,", "new/4.a.h"] {
        mail.put(name, name);
    }
    let quit = |numbers: &[usize]| {
        let mut drop = mail.open();
        drop.keep_deleted(&aside, b"joe");
        numbers.iter().for_each(|&n| drop.delete(n).unwrap());
        drop.expunge(false)
    };
    let done = quit(&[1, 2]);
    assert_eq!(
        (done.removed, done.failed),
        (0, 2),
        "there is no such spool"
    );
    assert!(done.why.unwrap().to_string().starts_with("deletedir: "));
    assert_eq!(mail.names().len(), 4);
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join(MARK), "").unwrap();
    let done = quit(&[1, 2]);
    assert_eq!((done.removed, done.failed), (2, 0));
    assert_eq!(mail.names(), ["cur/3.a.h:2,", "new/4.a.h"]);
    let moved = |name: &str| fs::read_to_string(aside.join("joe").join(name)).unwrap();
    assert_eq!(moved("new/1.a.h"), "new/1.a.h");
    assert_eq!(moved("cur/2.a.h:2,S"), "cur/2.a.h:2,S");
    // Neither destroys what is there.
    fs::write(aside.join("joe/cur/3.a.h:2,"), "older").unwrap();
    assert_eq!(quit(&[1]).removed, 1);
    assert_eq!(moved("cur/3.a.h:2,"), "older");
    assert_eq!(fs::read_dir(aside.join("joe/cur")).unwrap().count(), 3);
}

#[test]
fn a_master_session_leaves_the_flags_and_does_delete() {
    let mail = Box::new("master");
    mail.put("new/1.a.h", "x");
    mail.put("new/2.a.h", "x");
    let mut drop = mail.open();
    drop.seen(1);
    drop.delete(2).unwrap();
    assert_eq!(drop.expunge(true).removed, 1);
    assert_eq!(mail.names(), ["new/1.a.h"]);
}

#[test]
fn two_files_with_one_name_are_two_messages() {
    let mail = Box::new("twins");
    mail.put("new/1.a.h,S=1,W=3", "a");
    mail.put("new/1.a.h,S=2,W=4", "bb");
    mail.put("cur/1.a.h,S=1,W=3:2,S", "c");
    fs::hard_link(
        mail.joe.join("new/1.a.h,S=2,W=4"),
        mail.joe.join("cur/1.a.h,S=2,W=4:2,"),
    )
    .unwrap();
    let mut drop = mail.open();
    assert_eq!(drop.last(), 3);
    let distinct: BTreeSet<_> = ids(&mut drop).into_iter().collect();
    assert_eq!(distinct.len(), 3);
    for number in 1..=3 {
        text(&mut drop, number).unwrap();
        drop.seen(number);
    }
    assert_eq!(drop.expunge(false).marked, 0, "renaming could destroy one");
    assert_eq!(mail.names().len(), 4);
}

#[test]
fn of_too_many_messages_the_oldest_are_served() {
    let mail = Box::new("many");
    for number in (1..=50).rev() {
        mail.put(&format!("new/{number}.a.h"), "x");
    }
    let mut drop = open(&mail.spool, b"joe", 7);
    let want: Vec<String> = (1..=7).map(|n| format!("{n}.a.h")).collect();
    assert_eq!(ids(&mut drop), want);
    assert_eq!(drop.left_out().count, 43);
}

#[test]
fn an_entry_is_small() {
    assert_eq!(size_of::<Entry>(), 24);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_delivered_is_fetched_in_wire_form(text_in in odd_text(), cut in 1usize..99) {
        let mail = Box::new("roundtrip");
        let mailbox = mail.spool.mailbox(b"joe").unwrap().unwrap();
        let mut delivery = Delivery::begin(&mailbox, b"host").unwrap();
        for piece in text_in.chunks(cut) {
            delivery.write(piece).unwrap();
        }
        let stored = delivery.commit().unwrap();
        let mut drop = mail.open();
        prop_assert_eq!(drop.stat(), (1, stored.octets));
        prop_assert_eq!(drop.retrieve(1).unwrap().promised, None);
        let got = text(&mut drop, 1).unwrap();
        prop_assert_eq!(got.len() as u64, stored.octets);
        prop_assert_eq!(got, plainly(&text_in));
    }

    #[test]
    fn names_of_any_octets_give_legal_distinct_ids(
        names in proptest::collection::btree_set(
            proptest::collection::vec(prop_oneof![Just(b':'), Just(b','), b'0'..=b'2', 1u8..], 1..90),
            1..12,
        )
    ) {
        let mail = Box::new("names");
        let new = mail.joe.join("new");
        let usable = |n: &&Vec<u8>| !n.contains(&b'/') && n[0] != b'.';
        let names: Vec<_> = names.iter().filter(usable).collect();
        for name in &names {
            fs::write(new.join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
        }
        let distinct: BTreeSet<_> = ids(&mut mail.open()).into_iter().collect();
        prop_assert_eq!(distinct.len(), names.len());
        for id in distinct {
            let legal = (1..=70).contains(&id.len());
            prop_assert!(legal && id.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}
