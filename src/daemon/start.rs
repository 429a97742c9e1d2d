//! PRIVILEGED. From the command line to the life of a master.

use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::signal::Signal;

use super::board::{Board, Head};
use super::config::Config;
use super::control::Control;
use super::master::{Master, Ready, Start, check};
use super::pidfile::PidFile;
use super::service::Service;
use super::vars::{ID, LOGLEVEL, MAXSESSION, PID, RUNDIR, SESSIONLIMIT, USER, VERSION};
use super::words::{self, Act};
use crate::base::digest;
use crate::base::log::{self, Knobs, Target};
use crate::base::opt::{self, Asked, Matches};
use crate::base::out::{complain, say};
use crate::base::paths;
use crate::base::vars::Kind;
use crate::base::verbs::Verb;
use crate::sys::proc::{self, Fork, fork};

const SYNOPSIS: &str = "[-dn] [-f FILE] [-l LOG] [-r RUNDIR] [-s SESSIONLIMIT] [-u USER] [-hV]";

/// The main function of a daemon.
pub(crate) fn main<S: Service>() -> ExitCode {
    let name = S::TABLES.name;
    let verbs = words::table(S::TABLES);
    if std::env::args().skip(1).eq(["-T"]) {
        words::rows(&Config::new(S::TABLES), &verbs)
            .iter()
            .for_each(say);
        return ExitCode::SUCCESS;
    }
    let matches = match opt::parse(name, SYNOPSIS, options(), 2) {
        Asked::Run(matches) => matches,
        Asked::Leave(status) => return status,
    };
    match begin::<S>(&matches, verbs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(errors) => {
            errors
                .iter()
                .for_each(|why| complain(format_args!("{name}: {why}")));
            ExitCode::FAILURE
        }
    }
}

fn options() -> opt::Options {
    let mut options = opt::Options::new();
    options.optopt(
        "f",
        "file",
        "start file: control words, see NAME.rc(5)",
        "FILE",
    );
    options.optflag("n", "check", "check the start file and leave");
    options.optflag(
        "d",
        "foreground",
        "stay in the foreground, log to standard error",
    );
    options.optopt(
        "r",
        "rundir",
        "directory of pid file and control socket",
        "RUNDIR",
    );
    options.optopt("u", "user", "user to become when started as root", "USER");
    options.optopt(
        "l",
        "log",
        "a file, stderr, syslog, or syslog:SOCKET",
        "LOG",
    );
    options.optopt("s", "sessionlimit", "slots for sessions", "SESSIONLIMIT");
    options
}

fn begin<S: Service>(matches: &Matches, verbs: Vec<Verb<Act>>) -> Result<(), Vec<String>> {
    proc::close_inherited();
    let foreground = matches.opt_present("d");
    let rundir =
        absolute(&matches.opt_str("r").unwrap_or(paths::RUNDIR.into())).map_err(|why| vec![why])?;
    let config = read::<S>(matches, &verbs, &rundir)?;
    if matches.opt_present("n") {
        return Ok(());
    }
    let target = target(matches, foreground).map_err(|why| vec![why])?;
    let ready = if foreground {
        Box::new(|_| ())
    } else {
        detach(&target).map_err(|why| vec![why])?
    };
    live::<S>(config, verbs, &rundir, &target, foreground, ready).map_err(|why| vec![why])
}

fn absolute(path: &str) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|why| format!("{path}: {why}"))
}

fn target(matches: &Matches, foreground: bool) -> Result<Target, String> {
    Ok(match matches.opt_str("l") {
        None if foreground => Target::Stderr,
        None => Target::parse("syslog"),
        Some(text) => match Target::parse(&text) {
            Target::File(_) => Target::File(absolute(&text)?),
            other => other,
        },
    })
}

/// The configuration of the command line and the start file, checked.
fn read<S: Service>(
    matches: &Matches,
    verbs: &[Verb<Act>],
    rundir: &Path,
) -> Result<Config, Vec<String>> {
    let mut config = Config::new(S::TABLES);
    let limit = matches.opt_str("s").unwrap_or("4096".into());
    let limit = Kind::Int(1, 100_000)
        .normal(&limit)
        .map_err(|why| vec![format!("option -s: {why}, not {limit}")])?;
    if config.vars.number(MAXSESSION) > limit.parse().unwrap_or(0) {
        config.vars.put(MAXSESSION, limit.clone());
    }
    config.vars.put(SESSIONLIMIT, limit);
    config.vars.put(ID, S::TABLES.name);
    config.vars.put(VERSION, env!("CARGO_PKG_VERSION"));
    config.vars.put(RUNDIR, rundir.display().to_string());
    if let Some(file) = matches.opt_str("f") {
        words::read_file(Path::new(&file), verbs, &mut config)?;
    }
    if let Some(user) = matches.opt_str("u") {
        config
            .vars
            .set("user", &user)
            .map_err(|why| vec![format!("option -u: {why}")])?;
    }
    check::<S>(&config).map_err(|why| vec![why])?;
    Ok(config)
}

/// Leaves the terminal. The process that was started waits until the first
/// generation is ready, so that its exit status tells the truth.
fn detach(target: &Target) -> Result<Ready, String> {
    let (reader, writer) = proc::pipe().map_err(|why| format!("pipe: {why}"))?;
    match fork().map_err(|why| format!("fork: {why}"))? {
        Fork::Parent(_) => {
            drop(writer);
            let told = std::fs::File::from(reader).read(&mut [0; 1]);
            proc::leave(if matches!(told, Ok(1)) { 0 } else { 1 });
        }
        Fork::Child => {}
    }
    drop(reader);
    proc::new_session().map_err(|why| format!("setsid: {why}"))?;
    std::env::set_current_dir("/").map_err(|why| format!("/: {why}"))?;
    let keep_stderr = *target == Target::Stderr;
    Ok(Box::new(move |tell| {
        let mut writer = std::fs::File::from(writer);
        if tell {
            let _ = writer.write_all(b"r");
        }
        drop(writer);
        let _ = proc::silence_stdio(keep_stderr);
    }))
}

fn live<S: Service>(
    mut config: Config,
    verbs: Vec<Verb<Act>>,
    rundir: &Path,
    target: &Target,
    foreground: bool,
    ready: Ready,
) -> Result<(), String> {
    let name = S::TABLES.name;
    crate::sys::title::init();
    // It will hold keys and, as root, reads files that nobody else may.
    proc::no_core().map_err(|why| format!("cannot forbid core files: {why}"))?;
    // Whoever started us may have left signals blocked. A log file that has
    // reached a limit on file sizes costs lines, not lives.
    proc::unblock_signals().map_err(|why| format!("sigprocmask: {why}"))?;
    proc::ignore_signals(&[Signal::SIGXFSZ]).map_err(|why| format!("sigaction: {why}"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let sessionlimit = config.vars.number(SESSIONLIMIT) as usize;
    let board = Board::map(sessionlimit, S::TABLES.areas)
        .map_err(|why| format!("no memory for {sessionlimit} slots: {why}"))?;
    for _ in 0..2 {
        board.rotate(digest::random().map_err(|why| format!("no random octets: {why}"))?);
    }
    board.publish(&config);
    log::share(Knobs {
        level: board.live(LOGLEVEL),
        debug: board.head(Head::Debug),
        lost: board.head(Head::Lost),
    });
    log::open(name, target).map_err(|why| format!("{target:?}: {why}"))?;
    config.vars.put(PID, std::process::id().to_string());
    let _ = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(rundir);
    let pidfile = PidFile::take(rundir, name)?;
    let greeting = format!("{name} {} ready", env!("CARGO_PKG_VERSION"));
    let control = Control::open(rundir, name, greeting)
        .map_err(|why| format!("control socket in {}: {why}", rundir.display()))?;
    event!(
        START,
        "-",
        version = env!("CARGO_PKG_VERSION"),
        user = config.vars.text(USER),
        sessionlimit = sessionlimit
    );
    let start = Start {
        verbs,
        board,
        control,
        pidfile,
        foreground,
        ready,
    };
    Master::<S>::new(start)
        .map_err(|why| why.to_string())?
        .run(config)
}
