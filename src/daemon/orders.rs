//! PRIVILEGED. What the master does at a control word.

use std::sync::atomic::Ordering::Relaxed;

use super::board::{Field, Head};
use super::client::{Answer, Batch};
use super::config::Config;
use super::counters;
use super::generation::Cause;
use super::list;
use super::master::Master;
use super::metrics::{self, Form};
use super::service::{Said, Service};
use super::sessions;
use super::signals::LOOK;
use super::strain::Strain;
use super::vars::{LOADSTATE, SESSIONSTATE, USER};
use super::words::{self, Act};
use crate::base::verbs::{Args, look_up};
use crate::base::words::quote;
use crate::sys::proc::{in_session, kill};

impl<S: Service> Master<S> {
    /// Hears and obeys everybody who has connected.
    pub(super) fn hear_clients(&mut self) {
        let heard = self.control.as_mut().map(|c| c.work()).unwrap_or_default();
        for (id, line) in heard {
            let answer = match line {
                Ok(words) if words.is_empty() => Answer::Ok(String::new()),
                Ok(words) => self.obey(id, &words),
                Err(why) => {
                    self.spoil(id);
                    Answer::Err(why)
                }
            };
            if let Some(client) = self.control.as_mut().and_then(|c| c.client(id)) {
                client.say(answer);
            }
        }
        if let Some(control) = &mut self.control {
            control.flush();
        }
    }

    fn obey(&mut self, id: u64, words: &[String]) -> Answer {
        let (act, args) = match look_up(&self.verbs, words) {
            Ok((verb, args)) => (verb.act, args),
            Err(why) => {
                self.spoil(id);
                return Answer::Err(why);
            }
        };
        if act.at_once() && self.spoil(id) {
            return Answer::Err(format!(
                "{} acts at once, so it has no place in a batch",
                words.join(" ")
            ));
        }
        if act.changes() || matches!(act, Act::Commit) || act.at_once() {
            event!(CONTROL, "-", words = words.join(" "));
        }
        if act == Act::Upgrade {
            return self.upgrade(id, args.words.first().map(String::as_str));
        }
        if let Act::Errand(n) = act {
            return self.errand(id, n, &args, words);
        }
        match act {
            Act::SessionWatch => self.watch(id, args.words.first().map_or("", String::as_str)),
            Act::Begin | Act::Anew | Act::Commit | Act::Abort => self.batch(id, act),
            Act::Config => self.print(id),
            _ if act.changes() => self.change(id, act, args, words),
            _ => self.ask(act, &args),
        }
    }

    /// Logs the words as others, but for the one that is secret.
    fn errand(&mut self, id: u64, which: usize, args: &Args, words: &[String]) -> Answer {
        let row = &S::TABLES.errands[which];
        let fixed = row.pattern.split(' ');
        let fixed = fixed.take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        let secret = fixed.count() + row.secret;
        let shown = words.iter().enumerate();
        let shown: Vec<_> = shown
            .map(|(n, word)| if n == secret { "***" } else { word })
            .collect();
        event!(CONTROL, "-", words = shown.join(" "));
        match self.send_out(id, which, args) {
            Ok(()) => Answer::Later,
            Err(why) => Answer::Err(why),
        }
    }

    fn client_batch(&mut self, id: u64) -> Option<&mut Option<Batch>> {
        Some(&mut self.control.as_mut()?.client(id)?.batch)
    }

    /// A wrong word inside a batch: the batch can only be aborted. False if
    /// there is no batch.
    fn spoil(&mut self, id: u64) -> bool {
        match self.client_batch(id) {
            Some(Some(batch)) => {
                batch.failed = true;
                true
            }
            _ => false,
        }
    }

    fn batch(&mut self, id: u64, act: Act) -> Answer {
        let (config, edition) = (self.config.clone(), self.edition);
        let busy = self.trial.is_some() || self.is_changing_hands();
        let Some(batch) = self.client_batch(id) else {
            return Answer::Err("gone".into());
        };
        match act {
            Act::Commit if busy && batch.is_some() => {
                Answer::Err("busy: another change is being tried; commit again later".into())
            }
            Act::Begin | Act::Anew if batch.is_some() => {
                Answer::Err("a batch has begun already; commit or abort it".into())
            }
            Act::Begin | Act::Anew => {
                let anew = act == Act::Anew;
                *batch = Some(Batch {
                    config: if anew { config.anew() } else { config },
                    anew,
                    lines: Vec::new(),
                    failed: false,
                    edition,
                });
                Answer::Ok("a batch begins; commit makes it hold".into())
            }
            _ => match batch.take() {
                None => Answer::Err("no batch has begun; right would be: begin".into()),
                Some(_) if act == Act::Abort => Answer::Ok("the batch is forgotten".into()),
                Some(batch) if batch.failed => {
                    Answer::Err("a word of the batch was wrong; nothing has changed".into())
                }
                Some(batch) => self.commit(id, batch),
            },
        }
    }

    /// What a batch leads to, if it leads to anything; without one, what is.
    fn print(&mut self, id: u64) -> Answer {
        let config = match self.client_batch(id) {
            Some(Some(batch)) if batch.failed => {
                return Answer::Err("a word of the batch was wrong".into());
            }
            Some(Some(batch)) => {
                let (mut config, anew) = (batch.config.clone(), batch.anew);
                if anew {
                    self.put_user(&mut config);
                }
                if let Err(why) = super::master::check::<S>(&config) {
                    return Answer::Err(why);
                }
                config
            }
            _ => self.config.clone(),
        };
        let lines = config.print();
        Answer::List(format!("{} lines", lines.len()), lines)
    }

    /// Option -u holds whatever a start file says.
    fn put_user(&self, config: &mut Config) {
        if let Some(user) = self.origin.user() {
            config.vars.put(USER, user);
        }
    }

    /// Somebody else may have changed the configuration meanwhile; then the
    /// words are applied again, to what is current now.
    fn commit(&mut self, id: u64, mut batch: Batch) -> Answer {
        if batch.anew {
            self.put_user(&mut batch.config);
            return self.replace(id, batch.config);
        }
        if batch.edition == self.edition {
            return self.replace(id, batch.config);
        }
        let mut config = self.config.clone();
        for line in &batch.lines {
            let result = look_up(&self.verbs, line)
                .and_then(|(verb, args)| words::apply(&mut config, verb.act, &args));
            if let Err(why) = result {
                return Answer::Err(format!(
                    "the configuration has changed meanwhile; {}: {why}",
                    line.join(" ")
                ));
            }
        }
        self.replace(id, config)
    }

    fn change(&mut self, id: u64, act: Act, args: Args, line: &[String]) -> Answer {
        let current = self.config.clone();
        let Some(batch) = self.client_batch(id) else {
            return Answer::Err("gone".into());
        };
        let mut config = batch.as_ref().map_or(current, |batch| batch.config.clone());
        let result = words::apply(&mut config, act, &args);
        match (batch, result) {
            (Some(batch), Err(why)) => {
                batch.failed = true;
                Answer::Err(why)
            }
            (Some(batch), Ok(())) => {
                batch.config = config;
                batch.lines.push(line.to_vec());
                Answer::Ok("noted".into())
            }
            (None, Err(why)) => Answer::Err(why),
            (None, Ok(())) => self.replace(id, config),
        }
    }

    /// Makes `config` current: at once if it differs in live values only,
    /// else after a trial.
    fn replace(&mut self, id: u64, mut config: Config) -> Answer {
        if self.trial.is_some() {
            return Answer::Err("busy: another change is being tried".into());
        }
        if self.is_changing_hands() {
            return Answer::Err("busy: an upgrade is under way".into());
        }
        if let Err(why) = super::master::check::<S>(&config) {
            return Answer::Err(why);
        }
        if self.config.same_but_live(&config) {
            self.board.publish(&config);
            self.config = config;
            self.edition += 1;
            self.wake_pools();
            return Answer::Ok("done".into());
        }
        config.resolved.clear();
        match self.attempt(config, Cause::Client(id)) {
            Ok(()) => Answer::Later,
            Err(why) => Answer::Err(why),
        }
    }

    fn ask(&mut self, act: Act, args: &Args) -> Answer {
        let tables = S::TABLES;
        let word = args.words.first().map(String::as_str);
        let listed = |lines: Vec<String>| Answer::List(format!("{} lines", lines.len()), lines);
        match act {
            Act::Show => self.show(word),
            Act::Help => listed(words::help(tables, &self.config, &self.verbs, &args.words)),
            Act::Words => listed(words::spoken(&self.config, &self.verbs)),
            Act::Version => Answer::Ok(format!("{} {}", tables.name, env!("CARGO_PKG_VERSION"))),
            Act::DebugList => listed(self.config.debug.rows()),
            Act::List(kind) => listed(list::objects::<S>(
                &self.board,
                &self.config,
                kind,
                &self.doors,
            )),
            Act::SessionList => match sessions::list(self.board, &self.config, &args.keys) {
                Ok(flow) => Answer::Flow("sessions".into(), flow),
                Err(why) => Answer::Err(why),
            },
            Act::SessionKick => self.kick(word.unwrap_or("")),
            Act::CounterList => {
                match counters::list(&self.board, &self.config, &self.base, &args.words) {
                    Ok(lines) => listed(lines),
                    Err(why) => Answer::Err(why),
                }
            }
            Act::Own(n) | Act::Do(n) => {
                match (tables.words[n].run)(&self.board, &self.config, args) {
                    Ok(Said::Line(line)) => Answer::Ok(line),
                    Ok(Said::Rows(lines)) => listed(lines),
                    Err(why) => Answer::Err(why),
                }
            }
            Act::Metrics => {
                let page = metrics::page::<S>(&self.board, &self.config, Form::named(word));
                listed(page.lines().map(String::from).collect())
            }
            Act::CounterReset => {
                self.base = counters::reset(&self.board, &self.config);
                Answer::Ok("done".into())
            }
            Act::Shutdown => {
                self.shut_down(word.unwrap_or("all"));
                Answer::Ok("as you say".into())
            }
            _ => Answer::Err("this word cannot be obeyed here".into()),
        }
    }

    fn show(&self, name: Option<&str>) -> Answer {
        let mut vars = self.config.vars.clone();
        for (key, which) in [
            (SESSIONSTATE, Head::SessionState),
            (LOADSTATE, Head::LoadState),
        ] {
            vars.put(key, Strain::read(&self.board, which).name());
        }
        let rows: Vec<_> = match name {
            None => vars.iter().collect(),
            Some(name) => vars.find(name).into_iter().collect(),
        };
        if rows.is_empty() {
            let names: Vec<_> = vars.iter().map(|(var, _)| var.name).collect();
            let (name, names) = (quote(name.unwrap_or("")), names.join(" "));
            return Answer::Err(format!("unknown variable {name}; there are: {names}"));
        }
        let lines: Vec<_> = rows
            .into_iter()
            .map(|(var, value)| list::variable(var, value))
            .collect();
        Answer::List(format!("{} lines", lines.len()), lines)
    }

    /// Ends a session at once. The number of the worker comes out of the
    /// page, so it must belong to one of our pools.
    fn kick(&mut self, sid: &str) -> Answer {
        let Some(slot) = sessions::find(&self.board, sid) else {
            return Answer::Err(format!("there is no session {}", quote(sid)));
        };
        let field = |f| self.board.field(slot, f).load(Relaxed);
        let pid = i32::try_from(field(Field::Pid)).unwrap_or(0);
        let mut pools = self.current.iter().chain(&self.old);
        if !pools.any(|pool| in_session(pid, pool.pid)) {
            return Answer::Err(format!("session {} is over already", quote(sid)));
        }
        self.board
            .field(slot, Field::Kick)
            .store(field(Field::Serial), Relaxed);
        Answer::done(kill(pid, LOOK).map_err(|why| why.to_string()))
    }
}
