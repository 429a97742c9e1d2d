//! LOGIN-DELAY: who has just been served, and who has not.

use super::rig::{Checkd, Rig, nobody};
use super::{EMPTY, WRONG, alone};

fn early(heard: &str) -> bool {
    heard.contains("-ERR [LOGIN-DELAY] come back in 3600 seconds\r\n")
}

#[test]
fn who_was_served_waits_and_nobody_is_asked_for_him() {
    let checkd = Checkd::says(b"+OK 0 no mails\n", 4);
    let mut rig = Rig::cxpop(&nobody().to_string(), &checkd);
    assert_eq!(rig.login("joe"), EMPTY, "without a delay");
    rig.set("logindelay 1h");
    let again = rig.login("joe");
    assert!(early(&again) && again.contains("-ERR STAT"), "{again}");
    assert_eq!(rig.login("anna"), EMPTY, "others need not wait");
    assert!(early(&rig.login("anna")));
    for _ in 0..2 {
        assert_eq!(rig.login("master"), EMPTY, "nor master sessions");
    }
    assert_eq!((rig.count("logins_delayed"), rig.count("checks")), (2, 4));
    assert_eq!(checkd.heard().matches("*M").count(), 4);
}

#[test]
fn a_delay_ends_and_a_refusal_does_not_begin_it_anew() {
    let checkd = Checkd::says(b"+OK 0 no mails\n", 2);
    let mut rig = Rig::cxpop(&nobody().to_string(), &checkd);
    rig.set("logindelay 1s");
    assert_eq!(rig.login("joe"), EMPTY);
    let start = std::time::Instant::now();
    while rig.login("joe") != EMPTY {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!((900..5000).contains(&start.elapsed().as_millis()));
}

#[test]
fn who_was_not_served_need_not_wait() {
    let mut rig = alone();
    rig.set("logindelay 1h");
    for _ in 0..3 {
        assert_eq!(rig.login("joe"), EMPTY, "a soft failure is no visit");
    }
    let heard = rig.talk(&[b"USER joe\r\nPASS x\r\n"]);
    assert!(heard.ends_with(WRONG));
    assert_eq!(rig.count("logins_delayed"), 0);
}

#[test]
fn a_wrong_password_learns_nothing_of_a_delay() {
    let checkd = Checkd::says(b"+OK 0 no mails\n", 1);
    let mut rig = Rig::cxpop(&nobody().to_string(), &checkd);
    rig.set("logindelay 1h");
    assert_eq!(rig.login("joe"), EMPTY);
    let heard = rig.talk(&[b"USER joe\r\nPASS x\r\n"]);
    assert!(heard.ends_with(WRONG), "{heard}");
    let heard = rig.talk(&[&b"USER joe\r\nPASS secret\r\n".repeat(9)]);
    assert_eq!(heard.matches("[LOGIN-DELAY]").count(), 5, "{heard}");
}

#[test]
fn a_delay_is_announced_while_there_is_one() {
    let mut rig = alone();
    assert!(!rig.talk(&[b"CAPA\r\n"]).contains("LOGIN-DELAY"));
    rig.set("logindelay 5m");
    let heard = rig.talk(&[b"CAPA\r\nUSER joe\r\nPASS secret\r\nCAPA\r\n"]);
    assert_eq!(heard.matches("\r\nLOGIN-DELAY 300\r\n.\r\n").count(), 2);
}
