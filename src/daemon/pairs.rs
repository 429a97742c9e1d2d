//! What the options of an object name for TLS: keys with their certificates,
//! and authorities. The master has read the files; here, in the pool, they
//! are understood.

use std::collections::HashMap;

use super::config::{Config, Object};
use super::notes::{self, Note};
use crate::base::kv::Row;
use crate::base::vars::Key;
use crate::base::vars::named::{self, Entry, Named};
use crate::net::tls::pair::{Pair, count};

/// When there is TLS: the words of option `tls`.
pub(crate) static WHEN: &[&str] = &["no", "starttls", "implicit"];
/// Places in [`WHEN`].
pub(crate) const STARTTLS: u64 = 1;
pub(crate) const IMPLICIT: u64 = 2;

/// The files that a text of kind `KeyFiles` names.
fn files(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|file| !file.is_empty())
}

/// Is there a key for each certificate?
///
/// # Errors
/// There is not.
pub(crate) fn check(object: &Object, cert: Key, key: Key) -> Result<(), String> {
    let count = |key| files(object.keys.text(key)).count();
    let (certs, keys) = (count(cert), count(key));
    match certs == keys {
        true => Ok(()),
        false => Err(format!(
            "cert names {certs} files and key {keys}, one each is right"
        )),
    }
}

/// Reads the files of one object.
pub(crate) struct Loader<'l> {
    config: &'l Config,
    /// What the object is.
    kind: &'static str,
    object: &'l Object,
    /// What there is to tell of the certificates.
    pub(crate) notes: Vec<Note>,
}

impl<'l> Loader<'l> {
    pub(crate) fn new(config: &'l Config, kind: usize, object: &'l Object) -> Loader<'l> {
        Loader {
            config,
            kind: config.tables.kinds[kind].name,
            object,
            notes: Vec::new(),
        }
    }

    /// Adds of which object an error is.
    pub(crate) fn wrong(&self, why: &str) -> String {
        format!("{} {}: {why}", self.kind, self.object.id)
    }

    /// All pairs of two options.
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub(crate) fn pairs(&mut self, cert: Key, key: Key) -> Result<Vec<Pair>, String> {
        let text = |key| self.object.keys.text(key);
        let both = files(text(cert)).zip(files(text(key)));
        both.map(|(cert, key)| self.pair(cert, key, "")).collect()
    }

    /// All pairs that an option names with the host they are for, itself or
    /// in lists; the pairs of one host together.
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub(crate) fn named(&mut self, sni: Key) -> Result<HashMap<String, Vec<Pair>>, String> {
        let (config, text) = (self.config, self.object.keys.text(sni));
        let mut hosts: HashMap<_, Vec<_>> = HashMap::new();
        let mut take = |named: Named| {
            let pair = self.pair(named.cert, named.key, named.host)?;
            hosts
                .entry(named.host.to_ascii_lowercase())
                .or_default()
                .push(pair);
            Ok::<(), String>(())
        };
        for entry in named::entries(text) {
            match entry {
                Entry::Pair(pair) => take(pair)?,
                // What is wrong with a list was told by who has read it.
                Entry::List(list) => named::lines(config.keyfiles.octets(list))?
                    .into_iter()
                    .try_for_each(&mut take)?,
            }
        }
        Ok(hosts)
    }

    /// One pair, for the name `sni` if it has one; looked at as an
    /// administrator would.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn pair(&mut self, cert: &str, key: &str, sni: &str) -> Result<Pair, String> {
        let octets = |file| self.config.keyfiles.octets(file);
        let wrong = |why: String| self.wrong(&format!("{cert} with {key}: {why}"));
        let pair = Pair::parse(octets(cert), octets(key)).map_err(wrong)?;
        self.config.keyfiles.tell_exposed(key);
        let about = pair.about();
        let (begins, ends) = about.good;
        // One that was good when it was loaded stays: else no other change could be made, and
        // no dead pool be replaced, once it has expired.
        if !self.config.keyfiles.is_settled(cert) {
            let now = notes::epoch();
            if ends < now {
                return Err(wrong("the certificate has expired".into()));
            }
            if begins > now {
                return Err(wrong("the certificate is not valid yet".into()));
            }
        }
        let mut row = Row::default();
        row.kv(self.kind, &self.object.id)
            .kv("sni", &sni)
            .kv("cert", &cert);
        row.kv("names", &about.names.join(","))
            .kv("issuer", &about.issuer);
        row.kv("key", &about.key);
        self.notes.push(Note {
            kind: self.kind,
            id: self.object.id.clone(),
            cert: cert.into(),
            ends,
            row: row.text(),
        });
        Ok(pair)
    }

    /// The certificates, in PEM, of the authorities that an option names;
    /// `None` if it names none.
    ///
    /// # Errors
    /// A file that holds no certificate: whoever names one wants it to be used.
    pub(crate) fn authorities(&self, ca: Key) -> Result<Option<Vec<u8>>, String> {
        let mut all = Vec::new();
        for file in files(self.object.keys.text(ca)) {
            let octets = self.config.keyfiles.octets(file);
            let held = count(octets).map_err(|why| self.wrong(&format!("{file}: {why}")))?;
            if held == 0 {
                return Err(self.wrong(&format!("{file}: the file has no certificate in PEM")));
            }
            all.extend_from_slice(octets);
            all.push(b'\n');
        }
        Ok((!all.is_empty()).then_some(all))
    }
}
