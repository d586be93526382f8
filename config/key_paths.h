/* key_paths: the files that a configuration names, out of the key table. */
#ifndef CONFIG_KEY_PATHS_H
#define CONFIG_KEY_PATHS_H

struct config;

/* key_each_path: calls fn for each path that is written in c under a key of kind PATH, but those
 * flagged OURS in config_tbl.h: files that this program itself writes. Absent keys are left out,
 * and a file that is named twice comes twice. So a new PATH key is among them without another line.
 *   Calls  any thread that may read c. */
void key_each_path(const struct config *c, void (*fn)(void *arg, const char *path), void *arg);

#endif
