//! PRIVILEGED. One client of the control socket: what it says, what it is
//! answered. It is never waited for.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::config::Config;
use crate::base::clock::{Ms, now};
use crate::base::line::{Got, LineBuf};
use crate::base::words;

/// Octets that may wait for a client to read them.
const MOST_OUT: usize = 16 << 20;
/// Of a list that is made as it is read, so many are made ahead.
const PIECE: usize = 32 << 10;
/// How long a client may leave them there, in milliseconds.
const STALLED: Ms = 60_000;

/// The next lines of a list, few or none; `None` is its end. Nobody waits for it
/// long, however long the list is.
pub(crate) type Flow = Box<dyn FnMut() -> Option<Vec<String>>>;

/// What is answered to a control word.
pub(crate) enum Answer {
    Ok(String),
    Err(String),
    /// A heading and its lines.
    List(String, Vec<String>),
    /// The same for a list that may be long: it is made as it is read.
    Flow(String, Flow),
    /// When the trial is over.
    Later,
}

impl Answer {
    /// The answer to a change that needs no words.
    pub(crate) fn done(result: Result<(), String>) -> Answer {
        match result {
            Ok(()) => Answer::Ok("done".into()),
            Err(why) => Answer::Err(why),
        }
    }
}

/// A candidate that an administrator is putting together.
pub(crate) struct Batch {
    pub(crate) config: Config,
    pub(crate) lines: Vec<Vec<String>>,
    /// It is all there is, and not a change of what there was.
    pub(crate) anew: bool,
    /// A word was wrong: nothing of it can be committed.
    pub(crate) failed: bool,
    /// The configuration it began with.
    pub(crate) edition: u64,
}

/// One administrator.
pub(crate) struct Client {
    pub(crate) id: u64,
    stream: UnixStream,
    lines: LineBuf,
    out: Vec<u8>,
    /// What comes behind that.
    flow: Option<Flow>,
    stalled_since: Ms,
    /// Waits for the end of a trial, hears nothing meanwhile.
    pub(crate) waiting: bool,
    pub(crate) batch: Option<Batch>,
    gone: bool,
}

impl Client {
    pub(super) fn new(id: u64, stream: UnixStream) -> Client {
        Client {
            id,
            stream,
            lines: LineBuf::default(),
            out: Vec::new(),
            flow: None,
            stalled_since: now(),
            waiting: false,
            batch: None,
            gone: false,
        }
    }

    /// What to poll for, and whether for writing.
    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        let writes = self.has_to_read();
        (writes || !self.waiting).then(|| (self.stream.as_fd(), writes))
    }

    /// Is there a line that was read but not yet obeyed?
    pub(super) fn can_be_heard(&self) -> bool {
        !self.has_to_read() && !self.waiting && self.lines.rest().contains(&b'\n')
    }

    /// Has it hung up, or shall we?
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// The connection, for somebody else to talk on.
    pub(super) fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// Octets that wait for it.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.out.len()
    }

    /// Appends an answer; it leaves when the client reads.
    pub(crate) fn say(&mut self, answer: Answer) {
        match answer {
            Answer::Ok(text) => self.line("+OK ", &text),
            Answer::Err(why) => self.line("-ERR ", &words::bounded(&why)),
            Answer::List(heading, lines) => {
                self.line("+OK ", &format!("{heading}:"));
                self.rows(&lines);
                self.line(".", "");
            }
            Answer::Flow(heading, flow) => {
                self.line("+OK ", &format!("{heading}:"));
                self.flow = Some(flow);
            }
            Answer::Later => self.waiting = true,
        }
        if self.out.len() > MOST_OUT {
            self.gone = true;
        }
        self.stalled_since = now();
    }

    fn line(&mut self, start: &str, text: &str) {
        self.out.extend_from_slice(start.as_bytes());
        self.out.extend(
            text.bytes()
                .map(|b| if b < 0x20 || b == 0x7f { b' ' } else { b }),
        );
        self.out.extend_from_slice(b"\r\n");
    }

    fn rows(&mut self, lines: &[String]) {
        for line in lines {
            self.line(if line.starts_with('.') { "." } else { "" }, line);
        }
    }

    /// Is there something that the client has to read before we hear it again?
    pub(super) fn has_to_read(&self) -> bool {
        !self.out.is_empty() || self.flow.is_some()
    }

    /// Makes the next lines of a long list, once: others have their turn, too.
    fn go_on(&mut self) {
        if self.out.len() < PIECE {
            match self.flow.as_mut().map(|flow| flow()) {
                Some(Some(lines)) => self.rows(&lines),
                Some(None) => {
                    self.flow = None;
                    self.line(".", "");
                }
                None => {}
            }
        }
    }

    /// Sends what goes without waiting.
    pub(super) fn write(&mut self) {
        self.go_on();
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => break,
                Ok(count) => {
                    self.out.drain(..count);
                    self.stalled_since = now();
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    self.gone |= now().saturating_sub(self.stalled_since) > STALLED;
                    return;
                }
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }

    /// The next line, unless this client has to read or to wait first.
    pub(super) fn hear(&mut self) -> Option<Result<Vec<String>, String>> {
        if self.waiting || self.gone || self.has_to_read() {
            return None;
        }
        loop {
            match self.lines.next(words::LONGEST) {
                Got::Line => return Some(self.words()),
                Got::TooLong => {
                    return Some(Err(format!("a line has at most {} octets", words::LONGEST)));
                }
                Got::Nul => self.gone = true,
                Got::More => match self.stream.read(self.lines.room()) {
                    Ok(count) if count > 0 => {
                        self.lines.filled(count);
                        continue;
                    }
                    Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                    Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                    _ => self.gone = true,
                },
            }
            return None;
        }
    }

    fn words(&self) -> Result<Vec<String>, String> {
        let text = std::str::from_utf8(self.lines.line()).map_err(|_| "the line is not UTF-8")?;
        words::split_text(text)
    }
}
