/*
 * lookup MODULE.so FILE MOST TIMES PASSWORD: opens a module on FILE and asks
 * it TIMES for one of the users user1 to userMOST, in an order that no cache
 * could like.  Prints microseconds of CPU time, user and system, that one
 * question takes.  An answer that is not PDM_ACCEPT is an error.
 */
#include <sys/resource.h>

#include <popular/pdm.h>

#include <dlfcn.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static double
used(void)
{
	struct rusage ru;

	if (getrusage(RUSAGE_SELF, &ru) != 0)
		err(1, "getrusage");
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e6 +
	    ru.ru_utime.tv_usec + ru.ru_stime.tv_usec;
}

static struct pdm_str
str(const char *text)
{
	struct pdm_str s = { text, strlen(text) };

	return s;
}

static void
ask(const struct pdm_module *m, void *ctx, unsigned long long n,
    const char *password)
{
	static char room[6][4096];
	struct pdm_request q = { .size = sizeof(q) };
	struct pdm_answer a = {
		.size = sizeof(a),
		.backend = { room[0], PDM_BACKEND_MAX, 0 },
		.mailbox = { room[1], PDM_MAILBOX_MAX, 0 },
		.user = { room[2], PDM_USER_MAX, 0 },
		.password = { room[3], PDM_SECRET_MAX, 0 },
		.extra = { room[4], PDM_EXTRA_MAX, 0 },
		.reason = { room[5], PDM_TEXT_MAX, 0 },
	};
	char user[32];

	snprintf(user, sizeof(user), "user%llu", n);
	q.ns = str("default");
	q.user = str(user);
	q.password = str(password);
	q.service = str("pop3");
	q.client = q.server = str("127.0.0.1");
	if (m->check(ctx, &q, &a) != PDM_ACCEPT)
		errx(1, "%s: %.*s", user, (int)a.reason.len, a.reason.ptr);
}

int
main(int argc, char *argv[])
{
	char why[PDM_TEXT_MAX];
	struct pdm_buf error = { why, sizeof(why), 0 };
	struct pdm_config config = { .size = sizeof(config), .argc = 1 };
	struct pdm_str file;
	const struct pdm_module *m;
	unsigned long long n, most, times;
	double before;
	void *lib, *ctx;

	if (argc != 6)
		errx(1, "MODULE.so FILE MOST TIMES PASSWORD would be right");
	file = str(argv[2]);
	config.argv = &file;
	config.id = str("users");
	most = strtoull(argv[3], NULL, 10);
	times = strtoull(argv[4], NULL, 10);
	if ((lib = dlopen(argv[1], RTLD_NOW)) == NULL ||
	    (m = dlsym(lib, "pdm_module")) == NULL)
		errx(1, "%s", dlerror());
	if (m->open(&config, &ctx, &error) != 0)
		errx(1, "%.*s", (int)error.len, error.ptr);
	if (m->after_fork != NULL && m->after_fork(ctx, &error) != 0)
		errx(1, "%.*s", (int)error.len, error.ptr);
	before = used();
	for (n = 1; n <= times; n++)
		ask(m, ctx, 1 + n * 6364136223846793005ULL % most, argv[5]);
	printf("%.2f\n", (used() - before) / times);
	m->close(ctx);
	return 0;
}
