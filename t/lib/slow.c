/*
 * slow - a module for tests that takes its time: pdm add ID slow OPEN FORK
 *
 * sleeps OPEN seconds in open and FORK seconds in after_fork; knows nobody.
 */
#include <stdlib.h>
#include <unistd.h>

#include <popular/pdm.h>

static unsigned int after;

static int
slow_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	(void)error;
	*ctx = NULL;
	after = (unsigned int)(config->argv[1].ptr[0] - '0') * 10;
	sleep((unsigned int)(config->argv[0].ptr[0] - '0'));
	return 0;
}

static int
slow_after_fork(void *ctx, struct pdm_buf *error)
{
	(void)ctx;
	(void)error;
	sleep(after);
	return 0;
}

static int
slow_check(void *ctx, const struct pdm_request *request,
    struct pdm_answer *answer)
{
	(void)ctx;
	(void)request;
	(void)answer;
	return PDM_UNKNOWN;
}

const struct pdm_module pdm_module = {
	.abi = PDM_ABI,
	.size = sizeof(struct pdm_module),
	.name = "slow",
	.open = slow_open,
	.after_fork = slow_after_fork,
	.check = slow_check,
};
