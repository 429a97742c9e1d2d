//! The client's side of TLS: to servers that have to show who they are.

use std::io;
use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};
use openssl::x509::X509VerifyResult;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};

use super::pair::{Pair, certificates};
use super::{Channel, Policy, reason, warm};
use crate::net::stream::Stream;
use crate::net::wait::{Broken, Deadline, Watch};

/// What a client demands and shows.
pub(crate) struct Demand<'d> {
    pub(crate) policy: Policy<'d>,
    /// Certificates, in PEM, of those who vouch for servers, or of the servers
    /// themselves; none: whom the system trusts.
    pub(crate) ca: Option<&'d [u8]>,
    /// Shown to a server that asks.
    pub(crate) pairs: Vec<Pair>,
}

/// A client's side. Copies share all that is large.
#[derive(Clone)]
pub(crate) struct Connector {
    context: SslContext,
}

impl Connector {
    /// # Errors
    /// What does not fit, in a sentence.
    pub(crate) fn new(demand: &Demand<'_>) -> Result<Connector, String> {
        let mut builder = demand.policy.context(SslMethod::tls_client())?;
        for pair in &demand.pairs {
            pair.install(&mut builder)?;
        }
        let mut set = || -> Result<(), ErrorStack> {
            match demand.ca {
                None => builder.set_default_verify_paths()?,
                Some(pem) => {
                    let mut store = X509StoreBuilder::new()?;
                    for ca in certificates(pem)? {
                        store.add_cert(ca)?;
                    }
                    // Whoever names the certificate of a server, and not who signed it, means that.
                    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
                    builder.set_cert_store(store.build());
                }
            }
            builder.set_verify(SslVerifyMode::PEER);
            Ok(())
        };
        set().map_err(|why| reason(&why))?;
        Ok(Connector {
            context: builder.build(),
        })
    }

    /// Makes ready, before forking, what is made at first use.
    pub(crate) fn warm_up(&self) {
        warm::warm_up_client(&self.context);
    }

    /// Shakes hands with the server at the other end of `stream`, whose
    /// certificate must be for `name`, a name or an address.
    ///
    /// # Errors
    /// Deadline, watch, or what went wrong; then nothing more can be said
    /// on the connection.
    pub(crate) fn connect(
        &self,
        stream: &mut Stream,
        name: &str,
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<(), Broken> {
        stream.secure(|raw| {
            let ssl = self.ask_for(name);
            let ssl = ssl.map_err(|why| io::Error::other(reason(&why)))?;
            Channel::shake(ssl, raw, SslStream::connect, watch, deadline)
        })
    }

    fn ask_for(&self, name: &str) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        let name = name.trim_end_matches('.');
        let checks = ssl.param_mut();
        checks.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match name.parse::<IpAddr>() {
            Ok(address) => checks.set_ip(address)?,
            Err(_) => {
                checks.set_host(name)?;
                ssl.set_hostname(name)?;
            }
        }
        Ok(ssl)
    }
}

/// What is wrong with a certificate, from X509_V_ERR_* of OpenSSL.
pub(super) fn distrust(why: X509VerifyResult) -> String {
    let known = match why.as_raw() {
        62 | 64 => "the certificate is for another name",
        9 => "the certificate is not valid yet",
        10 => "the certificate has expired",
        2 | 18..=21 => "the certificate is from an unknown authority",
        _ => return format!("the certificate is not good: {}", why.error_string()),
    };
    known.into()
}

#[cfg(test)]
pub(crate) mod tests;
