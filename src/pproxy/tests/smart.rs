//! `softfail=smart`: what the proxy last learned decides.

use super::rig::{Checkd, Peer, Rig, nobody};
use super::{EMPTY, LATER};

fn smart(mut rig: Rig) -> Rig {
    rig.set("softfail smart");
    rig
}

#[test]
fn who_was_never_heard_of_is_asked_to_come_again() {
    let rig = smart(Rig::new(&nobody().to_string(), "proto=xpop"));
    assert!(rig.login("joe").contains(LATER));
    assert!(rig.login("joe").contains(LATER), "failing teaches nothing");
    assert!(rig.login("homeless").contains(LATER));
    assert!(rig.login("lost").contains(LATER));
    assert_eq!(rig.count("softfail_tempfail"), 4);
}

#[test]
fn a_mailbox_that_was_empty_is_shown_empty() {
    let checkd = Checkd::says(b"+OK 0 no mails\n", 1);
    let mut rig = smart(Rig::cxpop(&nobody().to_string(), &checkd));
    assert_eq!(rig.login("joe"), EMPTY);
    rig.set("backend b1 disable");
    assert_eq!(rig.login("joe"), EMPTY);
    assert_eq!(rig.login("master"), EMPTY, "another name of this mailbox");
    assert!(rig.login("homeless").contains(LATER), "another mailbox");
    assert_eq!((rig.count("empty"), rig.count("softfail_empty")), (1, 2));
}

#[test]
fn mail_that_was_heard_of_later_is_what_counts() {
    let checkd = Checkd::answers(vec![b"+OK 0 no mails\n", b"+OK 1 old mails\n"]);
    let mut rig = smart(Rig::cxpop(&nobody().to_string(), &checkd));
    assert_eq!(rig.login("joe"), EMPTY);
    assert!(
        rig.login("joe").contains(LATER),
        "there is mail, but nobody"
    );
    rig.set("backend b1 disable");
    assert!(rig.login("joe").contains(LATER));
    rig.set("backend b1 softfail=empty");
    assert_eq!(rig.login("joe"), EMPTY, "the word of the backend");
}

#[test]
fn the_greeting_of_our_own_server_teaches_too() {
    for (greeting, empty) in [
        (b"+OK 0 messages\r\n".as_slice(), true),
        (b"+OK 10 messages\r\n", false),
        (b"+OK 0 messages, they say\r\n", false),
    ] {
        let peer = Peer::says(greeting, b"");
        let mut rig = smart(Rig::xpop(&peer));
        rig.login("joe");
        rig.set("backend b1 drain");
        assert_eq!(rig.login("joe") == EMPTY, empty, "{greeting:?}");
        assert_eq!(rig.login("joe").contains(LATER), !empty, "{greeting:?}");
    }
}
