//! Floor 2: sockets. Every wait has a deadline and can be called off.

pub(crate) mod dgram;
pub(crate) mod dial;
mod lane;
pub(crate) mod listen;
pub(crate) mod many;
pub(crate) mod proxy;
pub(crate) mod pump;
mod raw;
pub(crate) mod ready;
mod siphon;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod wait;
