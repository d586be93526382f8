/* watch_files: files are asked for their time, size and number, a few times a second.
 *
 * Rejected: inotify. It reports directories, and the paths in a configuration are often links
 * through links (Kubernetes swaps the one in the middle) or files on a network, whose changes cause
 * no event here; a stat sees them all. */
#include "proxy/control/watch_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "config/key_paths.h"
#include "config/text/diag.h"
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

/* All that a pattern could name. Order and names that match none do no harm: contents are compared before a load. */
static void hash_entries(uint64_t *h, const char *folder)
{
	DIR *dir = opendir(folder);
	char *path;

	if (dir == NULL)
		return;
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.' || asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			continue;
		hash_file(h, path, (struct config_pos){0});
		free(path);
	}
	closedir(dir);
}

/* The directory of what `include` names: a file that is refused, or new, is no part of the configuration in force. A
 * pattern stands in the last part of a path alone. */
static void hash_folder(uint64_t *h, const struct config *c, const char *include)
{
	const char *slash = strrchr(include, '/'), *above = include[0] == '/' ? "" : c->directory;
	char *path;

	if (above == NULL || asprintf(&path, "%s/%.*s", above, slash == NULL ? 0 : (int)(slash - include), include) < 0)
		return;
	hash_file(h, path, (struct config_pos){0});
	hash_entries(h, path);
	free(path);
}

uint64_t watch_texts_state(const struct config *c)
{
	uint64_t h = HASH_START;

	hash_file(&h, c->file, (struct config_pos){0});
	for (size_t i = 0; i < c->ninclude; i++)
		hash_folder(&h, c, c->include[i].text);
	return h == 0 ? 1 : h;
}

bool watch_texts_differ(const struct config *c)
{
	struct diag *d = diag_new();
	struct config *now;
	bool differ = true;

	if (d == NULL)
		return false; /* no memory to look with: the next change is looked at */
	if (config_load_texts(c->file, &now, d) == 0) {
		differ = now->hash != __atomic_load_n(&c->hash, __ATOMIC_RELAXED);
		config_free(now);
	}
	diag_free(d);
	return differ;
}
