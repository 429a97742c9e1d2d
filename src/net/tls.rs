//! TLS: contexts, made once and shared by all who are forked from their
//! maker, and handshakes that wait as [`super::wait`] does.

use std::collections::HashMap;
use std::io;

use nix::poll::PollFlags;
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, Error, ErrorCode, NameType, SniError, Ssl, SslContext, SslContextBuilder, SslMethod,
    SslMode, SslOptions, SslRef, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
    select_next_proto,
};
use openssl::x509::X509VerifyResult;
use openssl::x509::store::X509StoreBuilder;

use super::raw::Raw;
use super::stream::Stream;
use super::wait::{Broken, Deadline, Watch, wait_one};
use crate::sys::ticket::{self, Keys};

mod below;
pub(crate) mod connect;
pub(crate) mod load;
pub(crate) mod pair;
mod warm;

use below::Below;
use connect::distrust;
use pair::{Pair, Subject, certificates};

/// Names of the versions that may be the lowest; see [`Policy::lowest`].
pub(crate) static VERSIONS: &[&str] = &["1.2", "1.3"];

/// The same where it may be left to somebody else.
pub(crate) static VERSIONS_OR_DEFAULT: &[&str] = &["default", "1.2", "1.3"];

/// For TLS 1.2, after RFC 9325 section 4.2: forward secrecy and AEAD. The
/// processor hashes with SHA-256, which goes with the first, in a fraction of
/// the time.
const CIPHERS: &str = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";

/// For TLS 1.3, all that RFC 8446 asks for, in the same order.
const SUITES: &str = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/// The protocol's name in ALPN (RFC 7301; registered for POP3).
const ALPN: &[u8] = b"\x04pop3";

/// What holds for both sides of every connection.
#[derive(Clone, Copy)]
pub(crate) struct Policy<'p> {
    /// The lowest version: a place in [`VERSIONS`].
    pub(crate) lowest: u64,
    /// Ciphers of TLS 1.2, in OpenSSL's words; none: those of RFC 9325.
    pub(crate) ciphers: &'p str,
}

impl Policy<'_> {
    /// # Errors
    /// The ciphers mean nothing to the library.
    fn context(&self, method: SslMethod) -> Result<SslContextBuilder, String> {
        let build = || -> Result<SslContextBuilder, ErrorStack> {
            let mut builder = SslContextBuilder::new(method)?;
            let lowest = match self.lowest {
                0 => SslVersion::TLS1_2,
                _ => SslVersion::TLS1_3,
            };
            builder.set_min_proto_version(Some(lowest))?;
            builder.set_ciphersuites(SUITES)?;
            builder.set_options(
                SslOptions::NO_RENEGOTIATION
                    | SslOptions::NO_COMPRESSION
                    | SslOptions::CIPHER_SERVER_PREFERENCE
                    | SslOptions::IGNORE_UNEXPECTED_EOF,
            );
            // A buffer that moves between two tries of a write is still the same octets.
            builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
            ticket::one_record_a_read(&mut builder);
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
            Ok(builder)
        };
        let mut builder = build().map_err(|why| reason(&why))?;
        let ciphers = match self.ciphers {
            "" => CIPHERS,
            own => own,
        };
        let set = builder.set_cipher_list(ciphers);
        set.map_err(|why| format!("tlsciphers={ciphers}: {}", reason(&why)))?;
        Ok(builder)
    }
}

/// What a server shows and wants.
pub(crate) struct Offer<'o> {
    pub(crate) policy: Policy<'o>,
    /// For clients that name no server, or none of those below.
    pub(crate) pairs: Vec<Pair>,
    /// More, by the name that the client asks for (RFC 6066 section 3); a
    /// name may begin with `*.`.
    pub(crate) names: Vec<(String, Vec<Pair>)>,
    /// Certificates, in PEM, of those who vouch for clients; none: clients
    /// are not asked for theirs.
    pub(crate) client_ca: Option<&'o [u8]>,
    /// Clients must show one.
    pub(crate) strict: bool,
    /// Sessions can be resumed, by tickets.
    pub(crate) resumes: bool,
    /// What sessions belong to: those of another context are not resumed.
    pub(crate) id: [u8; 32],
}

/// A server's side.
pub(crate) struct Acceptor {
    context: SslContext,
}

impl Acceptor {
    /// # Errors
    /// What does not fit, in a sentence.
    pub(crate) fn new(offer: Offer<'_>) -> Result<Acceptor, String> {
        let mut others = HashMap::new();
        for (name, pairs) in &offer.names {
            let context = server_context(&offer, pairs)?.build();
            others.insert(name.to_ascii_lowercase(), context);
        }
        let mut builder = server_context(&offer, &offer.pairs)?;
        if !others.is_empty() {
            builder.set_servername_callback(move |ssl, _| {
                turn_to(ssl, &others);
                Ok::<(), SniError>(())
            });
        }
        Ok(Acceptor {
            context: builder.build(),
        })
    }

    /// Makes ready, before forking, what is made at first use.
    pub(crate) fn warm_up(&self, keys: Option<Keys>) {
        ticket::hold(keys);
        warm::warm_up(&self.context);
    }

    /// Shakes hands with a client, which may bring a ticket of `keys`.
    ///
    /// # Errors
    /// Deadline, watch, or what went wrong.
    pub(crate) fn accept(
        &self,
        stream: &mut Stream,
        keys: Option<Keys>,
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<(), Broken> {
        ticket::hold(keys);
        stream.secure(|raw| {
            let ssl = Ssl::new(&self.context).map_err(|why| io::Error::other(reason(&why)))?;
            Channel::shake(ssl, raw, SslStream::accept, watch, deadline)
        })
    }
}

fn server_context(offer: &Offer<'_>, pairs: &[Pair]) -> Result<SslContextBuilder, String> {
    let mut builder = offer.policy.context(SslMethod::tls_server())?;
    for pair in pairs {
        pair.install(&mut builder)?;
    }
    if offer.resumes {
        ticket::install(&mut builder).map_err(|why| why.to_string())?;
    } else {
        builder.set_options(SslOptions::NO_TICKET);
    }
    let mut set = || -> Result<(), ErrorStack> {
        builder.set_session_id_context(&offer.id)?;
        // One is enough for a client that comes back.
        builder.set_num_tickets(usize::from(offer.resumes))?;
        builder.set_alpn_select_callback(|_, offered| {
            select_next_proto(ALPN, offered).ok_or(AlpnError::ALERT_FATAL)
        });
        if let Some(pem) = offer.client_ca {
            let mut store = X509StoreBuilder::new()?;
            for ca in certificates(pem)? {
                builder.add_client_ca(&ca)?;
                store.add_cert(ca)?;
            }
            builder.set_verify_cert_store(store.build())?;
            let demand = match offer.strict {
                true => SslVerifyMode::FAIL_IF_NO_PEER_CERT,
                false => SslVerifyMode::empty(),
            };
            builder.set_verify(SslVerifyMode::PEER | demand);
        }
        Ok(())
    };
    set().map_err(|why| reason(&why))?;
    Ok(builder)
}

/// Takes the certificates that the client has asked for.
fn turn_to(ssl: &mut SslRef, others: &HashMap<String, SslContext>) {
    let Some(name) = ssl.servername(NameType::HOST_NAME) else {
        return;
    };
    let name = name.to_ascii_lowercase();
    let wide = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
    let found = others
        .get(&name)
        .or_else(|| wide.and_then(|wide| others.get(&wide)));
    if let Some(context) = found {
        let _ = ssl.set_ssl_context(context);
    }
}

/// TLS around a socket.
#[derive(Debug)]
pub(crate) struct Channel {
    tls: SslStream<Below>,
    /// The last read could not go on before something was written.
    must_write: bool,
}

impl Channel {
    /// Shakes hands.
    fn shake(
        ssl: Ssl,
        raw: Raw,
        step: fn(&mut SslStream<Below>) -> Result<(), Error>,
        watch: &dyn Watch,
        deadline: Deadline<'_>,
    ) -> Result<Channel, Broken> {
        let mut channel = Channel::begin(ssl, raw)?;
        let tls = &mut channel.tls;
        while let Err(why) = step(tls) {
            let wanted = match why.code() {
                ErrorCode::WANT_READ if tls.get_ref().is_behind() => PollFlags::POLLOUT,
                ErrorCode::WANT_READ => PollFlags::POLLIN,
                ErrorCode::WANT_WRITE => PollFlags::POLLOUT,
                _ => {
                    // The peer hears of it, if that goes at once.
                    let _ = tls.get_mut().push();
                    return Err(match tls.ssl().verify_result() {
                        X509VerifyResult::OK => failure(why).into(),
                        wrong => io::Error::other(distrust(wrong)).into(),
                    });
                }
            };
            wait_one(tls.get_ref(), wanted, watch, deadline)?;
        }
        tls.get_mut().let_go();
        Ok(channel)
    }

    /// Before the first word of the handshake.
    fn begin(ssl: Ssl, raw: Raw) -> io::Result<Channel> {
        let tls = SslStream::new(ssl, Below::new(raw));
        Ok(Channel {
            tls: tls.map_err(|why| io::Error::other(reason(&why)))?,
            must_write: false,
        })
    }

    pub(super) fn raw(&self) -> &Raw {
        self.tls.get_ref().raw()
    }

    /// Is there more of the record that was read last, or of what follows it?
    pub(super) fn holds(&self) -> bool {
        self.tls.ssl().pending() > 0 || self.tls.get_ref().is_ahead()
    }

    /// Sends the last words of a handshake, if they have not gone.
    pub(super) fn push(&mut self) -> io::Result<()> {
        self.tls.get_mut().push()
    }

    pub(super) fn must_write(&self) -> bool {
        self.must_write
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.must_write = false;
        match self.tls.ssl_read(buf) {
            Ok(count) => Ok(count),
            Err(why) => match why.code() {
                ErrorCode::ZERO_RETURN => Ok(0),
                ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => {
                    self.must_write = why.code() == ErrorCode::WANT_WRITE;
                    Err(io::ErrorKind::WouldBlock.into())
                }
                ErrorCode::SYSCALL if why.io_error().is_none() => Ok(0),
                _ => Err(failure(why)),
            },
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.tls.ssl_write(bytes) {
            Ok(count) => Ok(count),
            Err(why) if why.code() == ErrorCode::WANT_WRITE => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(why) => Err(failure(why)),
        }
    }

    /// What is written from now on waits for [`Channel::push`].
    pub(super) fn hold_back(&mut self) {
        self.tls.get_mut().hold_back();
    }

    /// Says good bye, if it goes at once.
    pub(super) fn finish(&mut self) {
        let _ = self.tls.shutdown();
    }

    /// Whose certificate the peer has shown, if it was verified.
    pub(crate) fn subject(&self) -> Option<Subject> {
        let ssl = self.tls.ssl();
        let verified = ssl.verify_result() == X509VerifyResult::OK;
        let cert = ssl.peer_certificate().filter(|_| verified)?;
        Some(Subject::of(cert.subject_name()))
    }

    /// The version, such as `TLSv1.3`.
    pub(crate) fn version(&self) -> &'static str {
        self.tls.ssl().version_str()
    }

    /// Version and cipher, for the log.
    pub(crate) fn name(&self) -> String {
        let ssl = self.tls.ssl();
        let cipher = ssl.current_cipher().map_or("", |cipher| cipher.name());
        format!("{}/{cipher}", ssl.version_str())
    }

    /// Did it go on where an earlier session ended?
    pub(crate) fn resumed(&self) -> bool {
        self.tls.ssl().session_reused()
    }
}

/// What OpenSSL says first, without the places in its source.
fn reason(why: &ErrorStack) -> String {
    let first = why.errors().first().and_then(|error| error.reason());
    first.unwrap_or("out of memory").into()
}

fn failure(why: Error) -> io::Error {
    match why.ssl_error() {
        Some(stack) => io::Error::other(reason(stack)),
        None => why
            .into_io_error()
            .unwrap_or_else(|_| io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
