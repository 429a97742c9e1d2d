//! Networks in CIDR notation: variables and modules write them alike.

pub(crate) use crate::sys::nets::{Net, bits, holds, parse, parse_list};
