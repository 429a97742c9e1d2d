//! Mailbox names and credentials that may go on: the rules of the module
//! interface, which every program keeps that receives such a name.

pub(crate) use crate::sys::names::{fits_line, mailbox};
