//! Floor 1: words and manners. Knows no protocol and no process tree.

pub(crate) mod base64;
pub(crate) mod clock;
pub(crate) mod debug;
pub(crate) mod digest;
pub(crate) mod events;
pub(crate) mod id;
pub(crate) mod json;
pub(crate) mod kv;
pub(crate) mod line;
#[macro_use]
pub(crate) mod log;
pub(crate) mod names;
pub(crate) mod nets;
pub(crate) mod opt;
pub(crate) mod out;
pub(crate) mod paths;
mod sink;
mod structured;
pub(crate) mod table;
pub(crate) mod vars;
pub(crate) mod verbs;
pub(crate) mod words;
