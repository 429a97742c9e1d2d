//! Who is this? Asks the modules, and believes no answer unchecked.

pub(crate) mod chain;
pub(crate) mod request;
pub(crate) mod sasl;
pub(crate) mod witness;
