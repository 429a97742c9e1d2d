//! Networks in CIDR notation: variables and modules write them alike.

pub(crate) use crate::sys::nets::{Net, holds, parse, parse_list};
