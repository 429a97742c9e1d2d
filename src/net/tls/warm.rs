//! Handshakes that a pool makes with itself before it forks, so that the
//! tables which OpenSSL builds at first use are built once and shared.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    Ssl, SslContextBuilder, SslContextRef, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;

/// Octets on their way in one direction.
type Pipe = Rc<RefCell<VecDeque<u8>>>;

/// One end of two pipes.
struct End {
    from: Pipe,
    to: Pipe,
}

impl Read for End {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.from.borrow_mut().read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shakes hands with `context` once in each version. What does not work here
/// will be told by the first client.
pub(super) fn warm_up(context: &SslContextRef) {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let visit = || -> Result<(), ErrorStack> {
            let mut client = SslContextBuilder::new(SslMethod::tls_client())?;
            client.set_verify(SslVerifyMode::NONE);
            client.set_max_proto_version(Some(version))?;
            visit(Ssl::new(context)?, Ssl::new(&client.build())?)
        };
        let _ = visit();
    }
}

/// The same for a client's side, with a server that has a key of its own.
pub(super) fn warm_up_client(context: &SslContextRef) {
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let visit = || -> Result<(), ErrorStack> {
            let (cert, key) = passing_key()?;
            let mut server = SslContextBuilder::new(SslMethod::tls_server())?;
            server.set_certificate(&cert)?;
            server.set_private_key(&key)?;
            server.set_max_proto_version(Some(version))?;
            let mut client = Ssl::new(context)?;
            client.set_verify(SslVerifyMode::NONE);
            visit(Ssl::new(&server.build())?, client)
        };
        let _ = visit();
    }
}

/// A key that nobody will ever trust.
fn passing_key() -> Result<(X509, PKey<Private>), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut cert = X509::builder()?;
    cert.set_pubkey(&key)?;
    let (begin, end) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(1)?);
    cert.set_not_before(&begin)?;
    cert.set_not_after(&end)?;
    cert.sign(&key, MessageDigest::sha256())?;
    Ok((cert.build(), key))
}

fn visit(server: Ssl, client: Ssl) -> Result<(), ErrorStack> {
    let (there, back) = (Pipe::default(), Pipe::default());
    let (from, to) = (there.clone(), back.clone());
    let mut server = SslStream::new(server, End { from, to })?;
    let (from, to) = (back, there);
    let mut client = SslStream::new(client, End { from, to })?;
    // Three turns are enough for either version.
    for _ in 0..4 {
        let _ = (client.connect(), server.accept());
    }
    let mut buf = [0; 16];
    let _ = (server.ssl_write(b"+OK\r\n"), client.ssl_read(&mut buf));
    let _ = (client.ssl_write(b"QUIT\r\n"), server.ssl_read(&mut buf));
    Ok(())
}
