//! Floor 3: the pre-fork kit. Knows no protocol.

pub(crate) mod board;
mod brood;
mod burial;
mod claim;
pub(crate) mod config;
mod control;
mod doors;
mod errand;
mod generation;
mod helper;
mod keyfiles;
mod list;
mod load;
mod master;
pub(crate) mod notes;
mod orders;
pub(crate) mod pairs;
mod pidfile;
mod policy;
mod pool;
mod reaper;
mod replaced;
mod room;
pub(crate) mod rotating;
pub(crate) mod seat;
pub(crate) mod service;
mod shutdown;
pub(crate) mod signals;
mod start;
mod strain;
mod trial;
pub(crate) mod vars;
mod words;
mod worker;

pub(crate) use start::main;
