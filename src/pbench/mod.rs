//! pbench: a load generator for POP3.

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::base::opt::{self, Asked};
use crate::base::out::{complain, say};
use crate::daemon::signals::{ENDING, Signals};
use crate::net::tls::load::Starter;
use crate::sys::proc;

mod accounts;
mod crew;
mod crowd;
mod hist;
mod load;
mod session;
mod show;
mod talk;
mod tally;
mod text;
mod wish;

use crew::Crew;
use tally::Tally;
use wish::{Tls, Wish};

const SYNOPSIS: &str = "[OPTION ...] -s HOST:PORT LOAD [KEY=VALUE ...] [LOAD ...]";

/// Files that are open beside the sockets.
const OTHERS: u64 = 32;

/// Exit statuses.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// The program.
pub fn main() -> ExitCode {
    match opt::parse("pbench", SYNOPSIS, wish::options(), USAGE) {
        Asked::Leave(status) => status,
        Asked::Run(matches) => match Wish::of(&matches).and_then(|wish| run(&wish)) {
            Ok(fine) => ExitCode::from(if fine { 0 } else { FAILED }),
            Err(why) => {
                complain(format_args!("pbench: {why}"));
                ExitCode::from(USAGE)
            }
        },
    }
}

/// Does what is wished and prints what came of it; did all sessions end as
/// they should?
fn run(wish: &Wish) -> Result<bool, String> {
    let servers = wish.addresses()?;
    let most = proc::most_files().map_err(|why| why.to_string())?;
    if wish.clients / wish.processes + OTHERS > most {
        return Err(format!("{most} open files are too few for so many clients"));
    }
    let starter = starter(wish)?;
    let job = Job {
        servers: &servers,
        starter: starter.as_ref(),
    };
    let tally = match wish.processes {
        1 => {
            let signals = Signals::listen(ENDING).map_err(|why| why.to_string())?;
            job.run(wish, &signals, &mut told)
        }
        _ => crowd::run(wish, &job, &mut told),
    }?;
    say(match wish.json {
        true => show::json(wish, &tally),
        false => show::table(wish, &tally),
    });
    for (why, count) in &tally.failures {
        complain(format_args!("pbench: {count} times: {why}"));
    }
    let (sessions, failed) = tally.both();
    Ok(failed == 0 && sessions > 0)
}

/// When all sessions are held: how many, how many failed, and how long it
/// took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) held: u64,
    pub(super) failed: u64,
    pub(super) us: u64,
}

fn told(ready: Ready) {
    let seconds = ready.us as f64 / 1e6;
    let rate = ready.held as f64 / seconds.max(1e-6);
    say(format_args!(
        "ready held={} failed={} seconds={seconds:.3} per_second={rate:.1}",
        ready.held, ready.failed
    ));
}

fn starter(wish: &Wish) -> Result<Option<Starter>, String> {
    if wish.tls == Tls::No {
        return Ok(None);
    }
    let read = |name: &String| std::fs::read(name).map_err(|why| format!("{name}: {why}"));
    let ca = wish.ca.as_ref().map(read).transpose()?;
    Starter::new(ca.as_deref(), wish.version.as_deref(), wish.host()).map(Some)
}

/// What all processes need.
struct Job<'j> {
    servers: &'j [SocketAddr],
    starter: Option<&'j Starter>,
}

impl Job<'_> {
    /// The part of one process.
    fn run(
        &self,
        wish: &Wish,
        signals: &Signals,
        ready: &mut dyn FnMut(Ready),
    ) -> Result<Tally, String> {
        let crew = Crew::new(wish, self.servers, self.starter, signals);
        let tally = crew.and_then(|crew| crew.run(ready));
        tally.map_err(|why| why.to_string())
    }
}
