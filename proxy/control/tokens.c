/* tokens: read, compared, wiped. */
#include "proxy/control/tokens.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/control/control.h"

#define FILE_MOST (TOKENS_MOST * (TOKEN_MOST + 2))

struct tokens {
	struct np_msg msg; /* to the admin worker */
	struct process *p;
	size_t n;
	size_t len[TOKENS_MOST];
	char text[TOKENS_MOST][TOKEN_MOST];
};

struct tokens *tokens_free(struct tokens *t)
{
	if (t != NULL)
		explicit_bzero(t, sizeof(*t));
	free(t);
	return NULL;
}

/* Both texts in rooms of one size, each byte looked at: nothing about the wrong ones shows in the time. */
bool tokens_match(const struct tokens *t, const char *p, size_t n)
{
	char asked[TOKEN_MOST] = {0};
	unsigned found = 0;

	if (t == NULL || n == 0 || n > sizeof(asked))
		return false;
	memcpy(asked, p, n);
	for (size_t i = 0; i < t->n; i++) {
		unsigned differ = (unsigned)(t->len[i] ^ n);

		for (size_t at = 0; at < TOKEN_MOST; at++)
			differ |= (unsigned char)(t->text[i][at] ^ asked[at]);
		found |= differ == 0;
	}
	explicit_bzero(asked, sizeof(asked));
	return found != 0;
}

/* Visible ASCII: what stands in an Authorization header without a doubt. */
static bool is_sendable(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return true;
}

static bool take_token(struct tokens *t, const char *p, size_t n, const char **why)
{
	if (n == 0)
		return true;
	if (n < TOKEN_LEAST || n > TOKEN_MOST)
		*why = n < TOKEN_LEAST ? "a token has fewer than 32 bytes; openssl rand -hex 32 makes one" :
					 "a token has more than 512 bytes";
	else if (!is_sendable(p, n))
		*why = "a token has a space or another byte that no header can hold; openssl rand -hex 32 makes one";
	else if (t->n == TOKENS_MOST)
		*why = "there are more than 64 tokens";
	if (*why != NULL)
		return false;
	memcpy(t->text[t->n], p, n);
	t->len[t->n++] = n;
	return true;
}

static const char *take_lines(struct tokens *t, const char *p, size_t n)
{
	const char *why = NULL, *end = p + n;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p)), *stop = lf != NULL ? lf : end;
		size_t len = (size_t)(stop - p);

		if (len > 0 && stop[-1] == '\r')
			len--;
		if (!take_token(t, p, len, &why))
			return why;
		p = stop + 1;
	}
	return t->n == 0 ? "it is empty: write one token a line" : NULL;
}

/* Returns the descriptor of a file that is as secret as it should be, or -1 with *why. */
static int open_secret(const char *path, const char **why, int *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	*err = fd < 0 || fstat(fd, &st) < 0 ? err_from_errno() : 0;
	if (*err == 0 && !S_ISREG(st.st_mode))
		*why = "it is no regular file";
	else if (*err == 0 && (st.st_mode & S_IRWXO) != 0)
		*why = "others may read or write it: chmod o= it";
	if (*err == 0 && *why == NULL)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int read_secret(struct tokens *t, int fd, const char **why)
{
	char *room = malloc(FILE_MOST + 1);
	ssize_t n = -1;
	int err = -NP_ENOMEM;

	if (room == NULL)
		return err;
	n = read(fd, room, FILE_MOST + 1);
	err = n < 0 ? err_from_errno() : 0;
	if (n > FILE_MOST)
		*why = "it is too long: it takes at most 64 tokens";
	else if (n >= 0)
		*why = take_lines(t, room, (size_t)n);
	explicit_bzero(room, FILE_MOST + 1);
	free(room);
	return err;
}

int tokens_load(const char *path, struct tokens **out, struct text *why)
{
	struct tokens *t = calloc(1, sizeof(*t));
	const char *wrong = NULL;
	int err = 0, fd;

	if (t == NULL)
		return text_problem(why, "the tokens", np_err_text(-NP_ENOMEM), -NP_ENOMEM);
	fd = path != NULL ? open_secret(path, &wrong, &err) : -1;
	if (fd >= 0) {
		err = read_secret(t, fd, &wrong);
		close(fd);
	}
	if (err == 0 && wrong == NULL) {
		*out = t;
		return 0;
	}
	tokens_free(t);
	return text_problem(why, path != NULL ? path : "", wrong != NULL ? wrong : np_err_text(err),
			    err != 0 ? err : -NP_EINVAL);
}

/* ---- publication ---- */

static void tokens_arrive(struct np_msg *m)
{
	struct tokens *t = container_of(m, struct tokens, msg);

	tokens_free(t->p->tokens);
	t->p->tokens = t;
}

void tokens_publish(struct process *p, struct tokens *t)
{
	if (t == NULL || p->admin == NULL) {
		tokens_free(t);
		return;
	}
	t->p = p;
	t->msg.fn = tokens_arrive;
	np_post(p->admin, &t->msg);
}
