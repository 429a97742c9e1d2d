//! Calls of OpenSSL that the openssl crate does not have; above all the keys
//! of session tickets (RFC 5077, RFC 8446 section 4.6.1). The keys that hold are those of this process,
//! which shakes hands with one client at a time; so a context needs to know
//! nothing of them, and they may change between two handshakes.

use std::cell::Cell;
use std::io;

use libc::{c_int, c_long, c_uchar, c_void};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslRef, SslSession};
use openssl_sys as ffi;

/// The key of one ticket period.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    /// Tells a ticket's key apart, in the clear.
    pub(crate) name: [u8; 16],
    pub(crate) cipher: [u8; 32],
    pub(crate) mac: [u8; 32],
}

/// Tickets are made with the current key, and read with either.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) current: Key,
    pub(crate) previous: Key,
}

thread_local! {
    static KEYS: Cell<Option<Keys>> = const { Cell::new(None) };
}

/// Makes `keys` hold for the handshakes that follow; with `None` no ticket is
/// made or read.
pub(crate) fn hold(keys: Option<Keys>) {
    KEYS.set(keys);
}

const SET_TICKET_KEY_CALLBACK: c_int = 72;
const SET_CHAIN_CERT: c_int = 89;
const CLEAR_MODE: c_int = 78;
const IV: usize = 16;

type Callback = unsafe extern "C" fn(
    *mut ffi::SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut ffi::EVP_CIPHER_CTX,
    *mut ffi::HMAC_CTX,
    c_int,
) -> c_int;

/// Lets a context make and read tickets with the keys that [`hold`].
///
/// # Errors
/// The library does not know of tickets.
pub(crate) fn install(context: &mut SslContextBuilder) -> io::Result<()> {
    let own: Callback = callback;
    // SAFETY: the library calls a function of this control with the arguments of `Callback`;
    // here it is only kept.
    let own = unsafe { std::mem::transmute::<Callback, unsafe extern "C" fn()>(own) };
    // SAFETY: the context is alive, and the function is there as long as the program.
    let done = unsafe {
        ffi::SSL_CTX_callback_ctrl__fixed_rust(context.as_ptr(), SET_TICKET_KEY_CALLBACK, Some(own))
    };
    (done == 1)
        .then_some(())
        .ok_or_else(|| io::Error::other("no tickets"))
}

/// Makes a read come back after each record, also after one that held nothing
/// for us. Else a peer that sends such records faster than we take them would
/// keep us in one call, whatever the deadline.
pub(crate) fn one_record_a_read(context: &mut SslContextBuilder) {
    let mode = ffi::SSL_MODE_AUTO_RETRY;
    // SAFETY: the context is alive; the call takes a number and ignores the pointer.
    unsafe { ffi::SSL_CTX_ctrl(context.as_ptr(), CLEAR_MODE, mode, std::ptr::null_mut()) };
}

/// A client's session that a later connection of the same context may go on
/// with.
pub(crate) struct Kept {
    session: SslSession,
    context: SslContext,
}

impl Kept {
    /// The session of a connection, if it has one by now.
    pub(crate) fn of(ssl: &SslRef) -> Option<Kept> {
        Some(Kept {
            session: ssl.session()?.to_owned(),
            context: ssl.ssl_context().to_owned(),
        })
    }

    /// Lets a new connection try to go on with the session; one of another
    /// context begins its own.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn give(&self, ssl: &mut Ssl) -> Result<(), ErrorStack> {
        if !std::ptr::eq(ssl.ssl_context(), &*self.context) {
            return Ok(());
        }
        // SAFETY: session and connection are of one context, by the test above.
        unsafe { ssl.set_session(&self.session) }
    }
}

/// Sends a record that says nothing to the application, a new key (RFC 8446
/// section 4.6.3).
#[cfg(test)]
pub(crate) fn update_key(ssl: &SslRef) -> bool {
    unsafe extern "C" {
        fn SSL_key_update(ssl: *mut ffi::SSL, kind: c_int) -> c_int;
    }
    // The crate's type is the library's by another name.
    let raw: *mut ffi::SSL = std::ptr::from_ref(ssl).cast_mut().cast();
    // SAFETY: the connection is alive; 0 asks for no answer.
    let made = unsafe { SSL_key_update(raw, 0) };
    // SAFETY: as above.
    made == 1 && unsafe { ffi::SSL_do_handshake(raw) } == 1
}

/// Adds a certificate, in DER, to the chain of the one that was set last;
/// the crate's own call knows one chain for all keys of a context.
///
/// # Errors
/// It is no certificate.
pub(crate) fn add_to_chain(context: &mut SslContextBuilder, der: &[u8]) -> io::Result<()> {
    let mut from = der.as_ptr();
    let len = c_long::try_from(der.len()).map_err(io::Error::other)?;
    // SAFETY: reads at most `len` octets of `der` and makes a certificate of its own.
    let cert = unsafe { ffi::d2i_X509(std::ptr::null_mut(), &mut from, len) };
    if cert.is_null() {
        return Err(io::Error::other("no certificate"));
    }
    // SAFETY: the context is alive; with 0 it takes over the certificate, which is ours to give.
    let done =
        unsafe { ffi::SSL_CTX_ctrl(context.as_ptr(), SET_CHAIN_CERT, 0, cert.cast::<c_void>()) };
    if done != 1 {
        // SAFETY: it was not taken over, and nobody else knows it.
        unsafe { ffi::X509_free(cert) };
        return Err(io::Error::other("cannot be added to the chain"));
    }
    Ok(())
}

/// Prepares the library's contexts for one ticket. 0: there is none, or it is
/// of another key; 1: done; 2: done, and the client should have a new ticket; -1: failed.
unsafe extern "C" fn callback(
    ssl: *mut ffi::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut ffi::EVP_CIPHER_CTX,
    mac: *mut ffi::HMAC_CTX,
    making: c_int,
) -> c_int {
    let Some(keys) = KEYS.get() else {
        return 0;
    };
    // SAFETY: the library hands over a name of 16 octets.
    let name = unsafe { &mut *name.cast::<[u8; 16]>() };
    let (key, verdict) = match () {
        () if making == 1 => (keys.current, 1),
        () if *name == keys.current.name => (keys.current, good(ssl)),
        () if *name == keys.previous.name => (keys.previous, 2),
        () => return 0,
    };
    if making == 1 {
        *name = key.name;
        // SAFETY: the library hands over room for an initial vector of any cipher, which is 16 octets.
        if unsafe { ffi::RAND_bytes(iv, IV as c_int) } != 1 {
            return -1;
        }
    }
    // SAFETY: both contexts are the library's, alive, and waiting for just this.
    match unsafe { begin(key, iv, cipher, mac, making == 1) } {
        true => verdict,
        false => -1,
    }
}

/// The verdict on a ticket of the current key. In TLS 1.3 a client should use
/// a ticket only once (RFC 8446 appendix C.4), so it needs the next one.
fn good(ssl: *const ffi::SSL) -> c_int {
    // SAFETY: the library hands over the connection that it is working on.
    match unsafe { ffi::SSL_version(ssl) } {
        ffi::TLS1_3_VERSION => 2,
        _ => 1,
    }
}

/// # Safety
/// The contexts are alive, and `iv` points to 16 octets.
unsafe fn begin(
    key: Key,
    iv: *mut c_uchar,
    cipher: *mut ffi::EVP_CIPHER_CTX,
    mac: *mut ffi::HMAC_CTX,
    making: bool,
) -> bool {
    // SAFETY: a table of the library.
    let aes = unsafe { ffi::EVP_aes_256_cbc() };
    let none = std::ptr::null_mut();
    let start = match making {
        true => ffi::EVP_EncryptInit_ex,
        false => ffi::EVP_DecryptInit_ex,
    };
    // SAFETY: key and vector have the lengths that this cipher reads.
    if unsafe { start(cipher, aes, none, key.cipher.as_ptr(), iv) } != 1 {
        return false;
    }
    // SAFETY: a table of the library.
    let sha = unsafe { ffi::EVP_sha256() };
    let (octets, len) = (key.mac.as_ptr().cast::<c_void>(), key.mac.len() as c_int);
    // SAFETY: reads `len` octets of the key.
    unsafe { ffi::HMAC_Init_ex(mac, octets, len, sha, none) == 1 }
}
