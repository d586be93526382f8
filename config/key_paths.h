/* key_paths: the files that a configuration names, out of the key table. */
#ifndef CONFIG_KEY_PATHS_H
#define CONFIG_KEY_PATHS_H

#include "config/text/pos.h"

struct config;
struct config_tls_in;
struct config_tls_out;
struct diag;

/* key_each_path: calls fn for each path that is written in c under a key of kind PATH, but those
 * flagged OURS in config_tbl.h: files that this program itself writes; and for each file of
 * networks (FILES). at is where its value was written. Absent keys are left out, and a file that is
 * named twice comes twice. So a new PATH key is among them without another line.
 *   Calls  any thread that may read c. */
void key_each_path(const struct config *c,
		   void (*fn)(void *arg, const char *path, struct config_pos at), void *arg);
/* key_each_own_path: the same of those that are flagged OURS, alone. */
void key_each_own_path(const struct config *c,
		       void (*fn)(void *arg, const char *path, struct config_pos at), void *arg);
/* key_each_path for one block of TLS. */
void key_each_path_tls_in(const struct config_tls_in *t,
			  void (*fn)(void *arg, const char *path, struct config_pos at), void *arg);
void key_each_path_tls_out(const struct config_tls_out *t,
			   void (*fn)(void *arg, const char *path, struct config_pos at), void *arg);

/* key_check_paths: an error with its place for each of these files that is there and is no regular
 * file: to read a FIFO or a device may never end, and it cannot be read again at a reload. A file
 * that is not there is left to TLS, which says what it misses.
 *   Calls  as config_load; asks the file system. */
void key_check_paths(const struct config *c, struct diag *d);

#endif
