//! PRIVILEGED. Whose rights a process has, and how it gives them up for good.

use std::ffi::CString;
use std::io;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};

/// Whom to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    groups: Vec<Gid>,
}

/// May this process become somebody else?
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Our effective user number.
pub(crate) fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Looks up a user and, if `group` is not empty, a group other than the
/// user's own.
///
/// # Errors
/// `NotFound` if there is no such user or group; root is `InvalidInput`.
pub(crate) fn identity(user: &str, group: &str) -> io::Result<Identity> {
    let user = User::from_name(user)?.ok_or(io::ErrorKind::NotFound)?;
    let gid = match group {
        "" => user.gid,
        name => Group::from_name(name)?.ok_or(io::ErrorKind::NotFound)?.gid,
    };
    if user.uid.is_root() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Read now: where there is another root, there is no list of groups.
    let groups = groups(&user.name, gid)?;
    Ok(Identity {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: gid.as_raw(),
        groups,
    })
}

#[cfg(not(target_vendor = "apple"))]
fn groups(user: &str, gid: Gid) -> io::Result<Vec<Gid>> {
    Ok(nix::unistd::getgrouplist(&CString::new(user)?, gid)?)
}

/// Gives up all rights but those of `who`, for ever, and proves it.
///
/// # Errors
/// Whatever failed; the caller must end then, since it may hold half of its rights.
pub(crate) fn drop_to(who: &Identity) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(who.uid), Gid::from_raw(who.gid));
    nix::unistd::setgroups(&who.groups)?;
    nix::unistd::setgid(gid)?;
    nix::unistd::setuid(uid)?;
    prove(uid, gid)
}

/// Makes `root` the root of all paths. Who stays root can undo that, hence
/// [`drop_to`] follows; it needs no file.
///
/// # Errors
/// No such directory, or not root.
pub(crate) fn confine_to(root: &Path) -> io::Result<()> {
    nix::unistd::chroot(root)?;
    Ok(nix::unistd::chdir("/")?)
}

/// A drop that can be undone is none.
fn prove(uid: Uid, gid: Gid) -> io::Result<()> {
    let as_told = nix::unistd::getuid() == uid
        && nix::unistd::geteuid() == uid
        && nix::unistd::getgid() == gid
        && nix::unistd::getegid() == gid;
    let way_back = nix::unistd::setuid(Uid::from_raw(0)).is_ok()
        || nix::unistd::seteuid(Uid::from_raw(0)).is_ok();
    if as_told && !way_back {
        Ok(())
    } else {
        Err(io::Error::other("privileges could be regained"))
    }
}
