//! Floor 3: the pre-fork kit. Knows no protocol.

pub(crate) mod board;
pub(crate) mod config;
pub(crate) mod seat;
pub(crate) mod service;
pub(crate) mod signals;
pub(crate) mod vars;
