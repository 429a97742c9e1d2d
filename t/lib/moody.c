/* Does what the file of the first argument says; counts in the second how often it was asked. */
#include <popular/pdm.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static char file[500], count[500];
static int
moody_open(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	(void)ctx, (void)error;
	memcpy(file, config->argv[0].ptr, config->argv[0].len);
	memcpy(count, config->argv[1].ptr, config->argv[1].len);
	return 0;
}
static int
moody_check(void *ctx, const struct pdm_request *request, struct pdm_answer *answer)
{
	char mood = 0;
	int fd = open(count, O_WRONLY | O_APPEND);
	(void)ctx, (void)request, (void)answer;
	if (write(fd, "x\n", 2) != 2)
		abort();
	close(fd);
	fd = open(file, O_RDONLY);
	if (read(fd, &mood, 1) != 1)
		abort();
	close(fd);
	switch (mood) {
	case 'f':
		return PDM_FAIL;
	case 'n':
		return 99;
	case 'c':
		abort();
	}
	return PDM_UNKNOWN;
}
const struct pdm_module pdm_module = {
	.abi = PDM_ABI, .size = sizeof(struct pdm_module), .name = "moody",
	.open = moody_open, .check = moody_check,
};
