//! The variables that every daemon has.

use super::strain::Strain;
use crate::base::events::Level;
use crate::base::log::{self, FORMATS};
use crate::base::vars::{Vars, vars};

/// How many there are: a program's own begin behind them.
pub(crate) const COUNT: usize = 26;

#[rustfmt::skip]
mod table {
    use super::*;
    vars! { COMMON from 0;
        ID               "id"                Read  Id,               "",      "name of the program";
        PID              "pid"               Read  Int(1, 1 << 31),  "1",     "process number of the master";
        RUNDIR           "rundir"            Read  Dir,              "",      "directory of pid file and control socket";
        STARTFILE        "startfile"         Read  File,             "",      "file of control words, given at start";
        VERSION          "version"           Read  Str,              "",      "version of the program";
        GENERATION       "generation"        Read  Int(0, 1 << 31),  "0",     "number of the current generation";
        SESSIONSTATE     "sessionstate"      Read  Word(Strain::NAMES), "OK",  "how near the sessions are to maxsession";
        LOADSTATE        "loadstate"         Read  Word(Strain::NAMES), "OK",  "how near the load is to maxlocalload";
        SESSIONLIMIT     "sessionlimit"      Read  Int(1, 100_000),  "4096",  "slots for sessions, given at start";
        USER             "user"              Fixed Id,               "popular", "who pool and workers become when started as root";
        GROUP            "group"             Fixed Str,              "",      "their group, if not that of the user";
        MAXSESSION       "maxsession"        Live  Int(1, 100_000),  "1000",  "sessions at a time, at most sessionlimit";
        MAXLOCALLOAD     "maxlocalload"      Live  Decimal(0, 1_000_000), "0",     "load average from which on no session is begun; 0: none";
        MINSPARE         "minspare"          Live  Int(1, 10_000),   "5",     "idle workers that are kept ready";
        MAXSPARE         "maxspare"          Live  Int(1, 10_000),   "50",    "idle workers beyond which some leave";
        SESSIONSPERWORKER "sessionsperworker" Live Int(1, 1 << 31),  "10000", "sessions after which a worker is replaced";
        BACKLOG          "backlog"           Fixed Int(5, 65535),    "1024",  "connections that wait to be accepted";
        IDLETIMEOUT      "idletimeout"       Live  Time(1, 86400),   "10m",   "silence that ends a session (RFC 1939: at least 10m)";
        WRITETIMEOUT     "writetimeout"      Live  Time(1, 86400),   "2m",    "how long a peer may refuse to take what we send";
        TRYTIMEOUT       "trytimeout"        Live  Time(1, 3600),    "15s",   "how long a new generation may take to load";
        DRAINLIMIT       "drainlimit"        Live  Time(1, 86400 * 7), "1d",  "how long sessions of an old generation may last";
        TICKETLIFE       "ticketlife"        Live  Time(60, 86400 * 7), "8h", "how long a key of TLS session tickets is used; its tickets are taken as long again";
        LOGLEVEL         "loglevel"          Live  Word(Level::NAMES), "INF", "lowest level that is logged; ERR and above always are";
        LOGFACILITY      "logfacility"       Fixed Word(FACILITIES), "mail",  "facility of the lines sent to syslog";
        LOGFORMAT        "logformat"         Fixed Word(FORMATS),    "plain", "form of the lines sent to syslog";
        SANDBOX          "sandbox"           Fixed Bool,             "yes",   "whether pool and workers give up what they will not need";
    }
}
pub(crate) use table::*;

/// Makes lines for syslog as these variables say, from now on.
pub(super) fn set_log(vars: &Vars) {
    log::set_facility(vars.text(LOGFACILITY));
    log::set_format(vars.text(LOGFORMAT));
}

/// What `logfacility` takes.
static FACILITIES: &[&str] = &[
    "mail", "daemon", "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_own_variables_begin_behind_the_common_ones() {
        assert_eq!(COMMON.len(), COUNT);
    }

    #[test]
    fn every_default_that_can_be_set_is_right() {
        for var in COMMON
            .iter()
            .filter(|v| v.when != crate::base::vars::When::Read)
        {
            assert_eq!(
                var.kind.normal(var.default).as_deref(),
                Ok(var.default),
                "{}",
                var.name
            );
        }
    }
}
