//! `exec [max=N] [timeout=SECONDS] PROGRAM [ARG ...]`: asks a program,
//! pdm_exec(8).
#![forbid(unsafe_code)]

mod args;

use args::Args;
use pdm::program::{self, End};
use pdm::record::Account;
use pdm::slots::{Slot, Slots};
use pdm::{Answer, Config, Module, Request, Verdict, abi};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Octets of the longest output.
const OUTPUT_MAX: usize = 4096;
/// Between two tries to get a place.
const NAP: Duration = Duration::from_millis(10);

struct Exec {
    args: Args,
    slots: Slots,
}

pdm::export!(Exec);

impl Module for Exec {
    const NAME: &'static str = "exec";
    const NEEDS: u32 = abi::PDM_NEEDS_EXEC;

    fn open(config: &Config) -> Result<Self, String> {
        let args = Args::parse(config.args())?;
        let slots = Slots::new(args.max).map_err(|why| format!("temporary file: {why}"))?;
        Ok(Exec { args, slots })
    }

    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        self.judge(request, answer).unwrap_or_else(|why| {
            let why = format!("{}: {why}", self.args.program.display());
            answer.reason.put_cut(&why);
            Verdict::Fail
        })
    }
}

impl Exec {
    /// # Errors
    /// The program has no say on this login.
    fn judge(&self, request: &Request, answer: &mut Answer) -> Result<Verdict, String> {
        let deadline = Instant::now() + self.args.timeout;
        let _slot = self.slot(deadline)?;
        let mut command = self.command(request);
        let ran = program::run(&mut command, input(request), OUTPUT_MAX, deadline);
        let (end, text) = ran.map_err(|why| why.to_string())?;
        match end {
            End::Exit(0) => {
                tell(&text, request, answer)?;
                Ok(Verdict::Accept)
            }
            // Without an account nobody else can vouch for the user.
            End::Exit(1) if text.trim_ascii().is_empty() => Ok(Verdict::Refuse),
            End::Exit(1) => {
                tell(&text, request, answer)?;
                Ok(Verdict::Refuse)
            }
            End::Exit(3) => Ok(Verdict::Unknown),
            End::Exit(status) => Err(format!("exit status {status}")),
            End::Signal(signal) => Err(format!("ended by signal {signal}")),
            End::Killed(why) => Err(why.into()),
        }
    }

    /// Waits for a place among those who may run the program.
    fn slot(&self, deadline: Instant) -> Result<Slot<'_>, String> {
        loop {
            match self.slots.take() {
                Some(slot) => return Ok(slot),
                None if Instant::now() < deadline => sleep(NAP),
                None => return Err(format!("{} are running already (max)", self.args.max)),
            }
        }
    }

    /// The program, with nothing of our own environment.
    fn command(&self, request: &Request) -> Command {
        let mut command = Command::new(&self.args.program);
        command.args(&self.args.rest).current_dir("/").env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("PROTO", "TCP");
        for (name, value) in [
            ("TCPREMOTEIP", request.client),
            ("TCPREMOTEPORT", request.client_port),
            ("TCPLOCALIP", request.server),
            ("TCPLOCALPORT", request.server_port),
            ("SERVICE", request.service),
            ("NAMESPACE", request.ns),
            ("VSERV", request.vserv),
            ("SID", request.sid),
            ("TLS", request.tls),
        ] {
            command.env(name, OsStr::from_bytes(value.octets()));
        }
        command
    }
}

/// User, password and time, each ended by NUL, which none of them holds.
fn input(request: &Request) -> Vec<u8> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let time = time.unwrap_or_default().as_secs().to_string();
    let (user, password) = (request.user.octets(), request.password.octets());
    let parts: [&[u8]; 6] = [user, b"\0", password, b"\0", time.as_bytes(), b"\0"];
    // In one piece: a growing vector would leave copies of the password behind.
    let mut input = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| input.extend_from_slice(part));
    input
}

/// The account in the line that the program wrote.
fn tell(text: &[u8], request: &Request, answer: &mut Answer) -> Result<(), String> {
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    // A record without its password: no hash is right for nobody but us.
    let rest = [b"!:", line].concat();
    let account = Account::with(request.ns.octets(), request.user.octets(), &rest)
        .ok_or("wrote no account: backend:mailbox[:key=value,...] would be right")?;
    account.check().map_err(|why| format!("wrote {why}"))?;
    account.tell(answer);
    Ok(())
}

#[cfg(test)]
mod tests;
