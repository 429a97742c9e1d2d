#!/bin/sh
# The suite: whoever runs code in a worker wins little.
# shellcheck disable=SC2086 # CC is several words.
. t/lib/tap.sh
plan 26

suite
CC=${CC:-cc}
# What a module does to the user of this name; the reason of its refusal tells what came of it.
file evil.c <<'EOC'
#define _GNU_SOURCE
#include <popular/pdm.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
static char dir[400];
static int outsider, stranger, friend;
static pid_t master;
static int
evil_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	const struct pdm_str *argv = config->argv;
	(void)ctx, (void)error;
	master = getppid();
	snprintf(dir, sizeof dir, "%.*s", (int)argv[0].len, argv[0].ptr);
	for (char *c = dir; *c != '\0'; c++)
		if (*c == ':')
			*c = '/';
	outsider = strtol(argv[1].ptr, NULL, 10);
	stranger = strtol(argv[2].ptr, NULL, 10);
	friend = strtol(argv[3].ptr, NULL, 10);
	return 0;
}
static int
reach(int port, int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, type, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return s < 0 ? -1 : connect(s, (struct sockaddr *)&at, sizeof at);
}
static int
file(const char *name, int flags)
{
	char path[500];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return open(path, flags, 0600);
}
static int
evil_check(void *ctx, const struct pdm_request *request, struct pdm_answer *answer)
{
	static char *const args[] = { "/bin/sh", "-c", "exit 0", NULL };
	char text[200];
	int got = -2;
	(void)ctx;
	errno = 0;
#define DO(word, what) if (pdm_eq(request->user, word)) got = (what) == -1 ? -1 : 0
	DO("own", file("open/file", O_RDONLY));
	DO("key", file("key", O_RDONLY));
	DO("passwd", open("/etc/passwd", O_RDONLY));
	DO("memory", open("/proc/self/mem", O_RDWR));
	DO("write", file("open/new", O_WRONLY | O_CREAT));
	DO("change", file("open/file", O_WRONLY));
	DO("exec", execv(args[0], args));
	DO("fork", fork());
	DO("friend", reach(friend, SOCK_STREAM));
	DO("stranger", reach(stranger, SOCK_STREAM));
	DO("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	DO("raw", socket(AF_NETLINK, SOCK_RAW, 0));
	DO("listen", listen(socket(AF_INET, SOCK_STREAM, 0), 5));
	DO("code", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	DO("zero", kill(master, 0));
	DO("term", kill(master, SIGTERM));
	DO("outsider", kill(outsider, SIGTERM));
	DO("trace", ptrace(PTRACE_ATTACH, master, NULL, NULL));
	if (got == -2)
		return PDM_UNKNOWN;
	snprintf(text, sizeof text, "%s: %s", got == 0 ? "done" : "refused",
	    strerror(errno));
	pdm_puts(&answer->reason, text);
	return PDM_REFUSE;
}
const struct pdm_module pdm_module = {
	.abi = PDM_ABI, .size = sizeof(struct pdm_module), .name = "evil",
	.open = evil_open, .check = evil_check,
};
EOC
$CC -Isrc/pdm -shared -fPIC -o "$T/lib/libpdm_evil.so" "$T/evil.c" 2>"$T/cc.log"
ok $? 'a module that means harm is made'

# All of it would be open to the user of the daemon, were it not confined.
mkdir -p "$T/open"
chmod 777 "$T/open"
echo mine >"$T/open/file"
echo secret >"$T/key"
chmod 666 "$T/open/file"
mkdir "$T/accounts"
echo '*:joe:{PLAIN}secret:b1:joe' >"$T/accounts/users"
[ -z "$ROOT" ] || chown -R "$USER" "$T/open" "$T/key"
daemon -n outsider as "$USER" perl -e 'sleep 600'
outsider=$(pid outsider)
# A word that names no file is no reason to open a directory to the module.
place=$(echo "$T" | tr / :)
evil="pdm add evil evil $place $outsider $(port 1) $(port 2) $T/open/file"
sed -i "s,^pdm add.*,pdm add users flat $T/accounts/users\n$evil," "$T/pproxy.rc"
printf 'Subject: joe\n\n' | deliver joe
exec 9<"$T/key"
start_suite
exec 9<&-

off=$(sed -n 's/.*ev=sandbox_partial .* off=\([^ ]*\) .*/\1/p' "$T/pproxy.log")
note "the kernel cannot take away: ${off:-nothing is left out}"

# tries USER: what came of it
tries() {
    talk 1 "USER $1" 'PASS x' 'QUIT'
    until_ok grep -q "ev=login_refused .*user=$1 " "$T/pproxy.log"
    sed -n "s/.*ev=login_refused .*user=$1 .*why=\"\([^\"]*\)\".*/\1/p" "$T/pproxy.log" | tail -n 1
}
# denied WHAT USER TITLE: unless the kernel cannot
denied() {
    case ",$off," in
    *",$1,"*) ok 0 "$3 # skip the kernel cannot" ;;
    *) like "$(tries "$2")" '^refused: (Operation not permitted|Permission denied|Resource temp)' "$3" ;;
    esac
}
talk 1 'USER joe' 'PASS secret' 'TOP 1 0' 'QUIT'
line 5 '^Subject: joe$' 'the suite works with all of it on'
is "$(tries own)" 'done: Success' 'a module reads where the files of modules are'
is "$(tries friend)" 'done: Success' 'and connects to the port of a backend'
denied files key 'it cannot read the key file'
denied files passwd 'nor one of the system'
denied files memory 'nor the memory of a process'
denied files write 'nor make a file'
denied files change 'nor change one that it may read'
denied calls exec 'nor start a program'
denied calls fork 'nor a process'
denied ports stranger 'nor connect to a port that is no backend of ours'
denied calls unix 'nor to a socket of this host'
denied calls raw 'nor talk to the kernel'
denied calls listen 'nor listen'
denied calls code 'nor write code and run it'
denied signals zero 'nor see whether the master lives'
denied signals term 'nor end it'
denied signals outsider 'nor anybody else of its own user'
talk 1 'USER trace' 'PASS x' 'QUIT'
case ",$off," in
*,calls,*) ok 0 'who wants to trace another process is killed # skip the kernel cannot' ;;
*) seen pproxy 'ev=worker_died .*why="signal 31".*doing="pdm evil"' \
    'who wants to trace another process is killed' ;;
esac
kill -0 "$outsider" && kill -0 "$(pid pproxy)"
ok $? 'and all are still alive'
talk 1 'USER joe' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'the next client is served'

# What the workers hold open, by their kinds.
# shellcheck disable=SC2013,SC2012
held() {
    pool=$(cat "/proc/$(pid pproxy)/task/$(pid pproxy)/children")
    for one in $(cat /proc/${pool%% *}/task/${pool%% *}/children); do
        ls -l "/proc/$one/fd" 2>/dev/null | sed -n 's/.*-> //p'
    done
}
if [ "$ROOT" ] && [ -r "/proc/$$/task/$$/children" ]; then
    held >"$T/held"
    is "$(grep -c -e "$T/key" -e '\.pid$' -e '\.ctrl$' "$T/held")" 0 \
        'nobody holds what the daemon was started with, or what is the master'"'"'s'
    is "$(grep '^/' "$T/held" | grep -v -e ^/dev/null -e '\.log$' | sort -u)" '' \
        'or any file but the log'
else
    ok 0 'descriptors # skip only root may look at them'
    ok 0 'descriptors # skip only root may look at them'
fi

ctl pproxy set sandbox no >/dev/null
seen pproxy 'ev=sandbox_partial .*generation=2 off=all why=configured' 'what is off is logged'
is "$(tries passwd)" 'done: Success' 'and then a file is open to a worker'
