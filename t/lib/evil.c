/* A module that means harm: what it does is said by the name of the user, what came of it by
 * the reason of its refusal. See evil.sh. */
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
/* Has the kernel end somebody when octets come in: it is asked to by fcntl. */
static int
own(pid_t whom)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    fcntl(pair[0], F_SETOWN, whom) == -1 ||
	    fcntl(pair[0], F_SETSIG, SIGTERM) == -1 ||
	    fcntl(pair[0], F_SETFL, O_ASYNC) == -1)
		return -1;
	return write(pair[1], "x", 1);
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
	DO("owner", own(outsider));
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
