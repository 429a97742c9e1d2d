//! TLS to a backend. Nothing that it says before the handshake counts, but
//! the greeting and the answer to STLS; a refusal in the clear may be
//! anybody's, and is not passed on.

use super::{Failure, Reply, State, Talk};
use crate::net::tls::connect::Connector;
use crate::net::wait::Broken;

/// How a connection is to be made secure.
#[derive(Clone, Copy)]
pub(crate) struct Secure<'s> {
    pub(crate) connector: &'s Connector,
    /// The name or address that the certificate must be for.
    pub(crate) name: &'s str,
    /// Before anything is said; else by STLS.
    pub(crate) implicit: bool,
}

impl<'t> Talk<'t> {
    /// Begins TLS if that is to come first of all.
    pub(super) fn begin_secure(&mut self) -> Result<(), Failure> {
        match self.secure {
            Some(secure) if secure.implicit => self.shake_hands(&secure),
            _ => Ok(()),
        }
    }

    /// Asks for TLS if that is wanted (RFC 2595 section 4), after the
    /// greeting of a POP3 server, or in place of the first line of XPOP.
    pub(super) fn stls(&mut self) -> Result<(), Failure> {
        let Some(secure) = self.asks() else {
            return Ok(());
        };
        self.ask(State::Stls, b"STLS")?;
        match self.hear()? {
            Reply::Ok(_) => {}
            Reply::Err(text) => return Err(self.refused(&format!("it refuses STLS: {text}"))),
            Reply::More => return Err(self.failure("its answer is no POP3")),
        }
        // What has come in the clear must not count as if it had come behind the handshake.
        self.quiet()?;
        self.shake_hands(&secure)
    }

    /// Is a greeting one to go on with?
    pub(super) fn believe(&self, greeting: &Reply) -> Result<(), Failure> {
        match greeting {
            Reply::Err(text) if self.asks().is_some() => {
                Err(self.refused(&format!("it refuses in the clear: {text}")))
            }
            _ => Ok(()),
        }
    }

    fn asks(&self) -> Option<Secure<'t>> {
        self.secure.filter(|secure| !secure.implicit)
    }

    fn shake_hands(&mut self, secure: &Secure<'_>) -> Result<(), Failure> {
        self.state = State::Tls;
        let (connector, name) = (secure.connector, secure.name);
        let shaken = connector.connect(self.stream, name, self.watch, self.deadline);
        shaken.map_err(|why| self.broken(why))
    }

    fn refused(&self, why: &str) -> Failure {
        self.broken(Broken::Io(std::io::Error::other(why)))
    }
}

#[cfg(test)]
mod tests;
