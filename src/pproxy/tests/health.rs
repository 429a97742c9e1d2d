//! Backends that are down, that are waited for, that are drained.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};

use super::rig::{Checkd, Peer, Rig, nobody};
use super::{EMPTY, LATER};

/// A server that does so with one connection after the other: says what is
/// there, after as many lines as are to be heard, and hangs up.
pub(super) fn server(acts: Vec<(usize, &'static str)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (lines, says) in acts {
            let mut stream = listener.accept().unwrap().0;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            (0..lines).for_each(|_| drop(reader.read_line(&mut String::new())));
            let _ = stream.write_all(says.as_bytes());
            // Hears on, so that nothing is reset.
            let _ = reader.read_line(&mut String::new());
        }
    });
    at
}

fn fails(rig: &Rig, times: usize) {
    for _ in 0..times {
        assert!(rig.login("joe").contains("+OK 0 messages"));
    }
}

#[test]
fn after_three_failures_nobody_tries_any_more() {
    let rig = Rig::new(&nobody().to_string(), "proto=xpop");
    fails(&rig, 2);
    assert!(!rig.is_down() && rig.shown().starts_with("health=up reason=\"\" since=-"));
    fails(&rig, 3);
    assert!(rig.is_down());
    assert_eq!(
        (rig.count("backend_failed"), rig.count("softfail_empty")),
        (3, 5)
    );
    let shown = rig.shown();
    let down = "health=down reason=\"connect: Connection refused\" since=0 pending=0";
    assert!(shown.starts_with(down), "{shown}");
}

#[test]
fn a_fallback_that_is_down_is_not_waited_for() {
    let mut rig = Rig::new(&nobody().to_string(), "proto=pop3");
    rig.set("vserv main fallback=b1");
    for _ in 0..5 {
        rig.talk(&[b"USER jim\r\nPASS x\r\n"]);
    }
    assert_eq!(
        (rig.count("backend_failed"), rig.count("fallback_failed")),
        (3, 5)
    );
}

#[test]
fn refusals_and_what_cannot_be_sent_are_no_failures() {
    let refusal = |_| (3, "-ERR [SYS/TEMP] no spool\r\n");
    let rig = Rig::new(
        &server((0..4).map(refusal).collect()).to_string(),
        "proto=xpop",
    );
    (0..4).for_each(|_| assert!(rig.login("joe").contains("no spool")));
    assert!(!rig.is_down());
    let greet = |_| (0, "+OK\r\n");
    let rig = Rig::new(
        &server((0..4).map(greet).collect()).to_string(),
        "proto=pop3",
    );
    let mut line = b"AUTH PLAIN\r\n".to_vec();
    let response = format!("\0{}\0secret", "x".repeat(253));
    crate::base::base64::encode(response.as_bytes(), &mut line);
    line.extend_from_slice(b"\r\n");
    (0..4).for_each(|_| drop(rig.talk(&[&line])));
    assert_eq!((rig.count("backend_failed"), rig.is_down()), (4, false));
}

#[test]
fn the_helper_brings_up_who_answers_as_sessions_want_it() {
    let mut acts = vec![(3, "what?\r\n"); 3];
    acts.extend([(3, "-ERR [SYS/TEMP] no spool\r\n"), (0, ""), (3, "+OK\r\n")]);
    let rig = Rig::new(&server(acts).to_string(), "proto=xpop");
    fails(&rig, 4);
    assert!(
        rig.is_down()
            && rig
                .shown()
                .contains("reason=\"answer: its answer is no POP3\"")
    );
    rig.probe();
    assert!(
        rig.is_down()
            && rig
                .shown()
                .contains("reason=\"answer: [SYS/TEMP] no spool\"")
    );
    assert!(rig.login("joe").contains(LATER), "nothing is covered up");
    rig.probe();
    assert!(rig.is_down() && rig.shown().contains("reason=\"answer: it hung up\""));
    rig.probe();
    assert!(!rig.is_down() && rig.shown().starts_with("health=up reason=\"\" since=0"));
}

#[test]
fn of_a_pop3_server_the_greeting_is_heard() {
    let mut acts = vec![(0, "what?\r\n"); 3];
    acts.extend([(0, "+OK\r\n+OK\r\n"), (0, "+OK\r\n")]);
    let rig = Rig::new(&server(acts).to_string(), "proto=pop3");
    fails(&rig, 3);
    rig.probe();
    assert!(rig.is_down());
    rig.probe();
    assert!(!rig.is_down());
}

#[test]
fn what_is_known_does_not_hold_for_another_address() {
    let mut rig = Rig::new("b.example:1110", "proto=xpop");
    let first = nobody();
    rig.resolved("b.example:1110", &[first]);
    fails(&rig, 3);
    assert!(rig.is_down());
    let other = std::iter::repeat_with(nobody).find(|address| *address != first);
    rig.resolved("b.example:1110", &[other.unwrap()]);
    assert!(!rig.is_down() && rig.shown().starts_with("health=up"));
}

#[test]
fn not_more_than_maxpending_wait_for_one_backend() {
    let at = server(vec![(3, "+OK\r\n")]);
    let mut rig = Rig::new(&at.to_string(), "proto=xpop maxpending=2");
    rig.set("softfail tempfail");
    rig.pending(2);
    assert!(rig.login("joe").contains(LATER));
    assert!(rig.shown().contains("pending=2 sessions=0"));
    assert_eq!(
        (rig.count("softfail_tempfail"), rig.count("backend_failed")),
        (1, 0)
    );
    rig.set("backend b1 maxpending=3");
    assert!(rig.login("joe").contains("PASS") || rig.count("relayed") == 1);
}

#[test]
fn not_more_than_maxpending_wait_for_a_mail_check() {
    let peer = Peer::says(b"+OK here\r\n", b"");
    let mut rig = Rig::new(
        &peer.at.to_string(),
        &format!("check={} maxpending=2", nobody()),
    );
    rig.set("checktimeout 60000");
    rig.checking(2);
    assert!(rig.login("joe").contains("+OK here\r\n"), "does without");
    let counts = ["checks", "check_silent", "check_skipped"].map(|c| rig.count(c));
    assert_eq!(counts, [0, 0, 1]);
    assert!(rig.shown().contains("pending=0 "));
}

#[test]
fn who_has_no_mail_does_not_notice_that_a_backend_is_drained_or_down() {
    let check = Checkd::says(b"+OK 0 no mails\n", 2);
    let mut rig = Rig::cxpop(&nobody().to_string(), &check);
    rig.set("softfail tempfail");
    rig.set("backend b1 disable");
    assert!(rig.login("joe").contains(LATER));
    rig.set("backend b1 drain");
    assert_eq!(rig.login("joe"), EMPTY);
    assert!(rig.shown().contains("drained=yes"));
    rig.set("backend b1 enable");
    let refused = || rig.fails();
    (0..3).for_each(|_| refused());
    assert!(rig.is_down());
    assert_eq!(rig.login("joe"), EMPTY);
    assert_eq!(check.heard(), "*M3/joe\n".repeat(2));
}
