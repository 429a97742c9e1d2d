//! seccomp: the system calls that a pool and its workers need.
//!
//! One filter for all of them, laid by the pool before it forks. A filter of
//! its own would make the birth of each worker twice as long; and the kernel
//! keeps a table of the calls that are allowed whatever their arguments are,
//! so these cost nothing. A call that is not listed fails with `EPERM`; one
//! that nobody makes by mistake ends the process.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::Grants;

/// The conditions of each call; none: it is allowed always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Needed by everybody.
#[rustfmt::skip]
static NEEDED: &[c_long] = &[
    // to read and write what is open
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg,
    libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee, libc::SYS_copy_file_range,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_shutdown, libc::SYS_lseek, libc::SYS_flock,
    libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_fadvise64,
    libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_eventfd2,
    // to wait
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_setitimer, libc::SYS_getitimer, libc::SYS_restart_syscall,
    // sockets, once they are made
    libc::SYS_socketpair, libc::SYS_connect, libc::SYS_accept, libc::SYS_accept4, libc::SYS_bind, libc::SYS_getsockname,
    libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt,
    // files, as far as Landlock and their owners allow
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_newfstatat, libc::SYS_fstat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs,
    libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_getdents64, libc::SYS_getcwd,
    libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_unlinkat, libc::SYS_linkat, libc::SYS_mkdirat,
    libc::SYS_utimensat, libc::SYS_fchmod, libc::SYS_umask,
    // memory
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_membarrier,
    // signals; to whom is for Landlock to say
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait, libc::SYS_sigaltstack, libc::SYS_kill, libc::SYS_tgkill,
    // what there is to know
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_getsid, libc::SYS_getuid,
    libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getrusage, libc::SYS_times,
    libc::SYS_sysinfo, libc::SYS_uname, libc::SYS_gettimeofday, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_getrandom, libc::SYS_getcpu, libc::SYS_sched_getaffinity, libc::SYS_sched_yield,
    // the C library's own
    libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_rseq, libc::SYS_set_tid_address,
    libc::SYS_exit, libc::SYS_exit_group,
];

/// The same things by the names that only old machines have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
static ALSO_NEEDED: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_poll,
    libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_pipe, libc::SYS_dup2,
    libc::SYS_rename, libc::SYS_unlink, libc::SYS_link, libc::SYS_mkdir, libc::SYS_getpgrp, libc::SYS_alarm,
    libc::SYS_pause, libc::SYS_time, libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
static ALSO_NEEDED: &[c_long] = &[];

/// Whoever calls one of these has taken the process over.
#[rustfmt::skip]
static DEADLY: &[c_long] = &[
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_mount, libc::SYS_umount2,
    libc::SYS_move_mount, libc::SYS_open_tree, libc::SYS_pivot_root, libc::SYS_bpf, libc::SYS_perf_event_open,
    libc::SYS_kexec_load, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_reboot,
    libc::SYS_setns, libc::SYS_unshare, libc::SYS_userfaultfd, libc::SYS_keyctl, libc::SYS_add_key,
    libc::SYS_request_key, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct,
];

/// What fcntl is asked for by who wants signals for what happens at a file.
const F_SETOWN: u64 = 8;
const F_SETSIG: u64 = 10;
const F_SETOWN_EX: u64 = 15;

/// Flags of clone that make name spaces.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

/// Lays the filter of the calls that `grants` leave.
///
/// # Errors
/// There is no seccomp here, or none for this machine.
pub(super) fn restrict(grants: &Grants) -> io::Result<()> {
    let deadly = DEADLY.iter().map(|&call| (call, Vec::new())).collect();
    lay(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?;
    if grants.exec {
        return Ok(());
    }
    let rules = rules(grants).map_err(io::Error::other)?;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    lay(rules, refuse, SeccompAction::Allow)
}

/// Forbids this process, and nobody else, to signal others.
///
/// # Errors
/// As [`restrict`].
pub(super) fn keep_signals_to_self() -> io::Result<()> {
    let own = u64::from(std::process::id());
    let others = || when(&[(0, SeccompCmpOp::Ne, own)]);
    let rules = [(libc::SYS_kill, others()), (libc::SYS_tgkill, others())];
    let rules: Result<Rules, BackendError> = rules
        .into_iter()
        .map(|(call, rule)| Ok((call, vec![rule?])))
        .collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    lay(
        rules.map_err(io::Error::other)?,
        SeccompAction::Allow,
        refuse,
    )
}

/// Makes this process believe that the kernel does not know Landlock.
#[cfg(test)]
pub(super) fn hide_landlock() -> io::Result<()> {
    let rules = Rules::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let missing = SeccompAction::Errno(libc::ENOSYS as u32);
    lay(rules, SeccompAction::Allow, missing)
}

fn lay(rules: Rules, others: SeccompAction, listed: SeccompAction) -> io::Result<()> {
    let arch = std::env::consts::ARCH
        .try_into()
        .map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, others, listed, arch).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

/// A rule: all of these hold, of the lower half of arguments by their place.
fn when(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let condition = |&(place, ref op, value): &(u8, SeccompCmpOp, u64)| {
        SeccompCondition::new(place, SeccompCmpArgLen::Dword, op.clone(), value)
    };
    SeccompRule::new(conditions.iter().map(condition).collect::<Result<_, _>>()?)
}

fn rules(grants: &Grants) -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: Rules = NEEDED
        .iter()
        .chain(ALSO_NEEDED)
        .map(|&call| (call, Vec::new()))
        .collect();
    let without = |place, flags: u64| when(&[(place, MaskedEq(flags), 0)]);
    // Who may not signal others may not have the kernel do it either.
    let own = [F_SETOWN, F_SETSIG, F_SETOWN_EX].map(|what| (1, Ne, what));
    rules.insert(libc::SYS_fcntl, vec![when(&own)?]);
    // A first packet with data would connect without asking Landlock.
    let fast = libc::MSG_FASTOPEN as u64;
    rules.insert(libc::SYS_sendto, vec![without(3, fast)?]);
    rules.insert(libc::SYS_sendmsg, vec![without(2, fast)?]);
    rules.insert(libc::SYS_sendmmsg, vec![without(3, fast)?]);
    // Memory that was written is not run. A module that connects may load code to do so.
    if grants.connect {
        rules.extend([(libc::SYS_mmap, vec![]), (libc::SYS_mprotect, vec![])]);
        rules.extend([(libc::SYS_socket, vec![]), (libc::SYS_ioctl, vec![])]);
    } else {
        let code = libc::PROT_EXEC as u64;
        rules.insert(libc::SYS_mmap, vec![without(2, code)?]);
        rules.insert(libc::SYS_mprotect, vec![without(2, code)?]);
        rules.insert(libc::SYS_socket, sockets()?);
        let known = [libc::FIONBIO, libc::FIONREAD, libc::TCGETS];
        #[allow(clippy::unnecessary_cast)] // not every C library has the same type for them
        let known = known.map(|request| when(&[(1, Eq, request as u64)]));
        rules.insert(
            libc::SYS_ioctl,
            known.into_iter().collect::<Result<_, _>>()?,
        );
    }
    // The pool forks; its workers have a limit of no processes.
    rules.insert(libc::SYS_clone, vec![without(0, NAMESPACES)?]);
    rules.insert(libc::SYS_prlimit64, vec![when(&[(0, Eq, 0)])?]);
    // Who wants to be confined further may be, see [`keep_signals_to_self`].
    let filter = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    rules.insert(
        libc::SYS_seccomp,
        vec![when(&[(0, Eq, filter), (1, Eq, 0)])?],
    );
    let own = [libc::PR_SET_NAME, libc::PR_SET_NO_NEW_PRIVS];
    let own = own.map(|option| when(&[(0, Eq, option as u64)]));
    rules.insert(libc::SYS_prctl, own.into_iter().collect::<Result<_, _>>()?);
    Ok(rules)
}

/// TCP and UDP, in no other form: Landlock knows the ports of TCP only when it
/// is called so.
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};
    // Streams and datagrams: 1 and 2.
    let kind = (1, MaskedEq(0b1100), 0);
    let families = [libc::AF_INET, libc::AF_INET6];
    let protocols = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
    let pairs = families
        .into_iter()
        .flat_map(|family| protocols.map(|protocol| (family, protocol)));
    pairs
        .map(|(family, protocol)| {
            when(&[
                (0, Eq, family as u64),
                kind.clone(),
                (2, Eq, protocol as u64),
            ])
        })
        .collect()
}
