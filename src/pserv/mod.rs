//! The POP3 server: starts in the TRANSACTION state, told by a proxy which
//! mailbox.

mod preamble;
mod session;
mod transaction;
mod vars;

use std::path::PathBuf;
use std::process::ExitCode;
use vars::keys::{ALLOW, PROXYPROTOCOL};
use vars::{SERVERS, SPOOL};

use crate::base::nets::{self, Net};
use crate::daemon::config::Config;
use crate::daemon::seat::Seat;
use crate::daemon::service::{Origin, Service, Tables, Work, too_much};
use crate::net::stream::Stream;

static TABLES: Tables = Tables {
    name: "pserv",
    vars: vars::VARS,
    kinds: vars::KINDS,
    counters: vars::COUNTERS,
    areas: &[],
    words: &[],
    errands: &[],
};

/// pserv(8).
pub fn main() -> ExitCode {
    crate::daemon::main::<Pserv>()
}

/// One `server` of the configuration.
struct Server {
    allow: Vec<Net>,
    /// Who must begin with a header.
    headers: Vec<Net>,
    row: usize,
}

struct Pserv {
    spool: PathBuf,
    servers: Vec<Server>,
}

impl Service for Pserv {
    const TABLES: &'static Tables = &TABLES;

    fn check(_: &Config) -> Result<(), String> {
        Ok(())
    }

    fn before_drop(config: &Config) -> Result<Pserv, String> {
        let server = |o: &crate::daemon::config::Object| Server {
            allow: nets::parse_list(o.keys.text(ALLOW)),
            headers: nets::parse_list(o.keys.text(PROXYPROTOCOL)),
            row: o.row,
        };
        let servers = config.objects(SERVERS).iter().map(server).collect();
        Ok(Pserv {
            spool: config.vars.text(SPOOL).into(),
            servers,
        })
    }

    fn after_drop(&mut self, _: &Config) -> Result<(), String> {
        Ok(())
    }

    fn after_fork(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat) {
        let (Work::Stream(stream), Some(server)) = (work, self.servers.get(origin.door)) else {
            return;
        };
        preamble::receive(&self.spool, server, stream, origin.peer, seat);
    }

    fn refuse(&mut self, mut stream: Stream, _: Origin, limit: &str) {
        let line = format!("-ERR [SYS/TEMP] {}, limit {limit}\r\n", too_much(limit));
        stream.parting_words(line.as_bytes(), b"");
    }
}
