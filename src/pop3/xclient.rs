//! XCLIENT as Dovecot's POP3 server reads it: for whom a proxy comes, said
//! behind the greeting by those whom the server trusts. It answers `+OK`, and
//! goes on as if it had just greeted, without a greeting.

use std::fmt;
use std::net::SocketAddr;

/// How many proxies may still follow. Dovecot begins with 5, takes one away at
/// each of its own, and forwards nobody any more who comes with 1.
const TTL: u32 = 4;

/// For whom we come. An address, a number and a session id have no octet
/// that means anything to the grammar, so that no value is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Xclient<'x> {
    pub(crate) client: SocketAddr,
    /// Passes [`crate::base::id::is_session`], as Dovecot wants it.
    pub(crate) sid: &'x str,
}

impl fmt::Display for Xclient<'_> {
    /// The line, without its end; at most 150 octets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (self.client.ip(), self.client.port());
        write!(f, "XCLIENT ADDR={ip} PORT={port}")?;
        write!(f, " SESSION={} TTL={TTL}", self.sid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id;
    use proptest::prelude::*;

    #[test]
    fn a_client_is_named_in_the_words_of_dovecot() {
        let client = "[2001:db8::7]:4711".parse().unwrap();
        let (sid, line) = (
            "p1.66f3a2c1.0a97.12",
            "XCLIENT ADDR=2001:db8::7 PORT=4711 SESSION=p1.66f3a2c1.0a97.12 TTL=4",
        );
        assert_eq!(Xclient { client, sid }.to_string(), line);
    }

    proptest! {
        #[test]
        fn no_client_makes_more_words_than_five(client: SocketAddr, prefix in "[A-Za-z0-9._-]{1,20}") {
            let sid = id::session(&prefix, i32::MAX, u64::MAX);
            let line = Xclient { client, sid: &sid }.to_string();
            prop_assert!(line.len() <= 150);
            prop_assert_eq!(line.split(' ').count(), 5);
            prop_assert!(line.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()));
            prop_assert!(id::is_session(sid.as_bytes()));
        }
    }
}
