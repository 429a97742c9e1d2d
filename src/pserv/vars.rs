//! Variables, objects and counters of pserv.

use crate::base::paths;
use crate::base::vars::vars;
use crate::daemon::config::Kind;
use crate::daemon::vars::COUNT;
use crate::net::listen::Proto;

#[rustfmt::skip]
mod table {
    use super::*;
    vars! { VARS from COUNT;
        SPOOL           "spool"           Fixed Dir,               paths::SPOOL, "root of all mailboxes; holds the file .popular-spool";
        MAXMESSAGE      "maxmessage"      Live  Int(1, 10_000_000), "1000000",   "messages of a mailbox that a session sees, the oldest";
        PREAMBLETIMEOUT "preambletimeout" Live  Time(1, 3600),     "10s",        "how long a proxy may take to name the mailbox";
    }
}
pub(super) use table::*;

#[rustfmt::skip]
pub(super) mod keys {
    use super::*;
    vars! { SERVER from 0;
        ALLOW "allow" Fixed Nets, "", "networks of the proxies; without it nobody is allowed";
        PROXYPROTOCOL "proxyprotocol" Fixed Nets, "", "those of them who begin with a header of the PROXY protocol";
    }
}

/// Place of the one kind there is.
pub(super) const SERVERS: usize = 0;

pub(super) static KINDS: &[Kind] = &[Kind {
    name: "server",
    holes: "ADDR:PORT",
    keys: keys::SERVER,
    states: &["enable", "disable"],
    listens: Some(Proto::Tcp),
    ordered: false,
    reloads: false,
    file: None,
    help: "listens for proxies at an address",
}];

/// What is counted; the commands follow in the order of their table.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Sessions,
    Denied,
    Failed,
    Retrieved,
    Deleted,
    OctetsIn,
    OctetsOut,
    BadCommands,
    Commands,
}

#[rustfmt::skip]
pub(super) static COUNTERS: &[&str] = &[
    "sessions", "denied", "failed", "messages_retrieved", "messages_deleted", "octets_in", "octets_out", "bad_commands",
    "cmd_capa", "cmd_stat", "cmd_list", "cmd_uidl", "cmd_retr", "cmd_top", "cmd_dele", "cmd_noop", "cmd_rset", "cmd_quit",
];
