//! The POP3 server: starts in the TRANSACTION state, told by a proxy which
//! mailbox.

mod lock;
mod preamble;
mod session;
mod tls;
mod transaction;
mod vars;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::base::nets::{self, Net};
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::seat::Seat;
use crate::daemon::service::{Origin, Service, Tables, Work, too_much};
use crate::maildir::home::Home;
use crate::net::stream::Stream;
use crate::sys::sandbox::Grants;
use tls::Tls;
use vars::keys::{ALLOW, PROXYPROTOCOL};
use vars::{CHROOT, SERVERS, SPOOL};

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
    servers: Vec<Server>,
    /// What there is to tell of the certificates.
    notes: Vec<Note>,
}

/// Is the spool to be the root directory?
fn chroots(config: &Config) -> bool {
    config.vars.number(CHROOT) == 1
}

impl Service for Pserv {
    const TABLES: &'static Tables = &TABLES;

    fn check(config: &Config) -> Result<(), String> {
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
        self.home.enter(chroots(config))
    }

    fn grants(&self) -> Grants {
        self.home.grants(true)
    }

    fn replaced(&mut self) -> u32 {
        self.home.replaced()
    }

    fn after_fork(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat) {
        let (Work::Stream(stream), Some(server)) = (work, self.servers.get(origin.door)) else {
            return;
        };
        preamble::receive(self.home.path(), server, stream, origin.peer, seat);
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
