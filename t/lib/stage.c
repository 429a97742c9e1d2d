/*
 * Ends, or stops, the process it is loaded into, at a point of an upgrade that STAGE names: with
 * the signal STAGE_SIGNAL. Children of that process are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static pid_t self;

static void at(const char *when, const char *what)
{
    const char *stage = getenv("STAGE"), *number = getenv("STAGE_SIGNAL");
    char point[64];

    snprintf(point, sizeof point, "%s%s", when, what);
    if (stage && number && getpid() == self && strcmp(stage, point) == 0)
        kill(self, atoi(number));
}

__attribute__((constructor)) static void begin(void)
{
    self = getpid();
    at("", "start");
}

pid_t fork(void)
{
    pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
    pid_t pid;

    at("before-", "fork");
    pid = real();
    at("after-", "fork");
    return pid;
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    const char *dot = strrchr(to, '.');
    int result;

    at("before-", dot ? dot + 1 : "");
    result = real(from, to);
    at("after-", dot ? dot + 1 : "");
    return result;
}

ssize_t send(int fd, const void *octets, size_t count, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int) =
        (ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    char word[16] = "";
    ssize_t result;

    if (count == 7 || count == 8)
        memcpy(word, octets, count - 1);
    at("before-", word);
    result = real(fd, octets, count, flags);
    at("after-", word);
    return result;
}
