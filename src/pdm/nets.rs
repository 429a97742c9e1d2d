//! Networks in CIDR notation, and lists of them.

use std::net::IpAddr;

/// One network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// As 128 bits, IPv4 in its mapped form.
    bits: u128,
    /// How many leading bits count, of 128.
    len: u32,
}

/// An address as 128 bits, IPv4 in its mapped form.
pub fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

impl Net {
    /// Its bits and the mask of those that count, as [`bits`] has them.
    pub fn parts(self) -> (u128, u128) {
        (self.bits, mask(self.len))
    }
}

fn mask(len: u32) -> u128 {
    u128::MAX.checked_shl(128 - len).unwrap_or(0)
}

/// `ADDRESS` or `ADDRESS/BITS`. Bits behind the prefix must be zero, since
/// `10.0.0.1/8` is more likely a slip than a wish.
pub fn parse(text: &str) -> Option<Net> {
    let (ip, len) = match text.split_once('/') {
        Some((ip, len)) if len.bytes().all(|b| b.is_ascii_digit()) => {
            (ip, Some(len.parse::<u32>().ok()?))
        }
        Some(_) => return None,
        None => (text, None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let len = len.unwrap_or(width);
    if len > width {
        return None;
    }
    let net = Net {
        bits: bits(ip),
        len: len + 128 - width,
    };
    (net.bits & !mask(net.len) == 0).then_some(net)
}

/// A list of networks, separated by commas; anything else is left out,
/// since variables check their values when they are set.
pub fn parse_list(text: &str) -> Vec<Net> {
    text.split(',').filter_map(parse).collect()
}

/// Does one of these networks hold `ip`? A mapped IPv4 address counts as IPv4.
pub fn holds(nets: &[Net], ip: IpAddr) -> bool {
    let ip = bits(ip);
    nets.iter().any(|net| (ip ^ net.bits) & mask(net.len) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        let nets = parse_list("192.0.2.0/24,2001:db8::/32,198.51.100.7");
        for (ip, inside) in [
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("::ffff:192.0.2.1", true),
            ("2001:db8:1::", true),
            ("2001:db9::", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
        ] {
            assert_eq!(holds(&nets, ip.parse().unwrap()), inside, "{ip}");
        }
        assert!(holds(
            &parse_list("0.0.0.0/0"),
            "203.0.113.1".parse().unwrap()
        ));
        assert!(!holds(
            &parse_list("0.0.0.0/0"),
            "2001:db8::1".parse().unwrap()
        ));
        assert!(!holds(&[], "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn slips_are_refused() {
        for bad in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
