//! A key and its certificates.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::ssl::SslContextBuilder;
use openssl::x509::{X509, X509NameRef};

use super::reason;
use crate::sys::ticket;

/// A private key, its certificate, and those that lead to a known authority.
pub(crate) struct Pair {
    key: PKey<Private>,
    own: X509,
    chain: Vec<X509>,
}

/// What a certificate tells an administrator.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The names it is for.
    pub(crate) names: Vec<String>,
    pub(crate) issuer: String,
    /// Seconds from the epoch until it begins to be good, and until it expires.
    pub(crate) good: (i64, i64),
    /// Kind and size of the key.
    pub(crate) key: String,
}

/// All certificates of a text in PEM.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<X509>, ErrorStack> {
    X509::stack_from_pem(pem)
}

/// How many certificates a text in PEM has.
///
/// # Errors
/// It cannot be read as such.
pub(crate) fn count(pem: &[u8]) -> Result<usize, String> {
    certificates(pem)
        .map(|all| all.len())
        .map_err(|why| reason(&why))
}

/// Names of a certificate that are shown.
const NAMES: usize = 20;

impl Pair {
    /// From PEM: the certificate first, then its chain.
    ///
    /// # Errors
    /// Which of both is wrong, and why, without any of its content.
    pub(crate) fn parse(cert: &[u8], key: &[u8]) -> Result<Pair, String> {
        let mut chain = X509::stack_from_pem(cert)
            .map_err(|why| format!("the certificate cannot be read: {}", reason(&why)))?;
        if chain.is_empty() {
            return Err("the file has no certificate in PEM".into());
        }
        // A key that wants a passphrase must not ask for it on a terminal.
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0))
            .map_err(|why| format!("the key cannot be read: {}", reason(&why)))?;
        let own = chain.remove(0);
        let public = own.public_key().map_err(|why| reason(&why))?;
        if !public.public_eq(&key) {
            return Err("the key does not belong to the certificate".into());
        }
        Ok(Pair { key, own, chain })
    }

    /// Shows this certificate, beside those of other kinds of keys.
    ///
    /// # Errors
    /// What OpenSSL says.
    pub(super) fn install(&self, builder: &mut SslContextBuilder) -> Result<(), String> {
        let own = builder.set_certificate(&self.own);
        own.and_then(|()| builder.set_private_key(&self.key))
            .and_then(|()| builder.check_private_key())
            .map_err(|why| reason(&why))?;
        for cert in &self.chain {
            let der = cert.to_der().map_err(|why| reason(&why))?;
            ticket::add_to_chain(builder, &der).map_err(|why| why.to_string())?;
        }
        Ok(())
    }

    /// What there is to tell of it.
    pub(crate) fn about(&self) -> About {
        let good = (
            seconds(self.own.not_before()),
            seconds(self.own.not_after()),
        );
        let mut names: Vec<String> = match self.own.subject_alt_names() {
            Some(all) => all
                .iter()
                .filter_map(|name| name.dnsname())
                .map(clean)
                .take(NAMES)
                .collect(),
            None => Vec::new(),
        };
        if names.is_empty() {
            names.extend(common_name(self.own.subject_name()));
        }
        let bits = self.key.bits();
        let key = match self.key.id() {
            Id::EC => format!("EC-{bits}"),
            Id::RSA => format!("RSA-{bits}"),
            Id::ED25519 => "Ed25519".into(),
            _ => format!("other-{bits}"),
        };
        let issuer = common_name(self.own.issuer_name()).unwrap_or_default();
        About {
            names,
            issuer,
            good,
            key,
        }
    }
}

/// Seconds from the epoch, far in the past if it is no time at all.
fn seconds(time: &Asn1TimeRef) -> i64 {
    let since = Asn1Time::from_unix(0).and_then(|epoch| epoch.diff(time));
    since.map_or(i64::MIN, |since| {
        i64::from(since.days) * 86_400 + i64::from(since.secs)
    })
}

/// Whose a certificate is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// All of it as RFC 4514 writes it, the most special part first:
    /// `CN=joe,O=Example`.
    pub(crate) text: Vec<u8>,
    /// The common name, if there is one and only one.
    pub(crate) name: Option<Vec<u8>>,
}

impl Subject {
    /// The subject of a certificate; nothing of it is trusted to be text.
    pub(super) fn of(name: &X509NameRef) -> Subject {
        let mut parts = Vec::new();
        let mut names = Vec::new();
        for entry in name.entries() {
            let nid = entry.object().nid();
            let value = entry.data().as_slice();
            if nid == Nid::COMMONNAME {
                names.push(value.to_vec());
            }
            let mut part = match nid.short_name() {
                Ok(key) if nid != Nid::UNDEF => key.into(),
                _ => entry.object().to_string(),
            }
            .into_bytes();
            part.push(b'=');
            for &octet in value {
                match octet {
                    b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => part.extend([b'\\', octet]),
                    0..b' ' | 0x7f => part.extend(format!("\\{octet:02X}").into_bytes()),
                    _ => part.push(octet),
                }
            }
            parts.push(part);
        }
        parts.reverse();
        Subject {
            text: parts.join(&b','),
            name: names.pop().filter(|_| names.is_empty()),
        }
    }
}

fn common_name(name: &X509NameRef) -> Option<String> {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next()?;
    Some(clean(&String::from_utf8_lossy(entry.data().as_slice())))
}

/// Certificates are made by others.
fn clean(text: &str) -> String {
    let mend = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(mend).take(64).collect()
}
