//! AUTH: exchanges that come to an end, and those that do not.

use super::rig::{Checkd, Peer, Rig, nobody};
use super::{WRONG, alone};
use crate::base::base64;

/// `user`, `password` as a message of PLAIN.
fn message(octets: &[u8]) -> String {
    let mut text = Vec::new();
    base64::encode(octets, &mut text);
    String::from_utf8(text).unwrap()
}

/// What a client hears that sends these lines, without the greeting.
fn heard(rig: &Rig, lines: &[&str]) -> String {
    let text = lines.join("\r\n") + "\r\n";
    let heard = rig.talk(&[text.as_bytes()]);
    heard.strip_prefix("+OK hello\r\n").unwrap().to_string()
}

const JOE: &str = "AGpvZQBzZWNyZXQ=";

#[test]
fn every_form_of_auth_leads_to_the_maildrop() {
    let user = "+ VXNlcm5hbWU6\r\n";
    let pass = "+ UGFzc3dvcmQ6\r\n";
    for (lines, asked) in [
        (vec!["AUTH PLAIN AGpvZQBzZWNyZXQ="], String::new()),
        (vec!["auth plain", JOE], "+ \r\n".into()),
        (vec!["USER anna", "AUTH PLAIN", JOE], "+OK\r\n+ \r\n".into()),
        (
            vec!["AUTH LOGIN", "am9l", "c2VjcmV0"],
            format!("{user}{pass}"),
        ),
        (vec!["AUTH LOGIN am9l", "c2VjcmV0"], pass.into()),
        (
            vec!["AUTH LOGIN =", "am9l", "c2VjcmV0"],
            format!("{user}{pass}"),
        ),
    ] {
        let checkd = Checkd::says(b"+OK 0 no mails\n", 1);
        let rig = Rig::cxpop(&nobody().to_string(), &checkd);
        let lines = [lines, vec!["STAT", "QUIT"]].concat();
        let wanted = format!("{asked}+OK 0 messages\r\n+OK 0 0\r\n+OK good bye\r\n");
        assert_eq!(heard(&rig, &lines), wanted, "{lines:?}");
        assert_eq!((rig.count("logins_ok"), rig.count("cmd_auth")), (1, 1));
    }
}

#[test]
fn what_was_sent_behind_the_exchange_reaches_the_backend() {
    let peer = Peer::says(b"+OK 3 messages\r\n", b"+OK 3 360\r\n");
    let rig = Rig::xpop(&peer);
    let said = heard(&rig, &["AUTH PLAIN", JOE, "STAT", "LIST"]);
    assert_eq!(said, "+ \r\n+OK 3 messages\r\n+OK 3 360\r\n");
    let told = peer.heard();
    assert!(told.ends_with("USER=joe\r\nSTAT\r\nLIST\r\n"), "{told}");
}

#[test]
fn an_exchange_that_ends_badly_leaves_the_session_as_it_was() {
    let rig = alone();
    for (lines, why) in [
        (vec!["AUTH PLAIN", "*"], "the exchange was given up"),
        (vec!["AUTH LOGIN", "*"], "the exchange was given up"),
        (vec!["AUTH LOGIN", "am9l", "*"], "the exchange was given up"),
        (vec!["AUTH PLAIN", "QUIT"], "that is no message of PLAIN"),
        (vec!["AUTH LOGIN", "NOOP x"], "that is no base64"),
        (vec!["AUTH LOGIN", "am9l", "="], "that is no base64"),
        (vec!["AUTH PLAIN ="], "that is no message of PLAIN"),
        (vec!["AUTH X"], "no such mechanism, AUTH alone lists them"),
        (vec!["AUTH PLAIN a b"], "AUTH has too many arguments"),
    ] {
        let lines = [vec!["USER joe"], lines, vec!["STAT", "QUIT"]].concat();
        let said = heard(&rig, &lines);
        let end = format!("-ERR {why}\r\n-ERR STAT is not allowed now\r\n+OK good bye\r\n");
        assert!(said.ends_with(&end), "{lines:?}: {said}");
    }
    assert_eq!(
        (rig.count("logins_ok"), rig.count("logins_refused")),
        (0, 0)
    );
}

#[test]
fn credentials_that_could_become_commands_are_refused_before_anybody_sees_them() {
    let rig = alone();
    for bad in [
        b"\0joe\0secret\r\nDELE 1".as_slice(),
        b"\0joe\r\nDELE 1\0secret",
        b"\0joe\0secret\n",
        b"\0joe\0sec\0ret",
        b"\0joe\0secret\0",
        b"anna\0joe\0secret",
    ] {
        let initial = format!("AUTH PLAIN {}", message(bad));
        assert_eq!(heard(&rig, &[&initial]), WRONG);
    }
    let said = heard(&rig, &["AUTH LOGIN", &message(b"joe\0"), "c2VjcmV0"]);
    assert!(said.ends_with(WRONG), "{said}");
    assert_eq!(
        (rig.count("logins_ok"), rig.count("logins_refused")),
        (0, 7)
    );
}

#[test]
fn guesses_by_auth_count_as_guesses() {
    let lines = ["AUTH PLAIN", "AGpvZQB4"].repeat(9);
    let said = heard(&alone(), &lines);
    assert_eq!(said, format!("+ \r\n{WRONG}").repeat(5));
}

#[test]
fn long_lines_are_for_exchanges_only() {
    let (fits, long) = ("A".repeat(8190), "A".repeat(8191));
    let rig = alone();
    let too_long = "-ERR the line is too long\r\n";
    assert_eq!(
        heard(&rig, &["AUTH PLAIN", &fits, "QUIT"]),
        "+ \r\n-ERR that is no base64\r\n+OK good bye\r\n"
    );
    assert_eq!(
        heard(&rig, &["AUTH PLAIN", &long, "QUIT"]),
        format!("+ \r\n{too_long}+OK good bye\r\n"),
        "and it ends the exchange"
    );
    let initial = format!("AUTH PLAIN {}", "A".repeat(244));
    assert_eq!(
        heard(&rig, &[&initial, "QUIT"]),
        format!("{too_long}+OK good bye\r\n")
    );
    let password = [b"\0joe\0", "x".repeat(5000).as_bytes()].concat();
    assert_eq!(
        heard(&rig, &["AUTH PLAIN", &message(&password)]),
        format!("+ \r\n{WRONG}")
    );
}

#[test]
fn auth_alone_lists_the_mechanisms_and_is_over_behind_the_login() {
    let said = heard(&alone(), &["AUTH", &format!("AUTH PLAIN {JOE}"), "AUTH"]);
    let list = "+OK the mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n";
    assert_eq!(
        said,
        format!("{list}+OK 0 messages\r\n-ERR AUTH is not allowed now\r\n")
    );
}

#[test]
fn a_nul_octet_ends_an_exchange_and_the_session() {
    let rig = alone();
    let said = rig.talk(&[b"AUTH PLAIN\r\n", b"A\0\r\nQUIT\r\n"]);
    assert!(
        said.starts_with("+OK hello\r\n") && !said.contains("bye"),
        "{said}"
    );
    assert_eq!(
        rig.talk(&[b"AUTH LOGIN\r\nam9l\r\n", b""])
            .matches("+ ")
            .count(),
        2
    );
}
