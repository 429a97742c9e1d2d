//! The C interface, mirrored.
//!
//! `popular/pdm.h` is the truth. The table at the end of this file is
//! compared with the Rust layout by the compiler, and with the C layout by
//! `t/05-pdm-abi.t`.

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::mem::{offset_of, size_of};
use std::{ptr, slice};

/// The number of the interface.
pub const PDM_ABI: u32 = 1;

/// `check`: the module does not know the user. `vouch`: it does not vouch.
pub const PDM_UNKNOWN: c_int = 0;
/// The user is known and let in, or vouched for.
pub const PDM_ACCEPT: c_int = 1;
/// The user is known and not let in.
pub const PDM_REFUSE: c_int = 2;
/// The module cannot say at present.
pub const PDM_FAIL: c_int = 3;

/// The module opens sockets.
pub const PDM_NEEDS_CONNECT: u32 = 0x1;
/// The module starts programs.
pub const PDM_NEEDS_EXEC: u32 = 0x2;
/// The module understands logins by client certificate.
pub const PDM_DOES_EXTERNAL: u32 = 0x1;
/// Its answers hold for one login only, and are never cached.
pub const PDM_DOES_VARY: u32 = 0x2;
/// Request: the client came over TLS.
pub const PDM_IS_TLS: u32 = 0x1;
/// Request: there is no password, the certificate is the proof.
pub const PDM_IS_EXTERNAL: u32 = 0x2;
/// Answer: reading does not mark mail as read.
pub const PDM_MASTER: u32 = 0x1;

/// Octets of a module's name, its NUL included.
pub const PDM_NAME_SIZE: usize = 32;
/// Octets of a user or namespace.
pub const PDM_USER_MAX: usize = 255;
/// Octets of the password of a request.
pub const PDM_PASSWORD_MAX: usize = 4096;
/// Octets of the id of a backend.
pub const PDM_BACKEND_MAX: usize = 64;
/// Octets of a mailbox.
pub const PDM_MAILBOX_MAX: usize = 255;
/// Octets of the password at a backend.
pub const PDM_SECRET_MAX: usize = 255;
/// Octets of all further items together.
pub const PDM_EXTRA_MAX: usize = 1024;
/// Octets of a reason or an error.
pub const PDM_TEXT_MAX: usize = 511;

/// `struct pdm_str`: octets lent to the other side for one call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str<'a> {
    ptr: *const u8,
    len: usize,
    lent: PhantomData<&'a [u8]>,
}

impl<'a> Str<'a> {
    /// Lends `octets`.
    pub const fn new(octets: &'a [u8]) -> Str<'a> {
        Str {
            ptr: octets.as_ptr(),
            len: octets.len(),
            lent: PhantomData,
        }
    }

    /// The octets that were lent.
    pub fn octets(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: a `Str` is made from a slice that outlives 'a, or by a host that keeps pdm.h:
        // its octets stay readable and unchanged until the call that brought it returns.
        unsafe { slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// `struct pdm_buf`: room lent to the other side for one call.
#[repr(C)]
pub struct Buf<'a> {
    ptr: *mut u8,
    cap: usize,
    len: usize,
    lent: PhantomData<&'a mut [u8]>,
}

impl<'a> Buf<'a> {
    /// Lends `room`, of which nothing is used yet.
    pub fn new(room: &'a mut [u8]) -> Buf<'a> {
        Buf {
            ptr: room.as_mut_ptr(),
            cap: room.len(),
            len: 0,
            lent: PhantomData,
        }
    }

    /// How many octets the other side says it wrote; more than was lent
    /// means that its text did not fit. The number is not to be trusted.
    pub fn used(&self) -> usize {
        self.len
    }

    /// Appends `octets` whole, or marks the buffer as overrun, which makes
    /// the host refuse the answer.
    pub fn put(&mut self, octets: &[u8]) -> bool {
        if self.len > self.cap || octets.len() > self.cap - self.len {
            self.len = self.cap.saturating_add(1);
            return false;
        }
        // SAFETY: `len` is not above `cap`, the octets that were lent.
        let end = unsafe { self.ptr.add(self.len) };
        // SAFETY: at least `octets.len()` octets are left from `end` on, and the room is lent to us
        // alone, so that `octets` cannot lie in it.
        unsafe { ptr::copy_nonoverlapping(octets.as_ptr(), end, octets.len()) };
        self.len += octets.len();
        true
    }

    /// Appends as much of `text` as there is room for; for messages, never
    /// for names.
    pub fn put_cut(&mut self, text: &str) {
        let mut end = text.len().min(self.cap.saturating_sub(self.len));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.put(&text.as_bytes()[..end]);
    }
}

/// `struct pdm_config`.
#[repr(C)]
pub struct Config<'a> {
    size: u32,
    argc: u32,
    argv: *const Str<'a>,
    id: Str<'a>,
    reserved: [*mut c_void; 4],
}

impl<'a> Config<'a> {
    /// The arguments `argv`, at most `u32::MAX` of them, for the instance
    /// `id`.
    pub fn new(id: &'a [u8], argv: &'a [Str<'a>]) -> Config<'a> {
        Config {
            size: size_of::<Config>() as u32,
            argc: u32::try_from(argv.len()).unwrap_or(u32::MAX),
            argv: argv.as_ptr(),
            id: Str::new(id),
            reserved: [ptr::null_mut(); 4],
        }
    }

    /// The id of this instance.
    pub fn id(&self) -> &'a [u8] {
        self.id.octets()
    }

    /// The arguments behind the name of the module.
    pub fn args(&self) -> &'a [Str<'a>] {
        if self.argv.is_null() || self.argc == 0 {
            return &[];
        }
        // SAFETY: `argv` and `argc` come from a slice that outlives 'a, or from a host that keeps
        // pdm.h and leaves them in place until the call returns.
        unsafe { slice::from_raw_parts(self.argv, self.argc as usize) }
    }
}

/// `struct pdm_request`: one login. Fields are empty where there is nothing
/// to say.
#[repr(C)]
pub struct Request<'a> {
    size: u32,
    /// `PDM_IS_TLS`, `PDM_IS_EXTERNAL`.
    pub flags: u32,
    /// The namespace of the virtual server.
    pub ns: Str<'a>,
    /// The user as the client sent it, never empty.
    pub user: Str<'a>,
    /// Empty only with `PDM_IS_EXTERNAL`.
    pub password: Str<'a>,
    /// `pop3`.
    pub service: Str<'a>,
    /// The id of the virtual server.
    pub vserv: Str<'a>,
    /// The session id as it stands in the log.
    pub sid: Str<'a>,
    /// The address of the client as text.
    pub client: Str<'a>,
    /// The port of the client as text.
    pub client_port: Str<'a>,
    /// The address the client connected to, as text.
    pub server: Str<'a>,
    /// The port the client connected to, as text.
    pub server_port: Str<'a>,
    /// The version of TLS.
    pub tls: Str<'a>,
    /// The subject of the verified certificate.
    pub subject: Str<'a>,
    reserved: [*mut c_void; 8],
}

impl Request<'_> {
    /// A request that says nothing yet.
    pub const fn empty() -> Request<'static> {
        const NONE: Str<'static> = Str::new(&[]);
        Request {
            size: size_of::<Request>() as u32,
            flags: 0,
            ns: NONE,
            user: NONE,
            password: NONE,
            service: NONE,
            vserv: NONE,
            sid: NONE,
            client: NONE,
            client_port: NONE,
            server: NONE,
            server_port: NONE,
            tls: NONE,
            subject: NONE,
            reserved: [ptr::null_mut(); 8],
        }
    }
}

/// `struct pdm_answer`: room for what a module says.
#[repr(C)]
pub struct Answer<'a> {
    size: u32,
    /// `PDM_MASTER`.
    pub flags: u32,
    /// The id of a backend.
    pub backend: Buf<'a>,
    /// Relative to the spool.
    pub mailbox: Buf<'a>,
    /// The user at the backend.
    pub user: Buf<'a>,
    /// The password at the backend.
    pub password: Buf<'a>,
    /// `key=value` items, each ended by NUL.
    pub extra: Buf<'a>,
    /// Why, for the log.
    pub reason: Buf<'a>,
    reserved: [*mut c_void; 8],
}

impl<'a> Answer<'a> {
    /// Room for an answer: backend, mailbox, user, password, extra and
    /// reason, in this order.
    pub fn new(rooms: [&'a mut [u8]; 6]) -> Answer<'a> {
        let [backend, mailbox, user, password, extra, reason] = rooms.map(Buf::new);
        Answer {
            size: size_of::<Answer>() as u32,
            flags: 0,
            backend,
            mailbox,
            user,
            password,
            extra,
            reason,
            reserved: [ptr::null_mut(); 8],
        }
    }
}

/// `open` of the table.
pub type OpenFn = unsafe extern "C" fn(*const Config<'_>, *mut *mut c_void, *mut Buf<'_>) -> c_int;
/// `after_fork` of the table.
pub type AfterForkFn = unsafe extern "C" fn(*mut c_void, *mut Buf<'_>) -> c_int;
/// `check` and `vouch` of the table.
pub type AskFn = unsafe extern "C" fn(*mut c_void, *const Request<'_>, *mut Answer<'_>) -> c_int;
/// `stale` of the table.
pub type StaleFn = unsafe extern "C" fn(*mut c_void) -> c_int;
/// `close` of the table.
pub type CloseFn = unsafe extern "C" fn(*mut c_void);

/// `struct pdm_module`: the table a module exports as `pdm_module`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Table {
    /// `PDM_ABI`; read before anything else.
    pub abi: u32,
    /// Octets of the module's own table.
    pub size: u32,
    /// The name of the module, ended by NUL.
    pub name: [c_char; PDM_NAME_SIZE],
    /// `PDM_NEEDS_CONNECT`, `PDM_NEEDS_EXEC`.
    pub needs: u32,
    /// `PDM_DOES_*`.
    pub does: u32,
    /// Makes an instance.
    pub open: Option<OpenFn>,
    /// Runs first in each worker.
    pub after_fork: Option<AfterForkFn>,
    /// Who is this?
    pub check: Option<AskFn>,
    /// May this login pass although another module refused it?
    pub vouch: Option<AskFn>,
    /// Was a file replaced?
    pub stale: Option<StaleFn>,
    /// Ends the instance.
    pub close: Option<CloseFn>,
    /// Null.
    pub reserved: [*mut c_void; 8],
}

// SAFETY: a table is constant; its pointers are functions or null.
unsafe impl Sync for Table {}

/// Octets of a pointer, the unit of most rows below.
#[allow(dead_code)] // older compilers do not see that assertions use it
const P: usize = size_of::<usize>();

macro_rules! layout {
    ($($rust:ident, $c:ident, $field:ident, $value:expr;)*) => {
        $( layout!(@row $rust, $field, $value); )*
    };
    (@row $rust:ident, sizeof, $value:expr) => { const _: () = assert!(size_of::<$rust>() == $value); };
    (@row $rust:ident, $field:ident, $value:expr) => {
        const _: () = assert!(offset_of!($rust, $field) == $value);
    };
}

// Every field of every structure; `t/05-pdm-abi.t` reads these rows.
#[rustfmt::skip]
layout! {
    Str,     pdm_str,     ptr,         0;
    Str,     pdm_str,     len,         P;
    Str,     pdm_str,     sizeof,      2 * P;
    Buf,     pdm_buf,     ptr,         0;
    Buf,     pdm_buf,     cap,         P;
    Buf,     pdm_buf,     len,         2 * P;
    Buf,     pdm_buf,     sizeof,      3 * P;
    Config,  pdm_config,  size,        0;
    Config,  pdm_config,  argc,        4;
    Config,  pdm_config,  argv,        8;
    Config,  pdm_config,  id,          8 + P;
    Config,  pdm_config,  reserved,    8 + 3 * P;
    Config,  pdm_config,  sizeof,      8 + 7 * P;
    Request, pdm_request, size,        0;
    Request, pdm_request, flags,       4;
    Request, pdm_request, ns,          8;
    Request, pdm_request, user,        8 + 2 * P;
    Request, pdm_request, password,    8 + 4 * P;
    Request, pdm_request, service,     8 + 6 * P;
    Request, pdm_request, vserv,       8 + 8 * P;
    Request, pdm_request, sid,         8 + 10 * P;
    Request, pdm_request, client,      8 + 12 * P;
    Request, pdm_request, client_port, 8 + 14 * P;
    Request, pdm_request, server,      8 + 16 * P;
    Request, pdm_request, server_port, 8 + 18 * P;
    Request, pdm_request, tls,         8 + 20 * P;
    Request, pdm_request, subject,     8 + 22 * P;
    Request, pdm_request, reserved,    8 + 24 * P;
    Request, pdm_request, sizeof,      8 + 32 * P;
    Answer,  pdm_answer,  size,        0;
    Answer,  pdm_answer,  flags,       4;
    Answer,  pdm_answer,  backend,     8;
    Answer,  pdm_answer,  mailbox,     8 + 3 * P;
    Answer,  pdm_answer,  user,        8 + 6 * P;
    Answer,  pdm_answer,  password,    8 + 9 * P;
    Answer,  pdm_answer,  extra,       8 + 12 * P;
    Answer,  pdm_answer,  reason,      8 + 15 * P;
    Answer,  pdm_answer,  reserved,    8 + 18 * P;
    Answer,  pdm_answer,  sizeof,      8 + 26 * P;
    Table,   pdm_module,  abi,         0;
    Table,   pdm_module,  size,        4;
    Table,   pdm_module,  name,        8;
    Table,   pdm_module,  needs,       40;
    Table,   pdm_module,  does,        44;
    Table,   pdm_module,  open,        48;
    Table,   pdm_module,  after_fork,  48 + P;
    Table,   pdm_module,  check,       48 + 2 * P;
    Table,   pdm_module,  vouch,       48 + 3 * P;
    Table,   pdm_module,  stale,       48 + 4 * P;
    Table,   pdm_module,  close,       48 + 5 * P;
    Table,   pdm_module,  reserved,    48 + 6 * P;
    Table,   pdm_module,  sizeof,      48 + 14 * P;
}
