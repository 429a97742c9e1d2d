//! What lists show: rows of `key=value`, read from the scoreboard.

use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Field, Head, State, Text};
use super::config::Config;
use super::doors::Doors;
use super::service::Service;
use crate::base::clock::now;
use crate::base::kv::Row;
use crate::base::vars::{Var, When};

/// `show`: one row a variable.
pub(crate) fn variable(var: &Var, value: &str) -> String {
    let when = match var.when {
        When::Live => "live",
        When::Fixed => "fixed",
        When::Read => "readonly",
    };
    let mut row = Row::default();
    row.kv("name", &var.name)
        .kv("value", &value)
        .kv("default", &var.default);
    row.kv("range", &var.kind.wanted()).kv("when", &when);
    row.text()
}

/// `KIND list`: id, holes, state, all options, the real address, and what the
/// program adds.
pub(crate) fn objects<S: Service>(
    board: &Board,
    config: &Config,
    kind: usize,
    doors: &Doors,
) -> Vec<String> {
    let table = &config.tables.kinds[kind];
    let show = |object: &super::config::Object| {
        let mut row = Row::default();
        row.kv("id", &object.id);
        if let Some(state) = table.states.get(object.state) {
            row.kv("state", state);
        }
        for (name, word) in table.holes.split(' ').zip(&object.words) {
            let key = name.trim_matches(['[', ']', '.']).to_lowercase();
            row.kv(key.split(':').next().unwrap_or("at"), word);
        }
        if let Some(extra) = object
            .words
            .get(table.holes.split(' ').count()..)
            .filter(|e| !e.is_empty())
        {
            row.kv("more", &extra.join(" "));
        }
        let address = object
            .words
            .first()
            .and_then(|at| doors.address(&object.id, at));
        if let Some(address) = address {
            row.kv("listening", &address);
        } else if table.holes.starts_with("HOST:PORT") {
            let list: Vec<_> = config
                .addresses(&object.words[0])
                .iter()
                .map(|a| a.to_string())
                .collect();
            row.kv("addresses", &list.join(","));
        }
        if table.file.is_some() {
            row.kv("lines", &object.lines.len());
        }
        for (var, value) in object.keys.iter() {
            row.kv(var.name, &value);
        }
        S::show(board, config, kind, object, &mut row);
        row.text()
    };
    config.objects(kind).iter().map(show).collect()
}

/// One worker, as the page shows it.
struct Seen {
    slot: usize,
    state: State,
    sid: Vec<u8>,
    peer: Vec<u8>,
    user: Vec<u8>,
    doing: Vec<u8>,
}

fn seen(board: &Board) -> impl Iterator<Item = Seen> {
    (0..board.len())
        .filter(|&slot| board.state(slot) != State::Free)
        .map(|slot| Seen {
            slot,
            state: board.state(slot),
            sid: board.text(slot, Text::Sid),
            peer: board.text(slot, Text::Peer),
            user: board.text(slot, Text::User),
            doing: board.text(slot, Text::Doing),
        })
}

/// `session list`: all sessions, or with `all=yes` all workers.
///
/// # Errors
/// A key that is none.
pub(crate) fn sessions(board: &Board, keys: &[(String, String)]) -> Result<Vec<String>, String> {
    let known = ["all", "sid", "user", "peer", "state"];
    if let Some((key, _)) = keys.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        return Err(format!("unknown key {key}; there are: {}", known.join(" ")));
    }
    let all = keys
        .iter()
        .any(|(key, value)| key == "all" && value == "yes");
    let wanted = |s: &Seen| {
        (all || s.state == State::Busy)
            && keys.iter().all(|(key, value)| match key.as_str() {
                "sid" => s.sid == value.as_bytes(),
                "user" => s.user == value.as_bytes(),
                "peer" => s.peer == value.as_bytes(),
                "state" => s.state.name() == value,
                _ => true,
            })
    };
    let show = |s: Seen| {
        let field = |f| board.field(s.slot, f).load(Relaxed);
        let mut row = Row::default();
        row.kv("sid", &s.sid)
            .kv("state", &s.state.name())
            .kv("peer", &s.peer)
            .kv("user", &s.user);
        row.kv("doing", &s.doing)
            .kv("pid", &field(Field::Pid))
            .kv("generation", &field(Field::Generation));
        let age = if s.state == State::Busy {
            now().saturating_sub(field(Field::Since)) / 1000
        } else {
            0
        };
        row.kv("seconds", &age)
            .kv("slot", &s.slot)
            .kv("serial", &field(Field::Serial));
        row.text()
    };
    Ok(seen(board).filter(wanted).map(show).collect())
}

/// The slot of a session.
pub(crate) fn find_session(board: &Board, sid: &str) -> Option<usize> {
    seen(board)
        .find(|s| s.state == State::Busy && s.sid == sid.as_bytes())
        .map(|s| s.slot)
}

/// All counters, the kit's first.
pub(crate) fn counters(board: &Board, names: &[&str], base: &[u64]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut put = |name: &str, value: u64| {
        let mut row = Row::default();
        row.kv("name", &name).kv("value", &value);
        lines.push(row.text());
    };
    put("workers_busy", board.count(State::Busy) as u64);
    put("workers_idle", board.count(State::Idle) as u64);
    put("forks", board.head(Head::Forks).load(Relaxed));
    put("worker_deaths", board.head(Head::Deaths).load(Relaxed));
    for (n, name) in names.iter().enumerate() {
        put(
            name,
            board
                .total(n)
                .wrapping_sub(base.get(n).copied().unwrap_or(0)),
        );
    }
    lines
}
