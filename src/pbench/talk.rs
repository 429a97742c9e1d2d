//! What a client says in one session, and what it takes for an answer.

use std::io::Write as _;

use super::load::{Load, What};
use super::text::Text;

/// Longest line of a reply that is read, its end included. RFC 2449 section 4
/// allows 512 octets; some servers say more in a greeting.
const LONGEST: usize = 2048;

/// Longest unique id (RFC 1939 section 7).
const LONGEST_ID: usize = 70;

/// Octets of a wrong reply that are told.
const TOLD: usize = 100;

/// What the next octets of the server belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Stls,
    /// The server agreed to STLS; TLS itself is not our matter.
    Shake,
    User,
    Pass,
    Stat,
    List,
    Uidl,
    Retr,
    Dele,
    /// Logged in, and silent.
    Held,
    Quit,
    /// Nothing more is to come.
    Over,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Greeting => "greeting",
            Step::Stls => "STLS",
            Step::Shake => "TLS",
            Step::User => "USER",
            Step::Pass => "PASS",
            Step::Stat => "STAT",
            Step::List => "LIST",
            Step::Uidl => "UIDL",
            Step::Retr => "RETR",
            Step::Dele => "DELE",
            Step::Held => "held",
            Step::Quit => "QUIT",
            Step::Over => "end",
        }
    }
}

/// Who logs in to do what.
#[derive(Clone, Copy)]
pub(super) struct Part<'p> {
    pub(super) load: &'p Load,
    /// The account of this number.
    pub(super) account: u64,
    /// TLS begins with STLS.
    pub(super) starttls: bool,
}

/// The state of one session.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) step: Step,
    /// Behind the first line of a multi-line reply.
    many: bool,
    /// A line that has not ended.
    line: Vec<u8>,
    text: Text,
    /// What STAT said.
    count: u64,
    octets: u64,
    /// What came of it.
    seen: u64,
    sum: u64,
    /// Messages that came whole.
    pub(super) fetched: u64,
}

impl Default for Talk {
    fn default() -> Talk {
        Talk {
            step: Step::Greeting,
            many: false,
            line: Vec::new(),
            text: Text::default(),
            count: 0,
            octets: 0,
            seen: 0,
            sum: 0,
            fetched: 0,
        }
    }
}

impl Talk {
    /// Has the server let us in?
    pub(super) fn inside(&self) -> bool {
        !matches!(
            self.step,
            Step::Greeting | Step::Stls | Step::Shake | Step::User | Step::Pass
        )
    }

    /// A fault, in a line, of the step that we are in.
    pub(super) fn fault(&self, why: impl std::fmt::Display) -> String {
        format!("{}: {why}", self.step.name())
    }

    /// Takes in what the server said, and appends to `out` what is to be
    /// said then.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn hear(
        &mut self,
        bytes: &[u8],
        part: Part<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut rest = bytes;
        let before = out.len();
        while !rest.is_empty() {
            if out.len() > before || matches!(self.step, Step::Shake | Step::Held | Step::Over) {
                return Err(self.fault(format_args!("nobody asked for {}", shown(rest))));
            }
            if self.many && self.step == Step::Retr {
                let end = self.text.hear(rest);
                rest = &rest[end.unwrap_or(rest.len())..];
                if end.is_some() {
                    self.retrieved(part, out)?;
                }
                continue;
            }
            let end = rest.iter().position(|&b| b == b'\n');
            let (head, tail) = rest.split_at(end.map_or(rest.len(), |at| at + 1));
            rest = tail;
            if self.line.len() + head.len() > LONGEST {
                return Err(self.fault("a line is too long"));
            }
            // Most lines come whole.
            let mut kept = std::mem::take(&mut self.line);
            if end.is_none() {
                kept.extend_from_slice(head);
                self.line = kept;
                continue;
            }
            let whole = match kept.is_empty() {
                true => head,
                false => {
                    kept.extend_from_slice(head);
                    &kept
                }
            };
            let Some(line) = whole.strip_suffix(b"\r\n") else {
                return Err(self.fault("a line does not end in CR LF"));
            };
            match self.many {
                true => self.listed(line, out)?,
                false => self.answered(line, part, out)?,
            }
        }
        Ok(())
    }

    /// One command, and the step that its reply belongs to.
    pub(super) fn say(&mut self, step: Step, part: Part<'_>, out: &mut Vec<u8>) {
        self.step = step;
        self.many = false;
        let load = part.load;
        let number = self.seen + 1;
        // To write into memory cannot fail.
        let _ = match step {
            Step::User => write!(out, "USER {}\r\n", load.user.of(part.account)),
            Step::Pass => write!(out, "PASS {}\r\n", load.pass.of(part.account)),
            Step::Retr => write!(out, "RETR {number}\r\n"),
            Step::Dele => write!(out, "DELE {number}\r\n"),
            _ => write!(out, "{}\r\n", step.name()),
        };
    }

    /// The first line of a reply.
    fn answered(&mut self, line: &[u8], part: Part<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        if !matches!(line.strip_prefix(b"+OK"), Some([] | [b' ', ..])) {
            return Err(self.fault(shown(line)));
        }
        match self.step {
            Step::Greeting if part.starttls => self.say(Step::Stls, part, out),
            Step::Greeting => self.say(Step::User, part, out),
            Step::Stls => self.step = Step::Shake,
            Step::User => self.say(Step::Pass, part, out),
            Step::Pass => self.say(Step::Stat, part, out),
            Step::Stat => self.counted(line, part, out)?,
            Step::List | Step::Uidl | Step::Retr => {
                self.many = true;
                self.text = Text::default();
            }
            Step::Dele => self.one_more(part, out)?,
            Step::Quit => self.step = Step::Over,
            Step::Shake | Step::Held | Step::Over => {}
        }
        Ok(())
    }

    fn counted(&mut self, line: &[u8], part: Part<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let Some((count, octets)) = two(&line[3..]) else {
            return Err(self.fault(shown(line)));
        };
        (self.count, self.octets) = (count, octets);
        if let Some(wanted) = part.load.messages.filter(|wanted| *wanted != count) {
            return Err(self.fault(format_args!("{count} messages, not {wanted}")));
        }
        match part.load.what {
            What::Hold => self.step = Step::Held,
            What::List => self.say(Step::List, part, out),
            What::Fetch | What::Drain if count > 0 => self.say(Step::Retr, part, out),
            What::Login | What::Fetch | What::Drain => self.say(Step::Quit, part, out),
        }
        Ok(())
    }

    /// A line of LIST or UIDL.
    fn listed(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        if line != b"." {
            self.seen += 1;
            let good = match self.step {
                Step::List => two(line).map(|(number, octets)| {
                    self.sum = self.sum.saturating_add(octets);
                    number
                }),
                _ => unique_id(line),
            };
            return match good == Some(self.seen) {
                true => Ok(()),
                false => Err(self.fault(shown(line))),
            };
        }
        if self.seen != self.count || (self.step == Step::List && self.sum != self.octets) {
            return Err(self.differs());
        }
        self.seen = 0;
        self.many = false;
        self.step = match self.step {
            Step::List => Step::Uidl,
            _ => Step::Quit,
        };
        out.extend_from_slice(self.step.name().as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// What was listed or retrieved is not what STAT has said.
    fn differs(&self) -> String {
        let (seen, sum) = (self.seen, self.sum);
        let (count, octets) = (self.count, self.octets);
        self.fault(format_args!(
            "{seen} messages, {sum} octets; STAT said {count}, {octets}"
        ))
    }

    fn retrieved(&mut self, part: Part<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        self.sum = self.sum.saturating_add(self.text.octets);
        self.fetched += 1;
        match part.load.what {
            What::Drain => {
                self.say(Step::Dele, part, out);
                Ok(())
            }
            _ => self.one_more(part, out),
        }
    }

    /// Goes on to the next message, if there is one.
    fn one_more(&mut self, part: Part<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        self.seen += 1;
        if self.seen < self.count {
            self.say(Step::Retr, part, out);
            return Ok(());
        }
        if part.load.sizes && self.sum != self.octets {
            return Err(self.differs());
        }
        self.say(Step::Quit, part, out);
        Ok(())
    }
}

/// The two numbers that a line begins with.
fn two(line: &[u8]) -> Option<(u64, u64)> {
    let mut words = line.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let mut number = || std::str::from_utf8(words.next()?).ok()?.parse().ok();
    Some((number()?, number()?))
}

/// The number of a line of UIDL whose id is one.
fn unique_id(line: &[u8]) -> Option<u64> {
    let at = line.iter().position(|&b| b == b' ')?;
    let (number, id) = (&line[..at], &line[at + 1..]);
    let good = (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(number)
        .ok()
        .filter(|_| good)?
        .parse()
        .ok()
}

/// What a server said, fit for a line of ours.
fn shown(line: &[u8]) -> String {
    let end = line.iter().position(|b| b"\r\n".contains(b));
    let line = &line[..end.unwrap_or(line.len()).min(TOLD)];
    line.escape_ascii().to_string()
}

#[cfg(test)]
mod tests;
