//! Is there mail in a mailbox?

use std::net::SocketAddr;
use std::path::Path;

use super::Server;
use super::trouble::{Trouble, rarely};
use super::vars::{Count, EMPTYLOAD, KNOWN, TRUSTTIMES};
use crate::check::table::{Known, Moment};
use crate::check::wire::{Answer, Mail};
use crate::daemon::seat::Seat;
use crate::maildir::peek::{self, State, any_mail, state};
use crate::maildir::spool::Spool;
use crate::maildir::{self, Error};
use crate::sys::load::one_minute;

/// Looks into a mailbox, unless the load is too high for that.
pub(super) fn mail(
    spool: &Path,
    server: &Server,
    mailbox: &[u8],
    peer: SocketAddr,
    seat: &Seat,
) -> Answer {
    if seat.is_overloaded() || is_busy(seat.var(EMPTYLOAD), one_minute) {
        seat.count(Count::Busy as usize, 1);
        return Answer::Mail(Mail::Busy);
    }
    let looked = look(spool, mailbox, seat);
    let (what, answer) = match &looked {
        Ok(mail) => (count(*mail), Answer::Mail(*mail)),
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

/// Under which count an answer falls.
fn count(mail: Mail) -> Count {
    match mail {
        Mail::Nothing => Count::Nothing,
        Mail::Old => Count::Old,
        Mail::New => Count::New,
        Mail::Busy => Count::Busy,
    }
}

/// Reads a mailbox, unless it is known what was in it, and it has not changed.
fn look(spool: &Path, mailbox: &[u8], seat: &Seat) -> Result<Mail, Error> {
    let read = || any_mail(&Spool::open(spool)?, mailbox);
    if seat.var(TRUSTTIMES) == 0 {
        return read().map(|(found, _)| told(found));
    }
    let (known, at) = (Known::new(seat.board().area(KNOWN)), Moment::now());
    let epoch = known.epoch(at).to_le_bytes();
    let key = |state: &State| seat.board().key(&[mailbox, &state.octets(), &epoch]);
    let unchanged = state(spool, mailbox).and_then(|state| known.recall(key(&state), at));
    if let Some(mail) = unchanged {
        seat.count(Count::Unread as usize, 1);
        return Ok(mail);
    }
    let (found, state) = read()?;
    if let Some(state) = state {
        known.learn(key(&state), told(found), at, state.changed());
    }
    Ok(told(found))
}

/// In the words of the protocol.
fn told(found: peek::Mail) -> Mail {
    match found {
        peek::Mail::Nothing => Mail::Nothing,
        peek::Mail::Old => Mail::Old,
        peek::Mail::New => Mail::New,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::now;
    use crate::daemon::board::Head;
    use crate::pcheckd::rig::Rig;
    use std::fs;
    use std::sync::atomic::Ordering::Relaxed;

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

    /// Times of changes are those of the kernel, so this waits until they prove something.
    #[test]
    fn a_mailbox_that_did_not_change_is_not_read_again() {
        let rig = Rig::new("mail-known");
        rig.board.live(TRUSTTIMES).store(1, Relaxed);
        for folder in ["joe/new", "joe/cur"] {
            fs::create_dir_all(rig.scratch.path().join(folder)).unwrap();
        }
        let unread = || rig.count(Count::Unread);
        let end = now() + 30_000;
        while unread() == 0 && now() < end {
            assert_eq!(rig.told("*Mjoe"), "+OK 0 no mails\n");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert_eq!(unread(), 1);
        rig.board.live(TRUSTTIMES).store(0, Relaxed);
        assert_eq!(
            (rig.told("*Mjoe").as_str(), unread()),
            ("+OK 0 no mails\n", 1)
        );
        rig.board.live(TRUSTTIMES).store(1, Relaxed);
        fs::write(rig.scratch.path().join("joe/new/1"), "").unwrap();
        assert_eq!(rig.told("*Mjoe"), "+OK 2 new mails\n");
        fs::remove_file(rig.scratch.path().join("joe/new/1")).unwrap();
        assert_eq!(
            (rig.told("*Mjoe").as_str(), unread()),
            ("+OK 0 no mails\n", 1)
        );
    }
}
