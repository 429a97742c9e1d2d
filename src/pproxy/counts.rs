//! What the proxy counts: all in all, and for each virtual server, backend and
//! module.

/// Declares counters: a place and a name each.
macro_rules! counters {
    ($(#[$doc:meta])* $what:ident $names:ident; $($(#[$note:meta])* $count:ident $name:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $what { $($(#[$note])* $count),* }
        pub(super) static $names: &[&str] = &[$($name),*];
    };
}

counters! {
    /// What is counted all in all; those up to [`Count::OctetsOut`] for each
    /// virtual server, too.
    Count NAMES;
    Sessions       "sessions";
    LoginsOk       "logins_ok";
    LoginsRefused  "logins_refused";
    LoginsFailed   "logins_failed";
    LoginsDelayed  "logins_delayed";
    Empty          "empty";
    Relayed        "relayed";
    SoftEmpty      "softfail_empty";
    SoftTempfail   "softfail_tempfail";
    FallbackOk     "fallback_ok";
    FallbackRefused "fallback_refused";
    FallbackFailed "fallback_failed";
    LimitAddress   "limit_maxperip";
    LimitNetwork   "limit_maxpernet";
    LimitUser      "limit_maxperuser";
    LimitVserv     "limit_vserv";
    LimitBackend   "limit_backend";
    Penalties      "penalties";
    Unheard        "logins_unheard";
    GaveWay        "gave_way";
    CacheHits      "cache_hits";
    CacheMisses    "cache_misses";
    CacheStale     "cache_stale";
    TlsFull        "tls_full";
    TlsResumed     "tls_resumed";
    TlsFailed      "tls_failed";
    BadCommands    "bad_commands";
    OctetsIn       "octets_in";
    OctetsOut      "octets_out";
    Checks         "checks";
    CheckSilent    "check_silent";
    CheckSkipped   "check_skipped";
    CheckFailed    "check_error";
    BackendFailed  "backend_failed";
    BackendRefused "backend_refused";
}

/// One for each row of the table of commands.
static COMMANDS: [&str; 14] = [
    "cmd_capa", "cmd_user", "cmd_pass", "cmd_quit", "cmd_stat", "cmd_list", "cmd_uidl", "cmd_retr",
    "cmd_dele", "cmd_noop", "cmd_rset", "cmd_top", "cmd_auth", "cmd_stls",
];

/// Where the counters of commands begin.
pub(crate) const FIRST_COMMAND: usize = Count::BackendRefused as usize + 1;
const ALL: usize = FIRST_COMMAND + COMMANDS.len();

static ALL_NAMES: [&str; ALL] = {
    let (mut all, mut n) = ([""; ALL], 0);
    while n < ALL {
        all[n] = match n < FIRST_COMMAND {
            true => NAMES[n],
            false => COMMANDS[n - FIRST_COMMAND],
        };
        n += 1;
    }
    all
};

/// The names of all of them, by place.
pub(crate) static COUNTERS: &[&str] = &ALL_NAMES;

/// What is counted for each virtual server.
pub(super) static OF_VSERV: &[&str] = NAMES.split_at(Count::OctetsOut as usize + 1).0;

counters! {
    /// What is counted for each backend.
    AtBackend OF_BACKEND;
    /// It let a session in; after so many milliseconds, all of them together.
    Sessions     "sessions";
    ConnectMs    "connect_ms";
    /// It did not do its part, or let nobody in.
    Failed       "failed";
    Refused      "refused";
    /// Its pcheckd was asked, said that there is no mail, or nothing.
    Checks       "checks";
    Empty        "empty";
    CheckSilent  "check_silent";
    CheckSkipped "check_skipped";
    CheckFailed  "check_error";
    /// Users of its mailboxes were told that they cannot be reached now.
    Soft         "softfail";
    /// From it, and to it.
    OctetsIn     "octets_in";
    OctetsOut    "octets_out";
}

counters! {
    /// What is counted for each module.
    OfModule OF_PDM;
    Asked    "asked";
    /// How long that took, all in all.
    Us       "microseconds";
    Accepted "accepted";
    Refused  "refused";
    Unknown  "unknown";
    Failed   "failed";
    /// It was left out since it is unhealthy.
    LeftOut  "left_out";
}
