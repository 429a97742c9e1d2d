//! `flat FILE`: accounts in a text file, pdm_flat(8).
//!
//! The file is read once, when the module is opened. Workers only ever read
//! the table, so that its pages stay shared by all of them.
#![forbid(unsafe_code)]

mod table;

use pdm::file::Watched;
use pdm::{Answer, Config, Module, Request, Verdict, abi};
use std::ffi::c_int;
use table::Table;

/// Octets of the largest file.
const FILE_MAX: u64 = 1 << 30;

struct Flat {
    file: Watched,
    table: Table,
}

pdm::export!(Flat);

impl Module for Flat {
    const NAME: &'static str = "flat";
    const DOES: u32 = abi::PDM_DOES_EXTERNAL;

    fn open(config: &Config) -> Result<Self, String> {
        let [file] = config.args() else {
            return Err("wrong number of arguments: one FILE would be right".into());
        };
        let (file, text) = Watched::read(*file, FILE_MAX)?;
        // The line number follows the file name, as compilers write it.
        let at = |why: String| format!("{}:{why}", file.name());
        let table = Table::parse(text).map_err(at)?;
        Ok(Flat { file, table })
    }

    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let password = request.password.octets();
        match self.table.find(request.ns.octets(), request.user.octets()) {
            None => {
                self.table.pretend(password);
                Verdict::Unknown
            }
            Some(account) => {
                account.tell(answer);
                let admitted = match request.flags & abi::PDM_IS_EXTERNAL {
                    0 => self.table.admits(&account, password),
                    _ => account.certifies(request.subject.octets()),
                };
                match admitted {
                    true => Verdict::Accept,
                    false => Verdict::Refuse,
                }
            }
        }
    }

    fn stale(&mut self) -> c_int {
        self.file.replaced()
    }
}

#[cfg(test)]
mod tests;
