//! Floor 3: MAILCHECK, one datagram each way: is there any mail?

pub(crate) mod ask;
pub(crate) mod keyed;
pub(crate) mod silence;
pub(crate) mod table;
pub(crate) mod wire;
