//! Variables, objects and counters of pcheckd.

use crate::base::paths;
use crate::base::vars::vars;
use crate::check::table::WORDS;
use crate::daemon::config::Kind;
use crate::daemon::scrape;
use crate::daemon::vars::COUNT;
use crate::net::listen::Proto;

#[rustfmt::skip]
mod table {
    use super::*;
    vars! { VARS from COUNT;
        SPOOL     "spool"     Fixed Dir,            paths::SPOOL, "root of all mailboxes; holds the file .popular-spool";
        CHROOT    "chroot"    Fixed Bool,           "no", "whether the spool becomes the root directory of pool and workers";
        EMPTYLOAD "emptyload" Live  Decimal(0, 1_000_000), "0",   "load average from which on no mailbox is looked at; 0: none";
        TRUSTTIMES "trusttimes" Live Bool,          "yes", "whether a mailbox is not read again as long as its folders have not changed";
    }
}
pub(super) use table::*;

#[rustfmt::skip]
mod keys {
    use super::*;
    vars! { SERVER from 0;
        ALLOW    "allow"    Fixed Nets,     "", "networks of the proxies; without it nobody is answered";
        CHECKKEY "checkkey" Fixed KeyFiles, "", "who asks must share the key in this file, or that in a second one; empty: there is none";
    }
}
pub(super) use keys::{ALLOW, CHECKKEY};

/// Place of the servers in [`KINDS`].
pub(super) const SERVERS: usize = 0;

/// What there is besides variables.
pub(super) static KINDS: &[Kind] = &[
    Kind {
        name: "server",
        holes: "ADDR:PORT",
        keys: keys::SERVER,
        states: &["enable", "disable"],
        listens: Some(Proto::Udp),
        ordered: false,
        reloads: false,
        file: None,
        counters: COUNTERS,
        mark: None,
        help: "listens for questions at an address",
    },
    scrape::KIND,
];

/// The area of the shared page in which is remembered what was in mailboxes.
pub(super) const KNOWN: usize = 0;

/// The areas, in words. No page that nobody writes to takes memory.
pub(super) static AREAS: &[usize] = &[WORDS];

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Questions,
    Denied,
    Disabled,
    Bad,
    Failed,
    Load,
    Nothing,
    Old,
    New,
    Busy,
    Unsent,
    Unkeyed,
    Unread,
}

/// The names of [`Count`]s.
#[rustfmt::skip]
pub(super) static COUNTERS: &[&str] = &[
    "questions", "denied", "disabled", "bad", "failed",
    "load", "no_mails", "old_mails", "new_mails", "load_too_high", "unsent",
    "unkeyed", "unread",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_name() {
        assert_eq!(COUNTERS.len(), Count::Unread as usize + 1);
        assert_eq!(COUNTERS[Count::Load as usize], "load");
        assert_eq!(COUNTERS[Count::Busy as usize], "load_too_high");
        assert_eq!(COUNTERS[Count::Unread as usize], "unread");
    }
}
