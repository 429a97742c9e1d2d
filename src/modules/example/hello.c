/*
 * hello - a complete database module in C; see pdm(3).
 *
 *	pdm add ID hello WORD BACKEND
 *
 * knows the users hello-NAME, where NAME has letters and digits only, lets
 * them in with the password WORD, and says that their mail lies on BACKEND
 * in hello/NAME.
 *
 * cc -shared -fPIC -o libpdm_hello.so hello.c
 */
#include <stdlib.h>

#include <popular/pdm.h>

struct hello {
	size_t word_len;
	size_t backend_len;
	char text[]; /* the word, then the backend */
};

static int
hello_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	struct hello *hello;
	struct pdm_str word, backend;

	if (config->argc != 2) {
		pdm_puts(error, "wrong number of arguments: "
		    "WORD and BACKEND would be right");
		return 1;
	}
	/* The strings of the host end with this call: keep copies. */
	word = config->argv[0];
	backend = config->argv[1];
	if (word.len == 0 || backend.len > PDM_BACKEND_MAX) {
		pdm_puts(error, "WORD is empty or BACKEND is too long");
		return 1;
	}
	hello = (struct hello *)malloc(sizeof(*hello) + word.len + backend.len);
	if (hello == NULL) {
		pdm_puts(error, "out of memory");
		return 1;
	}
	hello->word_len = word.len;
	hello->backend_len = backend.len;
	memcpy(hello->text, word.ptr, word.len);
	if (backend.len > 0)
		memcpy(hello->text + word.len, backend.ptr, backend.len);
	*ctx = hello;
	return 0;
}

/* NAME of hello-NAME, or an empty string. */
static struct pdm_str
name_of(struct pdm_str user)
{
	static const char prefix[] = "hello-";
	const size_t n = sizeof(prefix) - 1;
	struct pdm_str name = { NULL, 0 };
	size_t i;

	if (user.len <= n || memcmp(user.ptr, prefix, n) != 0)
		return name;
	for (i = n; i < user.len; i++) {
		char c = user.ptr[i];

		/* Not isalnum(3): its answer depends on the locale. */
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9')))
			return name;
	}
	name.ptr = user.ptr + n;
	name.len = user.len - n;
	return name;
}

static int
hello_check(void *ctx, const struct pdm_request *request,
    struct pdm_answer *answer)
{
	const struct hello *hello = (const struct hello *)ctx;
	struct pdm_str name = name_of(request->user);

	if (name.len == 0)
		return PDM_UNKNOWN;

	/* The account is told in either case: if the password is wrong,
	 * another module may still vouch for this login. */
	pdm_put(&answer->backend, hello->text + hello->word_len,
	    hello->backend_len);
	pdm_puts(&answer->mailbox, "hello/");
	pdm_put(&answer->mailbox, name.ptr, name.len);

	if (pdm_eq_secret(request->password, hello->text, hello->word_len))
		return PDM_ACCEPT;
	pdm_puts(&answer->reason, "that is not the word");
	return PDM_REFUSE;
}

static void
hello_close(void *ctx)
{
	free(ctx);
}

const struct pdm_module pdm_module = {
	.abi = PDM_ABI,
	.size = sizeof(struct pdm_module),
	.name = "hello",
	.open = hello_open,
	.check = hello_check,
	.close = hello_close,
};
