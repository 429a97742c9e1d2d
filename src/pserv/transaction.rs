//! What the commands of the TRANSACTION state do (RFC 1939 section 5 to 7).

use std::io::ErrorKind;

use super::session::{DISK, Session};
use super::vars::MAILBOX_MARK;
use crate::base::clock::now;
use crate::daemon::vars::WRITETIMEOUT;
use crate::maildir::body::Body;
use crate::maildir::{self, Error};
use crate::net::wait::Broken;
use crate::pop3::command::{Next, Refusal, number};
use crate::pop3::greet::CAPABILITIES;
use crate::pop3::reply::{SYS_TEMP, Stuffer, err, ok};
use crate::pop3::wire::CHUNK;

/// Octets that the kernel is asked to send at once.
const AT_ONCE: usize = 1024 * 1024;

/// Octets of a message that are worth a call of their own: so many are not
/// copied before they go. Smaller ones wait for more, if there are more.
const LARGE: usize = 8 * 1024;

/// Octets of what stands around a message: the words before it, the dot behind.
const AROUND: usize = 64;

type Outcome = Result<Next, Refusal>;

/// The number of a message.
fn message(word: &[u8]) -> Result<usize, Refusal> {
    let number = number(word).and_then(|n| usize::try_from(n).ok());
    number.ok_or_else(|| "the number of a message is digits only".into())
}

impl Session<'_> {
    pub(super) fn capa(&mut self, _: &[&[u8]]) -> Outcome {
        self.wire.out.extend_from_slice(CAPABILITIES);
        Ok(Next::Stay)
    }

    pub(super) fn noop(&mut self, _: &[&[u8]]) -> Outcome {
        ok(&mut self.wire.out, "");
        Ok(Next::Stay)
    }

    pub(super) fn stat(&mut self, _: &[&[u8]]) -> Outcome {
        self.told = true;
        let (count, octets) = self.drop.stat();
        self.note_left_out();
        ok(&mut self.wire.out, format_args!("{count} {octets}"));
        Ok(Next::Stay)
    }

    pub(super) fn list(&mut self, args: &[&[u8]]) -> Outcome {
        self.told = true;
        if let [word] = args {
            let number = message(word)?;
            let size = self.drop.size(number).map_err(|why| self.refusal(&why))?;
            self.note_left_out();
            ok(&mut self.wire.out, format_args!("{number} {size}"));
            return Ok(Next::Stay);
        }
        ok(&mut self.wire.out, "scan listing follows");
        let numbers: Vec<usize> = self.drop.numbers().collect();
        for number in numbers {
            let size = self.drop.size(number).unwrap_or(0);
            if let Err(leave) = self.row(format_args!("{number} {size}")) {
                return Ok(leave);
            }
        }
        self.note_left_out();
        self.wire.out.extend_from_slice(b".\r\n");
        Ok(Next::Stay)
    }

    pub(super) fn uidl(&mut self, args: &[&[u8]]) -> Outcome {
        self.load_ids()?;
        if let [word] = args {
            let number = message(word)?;
            let uidl = self.drop.uidl(number).map_err(|why| self.refusal(&why))?;
            ok(&mut self.wire.out, format_args!("{number} {uidl}"));
            return Ok(Next::Stay);
        }
        ok(&mut self.wire.out, "unique-id listing follows");
        let numbers: Vec<usize> = self.drop.numbers().collect();
        for number in numbers {
            let uidl = self.drop.uidl(number).map_err(|why| self.refusal(&why))?;
            if let Err(leave) = self.row(format_args!("{number} {uidl}")) {
                return Ok(leave);
            }
        }
        self.wire.out.extend_from_slice(b".\r\n");
        Ok(Next::Stay)
    }

    /// Without the ids of old none are told: a client that finds others
    /// fetches everything again.
    fn load_ids(&mut self) -> Result<(), Refusal> {
        let report = match self.drop.load_ids() {
            Ok(None) => return Ok(()),
            Ok(Some(report)) => report,
            Err(why) => {
                let (mbox, why) = (&self.mailbox, why.to_string());
                event!(UIDL_LIST_BAD, self.sid, mbox = mbox, why = why);
                return Err(format!("{SYS_TEMP} the unique ids cannot be read now").into());
            }
        };
        let (mbox, from) = (&self.mailbox, report.from);
        if report.useless > 0 || report.why.is_some() {
            event!(
                UIDL_LIST_BAD,
                self.sid,
                mbox = mbox,
                file = from,
                useless = report.useless,
                why = report
                    .why
                    .unwrap_or_else(|| "lines that name no message or no legal id".into())
            );
        }
        if let Some(count) = report.imported {
            event!(
                UIDL_IMPORTED,
                self.sid,
                mbox = mbox,
                file = from,
                messages = count
            );
        }
        Ok(())
    }

    /// One line of a list; a long list goes out in pieces. The error is what to
    /// do when one of them does not go: nobody can tell how much of it went.
    fn row(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Next> {
        use std::io::Write;
        let _ = write!(self.wire.out, "{text}\r\n");
        if self.wire.out.len() < CHUNK {
            return Ok(());
        }
        let sent = self.flush();
        self.seat.guard(now() + DISK);
        sent.map_err(|broken| self.hang_up(broken.reason()))
    }

    pub(super) fn retr(&mut self, args: &[&[u8]]) -> Outcome {
        let number = message(args[0])?;
        let message = self
            .drop
            .retrieve(number)
            .map_err(|why| self.refusal(&why))?;
        if let Some(promised) = message.promised {
            let octets = message.body.wire();
            event!(
                SIZE_MENDED,
                self.sid,
                message = number,
                promised = promised,
                octets = octets
            );
            if self.told {
                return Err(format!(
                    "{SYS_TEMP} the size told for this message was wrong and is mended; ask again"
                )
                .into());
            }
        }
        ok(
            &mut self.wire.out,
            format_args!("{} octets", message.body.wire()),
        );
        let next = self.send(number, message.body);
        if next == Next::Stay {
            self.retrieved += 1;
            self.drop.seen(number);
        }
        Ok(next)
    }

    pub(super) fn top(&mut self, args: &[&[u8]]) -> Outcome {
        let number = message(args[0])?;
        let lines =
            crate::pop3::command::number(args[1]).ok_or("the number of lines is digits only")?;
        let body = self
            .drop
            .top(number, lines)
            .map_err(|why| self.refusal(&why))?;
        ok(&mut self.wire.out, "top of message follows");
        Ok(self.send(number, body))
    }

    /// Sends a message behind its `+OK`. Once that is said, a message that
    /// cannot be read to its end leaves only one honest way: to hang up.
    fn send(&mut self, number: usize, mut body: Body) -> Next {
        match self.send_as_it_lies(&body) {
            Ok(false) => {}
            Ok(true) => {
                self.wire.out.extend_from_slice(b".\r\n");
                return Next::Stay;
            }
            Err(Broken::Io(why)) if why.kind() == ErrorKind::Other => {
                event!(MESSAGE_FAILED, self.sid, message = number, why = why);
                return self.hang_up("read_error");
            }
            Err(broken) => return self.hang_up(broken.reason()),
        }
        if let Some(text) = body.at_once().filter(|text| text.len() >= LARGE) {
            if let Err(why) = self.wire.say_with(text, b".\r\n") {
                return self.hang_up(Broken::Io(why).reason());
            }
            self.drop.give_back(body);
            return Next::Stay;
        }
        let octets = usize::try_from(body.wire()).unwrap_or(CHUNK);
        self.wire.out.reserve(octets.min(CHUNK) + AROUND);
        let mut stuffer = Stuffer::default();
        loop {
            match body.next() {
                Ok(Some(piece)) => stuffer.put(piece, &mut self.wire.out),
                Ok(None) => break self.drop.give_back(body),
                Err(why) => {
                    event!(MESSAGE_FAILED, self.sid, message = number, why = why);
                    return self.hang_up("read_error");
                }
            }
            if self.wire.out.len() >= CHUNK {
                if let Err(broken) = self.flush() {
                    return self.hang_up(broken.reason());
                }
                self.seat.guard(now() + DISK);
            }
        }
        stuffer.end(&mut self.wire.out);
        Next::Stay
    }

    /// Sends a message by the kernel alone, where that is possible; false if
    /// it is not. All but the end of the answer is then sent.
    fn send_as_it_lies(&mut self, body: &Body) -> Result<bool, Broken> {
        let Some(file) = body.as_it_lies() else {
            return Ok(false);
        };
        self.flush()?;
        let (seat, mut at) = (self.seat, 0);
        while at < body.disk() {
            let most = usize::try_from(body.disk() - at).unwrap_or(usize::MAX);
            let since = now();
            let until = || since + seat.var(WRITETIMEOUT) * 1000;
            match self.wire.write_file(file, at, most.min(AT_ONCE), &until)? {
                None if at == 0 => return Ok(false),
                None | Some(0) => break,
                Some(count) => at += count as u64,
            }
        }
        seat.guard(now() + DISK);
        match at == body.disk() && body.is_unchanged() {
            true => Ok(true),
            false => Err(std::io::Error::other("the message changed while it was read").into()),
        }
    }

    /// Leaves without another word, not even those that wait to be said.
    fn hang_up(&mut self, why: &'static str) -> Next {
        self.wire.out.clear();
        self.end = why;
        Next::Leave
    }

    pub(super) fn dele(&mut self, args: &[&[u8]]) -> Outcome {
        let number = message(args[0])?;
        self.drop.delete(number).map_err(|why| self.refusal(&why))?;
        ok(&mut self.wire.out, "message deleted");
        Ok(Next::Stay)
    }

    pub(super) fn rset(&mut self, _: &[&[u8]]) -> Outcome {
        self.drop.reset();
        ok(&mut self.wire.out, "");
        Ok(Next::Stay)
    }

    /// The UPDATE state: acknowledged when it is on disk.
    pub(super) fn quit(&mut self, _: &[&[u8]]) -> Outcome {
        let done = self.drop.expunge(self.master);
        self.removed = done.removed;
        // Whoever has read our answer may come again at once.
        self.drop.unlock();
        self.seat.let_go(MAILBOX_MARK);
        if let Some(why) = &done.quota {
            event!(
                QUOTA_FAILED,
                self.sid,
                mbox = self.mailbox,
                why = why.to_string()
            );
        }
        match &done.why {
            None => ok(&mut self.wire.out, "good bye"),
            Some(why) => {
                event!(
                    EXPUNGE_FAILED,
                    self.sid,
                    removed = done.removed,
                    failed = done.failed,
                    why = why
                );
                err(
                    &mut self.wire.out,
                    format_args!("{SYS_TEMP} some deleted messages may not be removed"),
                );
            }
        }
        Ok(Next::Leave)
    }

    /// What the client is told of an error, and the administrator of ours.
    fn refusal(&self, why: &maildir::Error) -> Refusal {
        match why {
            Error::NoSuchMessage | Error::Deleted | Error::Gone => why.to_string().into(),
            _ => {
                event!(MESSAGE_FAILED, self.sid, why = why.to_string());
                format!("{SYS_TEMP} the message cannot be read now").into()
            }
        }
    }
}
