/* config: the steps of a load in order, and who owns the result. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/check_tls.h"
#include "config/cidr_file.h"
#include "config/decode.h"
#include "config/include.h"
#include "config/key_paths.h"
#include "config/node.h"
#include "config/text/diag.h"
#include "config/text/source.h"
#include "config/validate.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"

/* The steps in order. Each runs although the one before found problems, so that one run shows
 * them all. In a tree that broke off, a key may seem to be missing or a name undefined although
 * it stands behind the break: decode and validate_run do not look for those then. */
static int config_fill(struct config *c, const struct source *src, struct diag *d)
{
	struct node_tree t;
	int err = node_parse(&t, src, d);

	if (err == 0)
		err = include_run(c, src, &t, d);
	if (err == 0)
		err = decode_run(c, &t, d);
	if (err == 0 && t.whole)
		err = validate_run(c, d);
	node_fini(&t);
	if (err == 0 && diag_count(d, DIAG_ERROR) > 0)
		err = -NP_EINVAL;
	return err == 0 ? check_tls_resolve(c) : err;
}

/* Where relative paths start. Absolute, so that they mean the same files if the process ever
 * changes its own. A text that is no file (a command line) counts as one in the working
 * directory. */
static int set_directory(struct config *c)
{
	const char *slash = strrchr(c->file, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - c->file) + 1, size;
	char *cwd, *dir;

	if (c->file[0] == '/') {
		c->directory = arena_text(&c->arena, c->file, n);
		return c->directory == NULL ? -NP_ENOMEM : 0;
	}
	cwd = get_current_dir_name();
	if (cwd == NULL) /* deleted or unreadable: relative paths then stay relative, and opening them says why */
		return 0;
	size = strlen(cwd) + 1 + n + 1;
	dir = arena_alloc(&c->arena, size);
	if (dir != NULL)
		snprintf(dir, size, "%s/%.*s", cwd, (int)n, c->file);
	free(cwd);
	c->directory = dir;
	return dir == NULL ? -NP_ENOMEM : 0;
}

/* A config is built whole or not at all: on any error the arena goes, and with it every pointer
 * into it. */
static int config_build(struct source *src, struct config **out, struct diag *d)
{
	struct config *c = calloc(1, sizeof(*c));
	int err = -NP_ENOMEM;

	/* Before anything can fail: from here on the diag frees the source. */
	diag_take_source(d, src);
	if (c == NULL)
		return err;
	arena_init(&c->arena, ARENA_LIMIT);
	c->file = arena_text(&c->arena, src->name, strlen(src->name));
	c->hash = hash_bytes(HASH_START, src->text, src->n);
	if (c->file != NULL)
		err = set_directory(c);
	if (err == 0)
		err = config_fill(c, src, d);
	if (err == 0)
		*out = c;
	if (err != 0)
		config_free(c);
	return err;
}

/* There is no text to look at: one problem without a place. Returns the error of the load. */
static int report_unreadable(const char *name, int err, struct diag *d)
{
	if (err == -NP_ENOMEM)
		return err;
	if (np_err_remedy(err) != NULL) { /* a limit of the process, which says nothing of the file */
		diag_error(d, DIAG_LIMIT, (struct config_pos){0}, "%s was not read: %s", name, np_err_text(err));
		diag_help(d, "%s", np_err_remedy(err));
		return err;
	}
	if (err == -EFBIG)
		diag_error(d, DIAG_TOO_LARGE, (struct config_pos){0}, "%s is larger than 1 MiB", name);
	else
		diag_error(d, DIAG_UNREADABLE, (struct config_pos){0}, "cannot read %s: %s", name,
		           np_err_text(err));
	if (err == -NP_EACCES)
		diag_help(d, "let the user that runs staunch read it, and enter each directory above it");
	return -NP_EINVAL;
}

int config_load_texts(const char *path, struct config **out, struct diag *d)
{
	struct source *src;
	int err = source_read(&src, path);

	return err != 0 ? report_unreadable(path, err, d) : config_build(src, out, d);
}

int config_load(const char *path, struct config **out, struct diag *d)
{
	int err = config_load_texts(path, out, d);

	if (err != 0)
		return err;
	/* Of a file alone: a text in memory is checked without a look at the disk. */
	key_check_paths(*out, d);
	cidr_check_files(*out, d);
	if (diag_count(d, DIAG_ERROR) == 0)
		return 0;
	*out = config_free(*out);
	return -NP_EINVAL;
}

int config_parse(const char *name, const char *text, size_t n, struct config **out, struct diag *d)
{
	struct source *src;
	int err = source_new(&src, name, text, n);

	return err != 0 ? report_unreadable(name, err, d) : config_build(src, out, d);
}

int config_parse_given(const char *name, const char *text, size_t n, struct config **out, struct diag *d)
{
	struct source *src;
	int err = source_new(&src, name, text, n);

	if (err != 0)
		return report_unreadable(name, err, d);
	source_cut(src);
	return config_build(src, out, d);
}

bool config_server_same(const struct config_server *a, const struct config_server *b)
{
	if (a->host == NULL || b->host == NULL)
		return a->host == b->host && np_addr_equal(&a->addr, &b->addr);
	return a->srv == b->srv && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The owners live on the control thread, and on the one that loads while control goes on; workers reach a config
 * through their snapshot. */
struct config *config_share(struct config *c)
{
	__atomic_add_fetch(&c->shares, 1, __ATOMIC_RELAXED);
	return c;
}

struct config *config_free(struct config *c)
{
	if (c == NULL)
		return NULL;
	if (__atomic_fetch_sub(&c->shares, 1, __ATOMIC_ACQ_REL) > 0)
		return NULL;
	arena_fini(&c->arena);
	free(c);
	return NULL;
}

int config_hash_on(const struct config_upstream *u)
{
	static const char digits[] = "0123456789abcdef";
	const char *last;

	if (strcmp(u->hash_on, "source") == 0)
		return 0;
	if (strcmp(u->hash_on, "sni") == 0)
		return 1;
	if (strncasecmp(u->hash_on, "tlv:0xe", 7) != 0 || u->hash_on[7] == '\0' || u->hash_on[8] != '\0')
		return -1;
	last = strchr(digits, u->hash_on[7] | 0x20);
	return last != NULL ? 0xE0 + (int)(last - digits) : -1;
}
