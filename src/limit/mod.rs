//! Floor 3: what keeps guessers from guessing. Protocol-blind.

pub(crate) mod penalty;
