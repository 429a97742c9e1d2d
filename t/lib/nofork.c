/* While the file that NOFORK names is there, the process it is loaded into can make no other. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

pid_t fork(void)
{
    pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
    const char *file = getenv("NOFORK");

    if (file != NULL && access(file, F_OK) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return real();
}
