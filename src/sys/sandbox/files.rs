//! Landlock: what a process may do with files and ports, and whom it may
//! signal. Rights are held by directories, since files are replaced by rename.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

use super::{FILES, Grants, PORTS, SIGNALS};

/// What the kernel can do, by the number of its interface; 0: nothing.
fn abi() -> i64 {
    // SAFETY: with this flag nothing is read through the pointer, which is null.
    let code = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0usize, 0usize, 1u32) };
    code.max(0)
}

/// Takes away what is not granted; returns what could not be taken away.
pub(super) fn restrict(grants: &Grants) -> Vec<&'static str> {
    let abi = abi();
    // The first version of Landlock forbids every rename into another directory.
    let files = !grants.exec && abi >= if grants.write.is_empty() { 1 } else { 2 };
    let ports = !grants.exec && !grants.connect && abi >= 4;
    let signals = abi >= 6;
    let taken = (files || ports || signals) && rule(grants, files, ports, signals).is_ok();
    let wanted = [
        (FILES, files, grants.exec),
        (PORTS, ports, grants.exec || grants.connect),
        (SIGNALS, signals, false),
    ];
    wanted
        .into_iter()
        .filter(|&(_, can, granted)| !(granted || can && taken))
        .map(|(name, ..)| name)
        .collect()
}

/// What a maildrop needs: no devices, no sockets, no programs.
fn to_write() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

fn rule(grants: &Grants, files: bool, ports: bool, signals: bool) -> io::Result<()> {
    let wrong = |why: RulesetError| io::Error::other(why.to_string());
    let mut all = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    if files {
        all = all
            .handle_access(AccessFs::from_all(ABI::V5))
            .map_err(wrong)?;
    }
    if ports {
        all = all.handle_access(AccessNet::ConnectTcp).map_err(wrong)?;
    }
    if signals {
        all = all.scope(Scope::Signal).map_err(wrong)?;
    }
    if signals && !grants.exec && !grants.connect {
        all = all.scope(Scope::AbstractUnixSocket).map_err(wrong)?;
    }
    let mut made = all.create().map_err(wrong)?;
    if files {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        // A path that is not there is left out: what is not there cannot be granted.
        made = made
            .add_rules(path_beneath_rules(&grants.read, read))
            .and_then(|made| made.add_rules(path_beneath_rules(&grants.write, to_write())))
            .map_err(wrong)?;
    }
    if ports {
        let port = |&port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp));
        made = made
            .add_rules(grants.ports.iter().map(port))
            .map_err(wrong)?;
    }
    made.restrict_self().map_err(wrong)?;
    Ok(())
}
