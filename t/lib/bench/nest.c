/*
 * nest COMMAND ...: runs COMMAND, and everything that comes of it stays below
 * this process: whoever loses its parent becomes a child of ours, as does what
 * turned itself into a daemon.  So the CPU time of all of them, dead or alive,
 * can be read from here down, and when this process is told to end, or whoever
 * started it has died, none of them is left.  Ends by itself when all of them
 * have, with the exit status of COMMAND.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * How long they may take to end when asked to, and after how long those who
 * have become our children meanwhile are asked, in tenths of a second.
 */
enum { PATIENCE = 30, AGAIN = 3 };

static pid_t command;
static int result;

static int
parent(long pid)
{
	char path[64];
	FILE *f;
	int ppid = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	/* A name with a bracket in it is none of ours. */
	if (fscanf(f, "%*d (%*[^)]) %*c %d", &ppid) != 1)
		ppid = 0;
	fclose(f);
	return ppid;
}

static void
tell_children(int signal)
{
	struct dirent *entry;
	DIR *proc;

	if ((proc = opendir("/proc")) == NULL)
		return;
	while ((entry = readdir(proc)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && parent(pid) == getpid())
			kill(pid, signal);
	}
	closedir(proc);
}

/* Collects the dead; whether there are children left. */
static int
reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == command)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return pid == 0 || errno != ECHILD;
}

static void
end_all(void)
{
	const struct timespec tenth = { 0, 100000000 };
	int i;

	for (i = 0; reap(); i++) {
		if (i >= PATIENCE)
			tell_children(SIGKILL);
		else if (i % AGAIN == 0)
			tell_children(SIGTERM);
		nanosleep(&tenth, NULL);
	}
}

int
main(int argc, char *argv[])
{
	sigset_t waited, before;
	pid_t began = getppid();
	int signal;

	if (argc < 2)
		errx(2, "usage: nest COMMAND ...");
	sigemptyset(&waited);
	sigaddset(&waited, SIGCHLD);
	sigaddset(&waited, SIGHUP);
	sigaddset(&waited, SIGINT);
	sigaddset(&waited, SIGTERM);
	sigprocmask(SIG_BLOCK, &waited, &before);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		err(1, "prctl");
	if (getppid() != began)
		return 1;
	if ((command = fork()) < 0)
		err(1, "fork");
	if (command == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		execvp(argv[1], argv + 1);
		err(1, "%s", argv[1]);
	}
	do {
		if (sigwait(&waited, &signal) != 0)
			err(1, "sigwait");
	} while (signal == SIGCHLD && reap());
	end_all();
	return result;
}
