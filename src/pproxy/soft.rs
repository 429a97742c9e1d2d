//! The three kinds of soft failure, and which of them holds.

use super::site::{Backend, Vserv};
use super::vars;
use crate::base::vars::Key;
use crate::daemon::seat::Seat;

/// What a verified user is told when the mailbox cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Soft {
    Empty,
    /// Empty, if that is the last that was learned of it; else as below.
    Smart,
    Tempfail,
}

impl Soft {
    /// The word for it in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Soft::Empty => "empty",
            Soft::Smart => "smart",
            Soft::Tempfail => "tempfail",
        }
    }

    /// From a place in the words of `softfail`.
    fn from(place: u64) -> Soft {
        match place {
            0 => Soft::Empty,
            1 => Soft::Smart,
            _ => Soft::Tempfail,
        }
    }
}

/// What holds for a soft failure: the word of the backend, else that of the
/// virtual server, else the variable.
pub(crate) fn soft(seat: &Seat, vserv: &Vserv, backend: Option<&Backend>) -> Soft {
    let word = |row, key: Key| seat.object_var(row, key);
    let own = backend.map_or(0, |b| word(b.row, vars::backend::SOFTFAIL));
    let place = match own {
        0 => word(vserv.row, vars::vserv::SOFTFAIL),
        own => own,
    };
    match place {
        0 => Soft::from(seat.var(vars::SOFTFAIL)),
        place => Soft::from(place - 1),
    }
}
