//! PRIVILEGED. Errands: what a control word asks of code that the master
//! never runs is done by a process of its own, which loads the current
//! configuration as a pool does, gives up its rights, says what there is to
//! say, and ends. The master goes on serving; who asked waits.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;

use super::client::Answer;
use super::generation::Cause;
use super::load::{self, Bounds};
use super::master::Master;
use super::service::{Said, Service};
use super::vars::TRYTIMEOUT;
use crate::base::clock::{Ms, now};
use crate::base::verbs::Args;
use crate::sys::proc::{Death, Fork, fork, kill, leave};

/// Errands at a time.
const MOST: usize = 4;
/// Octets of the longest report.
const LONGEST: usize = 1 << 16;
/// Seconds that an errand outlives its deadline if nobody ends it.
const GRACE: u64 = 5;

/// One that is under way.
pub(super) struct Errand {
    pub(super) pid: i32,
    client: u64,
    channel: UnixStream,
    deadline: Ms,
    heard: Vec<u8>,
    /// It has closed its end, and should be about to die.
    over: bool,
    dead: Option<Death>,
}

/// Lines of a report begin with one of these octets: a row of the answer, what
/// is being done, the end, a reason why there is no answer.
const ROW: u8 = b'+';
const DOING: u8 = b'@';
const END: u8 = b'.';
const WRONG: u8 = b'-';

impl<S: Service> Master<S> {
    /// Sends somebody out.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn send_out(
        &mut self,
        client: u64,
        which: usize,
        args: &Args,
    ) -> Result<(), String> {
        if self.errands.len() >= MOST {
            return Err(format!(
                "busy: {MOST} of these are under way; try again later"
            ));
        }
        let seconds = self.config.vars.number(TRYTIMEOUT);
        let (ours, theirs) = UnixStream::pair().map_err(|why| format!("socketpair: {why}"))?;
        ours.set_nonblocking(true)
            .map_err(|why| format!("fcntl: {why}"))?;
        let pid = match fork().map_err(|why| format!("fork: {why}"))? {
            Fork::Parent(pid) => pid,
            Fork::Child => {
                drop(ours);
                nix::unistd::alarm::set((seconds + GRACE) as u32);
                leave(i32::from(self.run_errand(theirs, which, args).is_err()))
            }
        };
        self.errands.push(Errand {
            pid,
            client,
            channel: ours,
            deadline: now() + seconds * 1000,
            heard: Vec::new(),
            over: false,
            dead: None,
        });
        Ok(())
    }

    /// In the child.
    fn run_errand(&mut self, mut channel: UnixStream, which: usize, args: &Args) -> io::Result<()> {
        self.set_apart("errand")?;
        let mut line = |kind: u8, text: &str| {
            let text = text.bytes().map(|b| if b < 0x20 { b' ' } else { b });
            let line: Vec<u8> = std::iter::once(kind).chain(text).chain([b'\n']).collect();
            let _ = channel.write_all(&line);
        };
        line(DOING, "loading");
        let mut say = |said| match said {
            Said::Line(doing) => line(DOING, &doing),
            Said::Rows(rows) => rows.iter().for_each(|row| line(ROW, row)),
        };
        let done = load::load::<S>(&mut self.config).and_then(|mut service| {
            let bounds = Bounds::set(&service, &self.config)?;
            service.after_fork()?;
            bounds.settle().map_err(|why| why.to_string())?;
            service.errand(which, args, &self.config, &mut say)
        });
        match done {
            Ok(()) => line(END, ""),
            Err(why) => line(WRONG, &why),
        }
        Ok(())
    }

    /// What the master waits for on their behalf. A channel that was closed is
    /// left out, since it would end every wait until its errand is dead.
    pub(super) fn errand_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let speaking = self.errands.iter().filter(|errand| !errand.over);
        speaking.map(|errand| errand.channel.as_fd())
    }

    /// A child has died; false if it was on no errand.
    pub(super) fn errand_died(&mut self, pid: i32, death: Death) -> bool {
        let found = self.errands.iter_mut().find(|errand| errand.pid == pid);
        let died = found.map(|errand| errand.dead = Some(death));
        died.is_some()
    }

    /// Hears those who come back, and gives up those who do not.
    pub(super) fn hear_errands(&mut self) {
        for n in (0..self.errands.len()).rev() {
            let Some(answer) = self.errands[n].hear() else {
                continue;
            };
            let errand = self.errands.swap_remove(n);
            if errand.dead.is_none() {
                let _ = kill(errand.pid, Signal::SIGKILL);
            }
            self.answer(Cause::Client(errand.client), answer);
        }
    }
}

impl Errand {
    /// The answer, if there is one already.
    fn hear(&mut self) -> Option<Answer> {
        self.read();
        if let Some(answer) = report(&self.heard) {
            return Some(answer);
        }
        let doing = doing(&self.heard);
        Some(Answer::Err(match self.dead {
            _ if self.heard.len() > LONGEST => format!("it said too much ({doing})"),
            Some(death) => format!("it died ({doing}): {death}"),
            None if now() > self.deadline => format!("not done within trytimeout ({doing})"),
            None => return None,
        }))
    }

    /// Reads what is there.
    fn read(&mut self) {
        let mut buf = [0; 4096];
        while self.heard.len() <= LONGEST {
            match self.channel.read(&mut buf) {
                Ok(0) => {
                    self.over = true;
                    break;
                }
                Ok(count) => self.heard.extend_from_slice(&buf[..count]),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }
}

fn lines(heard: &[u8]) -> impl Iterator<Item = (u8, String)> {
    let whole = heard.split_inclusive(|&b| b == b'\n');
    let whole = whole.filter_map(|line| line.strip_suffix(b"\n"));
    whole.filter_map(|line| {
        let (kind, text) = line.split_first()?;
        Some((*kind, String::from_utf8_lossy(text).into_owned()))
    })
}

/// What a report says, if it is complete.
fn report(heard: &[u8]) -> Option<Answer> {
    let mut rows = Vec::new();
    for (kind, text) in lines(heard) {
        match kind {
            ROW => rows.push(text),
            END => return Some(Answer::List(format!("{} lines", rows.len()), rows)),
            WRONG => return Some(Answer::Err(text)),
            _ => {}
        }
    }
    None
}

/// What was being done last.
fn doing(heard: &[u8]) -> String {
    let last = lines(heard).filter(|(kind, _)| *kind == DOING).last();
    last.map_or_else(|| "loading".into(), |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_an_answer_when_it_is_whole() {
        let whole = b"@loading\n@pdm a\n+pdm=a\n@pdm b\n+pdm=b\n.\n";
        assert!((0..whole.len()).all(|n| report(&whole[..n]).is_none()));
        let Some(Answer::List(heading, rows)) = report(whole) else {
            panic!("no list");
        };
        assert_eq!((heading.as_str(), rows.len()), ("2 lines", 2));
        assert_eq!(doing(&whole[..20]), "pdm a");
        assert!(matches!(report(b"-no\n"), Some(Answer::Err(why)) if why == "no"));
        assert!(report(b"\xff\xff\n\n+\n").is_none());
    }
}
