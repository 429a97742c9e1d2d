//! Opens modules, checks their interface, and makes the calls.
//!
//! What a module answers is not believed: lengths are compared with the room
//! that was lent, and nothing is read through a pointer the module could have
//! changed. A module that writes where it must not cannot be survived; it runs
//! in our process.

use crate::sys::secret;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use pdm::abi::{self, Answer, Buf, Config, Request, Str, Table};
use std::ffi::{c_int, c_void};
use std::path::Path;
use std::{io, mem, ptr};

/// A module that was opened with its arguments.
pub(crate) struct Module {
    table: Table,
    ctx: *mut c_void,
    /// Keeps the code behind `table` in place; dropped after `close`.
    _library: Library,
}

impl Module {
    /// Loads the shared library `path`, which must hold the module `name`,
    /// and makes the instance `id` of it.
    ///
    /// # Errors
    /// The reason as text: the loader's, ours about the table, or the
    /// module's about its arguments.
    pub(crate) fn open(path: &Path, name: &str, id: &str, args: &[&[u8]]) -> io::Result<Module> {
        // SAFETY: loading runs the library's own start-up code. The administrator named it; it is
        // trusted to be a module as far as anything that runs in our process must be.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(io::Error::other)?;
        let table = read_table(&library).and_then(|table| check_table(table, name));
        // The loader names the file in its errors, and a module cannot know it.
        let table = table.map_err(|why| io::Error::other(format!("{}: {why}", path.display())))?;
        let mut module = Module {
            table,
            ctx: ptr::null_mut(),
            _library: library,
        };
        module.make(id, args)?;
        Ok(module)
    }

    /// Calls `open` of the table.
    fn make(&mut self, id: &str, args: &[&[u8]]) -> io::Result<()> {
        // Without an instance there is nothing to close.
        let close = self.table.close.take();
        let Some(open) = self.table.open else {
            return Err(io::Error::other("has no open function"));
        };
        let args: Vec<Str> = args.iter().map(|arg| Str::new(arg)).collect();
        let config = Config::new(id.as_bytes(), &args);
        let mut text = Room::<{ abi::PDM_TEXT_MAX }>::new();
        let mut error = text.lend();
        // SAFETY: pdm.h: everything passed lives until the call returns, and `open` is a function of
        // the library that is kept loaded.
        let code = unsafe { open(&config, &mut self.ctx, &mut error) };
        text.len = error.used();
        if code != 0 {
            return Err(text.error());
        }
        self.table.close = close;
        Ok(())
    }

    /// What the module needs, `PDM_NEEDS_*`.
    pub(crate) fn needs(&self) -> u32 {
        self.table.needs
    }

    /// Whether it understands logins by client certificate.
    pub(crate) fn does_external(&self) -> bool {
        self.table.does & abi::PDM_DOES_EXTERNAL != 0
    }

    /// Whether each of its answers holds for one login only.
    pub(crate) fn does_vary(&self) -> bool {
        self.table.does & abi::PDM_DOES_VARY != 0
    }

    /// Whether it says who a user is.
    pub(crate) fn checks(&self) -> bool {
        self.table.check.is_some()
    }

    /// Whether it vouches for logins.
    pub(crate) fn vouches(&self) -> bool {
        self.table.vouch.is_some()
    }

    /// Tells the module that it is in a new process.
    ///
    /// # Errors
    /// The module's text.
    pub(crate) fn after_fork(&self) -> io::Result<()> {
        let Some(after_fork) = self.table.after_fork else {
            return Ok(());
        };
        let mut text = Room::<{ abi::PDM_TEXT_MAX }>::new();
        let mut error = text.lend();
        // SAFETY: `ctx` is what `open` made; the buffer lives until the call returns.
        let code = unsafe { after_fork(self.ctx, &mut error) };
        text.len = error.used();
        match code {
            0 => Ok(()),
            _ => Err(text.error()),
        }
    }

    /// Who is this? Returns the bare code and fills `rooms`; `None` if the
    /// module does not check.
    pub(crate) fn check(&self, request: &Request, rooms: &mut Rooms) -> Option<c_int> {
        let ask = self.table.check?;
        Some(self.ask(ask, request, rooms))
    }

    /// May the login pass? Like [`Module::check`].
    pub(crate) fn vouch(&self, request: &Request, rooms: &mut Rooms) -> Option<c_int> {
        let ask = self.table.vouch?;
        Some(self.ask(ask, request, rooms))
    }

    fn ask(&self, ask: abi::AskFn, request: &Request, rooms: &mut Rooms) -> c_int {
        rooms.clear();
        let mut answer = rooms.lend();
        // SAFETY: `ctx` is what `open` made, `ask` belongs to the same library; request and answer
        // live until the call returns, and there is one thread, hence one call.
        let code = unsafe { ask(self.ctx, request, &mut answer) };
        let flags = answer.flags;
        let used = [
            answer.backend.used(),
            answer.mailbox.used(),
            answer.user.used(),
            answer.password.used(),
            answer.extra.used(),
            answer.reason.used(),
        ];
        rooms.taken(flags, used);
        code
    }

    /// Was a file of the module replaced since it was opened? 0 if not, else
    /// a number that stands for what is there now.
    pub(crate) fn stale(&self) -> c_int {
        let Some(stale) = self.table.stale else {
            return 0;
        };
        // SAFETY: `ctx` is what `open` made.
        unsafe { stale(self.ctx) }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Some(close) = self.table.close {
            // SAFETY: `ctx` is what `open` made, and nobody can use it after this.
            unsafe { close(self.ctx) };
        }
    }
}

/// Copies the table out of the library: the ABI number first, alone.
fn read_table(library: &Library) -> io::Result<Table> {
    // SAFETY: the symbol is only taken as an address here; its type is checked below by its number.
    let symbol = unsafe { library.get::<*const Table>(b"pdm_module\0") };
    let table: *const Table = *symbol.map_err(|_| other("is not a module: no pdm_module in it"))?;
    if table.is_null() || !table.is_aligned() {
        return Err(other("is not a module: pdm_module is no table"));
    }
    // SAFETY: whatever the object is, it is at least as large as its first number; else the library
    // is not one that a linker made.
    let number = unsafe { table.cast::<u32>().read() };
    if number != abi::PDM_ABI {
        return Err(io::Error::other(format!(
            "was built for interface {number}, this program has interface {}",
            abi::PDM_ABI
        )));
    }
    // SAFETY: with this number every table begins with number and size.
    let [_, size] = unsafe { table.cast::<[u32; 2]>().read() };
    let wanted = mem::size_of::<Table>();
    if (size as usize) < wanted {
        return Err(io::Error::other(format!(
            "has a table of {size} octets where {wanted} are needed"
        )));
    }
    // SAFETY: the table says that it is this large, and all its values are plain numbers or
    // pointers, functions of the declared types by its ABI number.
    Ok(unsafe { table.read() })
}

/// Refuses a table that asks for what this host does not know.
fn check_table(table: Table, name: &str) -> io::Result<Table> {
    let known = abi::PDM_NEEDS_CONNECT | abi::PDM_NEEDS_EXEC;
    let done = abi::PDM_DOES_EXTERNAL | abi::PDM_DOES_VARY;
    let named = table.name.iter().map(|c| *c as u8).take_while(|c| *c != 0);
    if table.name[abi::PDM_NAME_SIZE - 1] != 0 || !named.eq(name.bytes()) {
        return Err(other("holds a module of another name"));
    }
    if table.needs & !known != 0 || table.does & !done != 0 {
        return Err(other("needs something this program does not know"));
    }
    if table.reserved.iter().any(|field| !field.is_null()) {
        return Err(other("uses reserved fields of its table"));
    }
    match (table.check, table.vouch) {
        (None, None) => Err(other("neither checks nor vouches")),
        _ => Ok(table),
    }
}

fn other(text: &'static str) -> io::Error {
    io::Error::other(text)
}

/// Room for one string of a module.
pub(crate) struct Room<const N: usize> {
    octets: [u8; N],
    len: usize,
}

impl<const N: usize> Room<N> {
    const fn new() -> Room<N> {
        Room {
            octets: [0; N],
            len: 0,
        }
    }

    fn lend(&mut self) -> Buf<'_> {
        Buf::new(&mut self.octets)
    }

    /// What the module wrote; `None` if it would have needed more room.
    pub(crate) fn get(&self) -> Option<&[u8]> {
        self.octets.get(..self.len)
    }

    /// A text of the module as an error; a text too long for its room is
    /// shown as far as it goes.
    fn error(&self) -> io::Error {
        let shown = self.get().unwrap_or(&self.octets);
        match String::from_utf8_lossy(shown).trim_matches(['\0', ' ']) {
            "" => other("the module does not say why"),
            text => io::Error::other(text.to_owned()),
        }
    }
}

/// Room for an answer; can be used again and again. It is emptied before each
/// use, and the password is wiped at the end too.
pub(crate) struct Rooms {
    pub(crate) flags: u32,
    pub(crate) backend: Room<{ abi::PDM_BACKEND_MAX }>,
    pub(crate) mailbox: Room<{ abi::PDM_MAILBOX_MAX }>,
    pub(crate) user: Room<{ abi::PDM_USER_MAX }>,
    pub(crate) password: Room<{ abi::PDM_SECRET_MAX }>,
    pub(crate) extra: Room<{ abi::PDM_EXTRA_MAX }>,
    pub(crate) reason: Room<{ abi::PDM_TEXT_MAX }>,
}

impl Rooms {
    pub(crate) fn new() -> Rooms {
        Rooms {
            flags: 0,
            backend: Room::new(),
            mailbox: Room::new(),
            user: Room::new(),
            password: Room::new(),
            extra: Room::new(),
            reason: Room::new(),
        }
    }

    fn lend(&mut self) -> Answer<'_> {
        Answer::new([
            &mut self.backend.octets,
            &mut self.mailbox.octets,
            &mut self.user.octets,
            &mut self.password.octets,
            &mut self.extra.octets,
            &mut self.reason.octets,
        ])
    }

    fn clear(&mut self) {
        // All of it: a module that claims more than it wrote must not be
        // given what another wrote before.
        secret::wipe(&mut self.password.octets);
        self.backend.octets.fill(0);
        self.mailbox.octets.fill(0);
        self.user.octets.fill(0);
        self.extra.octets.fill(0);
        self.reason.octets.fill(0);
    }

    fn taken(&mut self, flags: u32, used: [usize; 6]) {
        self.flags = flags;
        self.backend.len = used[0];
        self.mailbox.len = used[1];
        self.user.len = used[2];
        self.password.len = used[3];
        self.extra.len = used[4];
        self.reason.len = used[5];
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        secret::wipe(&mut self.password.octets);
    }
}

#[cfg(test)]
pub(crate) mod tests;
