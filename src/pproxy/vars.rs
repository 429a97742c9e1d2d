//! What an administrator can say to the proxy: variables and objects.

use super::capa;
pub(crate) use super::counts::{COUNTERS, Count, FIRST_COMMAND};
use super::counts::{OF_BACKEND, OF_PDM, OF_VSERV};
use super::flush;
use super::health;
use crate::auth::cache;
use crate::base::paths;
use crate::base::table;
use crate::base::vars::vars;
use crate::daemon::board;
use crate::daemon::config::{Kind, Source};
use crate::daemon::notes;
use crate::daemon::pairs::WHEN;
use crate::daemon::scrape;
use crate::daemon::service::{Errand, OwnWord, Said, Tables};
use crate::daemon::vars::COUNT;
use crate::limit::penalty;
use crate::net::listen::Proto;
use crate::net::tls::{VERSIONS, VERSIONS_OR_DEFAULT};

/// What a verified user is told when the mailbox cannot be reached.
static SOFT: &[&str] = &["empty", "smart", "tempfail"];
/// The same for an object, which may leave it to the next wider one.
static SOFT_OR_DEFAULT: &[&str] = &["default", "empty", "smart", "tempfail"];

#[rustfmt::skip]
mod values {
    use super::*;
    vars! { VARS from COUNT;
        AUTHTIMEOUT      "authtimeout"    Live  Time(1, 3600),  "2m",  "how long a login may take; so long may one call of a module";
        CHECKTIMEOUT     "checktimeout"   Live  Int(10, 60_000), "500", "milliseconds that a mail check may take";
        CONNECTTIMEOUT   "connecttimeout" Live  Time(1, 300),   "4s",  "how long a backend may take to answer a new session";
        SIDPREFIX        "sidprefix"      Fixed Id,             "p1",  "begin of every session id, unlike on every proxy (at most 20)";
        GREETING         "greeting"       Fixed Str,            "POP3 server ready", "what clients are greeted with";
        SOFTFAIL         "softfail"       Live  Word(SOFT),     "empty", "what a verified user is told when the mailbox cannot be reached";
        LOGINDELAY       "logindelay"     Live  Time(0, 86400), "0s",  "how long a user who was served has to stay away (RFC 2449); 0: not at all";
        MAXPERIP         "maxperip"       Live  Int(0, 100_000), "50",  "sessions of one address, IPv6 by /64; 0: no limit";
        MAXPERNET        "maxpernet"      Live  Int(0, 100_000), "0",   "sessions of one network, IPv4 by /24, IPv6 by /48; 0: no limit";
        MAXPERUSER       "maxperuser"     Live  Int(0, 100_000), "0",   "sessions of one user; 0: no limit";
        PENALTYMAX       "penaltymax"     Live  Time(0, 300),   "15s", "longest delay after wrong passwords from an address; 0: none";
        TRUSTED          "trusted"        Fixed Nets,           "127.0.0.0/8,::1/128", "networks whose clients are neither limited nor punished";
        CAPADIR          "capadir"        Fixed Dir,            paths::CAPADIR, "where lists of capabilities are";
        CACHETIME        "cachetime"      Live  Time(0, 86400), "0s",  "how long a login that a module has accepted is accepted without asking; 0: ask each time";
        CACHESTALE       "cachestale"     Live  Time(0, 604800), "0s", "how long beyond that it is accepted if the module cannot say at present";
        TLSMIN           "tlsmin"         Fixed Word(VERSIONS), "1.2", "the lowest version of TLS";
        TLSCIPHERS       "tlsciphers"     Fixed Str,            "",    "ciphers of TLS 1.2, as OpenSSL names them; empty: those of RFC 9325";
        MODULEDIR        "moduledir"      Fixed Dir,            paths::MODULEDIR, "where modules are";
    }
    pub(crate) mod backend {
        use super::*;
        vars! { KEYS from 0;
            PROTO    "proto"    Fixed Word(&["cxpop", "xpop", "pop3"]), "cxpop", "XPOP with or without a mail check before it, or POP3";
            LOGIN    "login"    Fixed Word(&["userpass", "plain"]), "userpass", "how to log in where POP3 is spoken";
            CHECK    "check"    Fixed Host,                     "",        "where its pcheckd is; port 50110 of the same host if not given";
            CHECKKEY "checkkey" Fixed KeyFiles,                 "",        "the file with the key that its pcheckd shares with us; empty: there is none";
            SENDPROXY "sendproxy" Fixed Word(&["no", "v1", "v2"]), "no",   "whether connections begin with a header of the PROXY protocol";
            XCLIENT  "xclient"  Fixed Bool,                     "no",      "whether a POP3 backend is told the client by XCLIENT";
            TLS      "tls"      Fixed Word(WHEN),               "no",      "whether TLS begins by STLS, at once, or not at all";
            CA       "ca"       Fixed KeyFiles,                 "",        "whose certificates it may show, in PEM; empty: whom the system trusts";
            NAME     "name"     Fixed Str,                      "",        "the name that its certificate must be for; empty: HOST";
            CERT     "cert"     Fixed KeyFiles,                 "",        "certificates in PEM that are shown to it if it asks";
            KEY      "key"      Fixed KeyFiles,                 "",        "their private keys in PEM, in the same order";
            TLSMIN   "tlsmin"   Fixed Word(VERSIONS_OR_DEFAULT), "default", "as the variable, to which default leaves it";
            TLSCIPHERS "tlsciphers" Fixed Str,                  "",        "as the variable, which holds if this is empty";
            SOURCE   "source"   Fixed Addr,                     "",        "the address of ours from which it is reached; the system's choice if empty";
            SOFTFAIL "softfail" Live  Word(SOFT_OR_DEFAULT),    "default", "as the variable; default leaves it to the virtual server";
            MAXSESSION "maxsession" Live Int(0, 100_000),       "0",       "sessions there at a time; 0: no limit";
            MAXPENDING "maxpending" Live Int(0, 1_000_000),     "0",       "how many sessions may wait for its answer at once; 0: a tenth of maxsession, at least 10";
        }
    }
    pub(crate) mod vserv {
        use super::*;
        vars! { KEYS from 0;
            NAMESPACE "namespace" Fixed Id,                    "default", "in which its users are looked up";
            GREETING  "greeting"  Fixed Str,                   "",        "as the variable, which holds if this is empty";
            FALLBACK  "fallback"  Fixed Str,                   "",        "the POP3 backend that is asked about users whom no module lets in";
            FALLBACKFOR "fallbackfor" Fixed Word(&["unknown", "all"]), "unknown", "about users whom no module knows, or also after a wrong password";
            CAPA      "capa"      Fixed Str,                   "",        "the list of capabilities that is announced; all that hold if empty";
            SOFTFAIL  "softfail"  Live  Word(SOFT_OR_DEFAULT), "default", "as the variable, to which default leaves it";
            MAXSESSION "maxsession" Live Int(0, 100_000),      "0",       "sessions at a time; 0: no limit";
            TLS       "tls"       Fixed Word(WHEN),            "no",      "whether TLS begins by STLS, at once, or not at all";
            CERT      "cert"      Fixed KeyFiles,              "",        "certificates in PEM, each with its chain; one file for each kind of key";
            KEY       "key"       Fixed KeyFiles,              "",        "their private keys in PEM, in the same order";
            SNI       "sni"       Fixed NamedKeyFiles,         "",        "more certificates, by the name that clients ask for";
            CLIENTCA  "clientca"  Fixed KeyFiles,              "",        "whose certificates clients may show, in PEM; empty: none are asked for";
            PLAINTEXT "plaintext" Live  Word(&["default", "yes", "no"]), "default", "whether passwords are taken without TLS; default: where there is none";
            PROXYPROTOCOL "proxyprotocol" Fixed Nets,          "",        "networks of balancers, which must name each client with the PROXY protocol";
        }
    }
}
pub(crate) use values::*;

/// The area of the shared page in which is remembered which mailboxes are empty.
pub(crate) const LEARNED: usize = 0;
/// The one in which is remembered when users were served.
pub(crate) const DELAYS: usize = 1;
/// The one in which is remembered when limits were logged.
pub(crate) const LIMITS_LOGGED: usize = 2;
/// The one in which wrong passwords are counted.
pub(crate) const PENALTIES: usize = 3;
/// The one that holds why backends are down.
pub(crate) const REASONS: usize = 4;
/// The one in which is remembered who was let in.
pub(crate) const CACHED: usize = 5;

/// The areas, in words. No page that nobody writes to takes memory.
static AREAS: &[usize] = &[
    table::words(1 << 18),
    table::words(1 << 18),
    board::MARKS,
    penalty::words(1 << 15),
    health::AREA,
    cache::words(1 << 16),
];

/// Control words of the proxy's own.
static WORDS: &[OwnWord] = &[
    OwnWord {
        pattern: "capa show ID",
        help: "shows it as it was loaded",
        acts: false,
        run: |_, config, args| capa::show(config, args.words.first().map_or("", String::as_str)),
    },
    OwnWord {
        pattern: "penalty list",
        help: "lists the addresses from which wrong passwords came",
        acts: false,
        run: super::penalty::list,
    },
    OwnWord {
        pattern: "penalty clear ADDRESS|all",
        help: "forgets the wrong passwords from an address, or from all",
        acts: true,
        run: super::penalty::clear,
    },
    OwnWord {
        pattern: "cache flush [USER]",
        help: "forgets logins that modules have accepted, all or those of USER or USER@NAMESPACE",
        acts: true,
        run: flush::flush,
    },
    OwnWord {
        pattern: "tls list",
        help: "lists the certificates of all virtual servers",
        acts: false,
        run: |_, config, _| Ok(Said::Rows(notes::rows(&config.notes))),
    },
];

/// Those that take modules to answer.
static ERRANDS: &[Errand] = &[Errand {
    pattern: "pdm test NAMESPACE USER PASSWORD [ADDRESS]",
    help: "says what the modules say of a login, from 127.0.0.1 if no ADDRESS is given",
    secret: 2,
}];

/// Kinds of marks: what sessions are counted by.
pub(crate) const MARK_IP: usize = 0;
pub(crate) const MARK_NET: usize = 1;
pub(crate) const MARK_USER: usize = 2;
pub(crate) const MARK_VSERV: usize = 3;
pub(crate) const MARK_BACKEND: usize = 4;
/// Those who wait for the answer of a backend, or of its pcheckd.
pub(crate) const MARK_PENDING: usize = 5;
/// Those who wait for a refusal; all of them have the key 1.
pub(crate) const MARK_SLEEPING: usize = 6;

/// Places in [`Tables::kinds`]. What others refer to comes first, so that
/// `config` prints it first.
pub(crate) const BACKEND: usize = 0;
pub(crate) const PDM: usize = 1;
pub(crate) const CAPA: usize = 2;
pub(crate) const VSERV: usize = 3;

/// Places in the states of backends and virtual servers.
pub(crate) const ENABLED: u64 = 0;
pub(crate) const DISABLED: u64 = 1;
pub(crate) const DRAINING: u64 = 2;

static KINDS: &[Kind] = &[
    Kind {
        name: "backend",
        holes: "HOST:PORT",
        keys: backend::KEYS,
        states: &["enable", "disable", "drain"],
        listens: None,
        ordered: false,
        reloads: false,
        file: None,
        counters: OF_BACKEND,
        mark: Some(MARK_BACKEND),
        help: "a storage server",
    },
    Kind {
        name: "pdm",
        holes: "MODULE [ARG...]",
        keys: &[],
        states: &[],
        listens: None,
        ordered: true,
        reloads: true,
        file: None,
        counters: OF_PDM,
        mark: None,
        help: "a module that knows users, asked in this order",
    },
    Kind {
        name: "capa",
        holes: "",
        keys: &[],
        states: &[],
        listens: None,
        ordered: false,
        reloads: false,
        file: Some(Source {
            dir: CAPADIR,
            parse: crate::pop3::capa::parse,
        }),
        counters: &[],
        mark: None,
        help: "a list of capabilities, which is the file of that name in capadir; loaded again it is read anew",
    },
    Kind {
        name: "vserv",
        holes: "ADDR:PORT",
        keys: vserv::KEYS,
        states: &["enable", "disable"],
        listens: Some(Proto::Tcp),
        ordered: false,
        reloads: false,
        file: None,
        counters: OF_VSERV,
        mark: Some(MARK_VSERV),
        help: "a virtual server: where clients connect",
    },
    scrape::KIND,
];

/// What the kit has to know of the proxy.
pub(crate) static TABLES: Tables = Tables {
    name: "pproxy",
    vars: VARS,
    kinds: KINDS,
    counters: COUNTERS,
    areas: AREAS,
    words: WORDS,
    errands: ERRANDS,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_right() {
        let tables = [VARS, backend::KEYS, vserv::KEYS];
        for var in tables.into_iter().flatten() {
            let free = var.default.is_empty() || matches!(var.name, "capadir" | "moduledir");
            let normal = var.kind.normal(var.default);
            assert!(free || normal.as_deref() == Ok(var.default), "{}", var.name);
        }
    }

    #[test]
    fn the_shared_page_has_room_for_all_numbers() {
        assert!(COUNTERS.len() <= board::COUNTERS);
        assert!(
            KINDS
                .iter()
                .all(|kind| kind.counters.len() <= board::TALLIES)
        );
        for kind in KINDS {
            assert!(kind.keys.len() < board::CELLS - board::OWN_CELLS);
        }
    }

    #[test]
    fn an_objects_word_for_softfail_stands_one_behind_that_of_the_variable() {
        assert_eq!(SOFT_OR_DEFAULT[1..], *SOFT);
    }
}
