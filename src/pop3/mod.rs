//! Floor 3: the protocol (RFC 1939, 2449, 3206). Knows no processes.

pub(crate) mod capa;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod greet;
pub(crate) mod reply;
pub(crate) mod show;
pub(crate) mod spy;
pub(crate) mod wire;
pub(crate) mod xclient;
pub(crate) mod xpop;
