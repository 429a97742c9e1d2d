//! Several processes that share the work, and tell their parent in lines
//! through a pipe.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;

use super::tally::Tally;
use super::wish::Wish;
use super::{Job, Ready};
use crate::daemon::signals::{ENDING, Signals};
use crate::net::ready;
use crate::sys::proc::{self, Fork};

/// How often the parent looks whether there is a signal, in milliseconds.
const LOOK: u16 = 1000;

/// One child, and what it has told.
struct Child {
    pid: i32,
    pipe: Option<File>,
    text: Vec<u8>,
}

impl Child {
    /// The line that says that all sessions are held.
    fn ready(&self) -> Option<Ready> {
        let end = self.text.iter().position(|&b| b == b'\n')?;
        let line = std::str::from_utf8(&self.text[..end]).ok()?;
        let mut numbers = line.strip_prefix("ready ")?.split(' ').map(str::parse);
        let mut number = || numbers.next()?.ok();
        Some(Ready {
            held: number()?,
            failed: number()?,
            us: number()?,
        })
    }

    /// Reads what is there.
    fn hear(&mut self) {
        let mut buf = [0; 65536];
        let read = self.pipe.as_mut().map(|pipe| pipe.read(&mut buf));
        match read {
            Some(Ok(octets @ 1..)) => self.text.extend_from_slice(&buf[..octets]),
            _ => self.pipe = None,
        }
    }

    fn tally(&self, loads: usize) -> Option<Tally> {
        let text = std::str::from_utf8(&self.text).ok()?;
        let behind = match text.starts_with("ready ") {
            true => text.split_once('\n')?.1,
            false => text,
        };
        Tally::read(loads, behind)
    }
}

/// Lets as many processes as are wished share the work; what all of them
/// measured.
///
/// # Errors
/// What the kernel refuses, or that a process did not come to the end.
pub(super) fn run(
    wish: &Wish,
    job: &Job<'_>,
    told: &mut dyn FnMut(Ready),
) -> Result<Tally, String> {
    let children = bear(wish, job)?;
    let children = listen(children, wish, told)?;
    let mut all = Tally::new(wish.loads.len());
    for child in &children {
        let tally = child.tally(wish.loads.len());
        all.merge(tally.ok_or("a process of ours did not come to the end")?);
    }
    Ok(all)
}

fn bear(wish: &Wish, job: &Job<'_>) -> Result<Vec<Child>, String> {
    let mut children: Vec<Child> = Vec::new();
    for number in 0..wish.processes {
        let born = proc::pipe().and_then(|ends| Ok((ends, proc::fork()?)));
        match born {
            Ok(((_, writer), Fork::Child)) => {
                drop(children);
                let done = work(&wish.share(number), job, File::from(writer));
                proc::leave(i32::from(done.is_none()));
            }
            Ok(((reader, _), Fork::Parent(pid))) => children.push(Child {
                pid,
                pipe: Some(reader.into()),
                text: Vec::new(),
            }),
            Err(why) => {
                end(&children);
                return Err(why.to_string());
            }
        }
    }
    Ok(children)
}

/// What a child does.
fn work(wish: &Wish, job: &Job<'_>, mut pipe: File) -> Option<()> {
    let signals = Signals::listen(ENDING).ok()?;
    proc::unblock_signals().ok()?;
    let mut line = pipe.try_clone().ok()?;
    let mut ready = |ready: Ready| {
        let Ready { held, failed, us } = ready;
        // If nobody hears it, nobody needs it.
        let _ = writeln!(line, "ready {held} {failed} {us}");
    };
    let mut tally = job.run(wish, &signals, &mut ready).ok()?;
    pipe.write_all(tally.write().as_bytes()).ok()
}

/// Hears the children to their ends.
fn listen(
    mut children: Vec<Child>,
    wish: &Wish,
    told: &mut dyn FnMut(Ready),
) -> Result<Vec<Child>, String> {
    let signals = Signals::listen(ENDING).map_err(|why| why.to_string())?;
    let mut waiting = wish.holds();
    loop {
        let (mut fds, mut places) = (vec![signals.as_fd()], Vec::new());
        for (place, child) in children.iter().enumerate() {
            if let Some(pipe) = &child.pipe {
                fds.push(pipe.as_fd());
                places.push(place);
            }
        }
        if places.is_empty() {
            return Ok(children);
        }
        for found in ready::look(&fds, LOOK).map_err(|why| why.to_string())? {
            match found {
                0 => {
                    signals.drain();
                    end(&children);
                }
                _ => children[places[found - 1]].hear(),
            }
        }
        let all: Option<Vec<_>> = children.iter().map(Child::ready).collect();
        if let Some(all) = all.filter(|_| waiting) {
            waiting = false;
            told(Ready {
                held: all.iter().map(|one| one.held).sum(),
                failed: all.iter().map(|one| one.failed).sum(),
                us: all.iter().map(|one| one.us).max().unwrap_or(0),
            });
        }
    }
}

/// Tells the children to come to an end.
fn end(children: &[Child]) {
    for child in children {
        // Who is gone needs no signal.
        let _ = proc::ask_to_end(child.pid);
    }
}
