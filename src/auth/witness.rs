//! Who watches while the modules are asked: may leave a module out, and
//! hears what each of them says.

use super::request::Account;
pub(crate) use pdm::Verdict;

/// What one module has said.
pub(crate) struct Word<'w> {
    /// An answer that means nothing counts as `Fail`.
    pub(crate) verdict: Verdict,
    /// Why, one line; may be empty.
    pub(crate) why: &'w str,
    /// The account that came with it, checked.
    pub(crate) account: Option<&'w Account>,
    /// It was asked whether it vouches, not who the user is.
    pub(crate) vouching: bool,
}

/// The one who watches. A closure that takes the id of a module is one: it is
/// called before each call, and leaves none out.
pub(crate) trait Witness {
    /// The module in this place of the chain is about to be called. If the
    /// answer is no it is left out, and counts as one that failed.
    fn asking(&mut self, place: usize, pdm: &str) -> bool;

    /// It has come back.
    fn heard(&mut self, place: usize, pdm: &str, word: &Word<'_>) {
        let _ = (place, pdm, word);
    }
}

impl<F: FnMut(&str)> Witness for F {
    fn asking(&mut self, _: usize, pdm: &str) -> bool {
        self(pdm);
        true
    }
}

/// A verdict as rows show it.
pub(crate) fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => "unknown",
        Verdict::Accept => "accept",
        Verdict::Refuse => "refuse",
        Verdict::Fail => "fail",
    }
}
