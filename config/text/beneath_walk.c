/* beneath_walk: a stack of directories, and what is left of the path. */
#include "config/text/beneath_walk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"

#define DEPTH 32 /* of directories; who nests deeper is told so */
#define PART  (NAME_MAX + 2) /* one byte more than a name may have: the kernel says so */
#define LINKS 40 /* the kernel's own bound */

/* On the heap: a coroutine's stack is small. */
struct beneath_path {
	int at[DEPTH]; /* the first is the caller's, the others are owned */
	unsigned n, links;
	char link[PATH_MAX]; /* what the last one said */
	char rest[PATH_MAX]; /* behind the last of at; no / before it, and an empty one is that directory */
};

static int top_of(const struct beneath_path *p)
{
	return p->at[p->n - 1];
}

/* The text comes before what is left.   Returns  0; -EXDEV: it begins at the root. */
static int walk_before(struct beneath_path *p, const char *text)
{
	size_t n = strlen(text), left = strlen(p->rest);
	bool both = n > 0 && left > 0;

	if (text[0] == '/')
		return -EXDEV;
	if (n + both + left >= sizeof(p->rest))
		return -ENAMETOOLONG;
	memmove(p->rest + n + both, p->rest, left + 1);
	memcpy(p->rest, text, n);
	if (both)
		p->rest[n] = '/';
	return 0;
}

/* Cuts the first part off.   Returns  whether it is the last one. */
static bool take_part(struct beneath_path *p, char part[PART])
{
	size_t n = strcspn(p->rest, "/"), next = n + strspn(p->rest + n, "/");
	bool last = p->rest[n] == '\0';

	if (n > PART - 1)
		n = PART - 1;
	memcpy(part, p->rest, n);
	part[n] = '\0';
	memmove(p->rest, p->rest + next, strlen(p->rest + next) + 1);
	return last;
}

static int walk_link(struct beneath_path *p, int link)
{
	ssize_t n = readlinkat(link, "", p->link, sizeof(p->link) - 1);

	if (n < 0)
		return err_from_errno();
	if (n == sizeof(p->link) - 1)
		return -ENAMETOOLONG;
	p->link[n] = '\0';
	return ++p->links > LINKS ? -ELOOP : walk_before(p, p->link);
}

/* One directory deeper, which the stack owns then; or through a link. */
static int enter_part(struct beneath_path *p, const char *part)
{
	int fd = openat(top_of(p), part, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return err_from_errno();
	if (fstat(fd, &st) < 0)
		err = err_from_errno();
	else if (S_ISLNK(st.st_mode))
		err = walk_link(p, fd);
	else if (p->n == DEPTH)
		err = -ENAMETOOLONG;
	else {
		p->at[p->n++] = fd;
		return 0;
	}
	close(fd);
	return err;
}

static int go_up(struct beneath_path *p)
{
	if (p->n == 1)
		return -EXDEV;
	close(p->at[--p->n]);
	return 0;
}

/* The last part, with the flags of the caller; a link is followed by another turn.
 *   Returns  the descriptor; -NP_EAGAIN with *again: the walk goes on. */
static int open_last(struct beneath_path *p, const char *part, int flags, bool *again)
{
	struct stat st;
	int fd, err;

	if (fstatat(top_of(p), part, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_from_errno();
	*again = S_ISLNK(st.st_mode);
	if (*again)
		return enter_part(p, part);
	fd = openat(top_of(p), part, flags | O_NOFOLLOW | O_CLOEXEC);
	err = fd < 0 ? err_from_errno() : fd;
	return err == -ELOOP ? -NP_EAGAIN : err;
}

/* A part that is empty is what a path ends with, or a link: the directory itself. */
static int walk_all(struct beneath_path *p, int flags)
{
	char part[PART];
	bool again = true;
	int err = 0;

	while (err == 0 && again) {
		bool last = take_part(p, part);

		bool up = strcmp(part, "..") == 0, stays = up || strcmp(part, ".") == 0 || part[0] == '\0';

		if (up)
			err = go_up(p);
		if (err == 0 && last)
			err = open_last(p, stays ? "." : part, flags, &again);
		else if (err == 0 && !stays)
			err = enter_part(p, part);
	}
	return err;
}

int beneath_walk(int dir, const char *path, int flags)
{
	struct beneath_path *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return -NP_ENOMEM;
	p->at[p->n++] = dir;
	err = path[0] != '\0' ? walk_before(p, path) : -NP_ENOENT;
	if (err == 0)
		err = walk_all(p, flags);
	while (p->n > 1)
		close(p->at[--p->n]);
	free(p);
	return err;
}
