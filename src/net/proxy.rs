//! The PROXY protocol, versions 1 and 2: what a balancer says of the client it
//! forwards. See proxy-protocol.txt of HAProxy, section 2.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::stream::Stream;
use super::wait::{Broken, Deadline, Watch};

/// Longest header of version 1, its CRLF included.
const V1_MAX: usize = 107;

/// Longest header of version 2 that we take: 16 octets, two addresses, and
/// more items than any balancer has to tell.
const V2_MAX: usize = 4096;

/// How every header of version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Octets in front of the addresses in version 2.
const V2_HEAD: usize = 16;

/// Whom a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The balancer itself: it looks whether we live, or knows no more. The
    /// addresses of the connection hold.
    Local,
    /// A client, and the address to which it connected.
    Proxied {
        client: SocketAddr,
        server: SocketAddr,
    },
}

/// What octets that came are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A header of so many octets.
    Whole(usize, Header),
    /// A header that has not ended.
    More,
    /// No header; why not.
    Bad(&'static str),
}

/// Reads a header, and not an octet of what stands behind it.
///
/// # Errors
/// As for reading; what is no header is an error of the kind `InvalidData`,
/// and an end of file before the first octet `UnexpectedEof`.
#[inline(never)] // its room is not to lie below a session
pub(crate) fn read(
    stream: &mut Stream,
    watch: &dyn Watch,
    deadline: Deadline<'_>,
) -> Result<Header, Broken> {
    let (mut buf, mut len) = ([0; V2_MAX], 0);
    loop {
        let seen = match stream.peek(&mut buf[len..], watch, deadline)? {
            0 if len == 0 => return Err(Error::from(ErrorKind::UnexpectedEof).into()),
            0 => return Err(bad("it ends in the middle of the header")),
            count => len + count,
        };
        let (end, header) = match parse(&buf[..seen]) {
            Parsed::Whole(end, header) => (end, Some(header)),
            Parsed::More => (seen, None),
            Parsed::Bad(why) => return Err(bad(why)),
        };
        while len < end {
            len += match stream.read(&mut buf[len..end], watch, deadline)? {
                0 => return Err(bad("the header vanished")),
                count => count,
            };
        }
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

fn bad(why: &'static str) -> Broken {
    Error::new(ErrorKind::InvalidData, why).into()
}

/// Looks at the first octets of a connection. A header that has not come
/// whole is never longer than what [`read`] has room for.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let begins = |with: &[u8]| {
        let len = bytes.len().min(with.len());
        bytes[..len] == with[..len]
    };
    match () {
        () if begins(&SIGNATURE) => version_2(bytes),
        () if begins(b"PROXY ") => version_1(bytes),
        () => Parsed::Bad("it does not begin with a header"),
    }
}

/// A line of text.
fn version_1(bytes: &[u8]) -> Parsed {
    let head = &bytes[..bytes.len().min(V1_MAX)];
    let Some(end) = head.iter().position(|&octet| octet == b'\n') else {
        return match bytes.len() < V1_MAX {
            true => Parsed::More,
            false => Parsed::Bad("the line is longer than 107 octets"),
        };
    };
    let line = std::str::from_utf8(&head[..end]).ok();
    let header = line
        .and_then(|line| line.strip_suffix('\r')?.strip_prefix("PROXY "))
        .and_then(words);
    match header {
        Some(header) => Parsed::Whole(end + 1, header),
        None => Parsed::Bad("the line is not as it should be"),
    }
}

/// `TCP4 CLIENT SERVER PORT PORT`; behind `UNKNOWN` nothing counts.
fn words(line: &str) -> Option<Header> {
    let words: Vec<_> = line.split(' ').collect();
    let v4 = match words[0] {
        "UNKNOWN" => return Some(Header::Local),
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let [_, client, server, from, to] = words[..] else {
        return None;
    };
    let at = |ip: &str, port: &str| {
        let ip: IpAddr = ip.parse().ok()?;
        let digits = port.bytes().all(|octet| octet.is_ascii_digit());
        let right = ip.is_ipv4() == v4 && digits && (port.len() == 1 || !port.starts_with('0'));
        Some(SocketAddr::new(ip, port.parse().ok().filter(|_| right)?))
    };
    Some(Header::Proxied {
        client: at(client, from)?,
        server: at(server, to)?,
    })
}

/// Signature, version and command, family, length, addresses, items.
fn version_2(bytes: &[u8]) -> Parsed {
    let Some(head) = bytes.get(..V2_HEAD) else {
        return Parsed::More;
    };
    let (version, command) = (head[12] >> 4, head[12] & 15);
    if version != 2 || command > 1 {
        return Parsed::Bad("its version or command is unknown");
    }
    let end = V2_HEAD + usize::from(u16::from_be_bytes([head[14], head[15]]));
    if end > V2_MAX {
        return Parsed::Bad("it is longer than 4096 octets");
    }
    let Some(body) = bytes.get(V2_HEAD..end) else {
        return Parsed::More;
    };
    // TCP over IPv4 and IPv6; what else there is tells us nothing of a client.
    let found = match (command, head[13]) {
        (1, 0x11) => addresses(body, 4),
        (1, 0x21) => addresses(body, 16),
        (_, family) if family >> 4 <= 3 && family & 15 <= 2 => Some(Header::Local),
        _ => None,
    };
    match found {
        Some(header) => Parsed::Whole(end, header),
        None => Parsed::Bad("its addresses are not as they should be"),
    }
}

/// Two addresses of `width` octets each, then two ports; what follows are
/// items of which we need none.
fn addresses(body: &[u8], width: usize) -> Option<Header> {
    let at = |place: usize| {
        let ip = body.get(place * width..(place + 1) * width)?;
        let port = body.get(2 * width + 2 * place..)?.first_chunk::<2>()?;
        let ip = match <[u8; 4]>::try_from(ip) {
            Ok(v4) => IpAddr::from(v4),
            Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?).into(),
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
    };
    Some(Header::Proxied {
        client: at(0)?,
        server: at(1)?,
    })
}

/// Which form of header a server wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Header {
    /// The octets with which a connection is to begin.
    pub(crate) fn encode(self, version: Version) -> Vec<u8> {
        let pair = match self {
            Header::Local => None,
            Header::Proxied { client, server } => Some(alike(client, server)),
        };
        match version {
            Version::V1 => encode_1(pair),
            Version::V2 => encode_2(pair),
        }
    }
}

/// Both in one family, which a header has no other way to say.
fn alike(client: SocketAddr, server: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mapped = |at: SocketAddr| match at.ip() {
        IpAddr::V4(v4) => SocketAddr::new(v4.to_ipv6_mapped().into(), at.port()),
        IpAddr::V6(_) => at,
    };
    match client.is_ipv4() == server.is_ipv4() {
        true => (client, server),
        false => (mapped(client), mapped(server)),
    }
}

fn encode_1(pair: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((client, server)) = pair else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (client.ip(), server.ip());
    let ports = (client.port(), server.port());
    format!("PROXY {family} {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes()
}

fn encode_2(pair: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut body = Vec::with_capacity(36);
    let mut put = |at: SocketAddr| match at.ip() {
        IpAddr::V4(v4) => body.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => body.extend_from_slice(&v6.octets()),
    };
    let (command, family) = match pair {
        None => (0x20, 0x00),
        Some((client, server)) => {
            put(client);
            put(server);
            for port in [client.port(), server.port()] {
                body.extend_from_slice(&port.to_be_bytes());
            }
            (0x21, if client.is_ipv4() { 0x11 } else { 0x21 })
        }
    };
    let mut bytes = SIGNATURE.to_vec();
    // A body is never longer than 36 octets.
    bytes.extend_from_slice(&[command, family, 0, body.len() as u8]);
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests;
