//! The interface of POPular's database modules.
//!
//! A module is a shared library that tells the proxy who a user is and where
//! the mail lies; pdm(3) describes it. In Rust a module implements [`Module`]
//! and ends with [`export!`]; it needs no `unsafe` of its own:
//!
//! ```
//! use pdm::{Answer, Config, Module, Request, Verdict};
//!
//! struct Everybody;
//!
//! impl Module for Everybody {
//!     const NAME: &'static str = "everybody";
//!
//!     fn open(_: &Config) -> Result<Self, String> {
//!         Ok(Everybody)
//!     }
//!
//!     fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
//!         answer.backend.put(b"b1");
//!         answer.mailbox.put(request.user.octets());
//!         Verdict::Accept
//!     }
//! }
//!
//! pdm::export!(Everybody);
//! # fn main() {}
//! ```
//!
//! The library must be built with `panic = "abort"`: nothing unwinds into
//! the host.

pub mod abi;
pub mod crypt;
pub mod file;
#[doc(hidden)]
pub mod glue;
pub mod hash;
pub mod map;
pub mod names;
pub mod nets;
pub mod program;
pub mod record;
pub mod slots;

pub use abi::{Answer, Buf, Config, Request, Str};
use std::ffi::{c_char, c_int};

/// What a module says of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user is not known here.
    Unknown,
    /// The user is known and the password is right.
    Accept,
    /// The user is known, but does not get in this way.
    Refuse,
    /// It cannot be said at present.
    Fail,
}

impl Verdict {
    /// The number that crosses the interface.
    pub fn code(self) -> c_int {
        match self {
            Verdict::Unknown => abi::PDM_UNKNOWN,
            Verdict::Accept => abi::PDM_ACCEPT,
            Verdict::Refuse => abi::PDM_REFUSE,
            Verdict::Fail => abi::PDM_FAIL,
        }
    }

    /// The verdict behind a number; `None` for a number that has no meaning.
    pub fn from_code(code: c_int) -> Option<Verdict> {
        match code {
            abi::PDM_UNKNOWN => Some(Verdict::Unknown),
            abi::PDM_ACCEPT => Some(Verdict::Accept),
            abi::PDM_REFUSE => Some(Verdict::Refuse),
            abi::PDM_FAIL => Some(Verdict::Fail),
            _ => None,
        }
    }
}

/// A module. The host makes an instance for each `pdm add` and never makes
/// two calls at once in one process.
pub trait Module: Sized {
    /// `NAME` of `libpdm_NAME.so`, at most 31 octets.
    const NAME: &'static str;
    /// `abi::PDM_NEEDS_*`: what it needs beyond reading its files.
    const NEEDS: u32 = 0;
    /// `abi::PDM_DOES_*`: what it does beyond comparing passwords.
    const DOES: u32 = 0;
    /// Whether `check` is to be called.
    const CHECKS: bool = true;
    /// Whether `vouch` is to be called.
    const VOUCHES: bool = false;

    /// Makes an instance, before any worker is forked.
    ///
    /// # Errors
    /// A text for the administrator: file, line, what is wrong, what would be
    /// right; at most `abi::PDM_TEXT_MAX` octets of it are shown.
    fn open(config: &Config) -> Result<Self, String>;

    /// Runs first in each worker.
    ///
    /// # Errors
    /// A text for the log.
    fn after_fork(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Who is this? The account goes into `answer`, also with `Refuse`.
    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let _ = (request, answer);
        Verdict::Unknown
    }

    /// Another module knows this user but refused: `Accept` lets the login
    /// pass, `Unknown` does not. Only flags and reason are read.
    fn vouch(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let _ = (request, answer);
        Verdict::Unknown
    }

    /// Was a file replaced since `open`? 0 if not, else a number that stands
    /// for what is there now. Cheap, for it is asked every second.
    fn stale(&mut self) -> c_int {
        0
    }
}

impl Answer<'_> {
    /// Appends the item `key=value`; neither may hold NUL.
    pub fn put_extra(&mut self, key: &[u8], value: &[u8]) -> bool {
        let parts = [key, b"=", value, b"\0"];
        parts.iter().all(|part| self.extra.put(part))
    }
}

/// Exports the module of this library. `export!(Type)` stands once, at the
/// root of the crate.
#[macro_export]
macro_rules! export {
    ($module:ty) => {
        #[doc(hidden)]
        #[allow(non_upper_case_globals)]
        #[unsafe(no_mangle)]
        pub static pdm_module: $crate::abi::Table = $crate::glue::table::<$module>();
    };
}

/// A name as the table carries it.
#[doc(hidden)]
pub const fn name(text: &str) -> [c_char; abi::PDM_NAME_SIZE] {
    let bytes = text.as_bytes();
    assert!(bytes.len() < abi::PDM_NAME_SIZE, "the name is too long");
    let mut name = [0; abi::PDM_NAME_SIZE];
    let mut i = 0;
    while i < bytes.len() {
        name[i] = bytes[i] as c_char;
        i += 1;
    }
    name
}
