//! One line: `network:namespace:hash`.

use pdm::hash::Hash;
use pdm::nets::{self, Net};
use pdm::{abi, names};
use std::net::IpAddr;

/// From where, on which virtual servers, and with which password.
pub(crate) struct Entry {
    net: Net,
    ns: Vec<u8>,
    hash: Vec<u8>,
}

impl Entry {
    /// The entry of `line`. A network may hold colons, the rest cannot.
    ///
    /// # Errors
    /// The field, what is wrong, and what would be right.
    pub(crate) fn parse(line: &[u8]) -> Result<Entry, String> {
        if !names::fits_line(line) {
            return Err("CR or NUL in the line".into());
        }
        let mut fields = line.rsplitn(3, |octet| *octet == b':');
        let (hash, ns, net) = match (fields.next(), fields.next(), fields.next()) {
            (Some(hash), Some(ns), Some(net)) => (hash, ns, net),
            _ => return Err("too few fields: network:namespace:hash would be right".into()),
        };
        let net = std::str::from_utf8(net).ok().and_then(nets::parse);
        let net = net.ok_or("network: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32 would be right")?;
        if ns.is_empty() || ns.len() > abi::PDM_USER_MAX {
            return Err("namespace: 1 to 255 octets would be right".into());
        }
        Hash(hash).check().map_err(|why| format!("hash: {why}"))?;
        if !Hash(hash).is_supported() {
            return Err("hash: crypt(3) of this system makes none like this".into());
        }
        let (ns, hash) = (ns.to_vec(), hash.to_vec());
        Ok(Entry { net, ns, hash })
    }

    /// Whether it is about logins from `client` on virtual servers of `ns`.
    pub(crate) fn is_for(&self, client: IpAddr, ns: &[u8]) -> bool {
        nets::holds(&[self.net], client) && (self.ns == b"*" || self.ns == ns)
    }

    /// Whether `password` is its password.
    pub(crate) fn admits(&self, password: &[u8]) -> bool {
        Hash(&self.hash).admits(password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_is_for_its_network_and_namespace_only() {
        let is_for = |line: &str, client: &str, ns: &str| {
            let entry = Entry::parse(line.as_bytes()).unwrap();
            entry.is_for(client.parse().unwrap(), ns.as_bytes())
        };
        assert!(is_for("192.0.2.7:n:!", "192.0.2.7", "n"));
        assert!(!is_for("192.0.2.7:n:!", "192.0.2.7", "m"));
        assert!(!is_for("192.0.2.7:n:!", "192.0.2.8", "n"));
        assert!(is_for("192.0.2.0/24:*:!", "::ffff:192.0.2.8", "m"));
        assert!(is_for("2001:db8::/32:*:!", "2001:db8::1", "m"));
        assert!(!is_for("2001:db8::/32:*:!", "2001:db9::1", "m"));
        assert!(is_for("::1:n:!", "::1", "n"));
    }

    #[test]
    fn a_line_is_wrong_for_one_reason_at_a_time() {
        for (line, expected) in [
            ("192.0.2.7:n", "too few fields"),
            ("*:n:!", "network"),
            ("192.0.2.7/24:n:!", "network"),
            ("host:n:!", "network"),
            (":n:!", "network"),
            ("192.0.2.7::!", "namespace"),
            ("192.0.2.7:n:", "hash: a crypt(3)"),
            ("192.0.2.7:n:secret", "hash: a crypt(3)"),
            ("192.0.2.7:n:$99$x$y", "hash: crypt(3) of this system"),
            ("192.0.2.7:n:!\r", "CR or NUL"),
            ("\u{e4}:n:!", "network"),
        ] {
            let why = Entry::parse(line.as_bytes()).err().unwrap();
            assert!(why.starts_with(expected), "{line}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_strange_to_be_judged(line: Vec<u8>, tail in ":[!-~]{0,9}:[!-~]{0,9}") {
            let _ = Entry::parse(&line);
            let _ = Entry::parse(&[&line[..], tail.as_bytes()].concat());
        }
    }
}
