//! What is answered to a datagram. Silence is for those who may not ask, and
//! for what is no question at all.

use std::net::SocketAddr;
use std::path::Path;

use super::Server;
use super::mail::mail;
use super::trouble::{Trouble, rarely};
use super::vars::Count;
use crate::base::nets;
use crate::check::keyed::{Asked, CheckKey, Foreign};
use crate::check::wire::{Answer, Bad, Datagram, Question};
use crate::daemon::seat::Seat;
use crate::sys::load::one_minute;

/// The answer to a datagram; `None` is silence.
pub(super) fn answer(
    spool: &Path,
    server: &Server,
    bytes: &[u8],
    peer: SocketAddr,
    seat: &Seat,
) -> Option<Datagram> {
    seat.count(Count::Questions as usize, 1);
    if !nets::holds(&server.allow, peer.ip()) {
        seat.count(Count::Denied as usize, 1);
        if rarely(server, Trouble::Denied, seat) {
            event!(CHECK_DENIED, "-", server = server.id, rip = peer.ip());
        }
        return None;
    }
    if server.keys.is_empty() {
        return respond(spool, server, bytes, peer, seat).map(|answer| answer.encode());
    }
    match open(&server.keys, bytes) {
        Ok((key, asked)) => {
            let answer = respond(spool, server, asked.question(), peer, seat)?;
            key.answer(&asked, &answer)
        }
        Err(foreign) => {
            seat.count(Count::Unkeyed as usize, 1);
            if rarely(server, Trouble::Key, seat) {
                let (id, why) = (&server.id, foreign.why());
                event!(CHECK_UNKEYED, "-", server = id, rip = peer.ip(), why = why);
            }
            Foreign::reply(bytes)
        }
    }
}

/// The key with which a question was asked, and the question.
fn open<'k, 'd>(
    keys: &'k [CheckKey],
    bytes: &'d [u8],
) -> Result<(&'k CheckKey, Asked<'d>), Foreign> {
    let mut foreign = Foreign::Unkeyed;
    for key in keys {
        match key.open(bytes) {
            Ok(asked) => return Ok((key, asked)),
            Err(why) => foreign = why,
        }
    }
    Err(foreign)
}

/// The answer to a question as it is without a key.
fn respond(
    spool: &Path,
    server: &Server,
    text: &[u8],
    peer: SocketAddr,
    seat: &Seat,
) -> Option<Answer> {
    let count = |what: Count| seat.count(what as usize, 1);
    match Question::parse(text) {
        Err(bad) => {
            count(Count::Bad);
            if rarely(server, Trouble::Bad, seat) {
                log_bad(server, text, bad, peer);
            }
            bad.reply()
        }
        Ok(_) if seat.object_state(server.row) != 0 => {
            count(Count::Disabled);
            Some(Answer::Error("server is disabled"))
        }
        Ok(Question::Load) => {
            count(Count::Load);
            Some(one_minute().map_or(Answer::Error("load unknown"), Answer::Load))
        }
        Ok(Question::Mail(mailbox)) => Some(mail(spool, server, mailbox, peer, seat)),
    }
}

fn log_bad(server: &Server, bytes: &[u8], bad: Bad, peer: SocketAddr) {
    let shown = &bytes[..bytes.len().min(64)];
    event!(
        CHECK_BAD,
        "-",
        server = server.id,
        rip = peer.ip(),
        why = bad.why(),
        question = shown
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcheckd::rig::Rig;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn who_is_not_allowed_hears_nothing() {
        let rig = Rig::new("answer-denied");
        assert_eq!(rig.ask("198.51.100.1", b"*Mjoe\n"), None);
        assert_eq!(rig.ask("2001:db8::1", b"*L\n"), None);
        assert_eq!(
            rig.ask("::ffff:192.0.2.7", b"*L\n").map(|a| a.len() > 4),
            Some(true)
        );
        assert_eq!((rig.count(Count::Denied), rig.count(Count::Load)), (2, 1));
    }

    #[test]
    fn a_disabled_server_says_so_that_nobody_waits() {
        let rig = Rig::new("answer-disabled");
        rig.board.row(0)[0].store(1, Relaxed);
        assert_eq!(rig.told("*Mjoe\n"), "-ERR server is disabled\n");
        assert_eq!(rig.ask("198.51.100.1", b"*Mjoe\n"), None);
    }

    #[test]
    fn a_server_with_keys_answers_only_who_has_one() {
        let mut rig = Rig::new("answer-keyed");
        let key = |octet: u8| CheckKey::parse(&[octet; 16]).unwrap();
        rig.server.keys = vec![key(1), key(2)];
        let plain = Question::Mail(b"3/2d/joe").encode().unwrap();
        for octet in [1, 2] {
            let key = key(octet);
            let (question, asked) = key.ask(&plain).unwrap();
            let answer = rig.ask("192.0.2.7", &question).unwrap();
            let text = key.verified(&asked, answer.as_bytes()).unwrap();
            assert_eq!(text, b"+OK 0 no mails");
            assert_eq!(rig.ask("198.51.100.1", &question), None);
        }
        let (foreign, _) = key(3).ask(&plain).unwrap();
        for question in [&foreign[..], &plain] {
            assert_eq!(rig.ask("192.0.2.7", question).unwrap(), "-ERR key\n");
        }
        assert_eq!(rig.ask("192.0.2.7", b"*L\n"), None, "no answer is longer");
        assert_eq!(rig.ask("192.0.2.7", b"-ERR a question\n"), None);
        let counts = [Count::Unkeyed, Count::Nothing, Count::Bad, Count::Denied];
        assert_eq!(counts.map(|c| rig.count(c)), [4, 2, 0, 2]);
    }

    #[test]
    fn an_error_for_who_has_the_key_has_a_mac_too() {
        let mut rig = Rig::new("answer-keyed-error");
        let key = CheckKey::parse(&[1; 16]).unwrap();
        rig.server.keys = vec![key.clone()];
        let told = |plain: Option<Datagram>| {
            let plain = plain.unwrap();
            let (question, asked) = key.ask(&plain).unwrap();
            let answer = rig.ask("192.0.2.7", &question).unwrap();
            let text = key.verified(&asked, answer.as_bytes()).unwrap();
            String::from_utf8_lossy(text).into_owned()
        };
        let bad = Question::Mail(b"../joe").encode();
        assert_eq!(told(bad), "-ERR not the name of a mailbox");
        rig.board.row(0)[0].store(1, Relaxed);
        assert_eq!(told(Question::Load.encode()), "-ERR server is disabled");
    }

    #[test]
    fn garbage_is_an_error_or_silence() {
        let rig = Rig::new("answer-garbage");
        assert_eq!(rig.told("joe\n"), "-ERR a question begins with *\n");
        assert_eq!(rig.told("*X"), "-ERR unknown question\n");
        assert_eq!(rig.ask("192.0.2.7", b"-ERR unknown question\n"), None);
        assert_eq!(rig.ask("192.0.2.7", b""), None);
        assert_eq!(rig.count(Count::Bad), 4);
    }
}
