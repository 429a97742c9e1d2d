//! A session: the command table, and the conversation from the first `+OK`
//! to the line in the log.

use std::net::SocketAddr;

use super::vars::Count;
use crate::base::clock::{Ms, now};
use crate::base::log;
use crate::daemon::seat::Seat;
use crate::daemon::vars::{IDLETIMEOUT, WRITETIMEOUT};
use crate::maildir::maildrop::Maildrop;
use crate::net::tls::Channel;
use crate::net::wait::Broken;
use crate::pop3::command::{Args::*, Command, Next, Refusal, States, parse};
use crate::pop3::reply::{err, ok};
use crate::pop3::show;
use crate::pop3::wire::{COMMAND, Input, Wire};
use crate::pop3::xpop::Preamble;

/// Work on the disk that takes longer is not believed to come to an end; in
/// milliseconds.
pub(super) const DISK: Ms = 30 * 60 * 1000;

/// Bad commands after which a client is hung up on.
const MISTAKES: u32 = 20;

/// One client, as its proxy told us.
pub(super) struct Session<'s> {
    pub(super) seat: &'s Seat,
    pub(super) wire: Wire<'s>,
    pub(super) drop: Maildrop,
    pub(super) sid: String,
    /// Reading does not mark mail as read.
    pub(super) master: bool,
    /// A size was told: from now on it binds.
    pub(super) told: bool,
    pub(super) retrieved: u64,
    pub(super) removed: u64,
    /// Why the session ends, in a word.
    pub(super) end: &'static str,
    pub(super) mailbox: String,
    user: Vec<u8>,
    client: String,
    proxy: SocketAddr,
    messages: usize,
    began: Ms,
    mistakes: u32,
}

impl<'s> Session<'s> {
    #[rustfmt::skip]
    const COMMANDS: &'s [Command<Session<'s>>] = &[
        Command { name: "CAPA", states: States::TRANS, args: Words(0, 0), run: Session::capa },
        Command { name: "STAT", states: States::TRANS, args: Words(0, 0), run: Session::stat },
        Command { name: "LIST", states: States::TRANS, args: Words(0, 1), run: Session::list },
        Command { name: "UIDL", states: States::TRANS, args: Words(0, 1), run: Session::uidl },
        Command { name: "RETR", states: States::TRANS, args: Words(1, 1), run: Session::retr },
        Command { name: "TOP",  states: States::TRANS, args: Words(2, 2), run: Session::top  },
        Command { name: "DELE", states: States::TRANS, args: Words(1, 1), run: Session::dele },
        Command { name: "NOOP", states: States::TRANS, args: Words(0, 0), run: Session::noop },
        Command { name: "RSET", states: States::TRANS, args: Words(0, 0), run: Session::rset },
        Command { name: "QUIT", states: States::TRANS, args: Words(0, 0), run: Session::quit },
    ];

    pub(super) fn new(
        seat: &'s Seat,
        wire: Wire<'s>,
        drop: Maildrop,
        told: &Preamble<'_>,
        proxy: SocketAddr,
    ) -> Self {
        log::about(told.ip);
        log::about_user(&told.user);
        Session {
            seat,
            wire,
            messages: drop.last(),
            drop,
            sid: told.sid.into(),
            master: told.master,
            told: false,
            retrieved: 0,
            removed: 0,
            end: "quit",
            mailbox: told.mailbox.into(),
            user: told.user.to_vec(),
            client: told.ip.map_or("-".into(), |ip| ip.to_string()),
            proxy,
            began: now(),
            mistakes: 0,
        }
    }

    /// The whole of it.
    pub(super) fn serve(mut self) {
        self.note_left_out();
        ok(
            &mut self.wire.out,
            format_args!("{} messages", self.messages),
        );
        let end = self.converse().unwrap_or_else(|broken| broken.reason());
        self.save_sizes();
        self.close(end);
    }

    /// Files that cannot be served are logged once, when that is found.
    pub(super) fn note_left_out(&mut self) {
        let left = self.drop.left_out();
        if let Some((name, why)) = &left.first {
            event!(
                MESSAGE_SKIPPED,
                self.sid,
                mbox = self.mailbox,
                count = left.count,
                first = name,
                why = why
            );
        }
    }

    /// What had to be counted is kept for the next session, however this one
    /// ends.
    fn save_sizes(&mut self) {
        self.seat.guard(now() + DISK);
        if let Err(why) = self.drop.save_sizes() {
            event!(
                SIZES_UNSAVED,
                self.sid,
                mbox = self.mailbox,
                why = why.to_string()
            );
        }
    }

    /// Hears and obeys until there is a reason to stop; returns the reason.
    /// Without QUIT nothing is removed (RFC 1939 section 6).
    fn converse(&mut self) -> Result<&'static str, Broken> {
        loop {
            let (seat, since) = (self.seat, now());
            let read = || since + seat.var(IDLETIMEOUT) * 1000;
            let write = || since + seat.var(WRITETIMEOUT) * 1000;
            let next = match self.wire.next(COMMAND, &read, &write)? {
                Input::Line => {
                    let line = self.wire.lines.line().to_vec();
                    self.wire.show(&line, show::command);
                    let next = self.obey(&line)?;
                    self.wire.show_answer();
                    next
                }
                Input::TooLong => self.mistake("the line is too long".into()),
                Input::Nul => {
                    event!(NUL_IN_INPUT, self.sid, rip = self.client);
                    return Ok("nul");
                }
                Input::Eof => return Ok("eof"),
            };
            if next == Next::Leave {
                self.finish()?;
                return Ok(self.end);
            }
        }
    }

    /// Says what waits to be said.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        let (seat, since) = (self.seat, now());
        self.wire.flush(&|| since + seat.var(WRITETIMEOUT) * 1000)
    }

    /// Says what waits to be said, the last words of all.
    fn finish(&mut self) -> Result<(), Broken> {
        let (seat, since) = (self.seat, now());
        self.wire.finish(&|| since + seat.var(WRITETIMEOUT) * 1000)
    }

    fn obey(&mut self, line: &[u8]) -> Result<Next, Broken> {
        let (place, row, args) = match parse(Self::COMMANDS, States::TRANS, line) {
            Ok(found) => found,
            Err(refusal) => return Ok(self.mistake(refusal)),
        };
        debug!(Session, self.sid, command = row.name);
        self.seat.count(Count::Commands as usize + place, 1);
        self.seat.guard(now() + DISK);
        match (row.run)(self, &args) {
            Ok(next) => self.send_if_large().map(|()| next),
            Err(refusal) => {
                err(&mut self.wire.out, refusal);
                Ok(Next::Stay)
            }
        }
    }

    /// Answers to many pipelined commands do not pile up.
    fn send_if_large(&mut self) -> Result<(), Broken> {
        match self.wire.out.len() > crate::pop3::wire::CHUNK {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Refuses a line that broke the rules.
    fn mistake(&mut self, refusal: Refusal) -> Next {
        self.seat.count(Count::BadCommands as usize, 1);
        self.mistakes += 1;
        if self.mistakes < MISTAKES {
            err(&mut self.wire.out, refusal);
            return Next::Stay;
        }
        err(&mut self.wire.out, "too many bad commands");
        self.end = "bad_commands";
        Next::Leave
    }

    fn close(&self, end: &str) {
        let (received, sent) = (self.wire.stream.received, self.wire.stream.sent);
        let count = |which: Count, by| self.seat.count(which as usize, by);
        count(Count::Retrieved, self.retrieved);
        count(Count::Deleted, self.removed);
        count(Count::OctetsIn, received);
        count(Count::OctetsOut, sent);
        event!(
            SERVER_SESSION,
            self.sid,
            rip = self.client,
            proxy = self.proxy.ip(),
            user = self.user,
            mbox = self.mailbox,
            master = self.master,
            tls = self.wire.stream.channel().map(Channel::name),
            messages = self.messages,
            retrieved = self.retrieved,
            removed = self.removed,
            in = received,
            out = sent,
            ms = now().saturating_sub(self.began),
            end = end,
        );
    }
}
