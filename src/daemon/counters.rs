//! What is counted, and how it is told: all in all, of each
//! object, of each command and of each event.

use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Head, State};
use super::config::{Config, Kind, Object};
use crate::base::events::EVENTS;
use crate::base::kv::Row;
use crate::base::words::quote;

/// What counters of commands begin with.
const COMMAND: &str = "cmd_";

/// What one thing has come to: names and numbers.
pub(crate) type Counted<'c> = Vec<(&'c str, u64)>;

/// All in all, the kit's first; `base` is what each of the program's began with.
pub(crate) fn sums<'c>(board: &Board, names: &[&'c str], base: &[u64]) -> Counted<'c> {
    let head = |which| board.head(which).load(Relaxed);
    let mut sums = vec![
        ("workers_busy", board.count(State::Busy) as u64),
        ("workers_idle", board.count(State::Idle) as u64),
        ("forks", head(Head::Forks)),
        ("worker_deaths", head(Head::Deaths)),
    ];
    let began = |n: usize| base.get(n).copied().unwrap_or(0);
    let names = names.iter().enumerate();
    sums.extend(names.map(|(n, name)| (*name, board.total(n).wrapping_sub(began(n)))));
    sums
}

/// What was counted for an object of kind number `kind`.
pub(crate) fn of_object(
    board: &Board,
    config: &Config,
    kind: usize,
    object: &Object,
) -> Counted<'static> {
    let numbers = board.tallies(object.row).iter().map(|n| n.load(Relaxed));
    let names = config.tables.kinds[kind].counters.iter().copied();
    names.zip(numbers).collect()
}

/// How often each event has been that has been at all.
pub(crate) fn of_events(board: &Board) -> impl Iterator<Item = (&'static str, u64)> {
    let numbers = board.events().iter().map(|n| n.load(Relaxed));
    let all = EVENTS.iter().map(|event| event.name).zip(numbers);
    all.filter(|(_, number)| *number != 0)
}

/// How often each command was given.
pub(crate) fn of_commands<'c>(sums: &Counted<'c>) -> impl Iterator<Item = (&'c str, u64)> {
    let command = |(name, number): &(&'c str, u64)| Some((name.strip_prefix(COMMAND)?, *number));
    sums.iter().filter_map(command)
}

fn row<'c>(id: &str, counted: impl IntoIterator<Item = (&'c str, u64)>) -> String {
    let mut row = Row::default();
    row.kv("id", &id);
    for (name, number) in counted {
        row.kv(name, &number);
    }
    row.text()
}

/// `counter list [KIND [ID]]`; `base` is what the counters of the program
/// began with.
///
/// # Errors
/// A word that is none, and what would be right.
pub(super) fn list(
    board: &Board,
    config: &Config,
    base: &[u64],
    words: &[String],
) -> Result<Vec<String>, String> {
    let sums = sums(board, config.tables.counters, base);
    let Some(kind) = words.first() else {
        return Ok(sums.into_iter().map(sum).collect());
    };
    let id = words.get(1).map(String::as_str);
    let wanted = |name: &str| id.is_none_or(|id| id == name);
    let numbers = |all: &mut dyn Iterator<Item = (&str, u64)>| -> Vec<String> {
        let all = all.filter(|(name, _)| wanted(name));
        all.map(|(name, number)| row(name, [("count", number)]))
            .collect()
    };
    let lines = match kind.as_str() {
        "event" => numbers(&mut of_events(board)),
        "command" => numbers(&mut of_commands(&sums)),
        kind => {
            let place = counted(config, kind)?;
            let objects = config.objects(place).iter().filter(|o| wanted(&o.id));
            let line = |o: &Object| row(&o.id, of_object(board, config, place, o));
            objects.map(line).collect()
        }
    };
    match id {
        Some(id) if lines.is_empty() => Err(format!("nothing is counted of {kind} {}", quote(id))),
        _ => Ok(lines),
    }
}

fn sum((name, value): (&str, u64)) -> String {
    let mut row = Row::default();
    row.kv("name", &name).kv("value", &value);
    row.text()
}

/// The number of a kind of which there are counters.
fn counted(config: &Config, name: &str) -> Result<usize, String> {
    let kinds = config.tables.kinds.iter();
    let counted = |kind: &&Kind| !kind.counters.is_empty();
    let place = kinds
        .clone()
        .position(|kind| kind.name == name && counted(&kind));
    place.ok_or_else(|| {
        let names: Vec<_> = kinds.filter(counted).map(|kind| kind.name).collect();
        format!(
            "there are no counters of {}; right would be: {} command event",
            quote(name),
            names.join(" ")
        )
    })
}

/// Lets the counters of the program, of its objects and of events begin anew.
/// Those of the program, which are written by the owners of slots, go on: what
/// they have come to is the new `base` of [`list`].
pub(super) fn reset(board: &Board, config: &Config) -> Vec<u64> {
    let objects = config.all().flat_map(|(_, o)| board.tallies(o.row));
    let all = objects.chain(board.events());
    all.for_each(|number| number.store(0, Relaxed));
    let counters = 0..config.tables.counters.len();
    counters.map(|n| board.total(n)).collect()
}
