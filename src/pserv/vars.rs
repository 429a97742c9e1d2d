//! Variables, objects and counters of pserv.

use crate::base::paths;
use crate::base::vars::vars;
use crate::daemon::config::Kind;
use crate::daemon::notes;
use crate::daemon::pairs::WHEN;
use crate::daemon::scrape;
use crate::daemon::service::{OwnWord, Said};
use crate::daemon::vars::COUNT;
use crate::net::listen::Proto;
use crate::net::tls::VERSIONS;

#[rustfmt::skip]
mod table {
    use super::*;
    vars! { VARS from COUNT;
        SPOOL           "spool"           Fixed Dir,               paths::SPOOL, "root of all mailboxes; holds the file .popular-spool";
        CHROOT          "chroot"          Fixed Bool,              "no",         "whether the spool becomes the root directory of pool and workers";
        MAILBOXLOCK     "mailboxlock"     Live  Word(LOCKS),       "takeover",   "whether a mailbox has one session at a time: off, reject the second, or let it take over from one that is still";
        TAKEOVERAFTER   "takeoverafter"   Live  Time(1, 3600),     "60s",        "how long nothing must have moved in a session that is taken over from";
        MAXMESSAGE      "maxmessage"      Live  Int(1, 10_000_000), "1000000",   "messages of a mailbox that a session sees, the oldest";
        DELETEDIR       "deletedir"       Fixed Str,               "",           "a spool on the same file system that deleted messages are moved to; empty: they are removed";
        TLSMIN          "tlsmin"          Fixed Word(VERSIONS),    "1.2",        "the lowest version of TLS";
        TLSCIPHERS      "tlsciphers"      Fixed Str,               "",           "ciphers of TLS 1.2, as OpenSSL names them; empty: those of RFC 9325";
        PREAMBLETIMEOUT "preambletimeout" Live  Time(1, 3600),     "10s",        "how long a proxy may take to name the mailbox";
    }
}
pub(super) use table::*;

#[rustfmt::skip]
pub(super) mod keys {
    use super::*;
    vars! { SERVER from 0;
        ALLOW "allow" Fixed Nets, "", "networks of the proxies; without it nobody is allowed";
        TLS "tls" Fixed Word(WHEN), "no", "whether TLS begins by STLS, at once, or not at all";
        CERT "cert" Fixed KeyFiles, "", "certificates in PEM, each with its chain; one file for each kind of key";
        KEY "key" Fixed KeyFiles, "", "their private keys in PEM, in the same order";
        CLIENTCA "clientca" Fixed KeyFiles, "", "whose certificates proxies must show, in PEM; empty: none are asked for";
        PLAINTEXT "plaintext" Live Word(&["default", "yes", "no"]), "default", "whether proxies are served without TLS; default: where there is none";
        PROXYPROTOCOL "proxyprotocol" Fixed Nets, "", "those of them who begin with a header of the PROXY protocol";
    }
}

/// What `mailboxlock` may be; [`OFF`] and [`TAKEOVER`] are places in it.
const LOCKS: &[&str] = &["off", "reject", "takeover"];
pub(super) const OFF: u64 = 0;
pub(super) const TAKEOVER: u64 = 2;

/// The mark of a session that has a mailbox for itself.
pub(super) const MAILBOX_MARK: usize = 0;

/// The mark of a session that came in at a server.
pub(super) const SERVER_MARK: usize = 1;

/// Place of the servers in [`KINDS`].
pub(super) const SERVERS: usize = 0;

/// What there is besides variables.
pub(super) static KINDS: &[Kind] = &[
    Kind {
        name: "server",
        holes: "ADDR:PORT",
        keys: keys::SERVER,
        states: &["enable", "disable"],
        listens: Some(Proto::Tcp),
        ordered: false,
        reloads: false,
        file: None,
        counters: COUNTERS.split_at(Count::Commands as usize).0,
        mark: Some(SERVER_MARK),
        help: "listens for proxies at an address",
    },
    scrape::KIND,
];

/// Control words of the server's own.
pub(super) static WORDS: &[OwnWord] = &[OwnWord {
    pattern: "tls list",
    help: "lists the certificates of all servers",
    acts: false,
    run: |_, config, _| Ok(Said::Rows(notes::rows(&config.notes))),
}];

/// What is counted; the commands follow in the order of their table.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Sessions,
    Denied,
    Failed,
    InUse,
    TakenOver,
    Retrieved,
    Deleted,
    OctetsIn,
    OctetsOut,
    BadCommands,
    Tls,
    TlsFailed,
    Commands,
}

/// The names of [`Count`]s, then one for each command.
#[rustfmt::skip]
pub(super) static COUNTERS: &[&str] = &[
    "sessions", "denied", "failed", "in_use", "taken_over", "messages_retrieved", "messages_deleted", "octets_in", "octets_out", "bad_commands",
    "tls", "tls_failed",
    "cmd_capa", "cmd_stat", "cmd_list", "cmd_uidl", "cmd_retr", "cmd_top", "cmd_dele", "cmd_noop", "cmd_rset", "cmd_quit",
];
