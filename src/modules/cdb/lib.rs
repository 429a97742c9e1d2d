//! `cdb FILE`: accounts in a constant database, pdm_cdb(8).
//!
//! Nothing but the table of methods is kept in memory: the file is mapped,
//! and all workers share its pages.
#![forbid(unsafe_code)]

mod methods;
mod reader;

use methods::Methods;
use pdm::file::Watched;
use pdm::map::Map;
use pdm::record::Account;
use pdm::{Answer, Config, Module, Request, Verdict, abi};
use reader::Reader;
use std::ffi::c_int;

/// Records that are looked over when the file is opened.
const SAMPLE: usize = 1000;

struct Cdb {
    file: Watched,
    reader: Reader<Map>,
    methods: Methods,
}

pdm::export!(Cdb);

impl Module for Cdb {
    const NAME: &'static str = "cdb";
    const DOES: u32 = abi::PDM_DOES_EXTERNAL;

    fn open(config: &Config) -> Result<Self, String> {
        let [file] = config.args() else {
            return Err("wrong number of arguments: one FILE would be right".into());
        };
        let (file, open) = Watched::open(*file)?;
        let at = |why: String| format!("{}: {why}", file.name());
        let map = Map::new(open).map_err(|why| at(why.to_string()))?;
        let reader = Reader::new(map).map_err(|why| at(why.into()))?;
        let methods = sample(&reader).map_err(at)?;
        Ok(Cdb {
            file,
            reader,
            methods,
        })
    }

    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        self.judge(request, answer).unwrap_or_else(|why| {
            let why = format!("{}: {why}", self.file.name());
            answer.reason.put_cut(&why);
            Verdict::Fail
        })
    }

    fn stale(&mut self) -> c_int {
        self.file.replaced()
    }
}

impl Cdb {
    /// # Errors
    /// The file, or this user's record, cannot be used.
    fn judge(&mut self, request: &Request, answer: &mut Answer) -> Result<Verdict, String> {
        if !self.reader.source.is_whole() {
            return Err("was cut short; rename a new file into place".into());
        }
        let (user, password) = (request.user.octets(), request.password.octets());
        for ns in [request.ns.octets(), b"*"] {
            let key = [ns, b":", user].concat();
            let Some(value) = self.reader.find(&key)? else {
                continue;
            };
            let account = account(ns, user, &value).map_err(|why| record(&key, &why))?;
            let admitted = match request.flags & abi::PDM_IS_EXTERNAL {
                0 => self.methods.admit(&account.hash, password),
                _ => Ok(account.certifies(request.subject.octets())),
            };
            let admitted = admitted.map_err(|why| record(&key, &why))?;
            account.tell(answer);
            return Ok(match admitted {
                true => Verdict::Accept,
                false => Verdict::Refuse,
            });
        }
        self.methods.pretend(password);
        Ok(Verdict::Unknown)
    }
}

/// Looks over the first records, to find early what is no database of
/// accounts, and which method is the usual one.
fn sample(reader: &Reader<Map>) -> Result<Methods, String> {
    let mut methods = Methods::default();
    for read in reader.records().take(SAMPLE) {
        let (key, value) = read?;
        let colon = key.iter().position(|octet| *octet == b':');
        let colon = colon.ok_or_else(|| record(&key, "namespace:user would be right as key"))?;
        let (ns, user) = (&key[..colon], &key[colon + 1..]);
        let noted = account(ns, user, &value).and_then(|account| methods.count(&account.hash));
        noted.map_err(|why| record(&key, &why))?;
    }
    Ok(methods)
}

fn account<'t>(ns: &'t [u8], user: &'t [u8], value: &'t [u8]) -> Result<Account<'t>, String> {
    let account = Account::with(ns, user, value)
        .ok_or("too few fields: hash:backend:mailbox[:key=value,...] would be right")?;
    account.check()?;
    Ok(account)
}

/// A message about the record under `key`.
fn record(key: &[u8], why: &str) -> String {
    format!("{}: {why}", String::from_utf8_lossy(key))
}

#[cfg(test)]
mod tests;
