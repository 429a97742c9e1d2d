use super::*;
use crate::base::clock::now;
use crate::net::stream::tests::pair;
use crate::net::wait::Alone;
use proptest::prelude::*;
use std::io::Write;

fn proxied(client: &str, server: &str) -> Header {
    let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
    Header::Proxied { client, server }
}

/// Version 2 as a balancer builds it.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn v4_body() -> Vec<u8> {
    [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0, 110].to_vec()
}

/// A header in each form, and whom it names.
fn headers() -> Vec<(Vec<u8>, Header)> {
    let v4 = proxied("192.0.2.7:4660", "198.51.100.1:110");
    let v6 = proxied("[2001:db8::7]:4660", "[2001:db8::1]:110");
    let longest = format!(
        "PROXY UNKNOWN {} {} 65535 65535\r\n",
        "f".repeat(39),
        "f".repeat(39)
    );
    assert_eq!(longest.len(), V1_MAX);
    let mut v6_body = Vec::new();
    for ip in ["2001:db8::7", "2001:db8::1"] {
        v6_body.extend_from_slice(&ip.parse::<Ipv6Addr>().unwrap().octets());
    }
    v6_body.extend_from_slice(&[0x12, 0x34, 0, 110]);
    let items = [v4_body(), b"\x04\x00\x03abc".to_vec(), vec![0; 4000]].concat();
    let text = |line: &str| line.as_bytes().to_vec();
    vec![
        (text("PROXY TCP4 192.0.2.7 198.51.100.1 4660 110\r\n"), v4),
        (text("PROXY TCP6 2001:db8::7 2001:db8::1 4660 110\r\n"), v6),
        (text("PROXY UNKNOWN\r\n"), Header::Local),
        (text(&longest), Header::Local),
        (v2(0x21, 0x11, &v4_body()), v4),
        (v2(0x21, 0x21, &v6_body), v6),
        (v2(0x21, 0x11, &items), v4),
        (v2(0x20, 0x00, &[]), Header::Local),
        (v2(0x20, 0x11, &v4_body()), Header::Local),
        (v2(0x21, 0x00, b"\x04\x00\x01x"), Header::Local),
        (v2(0x21, 0x31, &[b'/'; 216]), Header::Local),
        (v2(0x21, 0x12, &v4_body()), Header::Local),
    ]
}

#[test]
fn every_form_of_header_ends_where_it_ends_and_nowhere_before() {
    for (bytes, header) in headers() {
        let behind = [&bytes[..], b"USER joe\r\n\0"].concat();
        for (seen, what) in [(&bytes, "alone"), (&behind, "with more behind it")] {
            assert_eq!(parse(seen), Parsed::Whole(bytes.len(), header), "{what}");
        }
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len]), Parsed::More, "{len} of {header:?}");
        }
    }
}

#[test]
fn what_is_no_header_is_known_by_its_first_wrong_octet() {
    for bad in [
        "USER joe\r\n",
        "proxy TCP4",
        "PROXY\r\n",
        "\r\n\r\n\0\rX",
        "\x16\x03\x01",
        "\n",
    ] {
        assert!(matches!(parse(bad.as_bytes()), Parsed::Bad(_)), "{bad:?}");
    }
}

#[test]
fn a_line_that_is_not_to_the_letter_is_refused() {
    for bad in [
        "TCP4 192.0.2.7 198.51.100.1 4660 110\n",
        "TCP4 192.0.2.7 198.51.100.1 4660\r\n",
        "TCP4 192.0.2.7 198.51.100.1 4660 110 1\r\n",
        "TCP4  192.0.2.7 198.51.100.1 4660 110\r\n",
        "TCP4 192.0.2.7 198.51.100.1 4660 65536\r\n",
        "TCP4 192.0.2.7 198.51.100.1 +466 110\r\n",
        "TCP4 192.0.2.7 198.51.100.1 0466 110\r\n",
        "TCP4 192.0.2.7 198.51.100.1  110\r\n",
        "TCP4 192.0.2.07 198.51.100.1 4660 110\r\n",
        "TCP4 192.0.2.256 198.51.100.1 4660 110\r\n",
        "TCP4 2001:db8::7 2001:db8::1 4660 110\r\n",
        "TCP6 192.0.2.7 198.51.100.1 4660 110\r\n",
        "TCP6 2001:db8::7 192.0.2.1 4660 110\r\n",
        "UDP4 192.0.2.7 198.51.100.1 4660 110\r\n",
        "unknown\r\n",
        "\r\n",
        "TCP4 \u{e4} 198.51.100.1 4660 110\r\n",
    ] {
        let line = format!("PROXY {bad}");
        assert!(matches!(parse(line.as_bytes()), Parsed::Bad(_)), "{bad:?}");
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(parse(&long.as_bytes()[..106]), Parsed::More);
    assert!(matches!(parse(long.as_bytes()), Parsed::Bad(_)));
}

#[test]
fn a_binary_header_that_breaks_a_rule_is_refused() {
    for bad in [
        v2(0x11, 0x11, &v4_body()),
        v2(0x31, 0x11, &v4_body()),
        v2(0x22, 0x11, &v4_body()),
        v2(0x21, 0x11, &v4_body()[..11]),
        v2(0x21, 0x21, &v4_body()),
        v2(0x21, 0x41, &v4_body()),
        v2(0x21, 0x13, &v4_body()),
        v2(0x21, 0x11, &[0; V2_MAX - V2_HEAD + 1]),
    ] {
        assert!(matches!(parse(&bad), Parsed::Bad(_)), "{:?}", &bad[12..16]);
    }
}

#[test]
fn a_reader_takes_the_header_and_not_an_octet_more() {
    let alone = Alone::new().unwrap();
    let soon = || now() + 5000;
    for (bytes, header) in headers() {
        for step in [1, 20, 5000] {
            let (mut ours, mut theirs) = pair();
            let sent = [&bytes[..], b"CAPA\r\n"].concat();
            let client = std::thread::spawn(move || {
                for piece in sent.chunks(step.max(sent.len() / 50)) {
                    theirs.write_all(piece).unwrap();
                    std::thread::yield_now();
                }
                theirs
            });
            assert_eq!(read(&mut ours, &alone, &soon).unwrap(), header);
            let (mut buf, mut len) = ([0; 16], 0);
            while len < 6 {
                len += ours.read(&mut buf[len..], &alone, &soon).unwrap();
            }
            assert_eq!(&buf[..len], b"CAPA\r\n");
            client.join().unwrap();
        }
    }
}

#[test]
fn a_reader_waits_no_longer_than_it_may() {
    let alone = Alone::new().unwrap();
    let (mut ours, mut theirs) = pair();
    theirs.write_all(b"PROXY TCP4 ").unwrap();
    let until = now() + 50;
    let broken = read(&mut ours, &alone, &|| until);
    assert!(matches!(broken, Err(Broken::Timeout)));
    for (sent, kind) in [
        (b"".as_slice(), ErrorKind::UnexpectedEof),
        (b"PROXY ", ErrorKind::InvalidData),
        (b"USER joe\r\n", ErrorKind::InvalidData),
    ] {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(sent).unwrap();
        drop(theirs);
        let broken = read(&mut ours, &alone, &|| now() + 5000);
        assert!(matches!(broken, Err(Broken::Io(why)) if why.kind() == kind));
    }
}

#[test]
fn a_header_of_ours_is_what_a_balancer_would_send() {
    let v4 = proxied("192.0.2.7:4660", "198.51.100.1:110");
    let line = "PROXY TCP4 192.0.2.7 198.51.100.1 4660 110\r\n";
    assert_eq!(v4.encode(Version::V1), line.as_bytes());
    assert_eq!(v4.encode(Version::V2), v2(0x21, 0x11, &v4_body()));
    assert_eq!(Header::Local.encode(Version::V1), b"PROXY UNKNOWN\r\n");
    assert_eq!(Header::Local.encode(Version::V2), v2(0x20, 0x00, &[]));
    let mixed = proxied("192.0.2.7:1", "[2001:db8::1]:110").encode(Version::V1);
    let line = "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 110\r\n";
    assert_eq!(mixed, line.as_bytes());
}

proptest! {
    #[test]
    fn what_we_write_we_read(
        client: std::net::SocketAddr,
        server: std::net::SocketAddr,
        local in any::<bool>(),
        version in proptest::sample::select(vec![Version::V1, Version::V2]),
    ) {
        // Neither form has room for a scope or a flow.
        let plain = |at: SocketAddr| SocketAddr::new(at.ip(), at.port());
        let (client, server) = alike(plain(client), plain(server));
        let header = if local { Header::Local } else { Header::Proxied { client, server } };
        let bytes = header.encode(version);
        prop_assert!(bytes.len() <= V1_MAX);
        prop_assert_eq!(parse(&bytes), Parsed::Whole(bytes.len(), header));
        let behind = [&bytes[..], b"USER joe\r\n"].concat();
        prop_assert_eq!(parse(&behind), Parsed::Whole(bytes.len(), header));
    }

    #[test]
    fn no_octets_are_too_hostile(bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0usize..3) {
        let begin = [&b""[..], b"PROXY ", &SIGNATURE][which];
        let bytes = [begin, &bytes[..]].concat();
        if let Parsed::Whole(end, _) = parse(&bytes) {
            prop_assert!(end <= bytes.len());
        }
    }

    #[test]
    fn an_address_comes_back_from_a_line(client: std::net::Ipv6Addr, server: std::net::Ipv6Addr, ports: (u16, u16)) {
        let line = format!("PROXY TCP6 {client} {server} {} {}\r\n", ports.0, ports.1);
        let client = SocketAddr::new(client.into(), ports.0);
        let server = SocketAddr::new(server.into(), ports.1);
        prop_assert!(line.len() <= V1_MAX);
        prop_assert_eq!(
            parse(line.as_bytes()),
            Parsed::Whole(line.len(), Header::Proxied { client, server })
        );
    }
}
