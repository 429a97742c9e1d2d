//! What lists show: rows of `key=value`, read from the scoreboard.

use std::net::SocketAddr;

use super::board::Board;
use super::config::{Config, Object};
use super::doors::Doors;
use super::service::Service;
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
    let show = |object: &Object| {
        let mut row = own(config, kind, object, doors);
        S::show(board, config, kind, object, &mut row);
        row.text()
    };
    config.objects(kind).iter().map(show).collect()
}

/// What the kit knows of an object.
fn own(config: &Config, kind: usize, object: &Object, doors: &Doors) -> Row {
    let table = &config.tables.kinds[kind];
    let mut row = Row::default();
    row.kv("id", &object.id);
    if let Some(state) = table.states.get(object.state) {
        row.kv("state", state);
    }
    let holes = table.holes.split(' ');
    for (name, word) in holes.clone().zip(&object.words) {
        let key = name.trim_matches(['[', ']', '.']).to_lowercase();
        row.kv(key.split(':').next().unwrap_or("at"), word);
    }
    let more = object.words.get(holes.count()..).unwrap_or_default();
    if !more.is_empty() {
        row.kv("more", &more.join(" "));
    }
    let first = object.words.first();
    let address = first.and_then(|at| doors.address(&table.socket(&object.id), at));
    if let Some(address) = address {
        row.kv("listening", &address);
    } else if table.holes.starts_with("HOST:PORT") {
        let all = config.addresses(&object.words[0]).iter();
        let all: Vec<_> = all.map(SocketAddr::to_string).collect();
        row.kv("addresses", &all.join(","));
    }
    if table.file.is_some() {
        row.kv("lines", &object.lines.len());
    }
    for (var, value) in object.keys.iter() {
        row.kv(var.name, &value);
    }
    row
}
