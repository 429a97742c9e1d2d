//! The states of a slot.

/// What a slot is used for. Order matters: see [`Board::claim`](super::Board::claim).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Starting,
    Idle,
    Busy,
}

impl State {
    pub(super) fn from(byte: u8) -> State {
        [State::Free, State::Starting, State::Idle]
            .get(byte as usize)
            .copied()
            .unwrap_or(State::Busy)
    }

    pub(crate) fn name(self) -> &'static str {
        ["free", "starting", "idle", "busy"][self as usize]
    }

    /// The state of a worker that is called so.
    pub(crate) fn named(name: &str) -> Option<State> {
        let states = [State::Starting, State::Idle, State::Busy];
        states.into_iter().find(|state| state.name() == name)
    }
}
