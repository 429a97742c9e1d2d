//! The modules in their order: who knows this user, and who vouches.

use super::mark::mark;
use super::request::{Account, Outcome, Request};
use super::witness::{Verdict, Witness, Word};
use crate::base::vars::is_id;
use crate::sys::dl::{Module, Rooms};
use std::path::Path;

/// One module of the configuration: `pdm add ID MODULE [ARG ...]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) id: String,
    pub(crate) module: String,
    pub(crate) args: Vec<String>,
    /// Another number whenever it is to be loaded anew.
    pub(crate) loaded: u64,
}

impl Spec {
    /// The files that the arguments name, as `PATH` or `KEY=PATH`; a path
    /// begins with `/`, since all else is a word like any other.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let named = self.args.iter().flat_map(|arg| {
            let value = arg.split_once('=').map(|(_, value)| value);
            [Some(arg.as_str()), value]
        });
        named.flatten().map(Path::new).filter(|p| p.is_absolute())
    }
}

/// The opened modules, in the order in which they are asked.
pub(crate) struct Chain {
    links: Vec<Link>,
}

struct Link {
    id: String,
    module: Module,
    mark: u64,
}

impl Chain {
    /// Opens every module of `specs` from `moduledir`; all or nothing.
    ///
    /// # Errors
    /// The module, the file, and the reason, in one line.
    pub(crate) fn open(specs: &[Spec], moduledir: &Path) -> Result<Chain, String> {
        let mut links: Vec<Link> = Vec::with_capacity(specs.len());
        for spec in specs {
            if links.iter().any(|link| link.id == spec.id) {
                return Err(format!("pdm {}: there are two of this id", spec.id));
            }
            let before = links.last().map_or(0, |link| link.mark);
            links.push(Link::open(spec, moduledir, before)?);
        }
        Ok(Chain { links })
    }

    /// Tells every module that it is in a new process. Runs first in each
    /// worker.
    ///
    /// # Errors
    /// The module and its reason.
    pub(crate) fn after_fork(&self) -> Result<(), String> {
        for link in &self.links {
            let told = link.module.after_fork();
            told.map_err(|why| format!("pdm {}: {}", link.id, line(&why.to_string())))?;
        }
        Ok(())
    }

    /// 0 if no file of a module was replaced since it was opened, else a
    /// number that stands for the files that are there now. Cheap; for once a
    /// second.
    pub(crate) fn stale(&self) -> u32 {
        let (mut any, mut sum) = (false, 0x811c_9dc5_u32);
        for link in &self.links {
            let number = link.module.stale();
            any |= number != 0;
            sum = (sum ^ number as u32).wrapping_mul(0x0100_0193);
        }
        if any { sum.max(1) } else { 0 }
    }

    /// What the modules need together, `pdm::abi::PDM_NEEDS_*`.
    pub(crate) fn needs(&self) -> u32 {
        self.links
            .iter()
            .fold(0, |sum, link| sum | link.module.needs())
    }

    /// The ids of the modules, in their order.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(|link| link.id.as_str())
    }

    /// The mark of the module called `id`, which stands for it as it was
    /// loaded; `None` if its answers hold for one login only.
    pub(crate) fn mark(&self, id: &str) -> Option<u64> {
        let link = self.links.iter().find(|link| link.id == id)?;
        (!link.module.does_vary()).then_some(link.mark)
    }

    /// The id of the module with this mark.
    pub(crate) fn marked(&self, mark: u64) -> Option<&str> {
        let link = self.links.iter().find(|link| link.mark == mark)?;
        Some(&link.id)
    }

    /// Asks the modules about `request`, before the eyes of `witness`.
    ///
    /// The first acceptance ends it. If none accepts but one knows the user,
    /// all are asked whether they vouch for this login. A module that failed
    /// might have accepted, so without an acceptance the outcome is then
    /// `Fail` and never `Refuse`.
    pub(crate) fn check(&self, request: &Request, witness: &mut dyn Witness) -> Outcome<'_> {
        if let Some(flaw) = request.flaw() {
            let why = flaw.to_owned();
            return Outcome::Refuse { pdm: None, why };
        }
        let mut pass = Pass {
            chain: self,
            request: request.lend(),
            external: request.external,
            rooms: Rooms::new(),
            witness,
            vouching: false,
            known: None,
            failed: None,
        };
        pass.identify()
            .or_else(|| pass.authenticate())
            .unwrap_or_else(|| pass.close())
    }
}

impl Link {
    fn open(spec: &Spec, moduledir: &Path, before: u64) -> Result<Link, String> {
        let (id, name) = (&spec.id, &spec.module);
        // The name becomes part of a path; as an id it cannot hold a slash.
        if !is_id(id) || !is_id(name) {
            return Err(format!(
                "pdm {id}: module {name}: id and module are letters, digits, _ - and ."
            ));
        }
        let path = moduledir.join(format!("libpdm_{name}.so"));
        let args: Vec<&[u8]> = spec.args.iter().map(String::as_bytes).collect();
        let opened = Module::open(&path, name, id, &args);
        let module =
            opened.map_err(|why| format!("pdm {id} ({name}): {}", line(&why.to_string())))?;
        Ok(Link {
            id: id.clone(),
            module,
            mark: mark(before, spec, &path),
        })
    }
}

/// A user is known to a module that refuses.
struct Known<'c> {
    pdm: &'c str,
    account: Option<Account>,
    why: String,
}

/// The way of one request through the chain.
struct Pass<'c, 'r> {
    chain: &'c Chain,
    request: pdm::Request<'r>,
    external: bool,
    rooms: Rooms,
    witness: &'r mut dyn Witness,
    /// In pass 2.
    vouching: bool,
    known: Option<Known<'c>>,
    failed: Option<(&'c str, String)>,
}

/// What a module says of the user, checked.
enum Said {
    Unknown,
    Accept(Account),
    Refuse(Option<Account>),
}

impl<'c> Pass<'c, '_> {
    /// Pass 1: who knows the user?
    fn identify(&mut self) -> Option<Outcome<'c>> {
        for (place, link) in self.able(Module::checks) {
            if !self.may_ask(place, link) {
                continue;
            }
            let code = link.module.check(&self.request, &mut self.rooms)?;
            let outcome = self.weigh(place, link, code);
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    /// What follows from the answer of a module; `None` if others are asked.
    #[inline(never)] // what it needs of the stack is not needed below the modules
    fn weigh(
        &mut self,
        place: usize,
        link: &'c Link,
        code: std::ffi::c_int,
    ) -> Option<Outcome<'c>> {
        match self.said(code) {
            Ok(Said::Unknown) => self.tell((place, link), Verdict::Unknown, "", None),
            Ok(Said::Accept(account)) => {
                self.tell((place, link), Verdict::Accept, "", Some(&account));
                return Some(accept(&link.id, None, account));
            }
            Ok(Said::Refuse(account)) => self.know(place, link, account),
            Err(why) => self.fail(place, link, why),
        }
        None
    }

    /// Pass 2: does anybody vouch for a login that was refused?
    #[inline(never)] // as above
    fn authenticate(&mut self) -> Option<Outcome<'c>> {
        self.known.as_ref()?.account.as_ref()?;
        self.vouching = true;
        for (place, link) in self.able(Module::vouches) {
            if !self.may_ask(place, link) {
                continue;
            }
            let code = link.module.vouch(&self.request, &mut self.rooms)?;
            match Verdict::from_code(code) {
                Some(Verdict::Fail) => self.fail(place, link, self.reason()),
                None => self.fail(place, link, meaningless(code)),
                Some(verdict) => {
                    self.tell((place, link), verdict, "", None);
                    if verdict == Verdict::Accept {
                        return self.vouched(&link.id);
                    }
                }
            }
        }
        None
    }

    /// # Errors
    /// Why the module failed.
    fn said(&self, code: std::ffi::c_int) -> Result<Said, String> {
        match Verdict::from_code(code) {
            Some(Verdict::Unknown) => Ok(Said::Unknown),
            Some(Verdict::Accept) => match Account::read(&self.rooms)? {
                Some(account) => Ok(Said::Accept(account)),
                None => Err("accepts but names no backend".into()),
            },
            Some(Verdict::Refuse) => Account::read(&self.rooms).map(Said::Refuse),
            Some(Verdict::Fail) => Err(self.reason()),
            None => Err(meaningless(code)),
        }
    }

    /// Nobody let the user in.
    #[inline(never)] // as above
    fn close(&mut self) -> Outcome<'c> {
        match (self.failed.take(), self.known.take()) {
            (Some((pdm, why)), _) => Outcome::Fail { pdm, why },
            (None, Some(Known { pdm, why, .. })) => Outcome::Refuse {
                pdm: Some(pdm),
                why,
            },
            (None, None) => Outcome::Refuse {
                pdm: None,
                why: String::new(),
            },
        }
    }

    /// The modules that can answer this question about this kind of login,
    /// with their places. One that does not know certificates would see an
    /// empty password.
    fn able(&self, can: fn(&Module) -> bool) -> impl Iterator<Item = (usize, &'c Link)> + use<'c> {
        let external = self.external;
        let able = move |(_, link): &(usize, &Link)| {
            can(&link.module) && (!external || link.module.does_external())
        };
        self.chain.links.iter().enumerate().filter(able)
    }

    /// One that is left out might know the user.
    fn may_ask(&mut self, place: usize, link: &'c Link) -> bool {
        let may = self.witness.asking(place, &link.id);
        if !may {
            let why = || (link.id.as_str(), "is left out for a while".to_owned());
            self.failed.get_or_insert_with(why);
        }
        may
    }

    fn tell(&mut self, at: (usize, &Link), verdict: Verdict, why: &str, account: Option<&Account>) {
        let word = Word {
            verdict,
            why,
            account,
            vouching: self.vouching,
        };
        self.witness.heard(at.0, &at.1.id, &word);
    }

    fn know(&mut self, place: usize, link: &'c Link, account: Option<Account>) {
        let why = self.reason();
        self.tell((place, link), Verdict::Refuse, &why, account.as_ref());
        let pdm = link.id.as_str();
        self.known.get_or_insert(Known { pdm, account, why });
    }

    /// The account from the module that knows the user, the permission and
    /// its flags from the one that vouches.
    fn vouched(&mut self, by: &'c str) -> Option<Outcome<'c>> {
        let known = self.known.take()?;
        let mut account = known.account?;
        account.master |= self.rooms.flags & pdm::abi::PDM_MASTER != 0;
        Some(accept(known.pdm, Some(by), account))
    }

    fn fail(&mut self, place: usize, link: &'c Link, why: String) {
        self.tell((place, link), Verdict::Fail, &why, None);
        self.failed.get_or_insert((&link.id, why));
    }

    fn reason(&self) -> String {
        let text = self.rooms.reason.get().unwrap_or(b"reason is too long");
        line(&String::from_utf8_lossy(text))
    }
}

fn accept<'c>(pdm: &'c str, vouched: Option<&'c str>, account: Account) -> Outcome<'c> {
    Outcome::Accept {
        pdm,
        vouched,
        account,
    }
}

fn meaningless(code: std::ffi::c_int) -> String {
    format!("answers {code}, which has no meaning")
}

/// A foreign text as one line without control characters.
fn line(text: &str) -> String {
    let mend = |c: char| if c.is_control() { '?' } else { c };
    text.chars().map(mend).collect()
}

#[cfg(test)]
mod tests;
