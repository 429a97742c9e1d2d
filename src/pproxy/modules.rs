//! Modules that fail again and again are left out for a while: a session
//! that waits for one of them would wait in vain. What is known of a module
//! stands in the cells of its object, so that all workers know it together,
//! and is forgotten when the module is loaded anew.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};

use super::vars::PDM;
use crate::base::clock::{Ms, now};
use crate::base::kv::Row;
use crate::daemon::board::Board;
use crate::daemon::config::{Config, Object};

/// So many failures in a row, within so many milliseconds, are too many.
const MOST: u64 = 3;
const WINDOW: Ms = 60_000;
/// How long a module is left out at first, and at most.
const FIRST_PAUSE: Ms = 10_000;
const LONGEST_PAUSE: Ms = 60_000;

/// What is known of one module.
#[derive(Clone, Copy)]
pub(crate) struct Health {
    cells: &'static [AtomicU64],
    /// The generation that loaded the module as we know it.
    loaded: u64,
}

/// The cells.
#[derive(Clone, Copy)]
enum Cell {
    /// The generation that loaded the module as the other cells know it.
    Loaded,
    /// Failures in a row.
    Fails,
    /// When the first of them was.
    First,
    /// When it may be asked again; 0: it is well.
    Until,
    Pause,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is left out from now on.
    Unhealthy,
    /// It has answered again.
    Healthy,
}

impl Health {
    pub(crate) fn new(board: &Board, row: usize, loaded: u64) -> Health {
        let cells = board.own_cells(row);
        Health { cells, loaded }
    }

    fn cell(&self, which: Cell) -> &'static AtomicU64 {
        &self.cells[which as usize]
    }

    fn get(&self, which: Cell) -> u64 {
        self.cell(which).load(Relaxed)
    }

    /// Do the cells tell of the module that we have loaded? If they tell of an
    /// older one they begin anew; what a younger one does is not our business.
    fn ours(&self) -> bool {
        let known = self.get(Cell::Loaded);
        if known < self.loaded {
            let cell = self.cell(Cell::Loaded);
            let first = cell.compare_exchange(known, self.loaded, AcqRel, Relaxed);
            if first.is_ok() {
                self.cell(Cell::Fails).store(0, Relaxed);
                self.cell(Cell::Until).store(0, Relaxed);
            }
        }
        known <= self.loaded
    }

    /// May the module be asked? When a pause is over, one session tries it,
    /// and the next pause begins.
    pub(crate) fn admits(&self, now: Ms) -> bool {
        if !self.ours() {
            return true;
        }
        let until = self.get(Cell::Until);
        if until == 0 || now < until {
            return until == 0;
        }
        let pause = (self.get(Cell::Pause) * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let cell = self.cell(Cell::Until);
        let first = cell.compare_exchange(until, now + pause, AcqRel, Relaxed);
        if first.is_ok() {
            self.cell(Cell::Pause).store(pause, Relaxed);
        }
        first.is_ok()
    }

    /// It has answered, whatever it said.
    pub(crate) fn succeeded(&self) -> Option<Turn> {
        if self.get(Cell::Fails) == 0 || !self.ours() {
            return None;
        }
        self.cell(Cell::Fails).store(0, Relaxed);
        let was = self.cell(Cell::Until).swap(0, AcqRel);
        (was != 0).then_some(Turn::Healthy)
    }

    /// It could not say, wrote nonsense, or did not come back.
    pub(crate) fn failed(&self, now: Ms) -> Option<Turn> {
        if !self.ours() {
            return None;
        }
        let late = now.saturating_sub(self.get(Cell::First)) > WINDOW;
        if self.get(Cell::Fails) == 0 || late && self.get(Cell::Until) == 0 {
            self.cell(Cell::First).store(now, Relaxed);
            self.cell(Cell::Fails).store(0, Relaxed);
        }
        let fails = self.cell(Cell::Fails).fetch_add(1, Relaxed) + 1;
        if fails < MOST {
            return None;
        }
        let (cell, until) = (self.cell(Cell::Until), now + FIRST_PAUSE);
        let first = cell.compare_exchange(0, until, AcqRel, Relaxed);
        if first.is_ok() {
            self.cell(Cell::Pause).store(FIRST_PAUSE, Relaxed);
        }
        first.is_ok().then_some(Turn::Unhealthy)
    }
}

impl Turn {
    /// Tells the administrator.
    pub(crate) fn log(self, sid: &str, pdm: &str) {
        match self {
            Turn::Unhealthy => event!(MODULE_UNHEALTHY, sid, pdm = pdm, fails = MOST),
            Turn::Healthy => event!(MODULE_HEALTHY, sid, pdm = pdm),
        }
    }
}

/// PRIVILEGED. What `pdm list` says of it.
pub(crate) fn show(board: &Board, object: &Object, row: &mut Row) {
    let health = Health::new(board, object.row, object.loaded);
    let current = health.get(Cell::Loaded) == object.loaded;
    let get = |which| if current { health.get(which) } else { 0 };
    let until = get(Cell::Until);
    let word = if until == 0 { "ok" } else { "unhealthy" };
    row.kv("health", &word).kv("fails", &get(Cell::Fails));
    let left = until.saturating_sub(now()).min(LONGEST_PAUSE);
    row.kv("retry", &left.div_ceil(1000));
}

/// In the pool: a worker is lost that was doing this. If it was asking a
/// module, that is to blame.
pub(crate) fn lost(board: &Board, config: &Config, doing: &[u8]) {
    let id = doing.strip_prefix(b"pdm ").map(std::str::from_utf8);
    let Some(Ok(id)) = id else {
        return;
    };
    if let Some(object) = config.find(PDM, id) {
        let health = Health::new(board, object.row, object.loaded);
        if let Some(turn) = health.failed(now()) {
            turn.log("-", id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> &'static [AtomicU64] {
        let cells: Vec<_> = (0..8).map(|_| AtomicU64::new(0)).collect();
        cells.leak()
    }

    fn health(cells: &'static [AtomicU64], loaded: u64) -> Health {
        Health { cells, loaded }
    }

    #[test]
    fn three_failures_in_a_row_within_a_minute_are_too_many() {
        let module = health(cells(), 1);
        let at = |times: &[Ms]| times.iter().map(|&t| module.failed(t)).collect::<Vec<_>>();
        assert_eq!(at(&[1000, 2000]), [None, None]);
        assert_eq!(module.succeeded(), None);
        assert_eq!(at(&[3000, 4000]), [None, None], "not in a row");
        assert_eq!(at(&[64_000, 65_000]), [None, None], "not within a minute");
        assert!(module.admits(65_000));
        assert_eq!(at(&[66_000, 66_001]), [Some(Turn::Unhealthy), None]);
        assert!(!module.admits(66_002));
    }

    #[test]
    fn one_session_tries_in_each_pause_and_pauses_grow_to_a_minute() {
        let module = health(cells(), 1);
        for _ in 0..3 {
            module.failed(1000);
        }
        let mut tried = Vec::new();
        for second in 0..200 {
            let at = 1000 + second * 1000;
            if module.admits(at) {
                tried.push(second);
                assert_eq!(module.failed(at), None);
                assert!(!module.admits(at));
            }
        }
        assert_eq!(tried, [10, 30, 70, 130, 190]);
        assert_eq!(module.succeeded(), Some(Turn::Healthy));
        assert_eq!(module.succeeded(), None);
        assert!(module.admits(200_000));
    }

    #[test]
    fn a_module_that_is_loaded_anew_begins_anew() {
        let cells = cells();
        let (old, new) = (health(cells, 1), health(cells, 2));
        for _ in 0..3 {
            old.failed(1000);
        }
        assert!(!old.admits(1001));
        assert!(new.admits(1001));
        (0..5).for_each(|_| assert_eq!(old.failed(1002), None));
        assert!(new.admits(1003) && old.admits(1003));
        assert_eq!(new.failed(1004), None);
    }
}
