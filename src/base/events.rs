//! Every log event: number, level, name. Numbers are never reused; names and
//! keys are an interface. popular-log(7) documents each of them.

/// Who should care about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Developers.
    Dbg,
    /// Nobody in particular: the normal course.
    Inf,
    /// Caused by a client or its input.
    Err,
    /// The administrator should look, not now.
    Adm,
    /// The administrator should look now.
    Sos,
    /// Our own mistake.
    Bug,
}

impl Level {
    /// All names, by rank; the variable `loglevel` takes them.
    pub(crate) const NAMES: &'static [&'static str] = &["DBG", "INF", "ERR", "ADM", "SOS", "BUG"];

    /// Three letters, as logged.
    pub(crate) fn name(self) -> &'static str {
        Level::NAMES[self as usize]
    }
}

/// One kind of log record.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) number: u16,
    pub(crate) level: Level,
    pub(crate) name: &'static str,
    /// Its place in [`EVENTS`].
    pub(crate) place: usize,
}

macro_rules! events {
    ($($konst:ident $number:literal $level:ident $name:literal;)*) => {
        $(pub(crate) static $konst: Event =
            Event { number: $number, level: Level::$level, name: $name, place: Place::$konst as usize };)*
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($konst),* }
        /// All of them, in order of their numbers.
        pub(crate) static EVENTS: &[&Event] = &[$(&$konst),*];
    };
}

events! {
    DEBUG             0x0000 Dbg "debug";
    // 0x0001 to 0x00ff: the kit
    START             0x0001 Inf "start";
    LOADED            0x0002 Inf "generation_current";
    LOAD_FAILED       0x0003 Adm "generation_failed";
    DRAINED           0x0004 Inf "generation_drained";
    SHUTDOWN          0x0005 Inf "shutdown";
    POOL_DIED         0x0006 Sos "pool_died";
    WORKER_DIED       0x0007 Sos "worker_died";
    WORKER_STUCK      0x0008 Adm "worker_stuck";
    FORK_FAILED       0x0009 Sos "fork_failed";
    SESSION_LIMIT     0x000a Adm "session_limit";
    MASTER_GONE       0x000b Adm "master_gone";
    DRAIN_LIMIT       0x000c Adm "drain_limit";
    CONTROL           0x000d Inf "control";
    CONTROL_DENIED    0x000e Adm "control_denied";
    LOG_LOST          0x000f Adm "log_lost";
    LOG_REOPENED      0x0010 Inf "log_reopened";
    ACCEPT_FAILED     0x0011 Sos "accept_failed";
    SLOT_CORRUPT      0x0013 Bug "slot_corrupt";
    FILES_REPLACED    0x0014 Inf "files_replaced";
    SANDBOX_PARTIAL   0x0016 Inf "sandbox_partial";
    KEY_EXPOSED       0x0017 Adm "key_exposed";
    UPGRADE_BEGUN     0x0020 Inf "upgrade_begun";
    UPGRADED          0x0021 Inf "upgraded";
    UPGRADE_FAILED    0x0022 Adm "upgrade_failed";
    TAKEN_OVER        0x0023 Inf "taken_over";
    NOTIFY_FAILED     0x0024 Adm "notify_failed";
    SOCKET_UNUSED     0x0025 Adm "socket_unused";
    METRICS_REFUSED   0x0028 Err "metrics_refused";
    NUL_IN_INPUT      0x0035 Err "null_byte_in_input";
    // 0x0100 to 0x01ff: pproxy
    LOGIN_OK          0x0101 Inf "login_ok";
    LOGIN_REFUSED     0x0102 Err "login_refused";
    LOGIN_FAILED      0x0103 Adm "login_failed";
    PROXY_SESSION     0x0104 Inf "proxy_session";
    SOFT_FAILURE      0x0105 Adm "soft_failure";
    BACKEND_FAILED    0x0106 Adm "backend_failed";
    BACKEND_REFUSED   0x0107 Adm "backend_refused";
    CHECK_SILENT      0x0108 Adm "check_silent";
    CHECK_SKIPPED     0x0109 Adm "check_skipped";
    CHECK_ERROR       0x010a Adm "check_error";
    MODULE_FAILED     0x010b Adm "module_failed";
    REFUSAL_PASSED    0x010c Inf "refusal_passed";
    FALLBACK_OK       0x010d Inf "fallback_ok";
    FALLBACK_FAILED   0x010e Adm "fallback_failed";
    PROXY_HEADER_BAD  0x0120 Adm "proxy_header_bad";
    LOGIN_DELAYED     0x0121 Inf "login_delayed";
    LIMIT_REACHED     0x0130 Adm "limit_reached";
    BACKEND_DOWN      0x0138 Adm "backend_down";
    BACKEND_UP        0x0139 Adm "backend_up";
    CACHE_STALE       0x0140 Adm "cache_stale";
    MODULE_UNHEALTHY  0x0141 Adm "module_unhealthy";
    MODULE_HEALTHY    0x0142 Adm "module_healthy";
    TLS_FAILED        0x0150 Err "tls_failed";
    TLS_EXPIRES       0x0151 Adm "tls_expires";
    // As in the suite of old, for all daemons
    SESSION_STATE     0x0170 Adm "session_state";
    LOAD_STATE        0x0172 Adm "load_state";
    // 0x0200 to 0x02ff: pserv and the maildrop
    SERVER_SESSION    0x0201 Inf "server_session";
    PEER_DENIED       0x0202 Adm "peer_denied";
    XPOP_BAD          0x0203 Adm "xpop_bad";
    MAILBOX_BAD       0x0204 Adm "mailbox_bad";
    MAILDROP_FAILED   0x0205 Adm "maildrop_failed";
    MESSAGE_SKIPPED   0x0206 Adm "message_skipped";
    MESSAGE_FAILED    0x0207 Adm "message_failed";
    SIZE_MENDED       0x0208 Adm "size_mended";
    EXPUNGE_FAILED    0x0209 Adm "expunge_failed";
    SPOOL_MISSING     0x020a Sos "spool_missing";
    MAILBOX_IN_USE    0x0210 Err "mailbox_in_use";
    MAILBOX_TAKEN     0x0211 Inf "mailbox_taken_over";
    DELETEDIR_MISSING 0x0212 Adm "deletedir_missing";
    UIDL_IMPORTED     0x0218 Inf "uidl_imported";
    UIDL_LIST_BAD     0x0219 Adm "uidl_list_bad";
    SIZES_UNSAVED     0x021a Adm "sizes_unsaved";
    QUOTA_FAILED      0x0220 Adm "quota_failed";
    // 0x0300 to 0x03ff: pcheckd
    CHECK_BAD         0x0301 Err "check_bad";
    CHECK_DENIED      0x0302 Adm "check_denied";
    CHECK_FAILED      0x0303 Adm "check_failed";
    CHECK_UNKEYED     0x0304 Adm "check_unkeyed";
    // 0x0400 to 0x04ff: pdeliver
    DELIVERED         0x0401 Inf "delivered";
    NOT_DELIVERED     0x0402 Adm "not_delivered";
    OVER_QUOTA        0x0403 Err "over_quota";
    // 0x0500 to 0x05ff: pclean
    CLEANED           0x0501 Inf "cleaned";
    CLEAN_FAILED      0x0502 Adm "clean_failed";
    CLEAN_REFUSED     0x0503 Adm "clean_refused";
    MAILBOX_PASSED    0x0504 Inf "mailbox_passed";
    ORPHAN_REMOVED    0x0505 Inf "orphan_removed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_names_are_single_words() {
        assert!(EVENTS.windows(2).all(|w| w[0].number < w[1].number));
        for event in EVENTS {
            assert!(
                event
                    .name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                event.name
            );
            assert_eq!(
                EVENTS.iter().filter(|e| e.name == event.name).count(),
                1,
                "{}",
                event.name
            );
        }
    }
}
