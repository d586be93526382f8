/* Reads and writes the file of ticket keys. */
#include "proxy/creds/tls_ticket_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/creds/tls_file.h"

#define HEAD      "staunch-ticket-keys 1\nrotated "
#define FILE_MOST 1024
#define DIGITS    (sizeof(struct tls_key) * 2)

static const char *const labels[TLS_KEY_COUNT] = {"next ", "current ", "previous "};

/* ---- text ---- */

static int hex_value(char c)
{
	const char *at = c != '\0' ? strchr("0123456789abcdef", c) : NULL;

	return at != NULL ? (int)(at - "0123456789abcdef") : -1;
}

static bool key_parse(const char **p, const char *label, struct tls_key *k)
{
	uint8_t *bytes = (uint8_t *)k, all = 0;
	size_t n = strlen(label);

	if (strncmp(*p, label, n) != 0)
		return false;
	*p += n;
	for (size_t i = 0; i < sizeof(*k); i++, *p += 2) {
		int hi = hex_value((*p)[0]), lo = hi < 0 ? -1 : hex_value((*p)[1]);

		if (lo < 0)
			return false;
		bytes[i] = (uint8_t)(hi << 4 | lo);
		all |= bytes[i];
	}
	/* All zero: the file was blanked, and a ticket sealed with zeros can be opened by anyone.
	 * */
	return *(*p)++ == '\n' && all != 0;
}

static bool keys_parse(const char *p, struct tls_keys *k)
{
	char *end;

	if (strncmp(p, HEAD, strlen(HEAD)) != 0)
		return false;
	k->rotated = strtoll(p + strlen(HEAD), &end, 10);
	if (*end != '\n' || k->rotated < 0)
		return false;
	p = end + 1;
	for (int i = 0; i < TLS_KEY_COUNT; i++)
		if (!key_parse(&p, labels[i], &k->key[i]))
			return false;
	return *p == '\0';
}

static size_t keys_print(const struct tls_keys *k, char out[FILE_MOST])
{
	struct text t;

	text_init(&t, out, FILE_MOST);
	text_str(&t, HEAD);
	text_i64(&t, k->rotated);
	text_char(&t, '\n');
	for (int i = 0; i < TLS_KEY_COUNT; i++) {
		const uint8_t *bytes = (const uint8_t *)&k->key[i];

		text_str(&t, labels[i]);
		for (size_t j = 0; j < sizeof(k->key[i]); j++) {
			text_char(&t, "0123456789abcdef"[bytes[j] >> 4]);
			text_char(&t, "0123456789abcdef"[bytes[j] & 15]);
		}
		text_char(&t, '\n');
	}
	DCHECK(!t.cut, "FILE_MOST holds a file of keys");
	return t.n;
}

/* ---- files ---- */

/* The text of a private file, terminated. A longer file is no file of ours and will not parse. */
static int read_private(int fd, char out[FILE_MOST])
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return err_from_errno();
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
		return -NP_EPERM;
	n = read(fd, out, FILE_MOST - 1);
	if (n < 0)
		return err_from_errno();
	out[n] = '\0';
	return 0;
}

int tls_keys_load(const char *path, struct tls_keys *k, struct text *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int code = fd < 0 ? err_from_errno() : 0;
	char text[FILE_MOST];

	if (fd < 0)
		return text_problem(err, path, np_err_text(code), code);
	code = read_private(fd, text);
	close(fd);
	if (code == -NP_EPERM)
		return text_problem(err, path,
				    "other users may read it: chmod 600 it, or remove it", code);
	if (code != 0)
		return text_problem(err, path, np_err_text(code), code);
	if (!keys_parse(text, k))
		code = text_problem(err, path,
				    "holds no ticket keys: remove it, and new keys are made",
				    -NP_EINVAL);
	OPENSSL_cleanse(text, sizeof(text));
	return code;
}

int tls_keys_save(const char *path, const struct tls_keys *k, bool fresh, struct text *err)
{
	char text[FILE_MOST];
	size_t n = keys_print(k, text);
	int code = tls_file_replace(path, text, n, fresh);

	OPENSSL_cleanse(text, sizeof(text));
	if (code == 0 || (fresh && code == -EEXIST))
		return code;
	return text_problem(err, path, np_err_text(code), code);
}
