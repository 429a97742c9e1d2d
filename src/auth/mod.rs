//! Who is this? Asks the modules, and believes no answer unchecked.

pub(crate) mod cache;
pub(crate) mod chain;
pub(crate) mod grants;
mod mark;
pub(crate) mod request;
pub(crate) mod sasl;
pub(crate) mod tell;
pub(crate) mod witness;
