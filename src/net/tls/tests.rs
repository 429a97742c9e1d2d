//! Tests of TLS, against OpenSSL's own client.

use super::*;
use crate::base::clock::now;
use crate::net::stream::tests::pair as sockets;
use crate::net::wait::{Alone, Stop, Watch};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::SslConnector;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};
use std::net::TcpStream;
use std::thread::spawn;

pub(crate) fn ec() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn rsa() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// Certificate, by itself, and key in PEM.
pub(crate) fn pem(name: &str, key: &PKey<Private>, days: (i32, i32)) -> (Vec<u8>, Vec<u8>) {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut cert = X509::builder().unwrap();
    let day = |n: i32| Asn1Time::from_unix(1_700_000_000 + i64::from(n) * 86_400).unwrap();
    let from_now = |n: i32| match n {
        0.. => Asn1Time::days_from_now(n as u32).unwrap(),
        _ => day(n),
    };
    cert.set_version(2).unwrap();
    cert.set_subject_name(&subject).unwrap();
    cert.set_issuer_name(&subject).unwrap();
    cert.set_pubkey(key).unwrap();
    cert.set_not_before(&from_now(days.0)).unwrap();
    cert.set_not_after(&from_now(days.1)).unwrap();
    let serial = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    cert.set_serial_number(&serial).unwrap();
    let context = cert.x509v3_context(None, None);
    let names = SubjectAlternativeName::new().dns(name).build(&context);
    cert.append_extension(names.unwrap()).unwrap();
    cert.sign(key, MessageDigest::sha256()).unwrap();
    let key = key.private_key_to_pem_pkcs8().unwrap();
    (cert.build().to_pem().unwrap(), key)
}

fn of(name: &str, key: &PKey<Private>) -> Pair {
    let (cert, key) = pem(name, key, (-1, 30));
    Pair::parse(&cert, &key).unwrap()
}

/// A client that trusts everybody, behind its handshake.
fn dial(socket: TcpStream) -> SslStream<TcpStream> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    let ssl = builder.build().configure().unwrap();
    ssl.verify_hostname(false).connect("a", socket).unwrap()
}

pub(crate) const POLICY: Policy<'_> = Policy {
    lowest: 0,
    ciphers: "",
};

pub(crate) fn offer(pairs: Vec<Pair>) -> Offer<'static> {
    Offer {
        policy: POLICY,
        pairs,
        names: Vec::new(),
        client_ca: None,
        strict: false,
        resumes: true,
        id: [1; 32],
    }
}

fn keys(n: u8) -> ticket::Key {
    ticket::Key {
        name: [n; 16],
        cipher: [n; 32],
        mac: [n; 32],
    }
}

fn both(current: u8, previous: u8) -> Option<Keys> {
    let (current, previous) = (keys(current), keys(previous));
    Some(Keys { current, previous })
}

/// What a client saw: whose certificate, what key, which protocol.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    subject: String,
    key: String,
    alpn: Vec<u8>,
}

/// How it comes.
#[derive(Clone, Default)]
struct Visit {
    name: &'static str,
    version: Option<SslVersion>,
    ciphers: &'static str,
    alpn: &'static [u8],
}

/// Shakes hands, reads a line, says a long one.
fn client(socket: TcpStream, visit: Visit) -> Result<Seen, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_max_proto_version(visit.version).unwrap();
    if !visit.ciphers.is_empty() {
        builder.set_cipher_list(visit.ciphers).unwrap();
    }
    if !visit.alpn.is_empty() {
        builder.set_alpn_protos(visit.alpn).unwrap();
    }
    let mut ssl = builder.build().configure().unwrap();
    ssl.set_verify_hostname(false);
    ssl.set_use_server_name_indication(!visit.name.is_empty());
    let mut tls = ssl
        .connect(visit.name, socket)
        .map_err(|why| why.to_string())?;
    let mut line = [0; 7];
    io::Read::read_exact(&mut tls, &mut line).map_err(|why| why.to_string())?;
    io::Write::write_all(&mut tls, &[b'x'; 40_000]).unwrap();
    tls.shutdown().unwrap();
    let ssl = tls.ssl();
    let cert = ssl.peer_certificate().unwrap();
    Ok(Seen {
        subject: common_name(cert.subject_name()),
        key: format!("{:?}", cert.public_key().unwrap().id()),
        alpn: ssl.selected_alpn_protocol().unwrap_or_default().to_vec(),
    })
}

fn common_name(name: &openssl::x509::X509NameRef) -> String {
    let entry = name.entries_by_nid(Nid::COMMONNAME).next().unwrap();
    String::from_utf8_lossy(entry.data().as_slice()).into()
}

/// Serves one visit; what both sides saw of it.
fn visit(acceptor: &Acceptor, visit: Visit) -> (Result<String, String>, Result<Seen, String>) {
    let (ours, theirs) = sockets();
    let other = spawn(move || client(theirs, visit));
    let (alone, until) = (Alone::new().unwrap(), now() + 10_000);
    let soon = || until;
    let serve = |mut stream: Stream| {
        stream.write_all(b"hello\r\n", &alone, &soon).unwrap();
        let (mut got, mut buf) = (0, [0; 1000]);
        while let count @ 1.. = stream.read(&mut buf, &alone, &soon).unwrap() {
            got += count;
        }
        stream.finish();
        assert_eq!((got, stream.received, stream.sent), (40_000, 40_000, 7));
        stream.channel().unwrap().name()
    };
    let mut ours = ours;
    let shaken = acceptor.accept(&mut ours, both(1, 2), &alone, &soon);
    let ours = match shaken {
        Ok(()) => Ok(serve(ours)),
        Err(why) => {
            drop(ours);
            Err(why.to_string())
        }
    };
    (ours, other.join().unwrap())
}

#[test]
fn both_versions_and_both_kinds_of_keys_are_served() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec()), of("a", &rsa())])).unwrap();
    let with = |version, ciphers| Visit {
        version: Some(version),
        ciphers,
        ..Visit::default()
    };
    let (ours, theirs) = visit(&acceptor, with(SslVersion::TLS1_3, ""));
    assert!(ours.unwrap().starts_with("TLSv1.3/TLS_"));
    assert_eq!(theirs.unwrap().subject, "a");
    for (ciphers, key) in [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", Id::EC),
        ("ECDHE-RSA-AES128-GCM-SHA256", Id::RSA),
    ] {
        let (ours, theirs) = visit(&acceptor, with(SslVersion::TLS1_2, ciphers));
        assert_eq!(ours.unwrap(), format!("TLSv1.2/{ciphers}"));
        assert_eq!(theirs.unwrap().key, format!("{key:?}"));
    }
}

#[test]
fn what_rfc_9325_warns_of_is_refused() {
    let acceptor = Acceptor::new(offer(vec![of("a", &rsa())])).unwrap();
    for (version, ciphers) in [
        (SslVersion::TLS1_1, "DEFAULT@SECLEVEL=0"),
        (SslVersion::TLS1_2, "AES128-GCM-SHA256"),
        (SslVersion::TLS1_2, "ECDHE-RSA-AES128-SHA"),
    ] {
        let (ours, theirs) = visit(
            &acceptor,
            Visit {
                version: Some(version),
                ciphers,
                ..Visit::default()
            },
        );
        assert!(ours.is_err() && theirs.is_err(), "{ciphers}: {ours:?}");
    }
}

#[test]
fn a_client_gets_the_certificate_of_the_name_it_asks_for() {
    let mut offer = offer(vec![of("default", &ec())]);
    for name in ["mail.example.org", "*.example.net"] {
        offer.names.push((name.into(), vec![of(name, &ec())]));
    }
    let acceptor = Acceptor::new(offer).unwrap();
    for (name, subject) in [
        ("MAIL.example.org", "mail.example.org"),
        ("pop.example.net", "*.example.net"),
        ("a.pop.example.net", "default"),
        ("other.example.com", "default"),
        ("", "default"),
    ] {
        let (_, theirs) = visit(
            &acceptor,
            Visit {
                name,
                ..Visit::default()
            },
        );
        assert_eq!(theirs.unwrap().subject, subject, "{name}");
    }
}

#[test]
fn of_protocols_pop3_is_the_only_one() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec())])).unwrap();
    let with = |alpn| Visit {
        alpn,
        ..Visit::default()
    };
    let (_, theirs) = visit(&acceptor, with(b"\x04imap\x04pop3"));
    assert_eq!(theirs.unwrap().alpn, b"pop3");
    let (ours, theirs) = visit(&acceptor, with(b"\x08http/1.1"));
    assert!(ours.is_err() && theirs.is_err());
}

#[test]
fn a_client_that_speaks_no_tls_is_refused_and_a_silent_one_waited_for() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec())])).unwrap();
    let (alone, until) = (Alone::new().unwrap(), now() + 10_000);
    let (mut ours, mut theirs) = sockets();
    io::Write::write_all(&mut theirs, b"USER joe\r\n").unwrap();
    let failed = acceptor.accept(&mut ours, None, &alone, &|| until);
    assert!(matches!(failed, Err(Broken::Io(_))));
    let (mut ours, _theirs) = sockets();
    let failed = acceptor.accept(&mut ours, None, &alone, &now);
    assert!(matches!(failed, Err(Broken::Timeout)));
}

#[test]
fn records_that_say_nothing_do_not_outlast_a_deadline() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec())])).unwrap();
    let (alone, until) = (Alone::new().unwrap(), now() + 10_000);
    let (mut ours, theirs) = sockets();
    let other = spawn(move || {
        let mut tls = dial(theirs);
        assert!((0..2000).all(|_| ticket::update_key(tls.ssl())));
        io::Write::write_all(&mut tls, b"QUIT\r\n").unwrap();
        tls
    });
    acceptor.accept(&mut ours, None, &alone, &|| until).unwrap();
    let _open = other.join().unwrap();
    let read = ours.read(&mut [0; 16], &alone, &now);
    assert!(matches!(read, Err(Broken::Timeout)), "{read:?}");
    let read = ours.read(&mut [0; 16], &alone, &|| until);
    assert_eq!(read.unwrap(), 6);
}

/// Stops whoever asks it.
struct Kicked(Alone);

impl Watch for Kicked {
    fn wake_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.wake_fd()
    }

    fn woken(&self) -> Option<Stop> {
        Some(Stop::Kicked)
    }

    fn waiting(&self, _: crate::base::clock::Ms) {}
}

#[test]
fn who_always_has_more_to_say_can_be_stopped() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec())])).unwrap();
    let (alone, until) = (Alone::new().unwrap(), now() + 10_000);
    let (mut ours, theirs) = sockets();
    let other = spawn(move || {
        let mut tls = dial(theirs);
        (0..9).for_each(|_| io::Write::write_all(&mut tls, b"NOOP\r\n").unwrap());
        tls
    });
    acceptor.accept(&mut ours, None, &alone, &|| until).unwrap();
    let _open = other.join().unwrap();
    let read = ours.read(&mut [0; 16], &alone, &|| until);
    assert_eq!((read.unwrap(), ours.holds()), (6, true));
    let read = ours.read(&mut [0; 16], &Kicked(alone), &|| until);
    assert!(matches!(read, Err(Broken::Stop(Stop::Kicked))), "{read:?}");
}

#[test]
fn a_pair_must_be_one_and_tells_about_itself() {
    let (key, other) = (ec(), ec());
    let (cert, own) = pem("mail.example.org", &key, (-1, 30));
    let (_, foreign) = pem("x", &other, (-1, 30));
    let error = |cert: &[u8], key: &[u8]| Pair::parse(cert, key).err().unwrap();
    assert!(error(&cert, &foreign).contains("does not belong"));
    assert!(error(b"nothing", &own).contains("no certificate"));
    assert!(error(&cert, b"nothing").contains("the key cannot be read"));
    let about = Pair::parse(&cert, &own).unwrap().about();
    assert_eq!(about.names, ["mail.example.org"]);
    assert_eq!(about.key, "EC-256");
    let at = |day: i64| 1_700_000_000 + day * 86_400;
    assert_eq!(about.good.0, at(-1));
    let (cert, own) = pem("old", &key, (-9, -5));
    let about = Pair::parse(&cert, &own).unwrap().about();
    assert_eq!(about.good, (at(-9), at(-5)));
}

#[test]
fn a_subject_is_written_so_that_no_other_is_written_alike() {
    let of = |entries: &[(&str, &str)]| {
        let mut name = X509NameBuilder::new().unwrap();
        for (key, value) in entries {
            name.append_entry_by_text(key, value).unwrap();
        }
        let subject = pair::Subject::of(&name.build());
        (String::from_utf8(subject.text).unwrap(), subject.name)
    };
    let joe = Some(b"joe".to_vec());
    assert_eq!(
        of(&[("O", "Example"), ("CN", "joe")]),
        ("CN=joe,O=Example".into(), joe)
    );
    assert_eq!(of(&[("CN", "joe,O=Example")]).0, "CN=joe\\,O\u{3d}Example");
    assert_eq!(of(&[("CN", "a\nb")]).0, "CN=a\\0Ab");
    assert_eq!(
        of(&[("CN", "joe"), ("CN", "root")]).1,
        None,
        "two names are none"
    );
    assert_eq!(of(&[("O", "Example")]).1, None);
}

proptest::proptest! {
    #[test]
    fn no_octets_make_the_reader_of_keys_stumble(
        cert in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        proptest::prop_assert!(Pair::parse(&cert, &cert).is_err());
    }
}

#[test]
fn the_last_words_end_with_a_good_bye_of_tls_too() {
    let acceptor = Acceptor::new(offer(vec![of("a", &ec())])).unwrap();
    let (alone, until) = (Alone::new().unwrap(), now() + 10_000);
    for words in [&b"+OK good bye\r\n"[..], &[b'x'; 100_000]] {
        let (mut ours, theirs) = sockets();
        let other = spawn(move || {
            let mut tls = dial(theirs);
            let mut text = Vec::new();
            // Without it this would be an error: the end might be anybody's.
            io::Read::read_to_end(&mut tls, &mut text).map(|_| text)
        });
        acceptor.accept(&mut ours, None, &alone, &|| until).unwrap();
        ours.write_last(words, &alone, &|| until).unwrap();
        assert!(other.join().unwrap().unwrap() == words);
    }
}
