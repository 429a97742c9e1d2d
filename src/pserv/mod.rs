//! The POP3 server: starts in the TRANSACTION state, told by a proxy which
//! mailbox.

mod lock;
mod preamble;
mod session;
mod tls;
mod transaction;
mod vars;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::base::nets::{self, Net};
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::seat::Seat;
use crate::daemon::service::{Origin, Service, Tables, Work, too_much};
use crate::maildir::home::Home;
use crate::maildir::spool::Spool;
use crate::net::stream::Stream;
use crate::sys::sandbox::Grants;
use tls::Tls;
use vars::keys::{ALLOW, PROXYPROTOCOL};
use vars::{CHROOT, DELETEDIR, SERVERS, SPOOL};

static TABLES: Tables = Tables {
    name: "pserv",
    vars: vars::VARS,
    kinds: vars::KINDS,
    counters: vars::COUNTERS,
    areas: &[],
    words: vars::WORDS,
    errands: &[],
};

/// pserv(8).
pub fn main() -> ExitCode {
    crate::daemon::main::<Pserv>()
}

/// One `server` of the configuration.
struct Server {
    id: String,
    allow: Vec<Net>,
    /// Who must begin with a header.
    headers: Vec<Net>,
    tls: Tls,
    row: usize,
}

struct Pserv {
    home: Home,
    /// Where deleted messages go.
    aside: Option<Home>,
    servers: Vec<Server>,
    /// What there is to tell of the certificates.
    notes: Vec<Note>,
}

/// Where a session finds what it needs.
#[derive(Clone, Copy)]
struct Places<'p> {
    spool: &'p Path,
    aside: Option<&'p Path>,
}

/// The directory for deleted messages as pool and workers see it.
fn aside(config: &Config) -> Result<Option<String>, String> {
    let (aside, spool) = (config.vars.text(DELETEDIR), config.vars.text(SPOOL));
    let path = Path::new(aside);
    match path.strip_prefix(spool) {
        _ if aside.is_empty() => Ok(None),
        _ if !path.is_absolute() => Err(format!("deletedir {aside}: must begin with /")),
        Ok(below) if below.as_os_str().is_empty() => {
            Err("deletedir: must not be the spool itself".into())
        }
        // There the mailbox of one user may be where deleted mail of another goes.
        Err(_) if Path::new(spool).starts_with(path) => {
            Err("deletedir: the spool must not lie in it".into())
        }
        Ok(below) if chroots(config) => Ok(Some(format!("/{}", below.display()))),
        Err(_) if chroots(config) => {
            Err("deletedir: must be in the spool, since chroot is yes".into())
        }
        _ => Ok(Some(aside.into())),
    }
}

/// Is the spool to be the root directory?
fn chroots(config: &Config) -> bool {
    config.vars.number(CHROOT) == 1
}

impl Service for Pserv {
    const TABLES: &'static Tables = &TABLES;

    fn check(config: &Config) -> Result<(), String> {
        aside(config)?;
        config.objects(SERVERS).iter().try_for_each(tls::check)
    }

    fn before_drop(config: &Config) -> Result<Pserv, String> {
        let server = |o: &Object| Server {
            id: o.id.clone(),
            allow: nets::parse_list(o.keys.text(ALLOW)),
            headers: nets::parse_list(o.keys.text(PROXYPROTOCOL)),
            tls: Tls::default(),
            row: o.row,
        };
        let servers = config.objects(SERVERS).iter().map(server).collect();
        Ok(Pserv {
            home: Home::new(config.vars.text(SPOOL), chroots(config)),
            aside: aside(config)?.map(|path| Home::new(&path, false)),
            servers,
            notes: Vec::new(),
        })
    }

    fn root(config: &Config) -> Option<PathBuf> {
        chroots(config).then(|| config.vars.text(SPOOL).into())
    }

    fn after_drop(&mut self, config: &Config) -> Result<(), String> {
        for (server, object) in self.servers.iter_mut().zip(config.objects(SERVERS)) {
            server.tls = Tls::new(object, config, &mut self.notes)?;
        }
        self.home.enter(chroots(config))?;
        if let Some(aside) = &mut self.aside {
            aside.enter(false)?;
            if let Err(why) = Spool::open(aside.path()) {
                event!(DELETEDIR_MISSING, "-", why = why.to_string());
            }
        }
        Ok(())
    }

    fn grants(&self) -> Grants {
        let mut grants = self.home.grants(true);
        if let Some(aside) = &self.aside {
            grants.write.extend(aside.grants(true).write);
        }
        grants
    }

    fn replaced(&mut self) -> u32 {
        match (self.home.replaced(), &mut self.aside) {
            (0, Some(aside)) => aside.replaced(),
            (number, _) => number,
        }
    }

    fn after_fork(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat) {
        let (Work::Stream(stream), Some(server)) = (work, self.servers.get(origin.door)) else {
            return;
        };
        let places = Places {
            spool: self.home.path(),
            aside: self.aside.as_ref().map(Home::path),
        };
        preamble::receive(places, server, stream, origin.peer, seat);
    }

    fn notes(&self) -> Vec<Note> {
        self.notes.clone()
    }

    fn refuse(&mut self, mut stream: Stream, origin: Origin, limit: &str) {
        let server = self.servers.get(origin.door);
        // In the clear it would be nonsense to who expects TLS.
        if server.is_some_and(|server| server.tls.implicit()) {
            return;
        }
        let line = format!("-ERR [SYS/TEMP] {}, limit {limit}\r\n", too_much(limit));
        stream.parting_words(line.as_bytes(), b"");
    }
}

#[cfg(test)]
mod tests;
