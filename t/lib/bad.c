/* A module that misbehaves, in the way that the name of the user says. */
#include <popular/pdm.h>
#include <stdlib.h>
#include <unistd.h>
static int
bad_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	(void)config, (void)ctx, (void)error;
	return 0;
}
static int
bad_check(void *ctx, const struct pdm_request *request, struct pdm_answer *answer)
{
	(void)ctx;
	while (pdm_eq(request->user, "hang"))
		sleep(60);
	if (pdm_eq(request->user, "crash"))
		abort();
	if (pdm_eq(request->user, "number"))
		return 42;
	if (pdm_eq(request->user, "long")) {
		answer->backend.len = 1000000;
		return PDM_ACCEPT;
	}
	if (pdm_eq(request->user, "path")) {
		pdm_puts(&answer->backend, "b1");
		pdm_puts(&answer->mailbox, "../../etc");
		return PDM_ACCEPT;
	}
	if (pdm_eq(request->user, "root") && geteuid() == 0)
		return PDM_FAIL;
	if (pdm_eq(request->user, "far") && pdm_eq(request->client, "192.0.2.7")) {
		pdm_puts(&answer->backend, "b1");
		return PDM_ACCEPT;
	}
	return PDM_UNKNOWN;
}
const struct pdm_module pdm_module = {
	.abi = PDM_ABI, .size = sizeof(struct pdm_module), .name = "bad",
	.open = bad_open, .check = bad_check,
};
