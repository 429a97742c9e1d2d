//! Getting into a maildrop at a backend, state by state. What goes wrong is
//! told with the name of the state, so that the log says how far it came.
//!
//! A backend is not trusted: its lines are bounded, all of it has one
//! deadline, and nothing may come before it was asked for, since it would
//! answer commands that the client has yet to send.

use super::reply::LONGEST;
use super::wire::COMMAND;
use super::xclient::Xclient;
use super::xpop::Preamble;
use crate::base::{base64, names};
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline, Watch};
use crate::sys::secret::{Secret, wipe};

mod secure;

pub(crate) use secure::Secure;

/// Octets of the longest user and password that are sent in a response; so
/// its line stays below the 8192 octets that every server takes.
const USER_MAX: usize = 255;
const PASSWORD_MAX: usize = 4096;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// XPOP: the three lines are being sent.
    Preamble,
    /// XPOP: their answer is awaited.
    Answer,
    /// POP3: the greeting is awaited.
    Banner,
    /// What follows STLS.
    Stls,
    /// The handshake of TLS.
    Tls,
    /// POP3: what follows XCLIENT.
    Xclient,
    /// POP3: what follows USER.
    User,
    /// POP3: what follows PASS.
    Pass,
    /// POP3: what follows AUTH PLAIN.
    Auth,
}

impl State {
    /// The word for it in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Preamble => "preamble",
            State::Answer => "answer",
            State::Banner => "banner",
            State::Stls => "stls",
            State::Tls => "tls",
            State::Xclient => "xclient",
            State::User => "user",
            State::Pass => "pass",
            State::Auth => "auth",
        }
    }
}

/// Who logs in.
#[derive(Clone, Copy)]
pub(crate) struct Login<'l> {
    pub(crate) user: &'l [u8],
    pub(crate) password: &'l [u8],
}

impl Login<'_> {
    /// Can it be sent at all, by AUTH PLAIN or by USER and PASS?
    pub(crate) fn fits(&self, plain: bool) -> bool {
        match plain {
            true => response(*self).is_some(),
            false => {
                command(b"USER ", self.user).is_some() && command(b"PASS ", self.password).is_some()
            }
        }
    }
}

/// How one gets in.
#[derive(Clone, Copy)]
pub(crate) enum Way<'w> {
    /// The maildrop is named, and nobody is verified any more.
    Xpop(&'w Preamble<'w>),
    /// USER and PASS (RFC 1939 section 7).
    UserPass(Login<'w>),
    /// AUTH PLAIN (RFC 4616, RFC 5034).
    Plain(Login<'w>),
    /// Not at all: a POP3 server is only met, to see whether it serves.
    Greeting,
}

/// What the backend said in the end, without `+OK` and `-ERR`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Open(String),
    Refused(State, String),
}

/// The backend did not do its part.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) state: State,
    pub(crate) why: Broken,
    /// It was not asked, since what we had to say cannot be said.
    pub(crate) ours: bool,
}

/// Gets in on `stream`, which has just been connected, by TLS if it is to be
/// `secure`. Where POP3 is spoken the backend is told first for whom we come,
/// if it believes us that. What it says of the password may come until `verdict`.
///
/// # Errors
/// The state, and what happened in it: deadline, watch, the socket's error,
/// or an answer that is none.
pub(crate) fn enter(
    stream: &mut Stream,
    way: Way<'_>,
    whom: Option<&Xclient<'_>>,
    secure: Option<Secure<'_>>,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
    verdict: Deadline<'_>,
) -> Result<Entry, Failure> {
    let mut talk = Talk {
        stream,
        whom,
        secure,
        watch,
        deadline,
        verdict,
        state: State::Banner,
    };
    talk.begin_secure()?;
    match way {
        Way::Xpop(preamble) => talk.xpop(preamble),
        Way::UserPass(login) => talk.user_pass(login),
        Way::Plain(login) => talk.plain(login),
        Way::Greeting => {
            let reply = talk.meet()?;
            talk.last(reply)
        }
    }
}

/// A line of the backend.
enum Reply {
    Ok(String),
    Err(String),
    /// `+ `: it waits for the rest (RFC 5034 section 4).
    More,
}

struct Talk<'t> {
    stream: &'t mut Stream,
    whom: Option<&'t Xclient<'t>>,
    secure: Option<Secure<'t>>,
    watch: &'t dyn Watch,
    deadline: Deadline<'t>,
    verdict: Deadline<'t>,
    state: State,
}

impl Talk<'_> {
    fn xpop(&mut self, preamble: &Preamble<'_>) -> Result<Entry, Failure> {
        self.stls()?;
        self.state = State::Preamble;
        let mut lines = Vec::with_capacity(LONGEST);
        preamble.encode(&mut lines);
        // A server of POP3 would greet us now, and answer three lines later.
        self.quiet()?;
        self.write(&lines)?;
        self.state = State::Answer;
        let reply = self.hear()?;
        self.last(reply)
    }

    /// The greeting; or the answer to XCLIENT, behind which nobody greets
    /// anew. A server that does not take our word is not one to log in at:
    /// its log and its limits would be of us, and of nobody else.
    fn meet(&mut self) -> Result<Reply, Failure> {
        self.state = State::Banner;
        let greeting = self.hear()?;
        self.believe(&greeting)?;
        if matches!(greeting, Reply::Ok(_)) {
            self.stls()?;
        }
        let (Reply::Ok(_), Some(whom)) = (&greeting, self.whom) else {
            return Ok(greeting);
        };
        self.ask(State::Xclient, whom.to_string().as_bytes())?;
        match self.hear()? {
            Reply::Err(text) => {
                let why = std::io::Error::other(format!("it refuses XCLIENT: {text}"));
                Err(self.broken(why.into()))
            }
            reply => Ok(reply),
        }
    }

    fn user_pass(&mut self, login: Login<'_>) -> Result<Entry, Failure> {
        // What answers the line before, USER in the end.
        let mut reply = self.meet()?;
        for (state, verb, word) in [
            (State::User, b"USER ", login.user),
            (State::Pass, b"PASS ", login.password),
        ] {
            let line = command(verb, word).ok_or_else(|| self.unfit(state))?;
            match reply {
                Reply::Ok(_) => self.ask(state, line.octets())?,
                reply => return self.last(reply),
            }
            reply = self.hear()?;
        }
        self.last(reply)
    }

    /// The response goes with the command if that line keeps to its limit.
    fn plain(&mut self, login: Login<'_>) -> Result<Entry, Failure> {
        let response = response(login).ok_or_else(|| self.unfit(State::Auth))?;
        match self.meet()? {
            Reply::Ok(_) => {}
            reply => return self.last(reply),
        }
        let whole = command(b"AUTH PLAIN ", response.octets());
        let first = whole.as_ref().map_or(&b"AUTH PLAIN"[..], Secret::octets);
        self.ask(State::Auth, first)?;
        match self.hear()? {
            Reply::More => self.ask(State::Auth, response.octets())?,
            // Nobody is let in who has not said yet who it is.
            Reply::Ok(_) if whole.is_none() => return Err(self.failure("its answer is no POP3")),
            reply => return self.last(reply),
        }
        let reply = self.hear()?;
        self.last(reply)
    }

    fn last(&self, reply: Reply) -> Result<Entry, Failure> {
        match reply {
            Reply::Ok(text) => Ok(Entry::Open(text)),
            Reply::Err(text) => Ok(Entry::Refused(self.state, text)),
            Reply::More => Err(self.failure("its answer is no POP3")),
        }
    }

    /// The backend must wait for what we have to say.
    fn quiet(&mut self) -> Result<(), Failure> {
        let early = self.stream.read_now(&mut [0; 1]);
        match early.map_err(|why| self.broken(why.into()))? {
            None => Ok(()),
            Some(0) => Err(self.failure("it hung up")),
            Some(_) => Err(self.failure("it talks out of turn")),
        }
    }

    /// Says `line`, if the backend waits for it.
    fn ask(&mut self, state: State, line: &[u8]) -> Result<(), Failure> {
        self.state = state;
        self.quiet()?;
        let mut whole = Secret::with_capacity(line.len() + 2);
        let _ = whole.push(line) && whole.push(b"\r\n");
        self.write(whole.octets())
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), Failure> {
        let written = self.stream.write_all(octets, self.watch, self.deadline);
        written.map_err(|why| self.broken(why))
    }

    fn hear(&mut self) -> Result<Reply, Failure> {
        let line = self.line().map_err(|why| self.broken(why))?;
        let text = String::from_utf8_lossy(&line);
        let behind = |status| behind(&text, status).map(String::from);
        match (behind("+OK"), behind("-ERR"), behind("+")) {
            (Some(text), ..) => Ok(Reply::Ok(text)),
            (_, Some(text), _) => Ok(Reply::Err(text)),
            (.., Some(_)) => Ok(Reply::More),
            _ => Err(self.failure("its answer is no POP3")),
        }
    }

    /// One line of at most 512 octets, without its end, and nothing behind it.
    fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let (mut buf, mut len) = ([0; LONGEST], 0);
        let deadline = match self.state {
            State::Pass | State::Auth => self.verdict,
            _ => self.deadline,
        };
        loop {
            let read = self.stream.read(&mut buf[len..], self.watch, deadline)?;
            if read == 0 {
                return Err(broken("it hung up"));
            }
            len += read;
            match buf[..len].iter().position(|&octet| octet == b'\n') {
                Some(end) if end + 1 == len => {
                    let line = &buf[..end];
                    return Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec());
                }
                Some(_) => return Err(broken("it talks out of turn")),
                None if len == LONGEST => return Err(broken("its line is too long")),
                None => {}
            }
        }
    }

    fn broken(&self, why: Broken) -> Failure {
        let state = self.state;
        Failure {
            state,
            why,
            ours: false,
        }
    }

    fn failure(&self, why: &'static str) -> Failure {
        self.broken(broken(why))
    }

    fn unfit(&mut self, state: State) -> Failure {
        self.state = state;
        Failure {
            ours: true,
            ..self.failure("user or password does not fit its line")
        }
    }
}

fn broken(why: &'static str) -> Broken {
    Broken::Io(std::io::Error::other(why))
}

/// `verb` and `word` as one line, still without its end; `None` if the word
/// is empty, would begin another line, or makes this one longer than a
/// command may be (RFC 2449 section 4).
fn command(verb: &[u8], word: &[u8]) -> Option<Secret> {
    if word.is_empty() || !names::fits_line(word) || verb.len() + word.len() + 2 > COMMAND {
        return None;
    }
    let mut line = Secret::with_capacity(verb.len() + word.len());
    (line.push(verb) && line.push(word)).then_some(line)
}

/// The response of PLAIN, in base64, without its line end. Nobody but the
/// user itself is to be acted for, so the first field is empty.
fn response(login: Login<'_>) -> Option<Secret> {
    let words = [login.user, login.password];
    let long = login.user.len() > USER_MAX || login.password.len() > PASSWORD_MAX;
    if long || words.iter().any(|w| w.is_empty() || !names::fits_line(w)) {
        return None;
    }
    let mut fields = Secret::with_capacity(login.user.len() + login.password.len() + 2);
    let put = words.iter().all(|w| fields.push(b"\0") && fields.push(w));
    // Room for all of it: a vector that grows leaves its old octets behind.
    let mut text = Vec::with_capacity(fields.octets().len().div_ceil(3) * 4);
    base64::encode(fields.octets(), &mut text);
    let response = Secret::from(text.as_slice());
    wipe(&mut text);
    put.then_some(response)
}

/// The text behind `status`, if the line begins with that word.
fn behind<'a>(line: &'a str, status: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(status)?;
    match rest.strip_prefix(' ') {
        Some(text) => Some(text),
        None => rest.is_empty().then_some(""),
    }
}

#[cfg(test)]
mod tests;
