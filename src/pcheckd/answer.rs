//! What is answered to a datagram. Silence is for those who may not ask, and
//! for what is no question at all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use super::Server;
use super::vars::{Count, EMPTYLOAD};
use crate::base::clock::{Ms, now};
use crate::base::nets;
use crate::check::keyed::{Asked, CheckKey, Foreign};
use crate::check::wire::{Answer, Bad, Datagram, Mail, Question};
use crate::daemon::seat::Seat;
use crate::maildir::peek::{self, any_mail};
use crate::maildir::spool::Spool;
use crate::maildir::{self, Error};
use crate::sys::load::one_minute;

/// How often something that may be wrong with every question is logged at
/// most, by all workers together, in milliseconds.
const RARELY: Ms = 1000;

/// What is logged so, and the cells in which a server remembers when.
#[derive(Clone, Copy)]
enum Trouble {
    Denied,
    Bad,
    Mailbox,
    Spool,
    Failed,
    Key,
}

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

/// Looks into a mailbox, unless the load is too high for that.
fn mail(spool: &Path, server: &Server, mailbox: &[u8], peer: SocketAddr, seat: &Seat) -> Answer {
    if seat.is_overloaded() || is_busy(seat.var(EMPTYLOAD), one_minute) {
        seat.count(Count::Busy as usize, 1);
        return Answer::Mail(Mail::Busy);
    }
    let looked = Spool::open(spool).and_then(|spool| any_mail(&spool, mailbox));
    let (what, answer) = match &looked {
        Ok(peek::Mail::Nothing) => (Count::Nothing, Answer::Mail(Mail::Nothing)),
        Ok(peek::Mail::Old) => (Count::Old, Answer::Mail(Mail::Old)),
        Ok(peek::Mail::New) => (Count::New, Answer::Mail(Mail::New)),
        Err(Error::NotMounted) => (Count::Failed, Answer::Error("spool is not mounted")),
        Err(Error::BadName) => (Count::Bad, Answer::Error("not the name of a mailbox")),
        Err(_) => (Count::Failed, Answer::Error("mailbox cannot be read")),
    };
    seat.count(what as usize, 1);
    if let Err(why) = looked {
        log_failure(spool, server, mailbox, &why, peer, seat);
    }
    answer
}

/// Is the load at `limit` hundredths or above it? A limit of 0 is none, and a load that
/// is not known is below any.
fn is_busy(limit: u64, load: fn() -> std::io::Result<f64>) -> bool {
    limit > 0 && load().is_ok_and(|load| load * 100.0 >= limit as f64)
}

fn log_failure(
    spool: &Path,
    server: &Server,
    mailbox: &[u8],
    why: &maildir::Error,
    peer: SocketAddr,
    seat: &Seat,
) {
    let trouble = match why {
        Error::NotMounted => Trouble::Spool,
        Error::BadName => Trouble::Mailbox,
        _ => Trouble::Failed,
    };
    if !rarely(server, trouble, seat) {
        return;
    }
    let (spool, why) = (spool.display().to_string(), why.to_string());
    let (id, rip) = (&server.id, peer.ip());
    match trouble {
        Trouble::Spool => event!(SPOOL_MISSING, "-", spool = spool, why = why),
        Trouble::Mailbox => {
            event!(
                MAILBOX_BAD,
                "-",
                server = id,
                rip = rip,
                why = why,
                mbox = mailbox
            )
        }
        _ => event!(
            CHECK_FAILED,
            "-",
            server = id,
            rip = rip,
            mbox = mailbox,
            why = why
        ),
    }
}

/// Is it time to log this trouble again? One worker hears yes. The word lies
/// in the shared page: nonsense in it costs a log line or saves one.
fn rarely(server: &Server, trouble: Trouble, seat: &Seat) -> bool {
    let word = seat.object_cell(server.row, trouble as usize);
    let (last, now) = (word.load(Relaxed), now());
    let soon = last != 0 && last <= now && now - last < RARELY;
    !soon && word.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::board::{Board, Head};
    use crate::sys::scratch::Scratch;
    use std::fs;

    /// A spool with its mark, a server with row 0, and a seat.
    struct Rig {
        scratch: Scratch,
        server: Server,
        board: Board,
        seat: Seat,
    }

    impl Rig {
        fn new(title: &str) -> Rig {
            let scratch = Scratch::new(title);
            fs::write(scratch.path().join(".popular-spool"), "").unwrap();
            let board = Board::map(1, &[]).unwrap();
            Rig {
                scratch,
                server: Server {
                    id: "main".into(),
                    allow: nets::parse_list("192.0.2.0/24"),
                    keys: Vec::new(),
                    row: 0,
                },
                board,
                seat: Seat::take(board, board.claim().unwrap(), "pcheckd").unwrap(),
            }
        }

        fn ask(&self, from: &str, question: &[u8]) -> Option<String> {
            let peer = SocketAddr::new(from.parse().unwrap(), 4711);
            let spool = self.scratch.path();
            let answer = answer(spool, &self.server, question, peer, &self.seat)?;
            Some(String::from_utf8_lossy(&answer).into_owned())
        }

        fn told(&self, question: &str) -> String {
            self.ask("192.0.2.7", question.as_bytes()).unwrap()
        }

        fn count(&self, what: Count) -> u64 {
            self.board.total(what as usize)
        }
    }

    #[test]
    fn a_mailbox_is_empty_old_or_new() {
        let rig = Rig::new("answer-mail");
        assert_eq!(rig.told("*M3/joe\n"), "+OK 0 no mails\n", "not there");
        let joe = rig.scratch.path().join("3/joe");
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(joe.join(folder)).unwrap();
        }
        assert_eq!(rig.told("*M3/joe"), "+OK 0 no mails\n");
        fs::write(joe.join("cur/1:2,S"), "x").unwrap();
        assert_eq!(rig.told("*M3/joe\r\n"), "+OK 1 old mails\n");
        fs::write(joe.join("new/2"), "x").unwrap();
        assert_eq!(rig.told("*M3/joe\r"), "+OK 2 new mails\n");
        let counts = [Count::Nothing, Count::Old, Count::New, Count::Questions];
        assert_eq!(counts.map(|c| rig.count(c)), [2, 1, 1, 4]);
    }

    #[test]
    fn a_spool_that_is_not_mounted_has_no_empty_mailboxes() {
        let rig = Rig::new("answer-spool");
        fs::remove_file(rig.scratch.path().join(".popular-spool")).unwrap();
        assert_eq!(rig.told("*Mjoe\n"), "-ERR spool is not mounted\n");
        assert_eq!(
            (rig.count(Count::Failed), rig.count(Count::Nothing)),
            (1, 0)
        );
    }

    #[test]
    fn a_mailbox_that_cannot_be_looked_at_is_an_error() {
        let rig = Rig::new("answer-file");
        fs::write(rig.scratch.path().join("joe"), "").unwrap();
        assert_eq!(rig.told("*Mjoe\n"), "-ERR mailbox cannot be read\n");
        for name in ["../joe", "/etc", "a//b", "a@b", "a b", "\u{e9}"] {
            let told = rig.told(&format!("*M{name}\n"));
            assert_eq!(told, "-ERR not the name of a mailbox\n", "{name}");
        }
        assert_eq!((rig.count(Count::Failed), rig.count(Count::Bad)), (1, 6));
    }

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

    #[test]
    fn a_load_at_the_limit_is_too_high() {
        assert!(is_busy(350, || Ok(3.5)) && !is_busy(350, || Ok(3.49)));
        assert!(!is_busy(0, || Ok(99.0)), "0 is no limit");
        assert!(!is_busy(
            100,
            || Err(std::io::ErrorKind::Unsupported.into())
        ));
    }

    #[test]
    fn no_mailbox_is_looked_at_while_the_load_of_the_host_is_too_high() {
        let rig = Rig::new("answer-overload");
        rig.board.head(Head::LoadState).store(1, Relaxed);
        assert_eq!(rig.told("*Mjoe"), "+OK 0 no mails\n", "WARN is only a word");
        rig.board.head(Head::LoadState).store(2, Relaxed);
        assert_eq!(rig.told("*Mjoe"), "+OK 3 load too high\n");
        assert_eq!(rig.count(Count::Busy), 1);
    }

    #[test]
    fn trouble_is_logged_once_a_second_for_each_kind() {
        let rig = Rig::new("answer-rarely");
        assert!(rarely(&rig.server, Trouble::Bad, &rig.seat));
        assert!(!rarely(&rig.server, Trouble::Bad, &rig.seat));
        assert!(rarely(&rig.server, Trouble::Denied, &rig.seat));
        let word = rig.seat.object_cell(0, Trouble::Bad as usize);
        word.store(now() - RARELY, Relaxed);
        assert!(rarely(&rig.server, Trouble::Bad, &rig.seat));
        word.store(u64::MAX, Relaxed);
        assert!(
            rarely(&rig.server, Trouble::Bad, &rig.seat),
            "nonsense in the page"
        );
    }
}
