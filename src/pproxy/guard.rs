//! TLS to backends: whom they have to be, and what we show them. Backends
//! whose options say the same share all that is large, since there may be
//! thousands of them.

use std::collections::HashMap;

use super::site::Backend;
use super::vars::{self, TLSCIPHERS, TLSMIN, backend as keys};
use crate::daemon::config::{Config, Object};
use crate::daemon::notes::Note;
use crate::daemon::pairs::{self, IMPLICIT, Loader};
use crate::net::tls::Policy;
use crate::net::tls::connect::{Connector, Demand};
use crate::pop3::client::Secure;

/// The TLS of one backend.
pub(super) struct Guard {
    connector: Connector,
    name: String,
    implicit: bool,
}

impl Guard {
    /// For a conversation.
    pub(super) fn secure(&self) -> Secure<'_> {
        Secure {
            connector: &self.connector,
            name: &self.name,
            implicit: self.implicit,
        }
    }
}

/// What must hold of the options together.
///
/// # Errors
/// What does not fit, and what would be right.
pub(super) fn check(object: &Object) -> Result<(), String> {
    let name = name(object);
    let right = match is_name(name) {
        true => pairs::check(object, keys::CERT, keys::KEY),
        false => Err(format!("name={name} is neither a name nor an address")),
    };
    right.map_err(|why| format!("backend {}: {why}", object.id))
}

/// The name that the certificate must be for.
fn name(object: &Object) -> &str {
    match object.keys.text(keys::NAME) {
        "" => {
            let host = object.words[0].rsplit_once(':');
            let host = host.map_or("", |(host, _)| host);
            host.trim_start_matches('[').trim_end_matches(']')
        }
        own => own,
    }
}

fn is_name(name: &str) -> bool {
    let letter = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let host = (1..=253).contains(&name.len()) && name.bytes().all(letter);
    host || name.parse::<std::net::IpAddr>().is_ok()
}

/// Gives the backends of a configuration their guards. Returns what
/// there is to tell of the certificates.
///
/// # Errors
/// Which file is wrong, and why.
pub(super) fn post(backends: &mut [Backend], config: &Config) -> Result<Vec<Note>, String> {
    let mut maker = Maker::default();
    for (backend, object) in backends.iter_mut().zip(config.objects(vars::BACKEND)) {
        backend.guard = maker.guard(object, config)?;
    }
    Ok(maker.notes)
}

/// Makes guards.
#[derive(Default)]
struct Maker {
    /// By the options that they depend on.
    known: HashMap<[String; 5], Connector>,
    /// What there is to tell of the certificates.
    notes: Vec<Note>,
}

impl Maker {
    /// The guard of a backend; `None` without TLS.
    fn guard(&mut self, object: &Object, config: &Config) -> Result<Option<Guard>, String> {
        let when = object.keys.number(keys::TLS);
        if when == 0 {
            return Ok(None);
        }
        let options = [
            keys::CA,
            keys::CERT,
            keys::KEY,
            keys::TLSMIN,
            keys::TLSCIPHERS,
        ];
        let options = options.map(|key| object.keys.text(key).to_owned());
        let connector = match self.known.get(&options) {
            Some(connector) => connector.clone(),
            None => {
                let connector = self.connector(object, config)?;
                self.known.insert(options, connector.clone());
                connector
            }
        };
        Ok(Some(Guard {
            connector,
            name: name(object).into(),
            implicit: when == IMPLICIT,
        }))
    }

    fn connector(&mut self, object: &Object, config: &Config) -> Result<Connector, String> {
        let mut loader = Loader::new(config, vars::BACKEND, object);
        let ca = loader.authorities(keys::CA)?;
        let demand = Demand {
            policy: policy(object, config),
            ca: ca.as_deref(),
            pairs: loader.pairs(keys::CERT, keys::KEY)?,
        };
        let connector = Connector::new(&demand).map_err(|why| loader.wrong(&why))?;
        connector.warm_up();
        self.notes.append(&mut loader.notes);
        Ok(connector)
    }
}

/// What the backend says for itself, else what the variables say.
fn policy<'c>(object: &'c Object, config: &'c Config) -> Policy<'c> {
    Policy {
        lowest: match object.keys.number(keys::TLSMIN) {
            0 => config.vars.number(TLSMIN),
            own => own - 1,
        },
        ciphers: match object.keys.text(keys::TLSCIPHERS) {
            "" => config.vars.text(TLSCIPHERS),
            own => own,
        },
    }
}
