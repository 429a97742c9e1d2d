//! What the modules say of a login, as rows for an administrator. A password
//! is in none of them.

use super::request::{Account, Outcome};
use super::witness::{Word, name};
use crate::base::kv::Row;

/// Adds what came out to a row.
pub(crate) fn tell(outcome: &Outcome, row: &mut Row) {
    match outcome {
        Outcome::Accept {
            pdm,
            vouched,
            account,
        } => {
            row.kv("pdm", pdm);
            if let Some(by) = vouched {
                row.kv("vouched", by);
            }
            tell_account(account, row);
        }
        Outcome::Refuse { pdm, why } => {
            row.kv("pdm", pdm).kv("why", why);
        }
        Outcome::Fail { pdm, why } => {
            row.kv("pdm", pdm).kv("why", why);
        }
    }
}

fn tell_account(account: &Account, row: &mut Row) {
    row.kv("backend", &account.backend);
    row.kv("mbox", &account.mailbox);
    if account.master {
        row.kv("master", &"yes");
    }
    if let Some(user) = &account.user {
        row.kv("backend_user", user);
    }
    for (key, value) in &account.extras {
        row.kv(key, value);
    }
}

/// What one module has said.
pub(crate) fn row_of(pdm: &str, word: &Word<'_>) -> String {
    let mut row = Row::default();
    row.kv("pdm", &pdm);
    let question = if word.vouching { "vouches" } else { "verdict" };
    row.kv(question, &name(word.verdict));
    if !word.why.is_empty() {
        row.kv("why", &word.why);
    }
    if let Some(account) = word.account {
        tell_account(account, &mut row);
    }
    row.text()
}
