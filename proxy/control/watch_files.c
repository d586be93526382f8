/* watch_files: files are asked for their time, size and number, a few times a second.
 *
 * Rejected: inotify. It reports directories, and the paths in a configuration are often links
 * through links (Kubernetes swaps the one in the middle) or files on a network, whose changes cause
 * no event here; a stat sees them all. */
#include "proxy/control/watch_files.h"

#include <sys/stat.h>

#include "config/key_paths.h"
#include "netpoll/hash.h"

static void hash_file(void *arg, const char *path, struct config_pos at)
{
	struct stat st = {.st_size = 0};
	uint64_t *h = arg, facts[5];

	(void)at;
	if (stat(path, &st) < 0)
		st.st_size = -1; /* a file that is gone is a state, too */
	facts[0] = (uint64_t)st.st_mtim.tv_sec;
	facts[1] = (uint64_t)st.st_mtim.tv_nsec;
	facts[2] = (uint64_t)st.st_size;
	facts[3] = (uint64_t)st.st_ino;
	facts[4] = (uint64_t)st.st_dev;
	*h = hash_bytes(*h, facts, sizeof(facts));
}

uint64_t watch_files_state(const struct config *c)
{
	uint64_t h = HASH_START;

	key_each_path(c, hash_file, &h);
	return h == HASH_START ? 0 : h;
}
