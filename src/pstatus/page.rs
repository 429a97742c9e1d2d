//! The parts of the page: what is said of the whole, of who is connected, and
//! what was counted.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::look::{Pace, Row};
use super::objects::trouble;
use super::table::{Table, age, amount, beside, rate};
use crate::base::clock::wall;
use crate::sys::time::local;

/// By what sessions are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Age,
    Peer,
    User,
    Doing,
    Server,
}

impl Sort {
    const ALL: [Sort; 5] = [Sort::Age, Sort::Peer, Sort::User, Sort::Doing, Sort::Server];

    /// The next of them.
    pub(super) fn next(self) -> Sort {
        Sort::ALL[(self as usize + 1) % Sort::ALL.len()]
    }

    /// The word for it on the screen.
    pub(super) fn name(self) -> &'static str {
        ["age", "peer", "user", "doing", "server"][self as usize]
    }

    fn key(self, row: &Row) -> (Reverse<u64>, Vec<u8>) {
        let text = |key| (Reverse(0), row.octets(key).to_vec());
        match self {
            Sort::Age => (Reverse(row.number("seconds")), Vec::new()),
            Sort::Peer => text("peer"),
            Sort::User => text("user"),
            Sort::Doing => text("doing"),
            Sort::Server => (Reverse(0), server(row)),
        }
    }
}

/// Where a session came in.
fn server(row: &Row) -> Vec<u8> {
    [row.octets("vserv"), row.octets("server")].concat()
}

/// Sorts sessions; among equals the order is always the same.
pub(super) fn sort(sessions: &mut [Row], by: Sort, reverse: bool) {
    sessions.sort_by_cached_key(|row| (by.key(row), row.octets("sid").to_vec()));
    if reverse {
        sessions.reverse();
    }
}

/// What is said of the daemon as a whole.
pub(super) fn summary(pace: &Pace<'_>) -> Vec<String> {
    let now = pace.now;
    let time = local(wall().0 as i64);
    let clock = format!("{:02}:{:02}:{:02}", time.hour, time.minute, time.second);
    let first = format!(
        "{clock}  {} {}  process {}  generation {}  load {}  sessions {}",
        now.program,
        now.version,
        now.var("pid"),
        now.var("generation"),
        now.var("loadstate"),
        now.var("sessionstate"),
    );
    let mut lines = vec![first, happening(pace)];
    lines.extend(alarm(pace).map(|what| format!("LOOK: {what}")));
    lines
}

/// How many there are, and what they do each second.
fn happening(pace: &Pace<'_>) -> String {
    let now = pace.now;
    let per = |name: &str| rate(pace.sum(name));
    let (busy, idle) = (now.sum("workers_busy"), now.sum("workers_idle"));
    let most = now.var("maxsession");
    match now.program.as_str() {
        "pproxy" => format!(
            "sessions {busy} of {most}, {idle} idle  logins/s {}  wrong {}  failed {}  in {}  out {}",
            per("logins_ok"),
            per("logins_refused"),
            per("logins_failed"),
            per("octets_in"),
            per("octets_out"),
        ),
        "pserv" => format!(
            "sessions {busy} of {most}, {idle} idle  sessions/s {}  messages {}  failed {}  in {}  out {}",
            per("sessions"),
            per("messages_retrieved"),
            per("failed"),
            per("octets_in"),
            per("octets_out"),
        ),
        _ => format!(
            "workers {}  questions/s {}  no mails {}  failed {}  denied {}",
            busy + idle,
            per("questions"),
            per("no_mails"),
            per("failed"),
            per("denied"),
        ),
    }
}

/// What an administrator should look at first, if there is anything.
fn alarm(pace: &Pace<'_>) -> Option<String> {
    let mut all = Vec::new();
    for (kind, rows) in pace.now.kinds.iter().map(|kind| (kind.name, &kind.rows)) {
        let bad = |row: &&Row| trouble(row).is_some();
        let bad: Vec<_> = rows.iter().filter(bad).collect();
        if let Some(first) = bad.first() {
            let more = match bad.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            let what = trouble(first).unwrap_or_default();
            let reason = match first.text("reason") {
                none if none.is_empty() => none,
                reason => format!(" ({reason})"),
            };
            all.push(format!(
                "{kind} {} is {what}{reason}{more}",
                first.text("id")
            ));
        }
    }
    for (state, what) in [("sessionstate", "sessions"), ("loadstate", "load")] {
        let state = pace.now.var(state);
        if !matches!(state, "OK" | "") {
            all.push(format!("{what}: {state}"));
        }
    }
    for (event, what) in [
        ("worker_died", "workers died"),
        ("log_lost", "times log lines were lost"),
    ] {
        let count = pace.now.events.iter().find(|(name, _)| name == event);
        all.extend(count.map(|(_, count)| format!("{count} {what}")));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// How many sessions bear each value of `key`.
pub(super) fn counted<'r>(sessions: &'r [Row], key: &str) -> HashMap<&'r [u8], usize> {
    let mut counts = HashMap::new();
    for row in sessions {
        *counts.entry(row.octets(key)).or_insert(0) += 1;
    }
    counts
}

/// The generations that have workers, the current one first.
pub(super) fn pools(pace: &Pace<'_>) -> Table {
    let mut table = Table::new(["POOL", "STATE", ">WORKERS", ">BUSY", ">IDLE", "OLDEST"]);
    let mut pools: HashMap<u64, [u64; 4]> = HashMap::new();
    for row in &pace.now.workers {
        let pool = pools.entry(row.number("generation")).or_default();
        pool[0] += 1;
        pool[1] += u64::from(row.octets("state") == b"busy");
        pool[2] += u64::from(row.octets("state") == b"idle");
        pool[3] = pool[3].max(row.number("seconds"));
    }
    let mut pools: Vec<_> = pools.into_iter().collect();
    pools.sort_by_key(|(generation, _)| Reverse(*generation));
    for (generation, [workers, busy, idle, oldest]) in pools {
        let current = generation.to_string() == pace.now.var("generation");
        let state = if current { "current" } else { "draining" };
        let mut cells = vec![generation.to_string(), state.into()];
        cells.extend([workers, busy, idle].map(|n| n.to_string()));
        cells.push(age(oldest));
        table.row(cells);
    }
    table
}

/// Those that most sessions have in common, the first `most`.
pub(super) fn top(sessions: &[Row], key: &str, head: &str, most: usize) -> Table {
    let mut table = Table::new([">SESS", head]);
    let mut all: Vec<_> = counted(sessions, key).into_iter().collect();
    all.retain(|(value, _)| !value.is_empty());
    all.sort_by_key(|(value, count)| (Reverse(*count), *value));
    for (value, count) in all {
        table.row(vec![count.to_string(), super::look::shown(value)]);
    }
    table.cut(most);
    table
}

/// The most frequent users and addresses side by side.
pub(super) fn tops(pace: &Pace<'_>, most: usize) -> Vec<String> {
    let top = |key, head| top(&pace.now.workers, key, head, most);
    let (users, peers) = (top("user", "USER"), top("peer", "ADDRESS"));
    match peers.is_empty() {
        true => Vec::new(),
        false => beside(&users.lines(), &peers.lines(), 40),
    }
}

/// Sessions, in the order in which they come.
pub(super) fn sessions(pace: &Pace<'_>, rows: &[Row]) -> Table {
    let place = match pace.now.program.as_str() {
        "pproxy" => "VSERV",
        _ => "SERVER",
    };
    let mut table = Table::new([">AGE", "PEER", "USER", "DOING", place, "SID"]);
    for row in rows {
        table.row(vec![
            age(row.number("seconds")),
            row.text("peer"),
            row.text("user"),
            row.text("doing"),
            super::look::shown(&server(row)),
            row.text("sid"),
        ]);
    }
    table
}

/// What was counted, and events, side by side; what is 0 is left out.
pub(super) fn counters(pace: &Pace<'_>) -> Vec<String> {
    let mut sums = Table::new(["COUNTER", ">ALL", ">/S"]);
    for (name, value) in pace.now.sums.iter().filter(|(_, value)| *value > 0) {
        sums.row(vec![name.clone(), amount(*value), rate(pace.sum(name))]);
    }
    let mut events = Table::new(["EVENT", ">ALL", ">/S"]);
    for (name, value) in &pace.now.events {
        let each = rate(pace.event(name, *value));
        events.row(vec![name.clone(), amount(*value), each]);
    }
    beside(&sums.lines(), &events.lines(), 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Vec<Row> {
        lines.iter().map(|line| Row::parse(line)).collect()
    }

    #[test]
    fn the_oldest_session_comes_first_and_equals_keep_their_order() {
        let mut all = rows(&[
            "sid=2 seconds=5 user=b",
            "sid=1 seconds=5 user=c",
            "sid=3 seconds=70 user=a",
        ]);
        let sids = |all: &[Row]| all.iter().map(|row| row.text("sid")).collect::<String>();
        sort(&mut all, Sort::Age, false);
        assert_eq!(sids(&all), "312");
        sort(&mut all, Sort::User, false);
        assert_eq!(sids(&all), "321");
        sort(&mut all, Sort::User, true);
        assert_eq!(sids(&all), "123");
    }

    #[test]
    fn who_has_most_sessions_is_on_top_and_shown_harmlessly() {
        let all = rows(&[
            "user=a",
            "user=\"\\x1b[2J\"",
            "user=\"\\x1b[2J\"",
            "user=\"\"",
        ]);
        let lines = top(&all, "user", "USER", 9).lines();
        assert_eq!(lines, ["SESS  USER", "   2  \\x1b[2J", "   1  a"]);
    }
}
