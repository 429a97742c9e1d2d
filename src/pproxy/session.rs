//! A session: the conversation with a client until it leaves, or until its
//! maildrop is connected and the rest is only copied.

use std::net::{IpAddr, SocketAddr};

use super::site::{Site, Vserv};
use super::vars::{AUTHTIMEOUT, Count, FIRST_COMMAND, LOGINDELAY};
use super::verify::Judge;
use crate::auth::sasl::{EXTERNAL, Exchange, LONGEST};
use crate::base::clock::{Ms, now};
use crate::base::id;
use crate::base::log;
use crate::daemon::seat::Seat;
use crate::daemon::vars::{IDLETIMEOUT, WRITETIMEOUT};
use crate::net::stream::Stream;
use crate::net::wait::{Broken, GAVE_WAY};
use crate::pop3::capa;
use crate::pop3::command::{Args::*, Command, Next, Refusal, States, parse};
use crate::pop3::reply::{SYS_TEMP, err, ok};
use crate::pop3::show::{self, HIDDEN};
use crate::pop3::wire::{COMMAND, Input, Wire};
use crate::sys::secret::Secret;

/// Bad commands after which a client is hung up on.
const MISTAKES: u32 = 20;

/// When many sessions are open a login may take a tenth of the time, but so
/// many milliseconds in any case.
const HURRIED: Ms = 10_000;

/// Said to who would send a password in the clear.
pub(super) const TLS_FIRST: &str = "STLS first: passwords are not taken in the clear here";

/// Where the conversation stands, with what belongs to that.
pub(super) enum Phase {
    /// AUTHORIZATION; `user` is what USER said, until PASS uses it up.
    Auth { user: Option<Vec<u8>> },
    /// AUTHORIZATION, inside an exchange that AUTH began.
    Sasl(Exchange),
    /// TRANSACTION, in a maildrop without messages.
    Empty,
}

/// How the session was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nobody got in.
    None,
    /// There was no mail.
    Empty,
    /// The mailbox could not be reached.
    Soft,
    /// The backend served it.
    Relay,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Empty => "empty",
            Mode::Soft => "soft",
            Mode::Relay => "relay",
        }
    }
}

/// One client.
pub(crate) struct Session<'s> {
    pub(super) site: &'s Site,
    pub(super) judge: &'s dyn Judge,
    pub(super) seat: &'s Seat,
    pub(super) vserv: &'s Vserv,
    pub(super) wire: Wire<'s>,
    pub(super) peer: SocketAddr,
    /// Who told us of the client, if somebody did.
    pub(super) balancer: Option<IpAddr>,
    /// Where the client connected, if a balancer said so.
    pub(super) local: Option<SocketAddr>,
    pub(super) sid: String,
    pub(super) phase: Phase,
    pub(super) mode: Mode,
    /// The user, once verified.
    pub(super) user: Option<Vec<u8>>,
    /// The id of the backend that the account names.
    pub(super) backend: Option<String>,
    /// The key of the mailbox that the account names; see `memory.rs`.
    pub(super) mailbox: Option<u64>,
    /// The backend that takes over when the conversation is at its end.
    pub(super) server: Option<Stream>,
    /// Logins that were refused.
    pub(super) refused: u32,
    pub(super) began: Ms,
    mistakes: u32,
    /// Why the session ended, in a word.
    end: &'static str,
}

impl<'s> Session<'s> {
    #[rustfmt::skip]
    const COMMANDS: &'s [Command<Session<'s>>] = &[
        Command { name: "CAPA", states: States::ANY,   args: Words(0, 0), run: Session::capa },
        Command { name: "USER", states: States::AUTH,  args: Words(1, 1), run: Session::user },
        Command { name: "PASS", states: States::AUTH,  args: Rest,        run: Session::pass },
        Command { name: "QUIT", states: States::ANY,   args: Words(0, 0), run: Session::quit },
        Command { name: "STAT", states: States::TRANS, args: Words(0, 0), run: Session::stat },
        Command { name: "LIST", states: States::TRANS, args: Words(0, 1), run: Session::list },
        Command { name: "UIDL", states: States::TRANS, args: Words(0, 1), run: Session::list },
        Command { name: "RETR", states: States::TRANS, args: Words(1, 1), run: Session::message },
        Command { name: "DELE", states: States::TRANS, args: Words(1, 1), run: Session::message },
        Command { name: "NOOP", states: States::TRANS, args: Words(0, 0), run: Session::noop },
        Command { name: "RSET", states: States::TRANS, args: Words(0, 0), run: Session::noop },
        Command { name: "TOP",  states: States::TRANS, args: Words(2, 2), run: Session::message },
        Command { name: "AUTH", states: States::AUTH,  args: Words(0, 2), run: Session::auth },
        Command { name: "STLS", states: States::AUTH,  args: Words(0, 0), run: Session::stls },
    ];

    pub(crate) fn new(
        site: &'s Site,
        judge: &'s dyn Judge,
        seat: &'s Seat,
        vserv: &'s Vserv,
        client: (Stream, SocketAddr),
    ) -> Session<'s> {
        log::about(Some(client.1.ip()));
        Session {
            site,
            judge,
            seat,
            vserv,
            wire: Wire::new(client.0, seat),
            peer: client.1,
            balancer: None,
            local: None,
            sid: id::session(&site.sidprefix, seat.pid(), seat.serial()),
            phase: Phase::Auth { user: None },
            mode: Mode::None,
            user: None,
            backend: None,
            mailbox: None,
            server: None,
            refused: 0,
            began: now(),
            mistakes: 0,
            end: "quit",
        }
    }

    /// The whole of it, from the greeting to the line in the log.
    pub(crate) fn serve(mut self) {
        let end = match self.meet() {
            Ok(()) => self.converse().unwrap_or_else(|broken| broken.reason()),
            Err(end) => end,
        };
        if end == GAVE_WAY {
            self.give_way();
        }
        self.close(end);
    }

    /// Somebody else needs the place, and nobody has logged in here.
    fn give_way(&mut self) {
        self.count(Count::GaveWay, 1);
        let mut line = Vec::new();
        let text = "too many sessions, and you have not logged in (maxsession)";
        err(&mut line, format_args!("{SYS_TEMP} {text}"));
        self.part(&line);
    }

    /// Hears and obeys until there is a reason to stop; returns the reason.
    fn converse(&mut self) -> Result<&'static str, Broken> {
        let mut line = Secret::with_capacity(COMMAND);
        loop {
            let heard = self.listen()?;
            let left = match (heard, self.exchange()) {
                (Input::Line, Some(exchange)) => {
                    let response = Secret::from(self.wire.lines.line());
                    self.wire.lines.wipe_line();
                    self.wire.show(b"", |_| HIDDEN.to_vec());
                    self.respond(exchange, response.octets())
                }
                (Input::Line, None) => {
                    line.clear();
                    // The wire hands out no line longer than that.
                    let _ = line.push(self.wire.lines.line());
                    self.wire.lines.wipe_line();
                    self.wire.show(line.octets(), show::command);
                    let next = self.obey(line.octets());
                    line.clear();
                    next
                }
                (Input::TooLong, _) => self.mistake("the line is too long".into()),
                (Input::Nul, _) => {
                    event!(NUL_IN_INPUT, self.sid, rip = self.peer.ip());
                    return Ok("nul");
                }
                (Input::Eof, _) => return Ok("eof"),
            };
            self.wire.show_answer();
            if left == Next::Leave {
                let Some(server) = self.server.take() else {
                    return self.finish().map(|()| self.end);
                };
                self.flush()?;
                return self.relay(server);
            }
        }
    }

    /// The next line. Before the login the time for all of it together is
    /// limited, so that nobody keeps a worker by being slow.
    fn listen(&mut self) -> Result<Input, Broken> {
        let (seat, since) = (self.seat, now());
        let limit = self.login_limit();
        let read = || limit().unwrap_or_else(|| since + seat.var(IDLETIMEOUT) * 1000);
        let write = || {
            let patience = since + seat.var(WRITETIMEOUT) * 1000;
            limit().map_or(patience, |limit| limit.min(patience))
        };
        let longest = match self.phase {
            Phase::Sasl(_) => LONGEST,
            _ => COMMAND,
        };
        self.wire.next(longest, &read, &write)
    }

    /// By when the login must be through; `None` behind it.
    pub(super) fn login_limit(&self) -> impl Fn() -> Option<Ms> + use<'s> {
        let auth = !matches!(self.phase, Phase::Empty);
        let (seat, began) = (self.seat, self.began);
        move || {
            let whole = seat.var(AUTHTIMEOUT) * 1000;
            auth.then(|| began + patience(whole, seat.is_strained()))
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

    /// Runs one line. Before the login every refusal is a mistake; behind it
    /// only what is no command, since asking for a message that is not there
    /// breaks no rule.
    fn obey(&mut self, line: &[u8]) -> Next {
        let state = match self.phase {
            Phase::Empty => States::TRANS,
            _ => States::AUTH,
        };
        let (place, row, args) = match parse(Self::COMMANDS, state, line) {
            Ok(found) => found,
            Err(refusal) => return self.mistake(refusal),
        };
        debug!(Session, self.sid, command = row.name);
        self.seat.count(FIRST_COMMAND + place, 1);
        match (row.run)(self, &args) {
            Ok(next) => next,
            Err(refusal) if state == States::AUTH => self.mistake(refusal),
            Err(refusal) => {
                err(&mut self.wire.out, refusal);
                Next::Stay
            }
        }
    }

    /// Refuses a line that broke the rules.
    pub(super) fn mistake(&mut self, refusal: Refusal) -> Next {
        self.count(Count::BadCommands, 1);
        self.mistakes += 1;
        if self.mistakes < MISTAKES {
            err(&mut self.wire.out, refusal);
            return Next::Stay;
        }
        err(&mut self.wire.out, "too many bad commands, good bye");
        self.leave("bad_commands")
    }

    /// Ends the conversation; what waits to be said is still said.
    pub(super) fn leave(&mut self, end: &'static str) -> Next {
        self.end = end;
        Next::Leave
    }

    /// Counts something; see [`Seat::count`].
    pub(super) fn count(&self, what: Count, by: u64) {
        self.seat.count(what as usize, by);
    }

    /// Wipes what it heard, counts, and writes the line that sums it up.
    fn close(mut self, end: &'static str) {
        self.wire.lines.wipe();
        let stream = &self.wire.stream;
        self.count(Count::Sessions, 1);
        self.count(Count::OctetsIn, stream.received);
        self.count(Count::OctetsOut, stream.sent);
        event!(
            PROXY_SESSION, self.sid,
            vserv = self.vserv.id, rip = self.peer.ip(), peer = self.balancer, user = self.user,
            ns = self.vserv.namespace, backend = self.backend, mode = self.mode.name(), tls = self.tls_name(),
            in = stream.received, out = stream.sent, ms = now() - self.began, end = end
        );
    }

    fn capa(&mut self, _: &[&[u8]]) -> Result<Next, Refusal> {
        let now = capa::Now {
            delay: self.seat.var(LOGINDELAY),
            stls: self.offers_stls(),
            guarded: !self.takes_passwords(),
            mechanism: self.subject().map(|_| EXTERNAL),
        };
        self.vserv.capa.put(&mut self.wire.out, now);
        Ok(Next::Stay)
    }

    fn user(&mut self, args: &[&[u8]]) -> Result<Next, Refusal> {
        if !self.takes_passwords() {
            return Err(TLS_FIRST.into());
        }
        log::about_user(args[0]);
        if let Phase::Auth { user } = &mut self.phase {
            *user = Some(args[0].to_vec());
        }
        ok(&mut self.wire.out, "");
        Ok(Next::Stay)
    }

    fn quit(&mut self, _: &[&[u8]]) -> Result<Next, Refusal> {
        ok(&mut self.wire.out, "good bye");
        Ok(self.leave("quit"))
    }
}

/// How long a login may take, of the `whole` time that there is for it.
fn patience(whole: Ms, strained: bool) -> Ms {
    match strained {
        true => (whole / 10).max(HURRIED).min(whole),
        false => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pproxy::vars::COUNTERS;

    #[test]
    fn under_stress_a_login_may_take_a_tenth_of_the_time_but_ten_seconds() {
        assert_eq!(patience(120_000, false), 120_000);
        assert_eq!(patience(120_000, true), 12_000);
        assert_eq!(patience(60_000, true), 10_000);
        assert_eq!(patience(5_000, true), 5_000);
    }

    #[test]
    fn every_command_has_a_counter_in_its_place() {
        let rows = Session::COMMANDS.iter();
        let names: Vec<_> = rows
            .map(|row| format!("cmd_{}", row.name.to_lowercase()))
            .collect();
        assert_eq!(COUNTERS[FIRST_COMMAND..], names);
    }
}
