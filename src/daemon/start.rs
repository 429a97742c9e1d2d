//! PRIVILEGED. From the command line to the life of a master.

use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::signal::Signal;

use super::board::{Board, Head};
use super::config::Config;
use super::control::Control;
use super::handover::{self, Parcel};
use super::heir::Heir;
use super::master::{Master, Ready, Start, check};
use super::notify::Notify;
use super::origin::{Origin, absolute};
use super::passed::{self, Passed};
use super::pidfile::PidFile;
use super::rotating::Secrets;
use super::service::Service;

use super::vars::{ID, LOGLEVEL, PID, RUNDIR, SESSIONLIMIT, STARTFILE, USER, VERSION, set_log};
use super::words::{self, Act};
use crate::base::clock::{Ms, now};
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

/// What the command line, and whoever started us, have said.
struct Plan {
    config: Config,
    verbs: Vec<Verb<Act>>,
    rundir: PathBuf,
    target: Target,
    foreground: bool,
    notify: Notify,
    origin: Origin,
}

fn begin<S: Service>(matches: &Matches, verbs: Vec<Verb<Act>>) -> Result<(), Vec<String>> {
    let mut passed = passed::take();
    let Some(channel) = passed.channel.take() else {
        return start::<S>(matches, verbs, passed);
    };
    let copy = channel.try_clone().map_err(|why| vec![why.to_string()])?;
    let outcome = relieve::<S>(matches, verbs, passed, channel);
    if let Err(errors) = &outcome {
        let why = handover::error(&errors.join("; "));
        let _ = (&copy).write_all(why.as_bytes());
    }
    outcome
}

/// An ordinary start.
fn start<S: Service>(
    matches: &Matches,
    verbs: Vec<Verb<Act>>,
    passed: Passed,
) -> Result<(), Vec<String>> {
    let plan = plan::<S>(matches, verbs, None)?;
    if matches.opt_present("n") {
        return Ok(());
    }
    let ready: Ready = if plan.foreground {
        Box::new(|_| ())
    } else {
        detach(&plan.target).map_err(|why| vec![why])?
    };
    let before = before(0, now(), secrets().map_err(|why| vec![why])?);
    live::<S>(plan, passed, None, ready, before).map_err(|why| vec![why])
}

/// A start in the place of a master that runs, which is our parent.
fn relieve<S: Service>(
    matches: &Matches,
    verbs: Vec<Verb<Act>>,
    mut passed: Passed,
    mut channel: UnixStream,
) -> Result<(), Vec<String>> {
    let parcel = handover::receive(&mut channel, S::TABLES.name).map_err(|why| vec![why])?;
    passed.doors.keep(&parcel.kept);
    let plan = plan::<S>(matches, verbs, Some(&parcel))?;
    if !plan.foreground {
        proc::new_session().map_err(|why| vec![format!("setsid: {why}")])?;
    }
    let heir = Heir::new(channel).map_err(|why| vec![format!("handover: {why}")])?;
    let before = before(parcel.generation, parcel.rotated, parcel.secrets);
    live::<S>(plan, passed, Some(heir), Box::new(|_| ()), before).map_err(|why| vec![why])
}

fn plan<S: Service>(
    matches: &Matches,
    verbs: Vec<Verb<Act>>,
    parcel: Option<&Parcel>,
) -> Result<Plan, Vec<String>> {
    let foreground = matches.opt_present("d");
    let rundir =
        absolute(&matches.opt_str("r").unwrap_or(paths::RUNDIR.into())).map_err(|why| vec![why])?;
    let config = read::<S>(matches, &verbs, &rundir, parcel)?;
    Ok(Plan {
        config,
        verbs,
        rundir,
        target: target(matches, foreground).map_err(|why| vec![why])?,
        foreground,
        notify: Notify::take(),
        origin: Origin::of(matches).map_err(|why| vec![why])?,
    })
}

fn secrets() -> Result<Secrets, String> {
    let fresh = || digest::random().map_err(|why| format!("no random octets: {why}"));
    Ok(Secrets {
        current: fresh()?,
        previous: fresh()?,
    })
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
    parcel: Option<&Parcel>,
) -> Result<Config, Vec<String>> {
    let mut config = Config::new(S::TABLES);
    let limit = matches.opt_str("s").unwrap_or("4096".into());
    let limit = Kind::Int(1, 100_000)
        .normal(&limit)
        .map_err(|why| vec![format!("option -s: {why}, not {limit}")])?;
    config.vars.put(SESSIONLIMIT, limit);
    config.vars.put(ID, S::TABLES.name);
    config.vars.put(VERSION, env!("CARGO_PKG_VERSION"));
    config.vars.put(RUNDIR, rundir.display().to_string());
    if let Some(file) = matches.opt_str("f") {
        let file = absolute(&file).map_err(|why| vec![why])?;
        config.vars.put(STARTFILE, file.display().to_string());
    }
    let mut config = config.anew();
    if let Some(parcel) = parcel {
        let text = parcel.words.join("\n");
        words::read_text("handover", text.as_bytes(), verbs, &mut config)?;
    } else if let Some(file) = matches.opt_str("f") {
        words::read_file(Path::new(&file), verbs, &mut config)?;
    }
    if let Some(user) = matches.opt_str("u").filter(|_| parcel.is_none()) {
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

/// What there was before this start.
struct Before {
    generation: u64,
    rotated: Ms,
    secrets: Secrets,
}

fn before(generation: u64, rotated: Ms, secrets: Secrets) -> Before {
    Before {
        generation,
        rotated,
        secrets,
    }
}

/// Takes on the manners of a daemon.
fn behave() -> Result<(), String> {
    crate::sys::title::init();
    // It will hold keys and, as root, reads files that nobody else may.
    proc::no_core().map_err(|why| format!("cannot forbid core files: {why}"))?;
    // Whoever started us may have left signals blocked. A log file that has
    // reached a limit on file sizes costs lines, not lives.
    proc::unblock_signals().map_err(|why| format!("sigprocmask: {why}"))?;
    proc::ignore_signals(&[Signal::SIGXFSZ]).map_err(|why| format!("sigaction: {why}"))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    Ok(())
}

/// The page that all processes share, and what the log keeps there.
fn board(config: &Config, secrets: &Secrets) -> Result<Board, String> {
    let slots = config.vars.number(SESSIONLIMIT) as usize;
    let board = Board::map(slots, config.tables.areas)
        .map_err(|why| format!("no memory for {slots} slots: {why}"))?;
    board.rotate(secrets.previous);
    board.rotate(secrets.current);
    board.publish(config);
    log::share(Knobs {
        level: board.live(LOGLEVEL),
        debug: board.debug,
        lost: board.head(Head::Lost),
        told: board.head(Head::LostTold),
        events: board.events(),
        turn: board.head(Head::LogTurn),
    });
    Ok(board)
}

fn live<S: Service>(
    mut plan: Plan,
    passed: Passed,
    heir: Option<Heir>,
    ready: Ready,
    before: Before,
) -> Result<(), String> {
    let name = S::TABLES.name;
    behave()?;
    let board = board(&plan.config, &before.secrets)?;
    log::open(name, &plan.target).map_err(|why| format!("{:?}: {why}", plan.target))?;
    set_log(&plan.config.vars);
    plan.config.vars.put(PID, std::process::id().to_string());
    let _ = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&plan.rundir);
    let (control, pidfile) = files(&plan.rundir, name, heir.is_none())?;
    event!(
        START,
        "-",
        version = env!("CARGO_PKG_VERSION"),
        user = plan.config.vars.text(USER),
        sessionlimit = board.slots()
    );
    for (socket, why) in &passed.odd {
        event!(SOCKET_UNUSED, "-", name = socket, why = why);
    }
    let start = Start {
        verbs: plan.verbs,
        board,
        control,
        pidfile,
        foreground: plan.foreground,
        ready,
        passed: passed.doors,
        heir,
        origin: plan.origin,
        notify: plan.notify,
        before: (before.generation, before.rotated),
    };
    Master::<S>::new(start)
        .map_err(|why| why.to_string())?
        .run(plan.config)
}

/// The control socket, and the pid file and the link if they are `ours` already.
fn files(rundir: &Path, name: &str, ours: bool) -> Result<(Control, Option<PidFile>), String> {
    let pidfile = ours.then(|| PidFile::take(rundir, name)).transpose()?;
    let greeting = format!("{name} {} ready", env!("CARGO_PKG_VERSION"));
    let wrong = |why| format!("control socket in {}: {why}", rundir.display());
    let control = Control::open(rundir, name, greeting).map_err(wrong)?;
    if ours {
        control.point().map_err(wrong)?;
    }
    Ok((control, pidfile))
}
