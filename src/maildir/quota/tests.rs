//! The ledger on disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::maildir::maildrop::Maildrop;
use crate::maildir::spool::Spool;
use crate::maildir::spool::tests::marked;
use crate::sys::scratch::Scratch;

struct Box {
    joe: PathBuf,
    spool: Spool,
    _scratch: Scratch,
}

impl Box {
    fn new(title: &str) -> Box {
        let (scratch, spool) = marked(title);
        spool.create(b"joe").unwrap();
        Box {
            joe: scratch.path().join("joe"),
            spool,
            _scratch: scratch,
        }
    }

    fn mailbox(&self) -> Mailbox {
        self.spool.mailbox(b"joe").unwrap().unwrap()
    }

    fn put(&self, name: &str, octets: usize) {
        let path = self.joe.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![b'x'; octets]).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.joe.join("maildirsize")).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.joe.join("maildirsize"), text).unwrap();
    }
}

const TEN: Option<Limits> = Some(Limits {
    octets: 1000,
    messages: 10,
});

#[test]
fn without_a_file_and_without_limits_there_is_none() {
    let mail = Box::new("quota-none");
    let mailbox = mail.mailbox();
    assert!(Ledger::open(&mailbox, None).unwrap().is_none());
    let off = Some(Limits::default());
    assert!(Ledger::open(&mailbox, off).unwrap().is_none());
    assert!(!mail.joe.join("maildirsize").exists());
}

#[test]
fn a_mailbox_is_counted_with_its_folders_but_without_trash() {
    let mail = Box::new("quota-count");
    mail.put("new/1.a.h", 5);
    mail.put("cur/2.a.h,S=70:2,S", 1);
    mail.put("cur/3.a.h:2,ST", 500);
    mail.put(".Spam/cur/4.a.h:2,", 3);
    mail.put(".Trash/cur/5.a.h:2,", 600);
    mail.put("tmp/6.a.h", 700);
    symlink("/etc/passwd", mail.joe.join("new/7.link.h")).unwrap();
    let mailbox = mail.mailbox();
    Ledger::open(&mailbox, TEN).unwrap().unwrap();
    assert_eq!(mail.text(), "1000S,10C\n78 3\n");
    assert_eq!(fs::read_dir(mail.joe.join("tmp")).unwrap().count(), 1);
}

#[test]
fn changes_are_added_and_the_limits_in_the_file_hold() {
    let mail = Box::new("quota-add");
    mail.write("1000S,10C\n900 1\n");
    let mailbox = mail.mailbox();
    let mut ledger = Ledger::open(&mailbox, None).unwrap().unwrap();
    assert!(ledger.admits(100).unwrap());
    ledger.add(Sum::one(90)).unwrap();
    ledger.add(Sum::one(900).negative()).unwrap();
    ledger.add(Sum::default()).unwrap();
    assert_eq!(mail.text(), "1000S,10C\n900 1\n90 1\n-900 -1\n");
}

#[test]
fn a_no_is_counted_anew_unless_it_was_counted_just_now() {
    let mail = Box::new("quota-no");
    let mailbox = mail.mailbox();
    mail.write("1000S,10C\n900 1\n90 1\n");
    let mut ledger = Ledger::open(&mailbox, None).unwrap().unwrap();
    assert!(ledger.admits(100).unwrap(), "there is no mail at all");
    drop(ledger);
    assert_eq!(mail.text(), "1000S,10C\n0 0\n");
    mail.write("1000S,10C\n950 1\n");
    let mut ledger = Ledger::open(&mailbox, None).unwrap().unwrap();
    assert!(!ledger.admits(100).unwrap(), "as the file says");
    drop(ledger);
    let old = ["-d", "16 minutes ago"];
    let touch = Command::new("touch")
        .args(old)
        .arg(mail.joe.join("maildirsize"))
        .status();
    assert!(touch.unwrap().success());
    let mut ledger = Ledger::open(&mailbox, None).unwrap().unwrap();
    assert!(ledger.admits(100).unwrap(), "the file is old");
}

#[test]
fn other_limits_and_doubts_make_the_file_anew() {
    let mail = Box::new("quota-doubt");
    mail.put("new/1.a.h", 5);
    let mailbox = mail.mailbox();
    let long = format!("1000S,10C\n{}", "1 1\n".repeat(2000));
    for text in [
        "7S\n5 1\n",
        "1000S,10C\n-5 1\n",
        "1000S,10C\n5",
        "",
        "\0\0\0",
        &long,
    ] {
        mail.write(text);
        let stored = Ledger::open(&mailbox, TEN).unwrap().unwrap().stored;
        assert_eq!(
            (stored, mail.text().as_str()),
            (Sum::one(5), "1000S,10C\n5 1\n"),
            "{text}"
        );
    }
}

#[test]
fn a_length_that_is_mended_in_a_name_is_mended_in_the_sum() {
    let mail = Box::new("quota-mend");
    mail.put("new/1.a.h,S=2,W=2", 5);
    mail.put("new/2.a.h,S=70,W=70", 5);
    mail.put("cur/3.a.h,S=70,W=70:2,T", 5);
    mail.put("new/4.a.h,S=5,W=5", 5);
    mail.put("new/5.a.h,S=2,W=3,x", 5);
    mail.write("1000S\n79 4\n");
    let mut drop = Maildrop::open(Some(mail.mailbox()), None, 10).unwrap();
    let told = || {
        mail.text()
            .lines()
            .skip(1)
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let mut want = vec!["79 4"];
    for (number, line) in [Some("3 0"), Some("-65 0"), None, None, None]
        .iter()
        .enumerate()
    {
        drop.retrieve(number + 1).unwrap();
        want.extend(line);
        assert_eq!(told(), want, "{number}");
    }
    // Somebody else was quicker.
    let (mailbox, gone) = (mail.mailbox(), b"6.a.h,S=1,W=3");
    let (_, new, _) = mailbox.folders().next().unwrap();
    assert!(Ledger::rename(&mailbox, new, gone, b"6.a.h,S=9,W=9").is_err());
    assert_eq!(told(), want);
}

#[test]
fn a_file_without_a_quota_is_an_error_to_those_who_have_none() {
    let mail = Box::new("quota-bad");
    mail.write("anything\n1 1\n");
    let why = Ledger::open(&mail.mailbox(), None).unwrap_err();
    assert_eq!(why.to_string(), "maildirsize: its first line is no quota");
    assert_eq!(mail.text(), "anything\n1 1\n");
}

#[test]
fn what_is_no_regular_file_is_an_error_and_nobody_waits_for_it() {
    let mail = Box::new("quota-odd");
    let path = mail.joe.join("maildirsize");
    let aside = mail.joe.join("aside");
    fs::write(&aside, "1000S\n0 0\n").unwrap();
    symlink(&aside, &path).unwrap();
    let mailbox = mail.mailbox();
    assert!(Ledger::open(&mailbox, TEN).is_err());
    assert_eq!(fs::read_to_string(&aside).unwrap(), "1000S\n0 0\n");
    fs::remove_file(&path).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    assert!(Ledger::open(&mailbox, TEN).is_err());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(Ledger::open(&mailbox, TEN).is_err());
}

#[test]
fn writers_at_once_lose_nothing_and_never_pass_the_limit() {
    let mail = Box::new("quota-many");
    let limits = Some(Limits {
        octets: 0,
        messages: 25,
    });
    let stored = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (mail, stored) = (&mail, &stored);
            scope.spawn(move || {
                let mailbox = mail.mailbox();
                for n in 0..10 {
                    let mut ledger = Ledger::open(&mailbox, limits).unwrap().unwrap();
                    if ledger.admits(3).unwrap() {
                        ledger.add(Sum::one(3)).unwrap();
                        mail.put(&format!("new/{thread}.{n}.h"), 3);
                        stored.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(stored.into_inner(), 25);
    let ledger = Ledger::open(&mail.mailbox(), None).unwrap().unwrap().stored;
    assert_eq!((ledger.octets, ledger.messages), (75, 25));
}
