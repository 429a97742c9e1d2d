//! The client's side of TLS for one process that is many clients: no
//! handshake waits, and sessions go on where earlier ones ended.

use std::io;

use openssl::error::ErrorStack;
use openssl::ssl::{
    ShutdownState, Ssl, SslContext, SslMethod, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;

use super::pair::certificates;
use super::{Channel, Policy, reason};
use crate::net::stream::Stream;
use crate::net::wait::Broken;
pub(crate) use crate::sys::ticket::Kept;

/// Makes clients that do not wait.
pub(crate) struct Starter {
    context: SslContext,
    name: Option<String>,
}

impl Starter {
    /// Clients of `version` (`1.2` or `1.3`), or of any, that ask for the
    /// server `name`. With `ca`, certificates in PEM, the server must show a
    /// certificate from there, else any will do.
    ///
    /// # Errors
    /// What does not fit, in a sentence.
    pub(crate) fn new(
        ca: Option<&[u8]>,
        version: Option<&str>,
        name: Option<String>,
    ) -> Result<Starter, String> {
        let policy = Policy {
            lowest: 0,
            ciphers: "",
        };
        let mut builder = policy.context(SslMethod::tls_client())?;
        let mut set = || -> Result<(), ErrorStack> {
            let only = version.map(|version| match version {
                "1.2" => SslVersion::TLS1_2,
                _ => SslVersion::TLS1_3,
            });
            if only.is_some() {
                builder.set_min_proto_version(only)?;
                builder.set_max_proto_version(only)?;
            }
            builder.set_session_cache_mode(
                SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL,
            );
            builder.set_verify(SslVerifyMode::NONE);
            if let Some(pem) = ca {
                let mut store = X509StoreBuilder::new()?;
                for ca in certificates(pem)? {
                    store.add_cert(ca)?;
                }
                builder.set_cert_store(store.build());
                builder.set_verify(SslVerifyMode::PEER);
            }
            Ok(())
        };
        set().map_err(|why| reason(&why))?;
        Ok(Starter {
            context: builder.build(),
            name,
        })
    }

    /// Puts TLS around a connection. Its handshake is made by the reads that
    /// follow. With `kept` it tries to go on with that session.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn start(&self, stream: &mut Stream, kept: Option<&Kept>) -> Result<(), Broken> {
        let ssl = self.client(kept);
        let ssl = ssl.map_err(|why| io::Error::other(reason(&why)))?;
        stream.secure(|raw| {
            let mut channel = Channel::begin(ssl, raw)?;
            channel.tls.get_mut().let_go();
            Ok(channel)
        })
    }

    fn client(&self, kept: Option<&Kept>) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(name) = &self.name {
            ssl.set_hostname(name)?;
            ssl.param_mut().set_host(name)?;
        }
        if let Some(kept) = kept {
            kept.give(&mut ssl)?;
        }
        ssl.set_connect_state();
        Ok(ssl)
    }
}

impl Channel {
    /// Is the handshake done?
    pub(crate) fn shaken(&self) -> bool {
        self.tls.ssl().is_init_finished()
    }

    /// What a later session needs to go on where this one ends; says
    /// nothing more on the connection.
    pub(crate) fn keep(&mut self) -> Option<Kept> {
        // The library forgets sessions that do not end well.
        self.tls
            .set_shutdown(ShutdownState::SENT | ShutdownState::RECEIVED);
        Kept::of(self.tls.ssl())
    }
}
