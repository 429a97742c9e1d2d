//! The parts of the page that show objects: virtual servers, backends,
//! modules, servers.

use std::cmp::Reverse;

use super::look::{Pace, Row};
use super::page::counted;
use super::table::{Table, rate};

/// What is wrong with an object, in a word.
pub(super) fn trouble(row: &Row) -> Option<String> {
    let (health, state) = (row.text("health"), row.text("state"));
    match (health.as_str(), state.as_str()) {
        ("down" | "unhealthy", _) => Some(health),
        (_, "disable" | "drain") => Some(format!("switched to {state}")),
        _ => None,
    }
}

/// How the objects of one kind are shown.
struct View {
    kind: &'static str,
    /// The program whose they are, where more than one has the kind.
    program: &'static str,
    /// What heads the columns of id, `keys`, and sessions if they are counted.
    heads: &'static [&'static str],
    keys: &'static [&'static str],
    /// Columns with rates: headings, and the counters each adds up.
    rates: &'static [(&'static str, &'static [&'static str])],
    /// What heads the columns that only this kind has.
    tail: &'static [&'static str],
}

#[rustfmt::skip]
static VIEWS: &[View] = &[
    View {
        kind: "vserv", program: "",
        heads: &["VSERV", "STATE", "ADDRESS", SESSIONS], keys: &["state", "listening"],
        rates: &[
            (">LOGIN/S", &["logins_ok"]),
            (">EMPTY/S", &["empty"]),
            (">RELAY/S", &["relayed"]),
            (">WRONG/S", &["logins_refused"]),
            (">FAIL/S",  &["logins_failed", "softfail_empty", "softfail_tempfail"]),
            (">IN/S",    &["octets_in"]),
            (">OUT/S",   &["octets_out"]),
        ],
        tail: &[],
    },
    View {
        kind: "backend", program: "",
        heads: &["BACKEND", "STATE", "HEALTH", SESSIONS], keys: &["state", "health"],
        rates: &[
            (">RELAY/S", &["sessions"]),
            (">CHECK/S", &["checks"]),
            (">EMPTY/S", &["empty"]),
            (">FAIL/S",  &["failed", "refused", "check_silent", "check_error"]),
        ],
        tail: &[">MS", ">WAIT", "REASON"],
    },
    View {
        kind: "pdm", program: "",
        heads: &["PDM", "MODULE", "HEALTH"], keys: &["module", "health"],
        rates: &[
            (">ASKED/S", &["asked"]),
            (">YES/S",   &["accepted"]),
            (">NO/S",    &["refused"]),
            (">FAIL/S",  &["failed", "left_out"]),
        ],
        tail: &[">MS"],
    },
    View {
        kind: "server", program: "pserv",
        heads: OF_SERVER, keys: &["state", "listening"],
        rates: &[
            (">SESSION/S", &["sessions"]),
            (">RETR/S",    &["messages_retrieved"]),
            (">DELE/S",    &["messages_deleted"]),
            (">FAIL/S",    &["failed", "denied", "in_use"]),
            (">IN/S",      &["octets_in"]),
            (">OUT/S",     &["octets_out"]),
        ],
        tail: &[],
    },
    View {
        kind: "server", program: "pcheckd",
        heads: OF_SERVER, keys: &["state", "listening"],
        rates: &[
            (">ASKED/S", &["questions"]),
            (">EMPTY/S", &["no_mails"]),
            (">OLD/S",   &["old_mails"]),
            (">NEW/S",   &["new_mails"]),
            (">FAIL/S",  &["failed", "denied", "bad", "unkeyed"]),
        ],
        tail: &[],
    },
];

/// The heading of the column that counts sessions.
const SESSIONS: &str = ">SESS";
static OF_SERVER: &[&str] = &["SERVER", "STATE", "ADDRESS", SESSIONS];

/// The objects of a kind: who is in trouble first, then who has most sessions.
/// A kind of which nothing is known makes an empty table.
pub(super) fn objects(pace: &Pace<'_>, name: &str) -> Table {
    let ours = |view: &&View| {
        view.kind == name && (view.program.is_empty() || view.program == pace.now.program)
    };
    let (Some(view), Some(kind)) = (VIEWS.iter().find(ours), pace.now.kind(name)) else {
        return Table::new([]);
    };
    let rates = view.rates.iter().map(|(head, _)| head);
    let heads = view.heads.iter().chain(rates).chain(view.tail);
    let mut table = Table::new(heads.copied());
    let sessions = counted(&pace.now.workers, name);
    let many = |row: &Row| sessions.get(row.octets("id")).copied().unwrap_or(0);
    let mut rows: Vec<_> = kind.rows.iter().collect();
    rows.sort_by_key(|row| (trouble(row).is_none(), Reverse(many(row))));
    for row in rows {
        table.row(cells(pace, view, row, many(row)));
    }
    table
}

fn cells(pace: &Pace<'_>, view: &View, row: &Row, sessions: usize) -> Vec<String> {
    let id = row.text("id");
    let mut cells = vec![id.clone()];
    cells.extend(view.keys.iter().map(|key| row.text(key)));
    if view.heads.contains(&SESSIONS) {
        cells.push(sessions.to_string());
    }
    let rates = view.rates.iter();
    cells.extend(rates.map(|(_, counters)| rate(pace.object(view.kind, &id, counters))));
    let mean = |what, each| pace.mean(view.kind, &id, what, each);
    match view.kind {
        "backend" => {
            cells.push(rate(mean("connect_ms", "sessions")));
            cells.extend([row.text("pending"), row.text("reason")]);
        }
        "pdm" => cells.push(rate(mean("microseconds", "asked").map(|us| us / 1000.0))),
        _ => {}
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_what_somebody_should_look_at() {
        let word = |line| trouble(&Row::parse(line));
        assert_eq!(word("id=b1 state=enable health=up"), None);
        assert_eq!(word("id=b1 state=enable health=down"), Some("down".into()));
        assert_eq!(
            word("id=v state=disable"),
            Some("switched to disable".into())
        );
    }
}
