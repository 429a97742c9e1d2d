//! PRIVILEGED. What dies, and what drains: pools that are gone are buried
//! with their workers and replaced, old ones are not waited for for ever.

use nix::sys::signal::Signal;

use super::generation::MOST_DRAINING;
use super::master::Master;
use super::service::Service;
use super::shutdown::Ending;
use super::vars::DRAINLIMIT;
use crate::base::clock::{Ms, now};
use crate::sys::proc::{Death, reap};

/// A pool that lived shorter than this is not replaced at once.
const SHORT_LIFE: Ms = 10_000;
const LONGEST_PAUSE: Ms = 30_000;

impl<S: Service> Master<S> {
    /// Takes note of every child that has died.
    pub(super) fn reap(&mut self) {
        while let Ok(Some((pid, death))) = reap() {
            let known = self.errand_died(pid, death) || self.heir_died(pid, death);
            if known || self.watcher_died(pid) {
                continue;
            }
            if let Some(trial) = self.trial.as_mut().filter(|t| t.pool.pid == pid) {
                trial.died(death);
            } else if self.current.as_ref().is_some_and(|p| p.pid == pid) {
                self.lost_pool(pid, death);
            } else if let Some(pool) = self.old.iter_mut().find(|p| p.pid == pid) {
                pool.dead = Some(now());
                if !death.clean() {
                    event!(
                        POOL_DIED,
                        "-",
                        pool = pid,
                        generation = pool.generation,
                        why = death
                    );
                }
            }
            self.bury();
        }
    }

    /// The current pool died: its workers go on, and it is replaced.
    pub(super) fn lost_pool(&mut self, pid: i32, death: Death) {
        let Some(mut pool) = self.current.take() else {
            return;
        };
        if self.ending.is_none() {
            event!(
                POOL_DIED,
                "-",
                pool = pid,
                generation = pool.generation,
                why = death
            );
            let short = now() - self.installed < SHORT_LIFE;
            self.schedule_replacement(short);
        }
        (pool.dead, pool.retired) = (Some(now()), now());
        self.old.push(pool);
    }

    /// Replaces the current pool: at once, or, if that was tried in vain or
    /// if it did not live for long, after a pause that grows.
    pub(super) fn schedule_replacement(&mut self, wait: bool) {
        self.pause = if wait {
            (self.pause * 2).clamp(100, LONGEST_PAUSE)
        } else {
            0
        };
        self.replace_at = Some(now() + self.pause);
    }

    /// Forgets pools that are gone with all their workers.
    pub(super) fn bury(&mut self) {
        let board = self.board;
        self.old.retain(|pool| {
            let gone = pool.dead.is_some() && !pool.bury(&board);
            if gone {
                event!(
                    DRAINED,
                    "-",
                    generation = pool.generation,
                    ms = now().saturating_sub(pool.retired)
                );
            }
            !gone
        });
    }

    /// Ends the sessions of generations that drain too long, or are too many.
    pub(super) fn limit_draining(&mut self) {
        if !matches!(self.ending, None | Some(Ending::Relieved)) {
            return;
        }
        let limit = self.config.vars.number(DRAINLIMIT) * 1000;
        let draining = self.old.len();
        for (n, pool) in self.old.iter_mut().enumerate() {
            let lasted = now().saturating_sub(pool.retired.max(pool.asked));
            if n + MOST_DRAINING < draining || lasted > limit {
                event!(
                    DRAIN_LIMIT,
                    "-",
                    generation = pool.generation,
                    draining = draining
                );
                pool.signal(Signal::SIGTERM);
                // Asked again later, should it not have gone.
                pool.asked = now();
            }
        }
    }
}
