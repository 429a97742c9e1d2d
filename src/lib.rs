//! The POPular suite: a POP3 proxy, a POP3 server and the tools around them.
//!
//! One library holds every program; the files in `src/bin` only call the
//! `*_main` functions. Rooms stand on floors, lowest first; a room imports
//! from lower floors only (`t/00-layers.t` checks).
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod sys;

#[macro_use]
mod base;
mod auth;
mod check;
mod daemon;
mod limit;
mod maildir;
mod net;
mod pop3;

mod pbench;
mod pcheck;
mod pcheckd;
mod pclean;
mod pctl;
mod pdeliver;
mod pproxy;
mod pserv;
mod pstatus;
mod ptestpdm;

pub use pbench::main as pbench_main;
pub use pcheck::main as pcheck_main;
pub use pcheckd::main as pcheckd_main;
pub use pclean::main as pclean_main;
pub use pctl::main as pctl_main;
pub use pdeliver::main as pdeliver_main;
pub use pproxy::main as pproxy_main;
pub use pserv::main as pserv_main;
pub use pstatus::main as pstatus_main;
pub use ptestpdm::main as ptestpdm_main;
