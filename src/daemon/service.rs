//! The only door between the kit and a program.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;

use super::board::Board;
use super::config::{Config, Kind, Object};
use super::metrics::Gauge;
use super::notes::Note;
use super::seat::Seat;
use crate::base::clock::{Ms, now};
use crate::base::kv::Row;
use crate::base::vars::Var;
use crate::base::verbs::Args;
use crate::net::stream::Stream;
use crate::sys::sandbox::Grants;

/// What a program is, as data.
pub(crate) struct Tables {
    /// Its name: in ps, in logs, in the names of its files.
    pub(crate) name: &'static str,
    /// Its variables; their keys begin at [`crate::daemon::vars::COUNT`].
    pub(crate) vars: &'static [Var],
    /// Its objects.
    pub(crate) kinds: &'static [Kind],
    /// Its counters, by the place in which [`Seat::count`] counts them.
    pub(crate) counters: &'static [&'static str],
    /// How many words of shared memory it wants, for each purpose; see
    /// [`Board::area`].
    pub(crate) areas: &'static [usize],
    /// Its own control words, which change no configuration.
    pub(crate) words: &'static [OwnWord],
    /// Those that take code which the master never runs.
    pub(crate) errands: &'static [Errand],
}

#[cfg(test)]
impl Tables {
    /// A program that has nothing but a name.
    pub(crate) const fn bare(name: &'static str) -> Tables {
        Tables {
            name,
            vars: &[],
            kinds: &[],
            counters: &[],
            areas: &[],
            words: &[],
            errands: &[],
        }
    }
}

/// A control word of a program that is obeyed by [`Service::errand`].
pub(crate) struct Errand {
    /// As in [`crate::base::verbs`].
    pub(crate) pattern: &'static str,
    pub(crate) help: &'static str,
    /// Place of the hole that must not be logged.
    pub(crate) secret: usize,
}

/// How an errand tells what there is to say: a line says what is being done,
/// rows belong to the answer.
pub(crate) type Say<'a> = &'a mut dyn FnMut(Said);

/// A control word of a program.
pub(crate) struct OwnWord {
    /// As in [`crate::base::verbs`].
    pub(crate) pattern: &'static str,
    pub(crate) help: &'static str,
    /// Does it do something? Then it has no place in a batch, and is logged.
    pub(crate) acts: bool,
    /// PRIVILEGED. Obeys it, in the master: reads and writes the shared page
    /// and must not wait.
    pub(crate) run: fn(&Board, &Config, &Args) -> Result<Said, String>,
}

/// What an own word is answered with.
pub(crate) enum Said {
    Line(String),
    Rows(Vec<String>),
}

/// What a process is; its name in ps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Master,
    Pool,
    Worker,
    Helper,
}

impl Role {
    /// The word for it in process titles.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Pool => "pool",
            Role::Worker => "worker",
            Role::Helper => "helper",
        }
    }
}

/// Something to do.
pub(crate) enum Work<'a> {
    /// A connection that came in through a door.
    Stream(Stream),
    /// A datagram of at most 513 octets: one more than any that is right.
    Datagram {
        socket: &'a UdpSocket,
        bytes: &'a [u8],
    },
}

/// Of what there is too much when a limit of the kit is reached, for clients.
pub(crate) fn too_much(limit: &str) -> &'static str {
    match limit {
        "maxlocalload" => "load too high",
        _ => "too many sessions",
    }
}

/// Where work came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The client.
    pub(crate) peer: SocketAddr,
    /// Place of the object that listens among the objects of its kind, in
    /// the configuration with which the pool was loaded.
    pub(crate) door: usize,
}

/// A program as the kit sees it. All but `check` run in the pool or in a
/// worker. Errors are sentences for the administrator.
pub(crate) trait Service: Sized {
    /// What the program is.
    const TABLES: &'static Tables;

    /// Looks over a candidate as a whole, without acting: `-n` calls it too.
    ///
    /// # Errors
    /// What does not fit together, and what would be right.
    fn check(config: &Config) -> Result<(), String>;

    /// PRIVILEGED. In the pool, before it gives up its rights: what was read
    /// with them is parsed here.
    ///
    /// # Errors
    /// Why this configuration cannot be served.
    fn before_drop(config: &Config) -> Result<Self, String>;

    /// In the pool, without rights: modules, warm-up. Names are resolved.
    ///
    /// # Errors
    /// Why this configuration cannot be served.
    fn after_drop(&mut self, config: &Config) -> Result<(), String>;

    /// In the pool, when all is loaded: what there is to tell of certificates.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    /// PRIVILEGED. The directory that becomes the root of pool and workers,
    /// before they give up their rights; that takes root.
    fn root(config: &Config) -> Option<PathBuf> {
        let _ = config;
        None
    }

    /// In the pool, when it is loaded: all that it and its workers will ever
    /// ask of the system, beyond what is open by then.
    fn grants(&self) -> Grants {
        Grants::default()
    }

    /// In a worker: open anew what must not be shared.
    ///
    /// # Errors
    /// Why this worker cannot serve.
    fn after_fork(&mut self) -> Result<(), String>;

    /// In a worker: one session or one datagram, from begin to end.
    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat);

    /// In the pool, when it is loaded: is there work for a helper? That is a
    /// process like a worker, one for each current generation, for what no
    /// session shall wait for. It dies with its master.
    fn wants_helper(&self) -> bool {
        false
    }

    /// In the helper: does what is due now and says when it wants to be asked
    /// again. Waits only with `seat`, which ends the wait when the helper
    /// is to leave, and never for long.
    fn tend(&mut self, _: &Seat) -> Ms {
        now() + 60_000
    }

    /// PRIVILEGED. In the master: adds to what a list shows of an object of
    /// kind number `kind`.
    fn show(_: &Board, _: &Config, _kind: usize, _: &Object, _: &mut Row) {}

    /// What sessions do, of which metrics tell how many do it: first words of
    /// [`super::board::Text::Doing`].
    const STAGES: &'static [&'static str] = &[];

    /// In the master or a worker: what is measured of an object of kind number
    /// `kind`; the same list for all of a kind.
    fn gauges(_: &Board, _: &Config, _kind: usize, _: &Object) -> Vec<Gauge> {
        Vec::new()
    }

    /// In a worker between sessions, not more than once a second: 0 if the
    /// files of the program are those it has loaded, else a number that
    /// stands for what is there now. It is then loaded anew; if that fails it
    /// is tried again when the number changes.
    fn replaced(&mut self) -> u32 {
        0
    }

    /// In the pool: a worker has died, or was killed, while it did this. It may
    /// have written what it liked there.
    fn lost(board: &Board, config: &Config, doing: &[u8]) {
        let _ = (board, config, doing);
    }

    /// In a process of its own, loaded as a pool is: runs errand number
    /// `which` of the tables.
    ///
    /// # Errors
    /// Why there is no answer.
    fn errand(
        &mut self,
        which: usize,
        args: &Args,
        config: &Config,
        say: Say<'_>,
    ) -> Result<(), String> {
        let _ = (which, args, config, say);
        Ok(())
    }

    /// In a worker beyond the limit: says that `limit` is reached, and goes;
    /// must not wait.
    fn refuse(&mut self, stream: Stream, origin: Origin, limit: &str);
}
