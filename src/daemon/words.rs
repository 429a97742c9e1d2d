//! The control words: one table for start files and the control socket.

use std::io::Read;
use std::path::Path;

use super::config::{Config, Kind};
use super::service::Tables;
use crate::base::debug;
use crate::base::events::EVENTS;
use crate::base::vars::{Var, describe};
use crate::base::verbs::{Args, Verb, look_up};
use crate::base::words::split_text;

/// What a word does. The first group changes a configuration and may stand
/// in a start file or a batch; a number is the place of a kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Set,
    Debug,
    Add(usize),
    Load(usize),
    Change(usize),
    Delete(usize),
    Switch(usize),
    Order(usize),
    Reload(usize),

    Begin,
    /// With nothing said yet.
    Anew,
    Commit,
    Abort,

    Show,
    Help,
    Words,
    Config,
    Version,
    DebugList,
    List(usize),
    /// A word of the program's own.
    Own(usize),
    /// One that does something.
    Do(usize),
    /// One that somebody is sent out for.
    Errand(usize),
    SessionList,
    SessionKick,
    SessionWatch,
    CounterList,
    CounterReset,
    Metrics,
    Shutdown,
    Upgrade,
}

impl Act {
    /// Does it do something that no `abort` takes back?
    pub(crate) fn at_once(self) -> bool {
        use Act::*;
        matches!(
            self,
            Shutdown | SessionKick | SessionWatch | CounterReset | Upgrade | Do(_)
        )
    }

    /// Does it change the configuration?
    pub(crate) fn changes(self) -> bool {
        use Act::*;
        matches!(
            self,
            Set | Debug
                | Add(_)
                | Load(_)
                | Change(_)
                | Delete(_)
                | Switch(_)
                | Order(_)
                | Reload(_)
        )
    }
}

#[rustfmt::skip]
static COMMON: &[(&str, Act, &str)] = &[
    ("show [VAR]",                              Act::Show,         "shows one variable, or all of them"),
    ("set VAR VALUE",                           Act::Set,          "sets a variable"),
    ("help [WORD...]",                          Act::Help,         "explains the words that begin like this, their options, and variables"),
    ("words",                                   Act::Words,        "lists words, options and variables for programs"),
    ("begin",                                   Act::Begin,        "begins a batch: what follows is only checked"),
    ("begin anew",                              Act::Anew,         "the same, but as if nothing were configured yet"),
    ("commit",                                  Act::Commit,       "makes the batch hold, all of it or nothing"),
    ("abort",                                   Act::Abort,        "forgets the batch"),
    ("config",                                  Act::Config,       "prints the words that rebuild the running configuration"),
    ("version",                                 Act::Version,      "says which program this is"),
    ("debug list",                              Act::DebugList,    "lists the debug flags"),
    ("debug FLAG on|off [KEY=VALUE...]",         Act::Debug,        "switches a debug flag, for all or for some"),
    ("session list [KEY=VALUE...]",             Act::SessionList,  "lists sessions, or those that all keys fit: sid= user= peer=NET,... doing= minage=TIME maxage=TIME, and an object they are at; all=yes, state=: workers"),
    ("session kick SID",                        Act::SessionKick,  "ends a session at once"),
    ("session watch SID",                       Act::SessionWatch, "shows what is said in a session, but no secret and no mail, until it ends"),
    ("counter list [KIND] [ID]",                Act::CounterList,  "lists the counters; with KIND, those of each object of this kind, command or event"),
    ("counter reset",                           Act::CounterReset, "lets them count from 0 again"),
    ("metrics [openmetrics|text]",              Act::Metrics,      "prints counters and states for monitoring, as Prometheus takes them from files"),
    ("shutdown all|parent|children|delayed",    Act::Shutdown,     "all: ends sessions and daemon; parent: sessions go on; children: ends sessions only; delayed: waits for sessions"),
    ("upgrade [PROGRAM-FILE]",                  Act::Upgrade,      "starts the program anew, which takes over all but running sessions"),
];

fn row(pattern: String, act: Act, help: String, keys: &'static [Var]) -> Verb<Act> {
    Verb {
        pattern,
        keys,
        help,
        act,
    }
}

/// The words of all programs.
fn common((pattern, act, help): &(&str, Act, &str)) -> Verb<Act> {
    let keys = match act {
        Act::Debug => debug::OPTIONS,
        _ => &[],
    };
    row((*pattern).into(), *act, (*help).into(), keys)
}

/// The words for objects of kind number `n`.
#[rustfmt::skip]
fn of_kind(n: usize, kind: &Kind) -> Vec<Verb<Act>> {
    const NONE: &[Var] = &[];
    let (name, keys, states) = (kind.name, kind.keys, kind.states.join("|"));
    let options = if keys.is_empty() { "" } else { " [KEY=VALUE...]" };
    let all = [
        (kind.file.is_some(),     format!("{name} load ID"),                     Act::Load(n),   kind.help,                           NONE),
        (kind.file.is_none(),     format!("{name} add ID {}{options}", kind.holes), Act::Add(n), kind.help,                           keys),
        (!keys.is_empty(),        format!("{name} change ID KEY=VALUE{options}"), Act::Change(n), "changes its options",              keys),
        (!kind.states.is_empty(), format!("{name} {states} ID"),                 Act::Switch(n), "switches it; ID may be all",        NONE),
        (true,                    format!("{name} delete ID"),                   Act::Delete(n), "takes it out",                      NONE),
        (kind.ordered,            format!("{name} order ID..."),                 Act::Order(n),  "brings all of them into this order", NONE),
        (kind.reloads,            format!("{name} reload [ID]"),                 Act::Reload(n), "loads it, or all of them, anew",    NONE),
        (true,                    format!("{name} list"),                        Act::List(n),   "lists them",                        NONE),
    ];
    let there = all.into_iter().filter(|(is, ..)| *is);
    there.map(|(_, pattern, act, help, keys)| row(pattern, act, help.into(), keys)).collect()
}

/// The words of a program.
pub(crate) fn table(tables: &Tables) -> Vec<Verb<Act>> {
    let kinds = tables.kinds.iter().enumerate();
    let own = tables.words.iter().enumerate().map(|(n, word)| {
        let act = if word.acts { Act::Do(n) } else { Act::Own(n) };
        row(word.pattern.into(), act, word.help.into(), &[])
    });
    let errands = tables.errands.iter().enumerate().map(|(n, word)| {
        let (pattern, help) = (word.pattern.into(), word.help.into());
        row(pattern, Act::Errand(n), help, &[])
    });
    COMMON
        .iter()
        .map(common)
        .chain(kinds.flat_map(|(n, kind)| of_kind(n, kind)))
        .chain(own)
        .chain(errands)
        .collect()
}

/// Applies a word that changes the configuration.
///
/// # Errors
/// What is wrong and what would be right; then `config` may be half changed
/// and is to be thrown away.
pub(crate) fn apply(config: &mut Config, act: Act, args: &Args) -> Result<(), String> {
    let word = |n: usize| args.words.get(n).map_or("", String::as_str);
    match act {
        Act::Set => config.vars.set(word(0), word(1)),
        Act::Debug => config.debug.switch(word(0), word(1) == "on", &args.keys),
        Act::Add(kind) => config.add(kind, &args.words, &args.keys),
        Act::Load(kind) => config.load(kind, word(0)),
        Act::Change(kind) => config.change(kind, word(0), &args.keys),
        Act::Delete(kind) => config.delete(kind, word(0)),
        Act::Switch(kind) if config.tables.kinds[kind].states.len() == 1 => {
            config.switch(kind, "", word(0))
        }
        Act::Switch(kind) => config.switch(kind, word(0), word(1)),
        Act::Order(kind) => config.order(kind, &args.words),
        Act::Reload(kind) => config.reload(kind, args.words.first().map(String::as_str)),
        _ => Err("this word does not change the configuration".into()),
    }
}

/// Longest start file, in octets.
const LONGEST_FILE: u64 = 16 << 20;

/// All of a file. What is no regular file does not say how long it is.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LONGEST_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(std::io::Error::other("the file is too large"));
    }
    Ok(text)
}

/// Reads a start file into `config`, which is to be thrown away if a line of
/// it is wrong.
///
/// # Errors
/// Every error, each with file and line.
pub(crate) fn read_file(
    path: &Path,
    verbs: &[Verb<Act>],
    config: &mut Config,
) -> Result<(), Vec<String>> {
    let name = path.display().to_string();
    let text = read_bounded(path).map_err(|why| vec![format!("{name}: {why}")])?;
    read_text(&name, &text, verbs, config)
}

/// The same from what stands in a file, or in something else called `name`.
///
/// # Errors
/// As above.
pub(crate) fn read_text(
    name: &str,
    text: &[u8],
    verbs: &[Verb<Act>],
    config: &mut Config,
) -> Result<(), Vec<String>> {
    let mut errors = Vec::new();
    for (number, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".into());
        let words = line.and_then(split_text);
        if let Err(why) = words.and_then(|words| obey(verbs, config, &words)) {
            errors.push(format!("{name}:{}: {why}", number + 1));
        }
        if errors.len() >= 50 {
            errors.push(format!("{name}: and perhaps more"));
            break;
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn obey(verbs: &[Verb<Act>], config: &mut Config, words: &[String]) -> Result<(), String> {
    if words.is_empty() {
        return Ok(());
    }
    let (verb, args) = look_up(verbs, words)?;
    if !verb.act.changes() {
        return Err(format!(
            "{} does not belong into a start file",
            words.join(" ")
        ));
    }
    apply(config, verb.act, &args)
}

/// Explains the words that begin with `start`, and the variables so called.
pub(crate) fn help(
    tables: &Tables,
    config: &Config,
    verbs: &[Verb<Act>],
    start: &[String],
) -> Vec<String> {
    let first = |pattern: &str| -> Vec<String> { pattern.split(' ').map(String::from).collect() };
    // A hole takes any word, so that a whole line can be asked for, too.
    let is_hole = |word: &str| word.starts_with(|c: char| c == '[' || c.is_ascii_uppercase());
    let fits = |pattern: &str| {
        let words = first(pattern);
        let mut pairs = words.iter().zip(start);
        pairs.all(|(a, b)| is_hole(a) || a.split('|').any(|w| w == b))
    };
    let mut lines = Vec::new();
    for verb in verbs.iter().filter(|v| fits(&v.pattern)) {
        lines.push(format!("{:<44} {}", verb.pattern, verb.help));
        if !start.is_empty() {
            lines.extend(
                verb.keys
                    .iter()
                    .map(|key| format!("    {:<40} {}", describe(key), key.help)),
            );
        }
    }
    let wanted = |name: &str| match start {
        [word] if word == "set" || word == "show" => true,
        [word] => word == name,
        [verb, word, ..] => (verb == "set" || verb == "show") && word == name,
        [] => false,
    };
    let vars = config.vars.iter().filter(|(var, _)| wanted(var.name));
    lines.extend(vars.map(|(var, _)| format!("    {:<40} {}", describe(var), var.help)));
    if lines.is_empty() {
        let names: Vec<_> = tables.kinds.iter().map(|k| k.name).collect();
        lines.push(format!(
            "nothing is called so; try: help, help set, help {}",
            names.join(", help ")
        ));
    }
    lines
}

/// All tables of a program, one row a line: for the test of the manual.
pub(crate) fn rows(config: &Config, verbs: &[Verb<Act>]) -> Vec<String> {
    let events = EVENTS.iter().map(|event| {
        format!(
            "event {:04x} {} {}",
            event.number,
            event.level.name(),
            event.name
        )
    });
    events.chain(spoken(config, verbs)).collect()
}

/// The rows of `words`: what can be said.
pub(crate) fn spoken(config: &Config, verbs: &[Verb<Act>]) -> Vec<String> {
    let vars = config.vars.iter();
    let mut lines: Vec<_> = vars
        .map(|(var, _)| format!("var {}", describe(var)))
        .collect();
    lines.extend(verbs.iter().map(|verb| format!("word {}", verb.pattern)));
    for verb in verbs {
        let first: Vec<_> = verb.pattern.split(' ').take(2).collect();
        lines.extend(
            verb.keys
                .iter()
                .map(|key| format!("key {} {}", first.join(" "), describe(key))),
        );
    }
    lines
}
