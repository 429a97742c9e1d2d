//! The configuration as sessions use it: typed, and found without searching,
//! however many virtual servers and backends there are.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::call;
use super::capa;
use super::counts::{AtBackend, OfModule};
use super::guard::{self, Guard};
use super::health;
use super::mail;
use super::modules::Health;
use super::tls::{self, Tls};
use super::vars::{self, BACKEND, ENABLED, PDM, VSERV};
use crate::auth::chain::Spec;
use crate::base::nets::{self, Net};
use crate::check::keyed::CheckKey;
use crate::check::silence::Silence;
use crate::daemon::board::Board;
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::seat::Seat;
use crate::daemon::vars::MAXSESSION;
use crate::net::proxy::Version;
use crate::pop3::capa::Capabilities;
use crate::pop3::client::{Login, Way};
use crate::pop3::greet::greeting;

/// The port of pcheckd, unless a backend says otherwise.
const CHECK_PORT: u16 = 50110;

/// A proxy with few slots lets so many sessions wait for one backend.
const LEAST_PENDING: u64 = 10;

/// Longest `sidprefix`, so that session ids keep to their limit.
const PREFIX_MAX: usize = 20;

/// A virtual server.
pub(crate) struct Vserv {
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) fallback: Option<Fallback>,
    /// The whole greeting line, ready to be sent.
    pub(crate) greeting: Vec<u8>,
    pub(crate) capa: Capabilities,
    /// Who must say for whom they come.
    pub(crate) balancers: Vec<Net>,
    pub(crate) tls: Tls,
    pub(crate) row: usize,
}

/// Who is asked about users whom no module lets in.
pub(crate) struct Fallback {
    /// The id of a backend that speaks POP3.
    pub(crate) backend: String,
    /// About those too whom a module knows.
    pub(crate) all: bool,
}

/// What a backend speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proto {
    /// XPOP, and it wants to be asked before it is disturbed.
    Cxpop,
    Xpop,
    /// POP3; `plain` says whether by AUTH PLAIN.
    Pop3 {
        plain: bool,
    },
}

impl Proto {
    /// The protocol that the options of a backend name.
    pub(super) fn of(object: &Object) -> Proto {
        let number = |key| object.keys.number(key);
        let plain = number(vars::backend::LOGIN) == 1;
        match number(vars::backend::PROTO) {
            0 => Proto::Cxpop,
            1 => Proto::Xpop,
            _ => Proto::Pop3 { plain },
        }
    }
}

/// A storage server.
pub(crate) struct Backend {
    pub(crate) id: String,
    host: String,
    check: String,
    pub(crate) proto: Proto,
    /// To be tried in this order; none if the name could not be resolved.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Where its pcheckd may be.
    pub(crate) check_addresses: Vec<SocketAddr>,
    /// What that shares with us.
    pub(super) check_key: Option<CheckKey>,
    /// The address of ours from which both are reached.
    pub(crate) source: Option<IpAddr>,
    /// The form of the header that comes first of all.
    pub(crate) sendproxy: Option<Version>,
    /// It believes us for whom we come.
    pub(crate) xclient: bool,
    /// The TLS that is spoken with it.
    pub(super) guard: Option<Guard>,
    /// Stands for the addresses, see `health.rs`.
    pub(crate) print: u16,
    pub(crate) row: usize,
}

/// All of it.
pub(crate) struct Site {
    vservs: Vec<Vserv>,
    pub(super) backends: Vec<Backend>,
    /// What there is to tell of the certificates that backends are shown.
    shown: Vec<Note>,
    /// Place in `backends` by id.
    places: HashMap<String, usize>,
    pub(crate) sidprefix: String,
    /// Whose clients are neither limited nor punished.
    pub(crate) trusted: Vec<Net>,
    pub(crate) moduledir: PathBuf,
    pub(crate) modules: Vec<Spec>,
    /// Their rows in the shared page.
    rows: Vec<usize>,
}

/// What must hold of the values together.
///
/// # Errors
/// What does not fit, and what would be right.
pub(crate) fn check(config: &Config) -> Result<(), String> {
    let prefix = config.vars.text(vars::SIDPREFIX);
    if prefix.len() > PREFIX_MAX {
        return Err(format!(
            "sidprefix must have at most {PREFIX_MAX} octets, not {}",
            prefix.len()
        ));
    }
    let (backends, vservs) = (config.objects(BACKEND), config.objects(VSERV));
    backends.iter().try_for_each(call::check)?;
    backends.iter().try_for_each(mail::check)?;
    vservs.iter().try_for_each(|vserv| {
        capa::check(config, vserv)?;
        tls::check(vserv)?;
        check_fallback(config, vserv)
    })
}

fn check_fallback(config: &Config, vserv: &Object) -> Result<(), String> {
    let id = vserv.keys.text(vars::vserv::FALLBACK);
    let wrong = match config.find(BACKEND, id) {
        _ if id.is_empty() => return Ok(()),
        None => "there is no backend of this id",
        Some(backend) if matches!(Proto::of(backend), Proto::Pop3 { .. }) => return Ok(()),
        Some(_) => "that backend needs proto=pop3",
    };
    Err(format!("vserv {}: fallback={id}: {wrong}", vserv.id))
}

impl Site {
    pub(crate) fn new(config: &Config) -> Site {
        let backends: Vec<_> = config.objects(BACKEND).iter().map(Backend::new).collect();
        let ids = backends.iter().enumerate();
        let places = ids.map(|(place, b)| (b.id.clone(), place)).collect();
        let default = config.vars.text(vars::GREETING);
        let vserv = |object| Vserv::new(config, object, default);
        let spec = |object: &Object| Spec {
            id: object.id.clone(),
            module: object.words[0].clone(),
            args: object.words[1..].to_vec(),
            loaded: object.loaded,
        };
        Site {
            vservs: config.objects(VSERV).iter().map(vserv).collect(),
            backends,
            shown: Vec::new(),
            places,
            sidprefix: config.vars.text(vars::SIDPREFIX).into(),
            trusted: nets::parse_list(config.vars.text(vars::TRUSTED)),
            moduledir: config.vars.text(vars::MODULEDIR).into(),
            modules: config.objects(PDM).iter().map(spec).collect(),
            rows: config.objects(PDM).iter().map(|o| o.row).collect(),
        }
    }

    /// Loads the keys of all virtual servers and backends, and those for mail checks.
    ///
    /// # Errors
    /// Which of them is wrong, and why.
    pub(crate) fn secure(&mut self, config: &Config) -> Result<(), String> {
        for (vserv, object) in self.vservs.iter_mut().zip(config.objects(VSERV)) {
            vserv.tls = Tls::new(object, config)?;
        }
        for (backend, object) in self.backends.iter_mut().zip(config.objects(BACKEND)) {
            backend.check_key = mail::key(object, config)?;
        }
        self.shown = guard::post(&mut self.backends, config)?;
        Ok(())
    }

    /// What there is to tell of all certificates.
    pub(crate) fn certificates(&self) -> Vec<Note> {
        let all = self.vservs.iter().flat_map(|vserv| vserv.tls.notes());
        all.chain(&self.shown).cloned().collect()
    }

    /// Takes over the addresses that the kit has found.
    ///
    /// # Errors
    /// A backend that cannot be reached from its source.
    pub(crate) fn resolve(&mut self, config: &Config) -> Result<(), String> {
        for backend in &mut self.backends {
            backend.addresses = config.addresses(&backend.host).to_vec();
            backend.print = health::print(&backend.addresses);
            backend.check_addresses = match backend.check.as_str() {
                "" => backend.addresses.clone(),
                check => config.addresses(check).to_vec(),
            };
            if backend.check.is_empty() {
                let ports = backend.check_addresses.iter_mut();
                ports.for_each(|at| at.set_port(CHECK_PORT));
            }
            backend.keep_to_source()?;
        }
        Ok(())
    }

    /// The virtual server of a door. The kit hands out places of the
    /// configuration that made this site.
    pub(crate) fn vserv(&self, door: usize) -> Option<&Vserv> {
        self.vservs.get(door)
    }

    /// What is known of the module in this place of the chain.
    pub(super) fn health(&self, board: &Board, place: usize) -> Option<Health> {
        let (row, spec) = (self.rows.get(place)?, self.modules.get(place)?);
        Some(Health::new(board, *row, spec.loaded))
    }

    /// Adds to a counter of the module in this place of the chain.
    pub(super) fn count_of_module(&self, seat: &Seat, place: usize, what: OfModule, by: u64) {
        if let Some(&row) = self.rows.get(place) {
            seat.tally(row, what as usize, by);
        }
    }

    /// The backend called `id`.
    pub(crate) fn backend(&self, id: &str) -> Option<&Backend> {
        self.places.get(id).map(|&place| &self.backends[place])
    }
}

impl Vserv {
    fn new(config: &Config, object: &Object, default: &str) -> Vserv {
        let text = match object.keys.text(vars::vserv::GREETING) {
            "" => default,
            own => own,
        };
        let fallback = object.keys.text(vars::vserv::FALLBACK);
        let fallback = (!fallback.is_empty()).then(|| Fallback {
            backend: fallback.into(),
            all: object.keys.number(vars::vserv::FALLBACKFOR) == 1,
        });
        Vserv {
            fallback,
            id: object.id.clone(),
            namespace: object.keys.text(vars::vserv::NAMESPACE).into(),
            greeting: greeting(text),
            capa: capa::of(config, object),
            balancers: nets::parse_list(object.keys.text(vars::vserv::PROXYPROTOCOL)),
            tls: Tls::none(),
            row: object.row,
        }
    }

    /// Does it serve? It verifies in any case.
    pub(crate) fn serves(&self, seat: &Seat) -> bool {
        seat.object_state(self.row) == ENABLED
    }
}

impl Backend {
    fn new(object: &Object) -> Backend {
        Backend {
            id: object.id.clone(),
            host: object.words[0].clone(),
            check: object.keys.text(vars::backend::CHECK).into(),
            proto: Proto::of(object),
            addresses: Vec::new(),
            check_addresses: Vec::new(),
            check_key: None,
            source: object.keys.text(vars::backend::SOURCE).parse().ok(),
            sendproxy: match object.keys.number(vars::backend::SENDPROXY) {
                0 => None,
                1 => Some(Version::V1),
                _ => Some(Version::V2),
            },
            xclient: object.keys.number(vars::backend::XCLIENT) == 1,
            guard: None,
            print: health::print(&[]),
            row: object.row,
        }
    }

    /// From an IPv4 address only IPv4 addresses are reached, and the reverse.
    fn keep_to_source(&mut self) -> Result<(), String> {
        let Some(source) = self.source else {
            return Ok(());
        };
        for list in [&mut self.addresses, &mut self.check_addresses] {
            let known = !list.is_empty();
            list.retain(|at| at.is_ipv4() == source.is_ipv4());
            if known && list.is_empty() {
                let id = &self.id;
                return Err(format!(
                    "backend {id}: source={source}: it has no address of that family"
                ));
            }
        }
        Ok(())
    }

    /// Why it takes no new sessions at present, in a word for the log.
    pub(crate) fn closed(&self, seat: &Seat) -> Option<&'static str> {
        match seat.object_state(self.row) {
            vars::DISABLED => Some("backend_disabled"),
            vars::DRAINING => Some("backend_draining"),
            _ => self.down(seat),
        }
    }

    /// What its sessions are marked with; the same in all generations.
    pub(crate) fn key(&self) -> u64 {
        Object::mark(self.row)
    }

    /// Adds to one of its counters.
    pub(super) fn count(&self, seat: &Seat, what: AtBackend, by: u64) {
        seat.tally(self.row, what as usize, by);
    }

    /// How many sessions may wait for its answer at a time, and how many for
    /// that of its pcheckd.
    pub(crate) fn maxpending(&self, seat: &Seat) -> u64 {
        match seat.object_var(self.row, vars::backend::MAXPENDING) {
            0 => (seat.var(MAXSESSION) / 10).max(LEAST_PENDING),
            own => own,
        }
    }

    /// How to log in where POP3 is spoken.
    pub(crate) fn way<'w>(&self, login: Login<'w>) -> Way<'w> {
        match self.proto {
            Proto::Pop3 { plain: true } => Way::Plain(login),
            _ => Way::UserPass(login),
        }
    }

    /// What the workers know together of mail checks that nobody answered.
    pub(crate) fn silence(&self, seat: &Seat) -> Silence<'static> {
        Silence {
            count: seat.object_cell(self.row, 0),
            until: seat.object_cell(self.row, 1),
        }
    }
}
