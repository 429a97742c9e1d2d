//! Floor 4: the POP3 proxy.

mod backend;
mod call;
mod capa;
mod counts;
mod delay;
mod empty;
mod errand;
mod fallback;
mod flush;
mod guard;
mod health;
mod limits;
mod login;
mod mail;
mod meet;
mod memory;
mod modules;
mod penalty;
mod prober;
mod sasl;
mod session;
mod site;
mod soft;
mod tls;
mod vars;
mod verify;

use std::net::SocketAddr;

use self::prober::Prober;
use self::session::Session;
use self::site::Site;
use crate::auth::chain::Chain;
use crate::auth::grants::grants;
use crate::base::clock::Ms;
use crate::base::kv::Row;
use crate::base::verbs::Args;
use crate::daemon::board::Board;
use crate::daemon::config::{Config, Object};
use crate::daemon::metrics::Gauge;
use crate::daemon::notes::Note;
use crate::daemon::seat::Seat;
use crate::daemon::service::{Origin, Say, Service, Tables, Work, too_much};
use crate::net::stream::Stream;
use crate::pop3::reply::{SYS_TEMP, err};
use crate::sys::sandbox::Grants;

/// pproxy(8).
pub fn main() -> std::process::ExitCode {
    crate::daemon::main::<Proxy>()
}

/// The proxy, as the kit sees it.
pub(crate) struct Proxy {
    site: Site,
    chain: Chain,
    /// Used in the helper only.
    prober: Prober,
}

impl Service for Proxy {
    const TABLES: &'static Tables = &vars::TABLES;

    fn check(config: &Config) -> Result<(), String> {
        site::check(config)
    }

    fn before_drop(config: &Config) -> Result<Proxy, String> {
        let site = Site::new(config);
        let chain = Chain::open(&[], &site.moduledir)?;
        let prober = Prober::default();
        Ok(Proxy {
            site,
            chain,
            prober,
        })
    }

    fn after_drop(&mut self, config: &Config) -> Result<(), String> {
        self.site.resolve(config)?;
        self.site.secure(config)?;
        self.chain = Chain::open(&self.site.modules, &self.site.moduledir)?;
        Ok(())
    }

    /// Mail checks are datagrams, which have no limits of ports.
    fn grants(&self) -> Grants {
        let addresses = self.site.backends.iter().flat_map(|b| &b.addresses);
        Grants {
            ports: addresses.map(SocketAddr::port).collect(),
            ..grants(&self.site.modules, self.chain.needs())
        }
    }

    fn after_fork(&mut self) -> Result<(), String> {
        self.chain.after_fork()
    }

    fn serve(&mut self, work: Work<'_>, origin: Origin, seat: &Seat) {
        let Work::Stream(stream) = work else {
            return;
        };
        // The kit knows no other doors than those of our virtual servers.
        if let Some(vserv) = self.site.vserv(origin.door) {
            Session::new(&self.site, &self.chain, seat, vserv, (stream, origin.peer)).serve();
        }
    }

    fn replaced(&mut self) -> u32 {
        self.chain.stale()
    }

    fn wants_helper(&self) -> bool {
        !self.site.backends.is_empty()
    }

    fn tend(&mut self, seat: &Seat) -> Ms {
        self.prober.tend(&self.site, seat)
    }

    fn show(board: &Board, config: &Config, kind: usize, object: &Object, row: &mut Row) {
        match kind {
            vars::BACKEND => health::show(board, config, object, row),
            vars::PDM => modules::show(board, object, row),
            _ => {}
        }
    }

    const STAGES: &'static [&'static str] = &["login", "tls", "pdm", "penalty", "empty", "relay"];

    fn gauges(board: &Board, config: &Config, kind: usize, object: &Object) -> Vec<Gauge> {
        match kind {
            vars::BACKEND => health::gauges(board, config, object),
            vars::VSERV => vec![Gauge(
                "sessions",
                "Sessions there.",
                board.marked(vars::MARK_VSERV, Object::mark(object.row)) as u64,
            )],
            _ => Vec::new(),
        }
    }

    fn lost(board: &Board, config: &Config, doing: &[u8]) {
        modules::lost(board, config, doing);
    }

    fn errand(
        &mut self,
        _: usize,
        args: &Args,
        config: &Config,
        say: Say<'_>,
    ) -> Result<(), String> {
        errand::test(self, args, config, say)
    }

    fn notes(&self) -> Vec<Note> {
        self.site.certificates()
    }

    fn refuse(&mut self, mut stream: Stream, origin: Origin, limit: &str) {
        // In the clear it would be nonsense to who expects TLS.
        if self
            .site
            .vserv(origin.door)
            .is_some_and(|v| v.tls.implicit())
        {
            return;
        }
        let mut line = Vec::new();
        err(
            &mut line,
            format_args!("{SYS_TEMP} {} ({limit}), try again later", too_much(limit)),
        );
        stream.parting_words(&line, b"");
    }
}

#[cfg(test)]
mod tests;
