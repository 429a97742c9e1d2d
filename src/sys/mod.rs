//! Floor 0: the kernel. The only room of this crate that may say `unsafe`.
//!
//! Everything here returns `io::Result`; the floors above add the words.

pub(crate) mod cred;
pub(crate) mod dir;
pub(crate) mod dl;
pub(crate) mod entropy;
pub(crate) mod flags;
pub(crate) mod heap;
pub(crate) mod inherit;
mod listing;
pub(crate) mod load;
pub(crate) mod lock;
pub(crate) mod own;
pub(crate) mod proc;
pub(crate) mod sandbox;
#[cfg(test)]
pub(crate) mod scratch;
pub(crate) mod secret;
pub(crate) mod sendfile;
pub(crate) mod shelf;
pub(crate) mod shm;
pub(crate) mod term;
pub(crate) mod ticket;
pub(crate) mod time;
pub(crate) mod title;
pub(crate) mod tty;

pub(crate) use pdm::{names, nets};
