use super::*;
use crate::sys::proc::{Death, Fork, fork, leave, pid, wait};
use crate::sys::scratch::Scratch;
use std::fs::{File, rename};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

/// What comes of `act` in a process that is confined to `grants`.
fn confined(grants: &Grants, act: impl FnOnce(&Confined) -> bool) -> Death {
    run(grants, || true, act)
}

/// The same in a process that is granted nothing, after `before`.
fn confined_after(before: impl FnOnce() -> bool, act: impl FnOnce(&Confined) -> bool) -> Death {
    run(&Grants::default(), before, act)
}

fn run(
    grants: &Grants,
    before: impl FnOnce() -> bool,
    act: impl FnOnce(&Confined) -> bool,
) -> Death {
    match fork().expect("fork") {
        Fork::Child => {
            let ready = before();
            leave(i32::from(!(ready && act(&confine(grants)))))
        }
        Fork::Parent(child) => wait(child).expect("wait"),
    }
}

/// Can the kernel do all of it? Where it cannot there is nothing to be tested.
fn complete() -> bool {
    confined(&Grants::default(), |bounds| bounds.off.is_empty()) == Death::Exit(0)
}

fn refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|why| why.kind() == io::ErrorKind::PermissionDenied)
}

#[test]
fn files_are_opened_where_that_is_granted_only() {
    if !complete() {
        return;
    }
    let scratch = Scratch::new("sandbox");
    let at = |name: &str| scratch.path().join(name);
    for name in ["read", "write", "none"] {
        std::fs::create_dir_all(at(name).join("sub")).unwrap();
        std::fs::write(at(name).join("file"), "x").unwrap();
    }
    let grants = Grants {
        read: vec![at("read"), at("nowhere")],
        write: vec![at("write")],
        ..Grants::default()
    };
    let death = confined(&grants, |_| {
        let made = at("write").join("sub/new");
        File::open(at("read").join("file")).is_ok()
            && refused(File::create(at("read").join("new")))
            && refused(File::open(at("none").join("file")))
            && refused(File::open("/etc/passwd"))
            && refused(std::fs::write("/tmp/popular-sandbox", ""))
            && File::create(at("write").join("new")).is_ok()
            && rename(at("write").join("new"), &made).is_ok()
            && std::fs::remove_file(&made).is_ok()
            && std::fs::read_dir(at("write")).is_ok()
    });
    assert_eq!(death, Death::Exit(0));
}

#[test]
fn connections_are_made_to_granted_ports_only_and_in_no_other_way() {
    if !complete() {
        return;
    }
    let (one, other) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let (one, other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let grants = Grants {
        ports: vec![one.port()],
        ..Grants::default()
    };
    let death = confined(&grants, |_| {
        TcpStream::connect(one).is_ok()
            && refused(TcpStream::connect(other))
            && UdpSocket::bind("127.0.0.1:0").is_ok()
            && refused(TcpListener::bind("127.0.0.1:0"))
            && refused(UnixDatagram::unbound())
    });
    assert_eq!(death, Death::Exit(0));
    let any = Grants {
        connect: true,
        ..Grants::default()
    };
    let death = confined(&any, |_| {
        TcpStream::connect(other).is_ok() && UnixDatagram::unbound().is_ok()
    });
    assert_eq!(death, Death::Exit(0));
}

#[test]
fn no_program_is_run_unless_that_is_granted() {
    if !complete() {
        return;
    }
    let run = || std::process::Command::new("/bin/true").status();
    let death = confined(&Grants::default(), |_| refused(run()));
    assert_eq!(death, Death::Exit(0));
    let grants = Grants {
        exec: true,
        ..Grants::default()
    };
    let death = confined(&grants, |bounds| {
        settle(bounds, &grants).is_ok() && run().is_ok_and(|status| status.success())
    });
    assert_eq!(death, Death::Exit(0));
}

#[test]
fn nobody_outside_is_signalled_but_one_who_is_inside() {
    if !complete() {
        return;
    }
    let parent = pid();
    let signal = |whom| nix::sys::signal::kill(nix::unistd::Pid::from_raw(whom), None);
    for exec in [false, true] {
        let grants = Grants {
            exec,
            ..Grants::default()
        };
        let death = confined(&grants, |_| {
            signal(parent) == Err(nix::errno::Errno::EPERM) && signal(pid()).is_ok()
        });
        assert_eq!(death, Death::Exit(0));
    }
}

#[test]
fn where_landlock_knows_no_signals_a_worker_gives_them_up_itself() {
    if !complete() {
        return;
    }
    let grants = Grants::default();
    let signal = |whom| nix::sys::signal::kill(nix::unistd::Pid::from_raw(whom), None);
    let death = confined(&grants, |bounds| {
        let old = Confined {
            signals_left: true,
            ..bounds.clone()
        };
        let child = match fork() {
            Ok(Fork::Child) => leave(i32::from(
                settle(&old, &grants).is_err()
                    || signal(crate::sys::proc::parent()) != Err(nix::errno::Errno::EPERM)
                    || signal(pid()).is_err(),
            )),
            Ok(Fork::Parent(child)) => child,
            Err(_) => return false,
        };
        wait(child).is_ok_and(|death| death == Death::Exit(0))
    });
    assert_eq!(death, Death::Exit(0));
}

#[test]
fn who_makes_a_call_that_nobody_makes_by_mistake_ends() {
    if !complete() {
        return;
    }
    let death = confined(&Grants::default(), |_| {
        // SAFETY: takes numbers and changes nothing but the rights of this child.
        let code = unsafe { libc::unshare(libc::CLONE_NEWNS) };
        code == 0
    });
    assert_eq!(death, Death::Signal(libc::SIGSYS));
}

#[test]
fn a_kernel_without_landlock_is_told_and_calls_are_given_up_all_the_same() {
    if !complete() {
        return;
    }
    let death = confined_after(
        || calls::hide_landlock().is_ok(),
        |bounds| {
            bounds.off == [FILES, PORTS]
                && bounds.signals_left
                && File::open("/etc/passwd").is_ok()
                && refused(std::process::Command::new("/bin/true").status())
        },
    );
    assert_eq!(death, Death::Exit(0));
}
