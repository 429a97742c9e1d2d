//! One session: a connection, and the talk on it.

use std::net::{IpAddr, SocketAddr};

use super::talk::{Part, Step, Talk};
use super::wish::Tls;
use crate::net::dial;
use crate::net::stream::Stream;
use crate::net::tls::load::{Kept, Starter};

/// So much of TLS at once lets us expect that there is more.
const MUCH: usize = 8192;

/// So many records in a row that say nothing are taken before others have their
/// turn.
const EMPTY: u32 = 64;

/// How a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When it can be read.
    Read,
    /// When it can be written.
    Write,
    /// It has ended as it should.
    End,
}

/// One session of one client.
pub(super) struct Session {
    pub(super) stream: Stream,
    pub(super) talk: Talk,
    /// What is still to be sent.
    out: Vec<u8>,
    pub(super) load: usize,
    pub(super) account: u64,
    /// When it was to begin, in microseconds.
    pub(super) began: u64,
    /// When it is given up if nothing happens.
    pub(super) deadline: u64,
    /// What it waits for.
    pub(super) writing: bool,
    /// Its login has been counted.
    pub(super) inside: bool,
    /// It counts as one that is held.
    pub(super) held: bool,
    handshake: bool,
}

/// What all sessions need.
pub(super) struct Means<'m> {
    pub(super) tls: Tls,
    pub(super) starter: Option<&'m Starter>,
    pub(super) buffer: Vec<u8>,
}

impl Session {
    /// Begins to connect; `kept` is what an earlier session has left.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn start(
        (from, to): (Option<IpAddr>, SocketAddr),
        (load, account): (usize, u64),
        means: &Means<'_>,
        kept: Option<&Kept>,
    ) -> Result<Session, String> {
        // With STLS the end of the handshake and USER go one behind the other.
        let stream =
            dial::start(from, to, means.tls != Tls::No).map_err(|why| format!("connect: {why}"))?;
        let mut session = Session {
            stream,
            talk: Talk::default(),
            out: Vec::new(),
            load,
            account,
            began: 0,
            deadline: 0,
            writing: false,
            inside: false,
            held: false,
            handshake: false,
        };
        if means.tls == Tls::Implicit {
            session.secure(means, kept)?;
            // The client speaks first, and cannot before it is connected.
            session.writing = true;
        }
        Ok(session)
    }

    fn secure(&mut self, means: &Means<'_>, kept: Option<&Kept>) -> Result<(), String> {
        self.handshake = true;
        let Some(starter) = means.starter else {
            return Ok(());
        };
        let started = starter.start(&mut self.stream, kept);
        started.map_err(|why| format!("TLS: {why}"))
    }

    /// Goes on as far as it goes. `last` says that the server is known to
    /// send no more.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) fn step(
        &mut self,
        part: Part<'_>,
        last: bool,
        means: &mut Means<'_>,
        kept: Option<&Kept>,
    ) -> Result<Next, String> {
        self.flush()?;
        let mut empty = 0;
        loop {
            let read = self.stream.read_now(&mut means.buffer);
            let read = read.map_err(|why| self.fault(&why))?;
            if self.handshake && self.shaken() {
                self.handshake = false;
                if self.talk.step == Step::Shake {
                    self.talk.say(Step::User, part, &mut self.out);
                    self.flush()?;
                }
            }
            match read {
                None if self.stream.holds() && empty < EMPTY => empty += 1,
                None => return Ok(self.next()),
                Some(0) if self.talk.step == Step::Over => return Ok(Next::End),
                Some(0) => return Err(self.fault(&"the server hung up")),
                Some(octets) => {
                    let said = &means.buffer[..octets];
                    self.talk.hear(said, part, &mut self.out)?;
                    if self.talk.step == Step::Shake && !self.handshake {
                        self.secure(means, kept)?;
                        continue;
                    }
                    self.flush()?;
                    let all = match self.stream.channel() {
                        None => octets < means.buffer.len(),
                        Some(_) => octets < MUCH && !self.stream.holds(),
                    };
                    match self.stream.channel() {
                        None if all && last && self.talk.step == Step::Over => {
                            return Ok(Next::End);
                        }
                        _ if all && !last => return Ok(self.next()),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Says good bye for a session that was held.
    ///
    /// # Errors
    /// What went wrong.
    pub(super) fn quit(&mut self, part: Part<'_>) -> Result<(), String> {
        self.talk.say(Step::Quit, part, &mut self.out);
        self.flush()
    }

    /// A fault, with the step that it happened in.
    pub(super) fn fault(&self, why: &dyn std::fmt::Display) -> String {
        match self.handshake && self.talk.step == Step::Greeting {
            true => format!("TLS: {why}"),
            false => self.talk.fault(why),
        }
    }

    fn shaken(&self) -> bool {
        self.stream.channel().is_none_or(|channel| channel.shaken())
    }

    fn next(&self) -> Next {
        match self.out.is_empty() && !self.stream.reads_by_writing() {
            true => Next::Read,
            false => Next::Write,
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        if !self.out.is_empty() {
            let sent = self.stream.write_now(&self.out);
            let sent = sent.map_err(|why| self.fault(&why))?;
            self.out.drain(..sent);
        }
        Ok(())
    }
}
