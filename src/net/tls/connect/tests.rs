//! Tests of the client's side, against our own server's.

use std::net::TcpStream;
use std::thread::spawn;

use super::*;
use crate::base::clock::now;
use crate::net::pump::pump;
use crate::net::pump::tests::Blind;
use crate::net::stream::tests::pair as sockets;
use crate::net::tls::tests::{POLICY, ec, offer, pem};
use crate::net::tls::{Acceptor, Offer};
use crate::net::wait::Alone;

/// A server for this name, and a client that trusts it.
pub(crate) fn acquainted(name: &str) -> (Acceptor, Connector) {
    let (cert, key) = pem(name, &ec(), (-1, 30));
    let (server, client) = (serving(&cert, &key), trusting(&cert));
    (server.unwrap(), client)
}

fn serving(cert: &[u8], key: &[u8]) -> Result<Acceptor, String> {
    Acceptor::new(Offer {
        resumes: false,
        ..offer(vec![Pair::parse(cert, key)?])
    })
}

fn demand(ca: &[u8]) -> Demand<'_> {
    Demand {
        policy: POLICY,
        ca: Some(ca),
        pairs: Vec::new(),
    }
}

fn trusting(ca: &[u8]) -> Connector {
    Connector::new(&demand(ca)).unwrap()
}

fn soon() -> impl Fn() -> u64 {
    let until = now() + 20_000;
    move || until
}

/// Connects to a server; what both sides have to say of it.
fn meet(
    acceptor: Acceptor,
    connector: &Connector,
    name: &str,
) -> (Result<(), String>, Result<(), String>) {
    let (mut ours, theirs) = sockets();
    let server = spawn(move || {
        let mut stream = Stream::from(theirs);
        let alone = Alone::new().unwrap();
        acceptor
            .accept(&mut stream, None, &alone, &soon())
            .map_err(|why| why.to_string())?;
        // A client of TLS 1.3 learns only now whether its certificate was taken.
        let _ = stream.write_all(b"+", &alone, &soon());
        Ok(())
    });
    let alone = Alone::new().unwrap();
    let mut shaken = connector.connect(&mut ours, name, &alone, &soon());
    if shaken.is_ok() {
        shaken = ours.read(&mut [0; 1], &alone, &soon()).map(|_| ());
    }
    drop(ours);
    (
        shaken.map_err(|why| why.to_string()),
        server.join().unwrap(),
    )
}

#[test]
fn a_server_must_show_that_it_is_the_one_and_the_error_says_why_it_is_not() {
    let (cert, key) = pem("b1.example.org", &ec(), (-1, 30));
    let (other, _) = pem("b1.example.org", &ec(), (-1, 30));
    let (old, old_key) = pem("b1.example.org", &ec(), (-9, -5));
    let (early, early_key) = pem("b1.example.org", &ec(), (3, 30));
    let refuses = |(cert, key): (&[u8], &[u8]), ca, name| {
        let met = meet(serving(cert, key).unwrap(), &trusting(ca), name);
        (met.0.unwrap_err(), met.1.is_err())
    };
    for name in ["b1.example.org", "B1.EXAMPLE.ORG."] {
        let met = meet(serving(&cert, &key).unwrap(), &trusting(&cert), name);
        assert_eq!(met, (Ok(()), Ok(())));
    }
    let why = |text: &str| (text.to_string(), true);
    for name in ["b2.example.org", "127.0.0.1", "::1", "example.org"] {
        let refusal = refuses((&cert, &key), &cert, name);
        assert_eq!(refusal, why("the certificate is for another name"));
    }
    let name = "b1.example.org";
    let refusal = refuses((&cert, &key), &other, name);
    assert_eq!(refusal, why("the certificate is from an unknown authority"));
    let refusal = refuses((&old, &old_key), &old, name);
    assert_eq!(refusal, why("the certificate has expired"));
    let refusal = refuses((&early, &early_key), &early, name);
    assert_eq!(refusal, why("the certificate is not valid yet"));
}

#[test]
fn whom_the_system_does_not_know_is_not_trusted() {
    let (cert, key) = pem("b1.example.org", &ec(), (-1, 30));
    let connector = Connector::new(&Demand {
        ca: None,
        ..demand(b"")
    });
    let met = meet(
        serving(&cert, &key).unwrap(),
        &connector.unwrap(),
        "b1.example.org",
    );
    assert_eq!(
        met.0.unwrap_err(),
        "the certificate is from an unknown authority"
    );
}

#[test]
fn a_server_can_demand_a_certificate_of_its_client() {
    let (cert, key) = pem("b1.example.org", &ec(), (-1, 30));
    let (own, own_key) = pem("proxy", &ec(), (-1, 30));
    let (foreign, foreign_key) = pem("proxy", &ec(), (-1, 30));
    for (shown, taken) in [
        (Some((&own, &own_key)), None),
        (
            Some((&foreign, &foreign_key)),
            Some("the certificate is from an unknown authority"),
        ),
        (None, Some("peer did not return a certificate")),
    ] {
        let pairs = shown.map(|(cert, key)| Pair::parse(cert, key).unwrap());
        let connector = Connector::new(&Demand {
            pairs: pairs.into_iter().collect(),
            ..demand(&cert)
        });
        let acceptor = Acceptor::new(Offer {
            client_ca: Some(&own),
            strict: true,
            resumes: false,
            ..offer(vec![Pair::parse(&cert, &key).unwrap()])
        });
        let met = meet(acceptor.unwrap(), &connector.unwrap(), "b1.example.org");
        assert_eq!(met.1.err().as_deref(), taken);
        assert_eq!(met.0.is_err(), taken.is_some());
    }
}

#[test]
fn what_a_client_holds_of_versions_and_ciphers_is_its_own() {
    let (cert, key) = pem("b1.example.org", &ec(), (-1, 30));
    let policy = Policy {
        lowest: 1,
        ciphers: "",
    };
    let modern = Connector::new(&Demand {
        policy,
        ..demand(&cert)
    });
    let old = |ciphers| {
        let policy = Policy { lowest: 0, ciphers };
        let pair = Pair::parse(&cert, &key).unwrap();
        let mut context = policy.context(SslMethod::tls_server()).unwrap();
        pair.install(&mut context).unwrap();
        let version = openssl::ssl::SslVersion::TLS1_2;
        context.set_max_proto_version(Some(version)).unwrap();
        Acceptor {
            context: context.build(),
        }
    };
    let name = "b1.example.org";
    assert!(meet(old(""), &modern.unwrap(), name).0.is_err());
    assert!(meet(old(""), &trusting(&cert), name).0.is_ok());
    let weak = old("ECDHE-ECDSA-AES128-SHA");
    assert!(meet(weak, &trusting(&cert), name).0.is_err());
}

/// Gets TLS around a socket, on the side that `secure` makes, or leaves it.
type Secured = Box<dyn FnOnce(TcpStream) -> Stream + Send>;

fn plainly() -> Secured {
    Box::new(Stream::from)
}

const NAME: &str = "b1.example.org";

fn server_side(acceptor: Acceptor) -> Secured {
    Box::new(move |socket| {
        let (mut stream, alone) = (Stream::from(socket), Alone::new().unwrap());
        acceptor.accept(&mut stream, None, &alone, &soon()).unwrap();
        stream
    })
}

fn client_side(connector: Connector) -> Secured {
    Box::new(move |socket| {
        let (mut stream, alone) = (Stream::from(socket), Alone::new().unwrap());
        connector
            .connect(&mut stream, NAME, &alone, &soon())
            .unwrap();
        stream
    })
}

/// Reads all, slowly, in small pieces; how much, and whether it is what was sent.
fn drain(stream: &mut Stream, alone: &Alone) -> (usize, bool) {
    let (mut got, mut right, mut buf) = (0, true, [0; 700]);
    while let count @ 1.. = stream.read(&mut buf, alone, &soon()).unwrap() {
        right &= (got..).zip(&buf[..count]).all(|(at, &o)| o == octet(at));
        got += count;
    }
    (got, right)
}

fn octet(at: usize) -> u8 {
    (at % 251) as u8
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(octet).collect()
}

const MAIL: usize = 5_000_000;

#[test]
fn a_relay_carries_large_messages_both_ways_with_tls_on_either_side_or_both() {
    for (front, back) in [(true, false), (false, true), (true, true)] {
        let (at_client, outside) = sockets();
        let (at_backend, inside) = sockets();
        let (front_server, front_client) = acquainted(NAME);
        let (back_server, back_client) = acquainted(NAME);
        let either = |on: bool, tls: Secured| if on { tls } else { plainly() };
        let user = either(front, client_side(front_client));
        let backend = either(back, server_side(back_server));
        let user = spawn(move || {
            let (mut stream, alone) = (user(outside), Alone::new().unwrap());
            let sent = stream.write_all(&message(MAIL), &alone, &soon());
            sent.unwrap();
            stream.finish();
            drain(&mut stream, &alone)
        });
        let server = spawn(move || {
            let (mut stream, alone) = (backend(inside), Alone::new().unwrap());
            let heard = drain(&mut stream, &alone);
            stream.write_all(&message(MAIL), &alone, &soon()).unwrap();
            stream.finish();
            heard
        });
        let alone = Alone::new().unwrap();
        let (mut client, mut backend) = (at_client, at_backend);
        if front {
            let shaken = front_server.accept(&mut client, None, &alone, &soon());
            shaken.unwrap();
        }
        if back {
            let shaken = back_client.connect(&mut backend, NAME, &alone, &soon());
            shaken.unwrap();
        }
        pump(&mut client, &mut backend, &alone, &|_| 20_000, &mut Blind).unwrap();
        drop((client, backend));
        assert_eq!(server.join().unwrap(), (MAIL, true), "{front} {back}");
        assert_eq!(user.join().unwrap(), (MAIL, true), "{front} {back}");
    }
}
