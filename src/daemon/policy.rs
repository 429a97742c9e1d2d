//! How many workers there should be: a pure function of what is and what
//! may be.

use super::board::BEYOND;

/// What is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Workers of this generation that wait for clients or are on their way to.
    pub(crate) idle: usize,
    /// Sessions of this generation.
    pub(crate) busy: usize,
    /// Slots that other generations hold.
    pub(crate) others: usize,
    /// Slots that nobody holds.
    pub(crate) free: usize,
}

/// What may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) minspare: usize,
    pub(crate) maxspare: usize,
    pub(crate) maxsession: usize,
}

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) spawn: usize,
    pub(crate) retire: usize,
    /// More workers are wanted than there are slots for now.
    pub(crate) starved: bool,
}

/// Keeps `minspare` workers idle, never more than `maxsession` and the few
/// beyond it that refuse; lets go what exceeds `maxspare`.
pub(crate) fn advise(is: &Counts, may: &Limits) -> Advice {
    let most = may.maxsession + BEYOND;
    let all = is.idle + is.busy + is.others;
    let room = most.saturating_sub(all);
    let wanted = may.minspare.max(BEYOND).saturating_sub(is.idle).min(room);
    if wanted > 0 {
        let spawn = wanted.min(is.free);
        return Advice {
            spawn,
            retire: 0,
            starved: spawn < wanted,
        };
    }
    let too_many = all.saturating_sub(most).min(is.idle.saturating_sub(BEYOND));
    let spare = is
        .idle
        .saturating_sub(may.maxspare.max(may.minspare).max(BEYOND));
    Advice {
        spawn: 0,
        retire: spare.max(too_many),
        starved: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_boards() {
        let may = Limits {
            minspare: 5,
            maxspare: 10,
            maxsession: 20,
        };
        #[rustfmt::skip]
        let table = [
            // idle busy others free     spawn retire starved   because
            (    0,   0,    0,   22,         5,    0, false), // a pool begins
            (    5,   0,    0,   17,         0,    0, false), // enough
            (    3,  10,    0,    9,         2,    0, false), // some became busy
            (   10,   2,    0,   10,         0,    0, false), // just not too many
            (   13,   2,    0,    7,         0,    3, false), // too many
            (    0,  20,    0,    2,         2,    0, false), // at the limit two remain who refuse
            (    2,  20,    0,    0,         0,    0, false), // and no more
            (    0,   0,   20,    2,         2,    0, false), // old generations count
            (    0,   0,    6,    3,         3,    0, true ), // they have not left yet
            (    8,  16,    0,    0,         0,    2, false), // the limit was lowered
        ];
        for (idle, busy, others, free, spawn, retire, starved) in table {
            let is = Counts {
                idle,
                busy,
                others,
                free,
            };
            assert_eq!(
                advise(&is, &may),
                Advice {
                    spawn,
                    retire,
                    starved
                },
                "{is:?}"
            );
        }
    }

    #[test]
    fn no_wish_of_an_administrator_leaves_nobody_to_answer() {
        let may = Limits {
            minspare: 1,
            maxspare: 1,
            maxsession: 1,
        };
        assert_eq!(
            advise(
                &Counts {
                    free: 9,
                    ..Counts::default()
                },
                &may
            )
            .spawn,
            BEYOND
        );
        assert_eq!(
            advise(
                &Counts {
                    idle: 2,
                    ..Counts::default()
                },
                &may
            ),
            Advice::default()
        );
    }
}
