//! Mailboxes in which others rename and remove messages meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Box, ids, open, text};
use crate::maildir::Error;

#[test]
fn a_message_that_others_rename_is_served_and_deleted() {
    let mail = Box::new("renamed");
    for number in 1..=3 {
        mail.put(&format!("new/{number}.a.h"), "x");
    }
    let mut drop = mail.open();
    let rename = |from: &str, to: &str| fs::rename(mail.joe.join(from), mail.joe.join(to)).unwrap();
    rename("new/1.a.h", "cur/1.a.h:2,S");
    fs::remove_file(mail.joe.join("new/2.a.h")).unwrap();
    assert_eq!(text(&mut drop, 1).unwrap(), b"x\r\n");
    assert!(matches!(drop.retrieve(2), Err(Error::Gone)));
    rename("cur/1.a.h:2,S", "cur/1.a.h:2,FS");
    rename("new/3.a.h", "cur/3.a.h:2,");
    for number in 1..=3 {
        drop.delete(number).unwrap();
    }
    let done = drop.expunge(false);
    assert_eq!((done.removed, done.gone, done.failed), (2, 1, 0));
    assert!(mail.names().is_empty());
}

#[test]
fn a_message_that_is_renamed_all_the_time_is_never_missed_or_doubled() {
    const MAILS: usize = 3000;
    let mail = Box::new("renamer");
    for number in 0..MAILS {
        mail.put(
            &format!("new/{number}.a-rather-long-name-of-a-host.example.org"),
            "x",
        );
    }
    let renamer = Renamer::new(&mail, MAILS);
    for _ in 0..12 {
        let mut drop = open(&mail.spool, b"joe", 100_000);
        let distinct: BTreeSet<_> = ids(&mut drop).into_iter().collect();
        assert_eq!((drop.last(), distinct.len()), (MAILS, MAILS));
    }
    let mut drop = open(&mail.spool, b"joe", 100_000);
    for number in 1..=MAILS {
        drop.delete(number).unwrap();
    }
    let done = drop.expunge(false);
    renamer.end();
    let left = mail.names().len();
    assert_eq!((done.removed, done.gone), ((MAILS - left) as u64, 0));
    assert_eq!((done.failed, done.why.is_some()), (left as u64, left > 0));
}

#[test]
fn a_message_goes_with_both_its_names_and_is_counted_once() {
    let mail = Box::new("linked");
    mail.put("new/1.a.h", "x");
    fs::hard_link(mail.joe.join("new/1.a.h"), mail.joe.join("cur/1.a.h:2,S")).unwrap();
    mail.put("new/2.a.h", "x");
    let mut drop = mail.open();
    assert_eq!(drop.last(), 2);
    fs::rename(mail.joe.join("new/2.a.h"), mail.joe.join("cur/2.a.h:2,S")).unwrap();
    drop.delete(1).unwrap();
    drop.delete(2).unwrap();
    let done = drop.expunge(false);
    assert_eq!((done.removed, done.gone, done.failed), (2, 0, 0));
    assert!(mail.names().is_empty());
    mail.put("new/3.a.h", "x");
    fs::hard_link(mail.joe.join("new/3.a.h"), mail.joe.join("cur/3.a.h:2,S")).unwrap();
    let mut drop = mail.open();
    drop.delete(1).unwrap();
    assert_eq!(drop.expunge(false).removed, 1);
    assert!(mail.names().is_empty());
}

/// Renames all messages all the time.
struct Renamer {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Renamer {
    fn new(mail: &Box, mails: usize) -> Renamer {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (stop, joe) = (stop.clone(), mail.joe.clone());
            move || {
                let name = |n: usize, form: &str| {
                    let base = format!("{n}.a-rather-long-name-of-a-host.example.org");
                    joe.join(form.replace('*', &base))
                };
                let forms = ["new/*", "cur/*:2,", "cur/*:2,S", "cur/*:2,FS", "cur/*:2,S"];
                for round in 0.. {
                    for n in 0..mails {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let step = |r: usize| if r < 5 { r } else { 2 + (r - 2) % 3 };
                        let (from, to) = (forms[step(round)], forms[step(round + 1)]);
                        let _ = fs::rename(name(n, from), name(n, to));
                    }
                }
            }
        });
        Renamer { stop, thread }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
