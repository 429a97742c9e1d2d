//! What lists show: rows of `key=value`, read from the scoreboard.

use super::board::Board;
use super::config::Config;
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
            .and_then(|at| doors.address(&table.socket(&object.id), at));
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
