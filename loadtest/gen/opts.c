/* opts: parses a verb's words, "at=127.0.0.1:8000 conns=64", into struct gen_opts. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/gen/gen.h"

struct row {
	const char *name;
	size_t      offset;
	uint64_t    fallback;
	const char *help;
};

static const struct row rows[] = {
#define X(name, fallback, help) {#name, offsetof(struct gen_opts, name), fallback, help},
#include "loadtest/gen/opts_tbl.h"
#undef X
};

static uint64_t *field(struct gen_opts *o, const struct row *r)
{
	return (uint64_t *)(void *)((char *)o + r->offset);
}

static no_return void refuse_words(const char *why, const char *word)
{
	fprintf(stderr, "gen: %s%s\n", why, word);
	opts_help(stderr);
	exit(2);
}

static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	return *end == '\0' && *value <= max;
}

static bool parse_address(const char *text, struct sockaddr_in *a)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	uint64_t port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
	    !parse_number(colon + 1, UINT16_MAX, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, host, &a->sin_addr) == 1;
}

static bool parse_word(struct gen_opts *o, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t n;

	if (equals == NULL)
		return false;
	n = (size_t)(equals - text);
	if (n == 2 && memcmp(text, "at", n) == 0)
		return parse_address(equals + 1, &o->at);
	for (size_t i = 0; i < array_len(rows); i++) {
		if (strlen(rows[i].name) == n && memcmp(text, rows[i].name, n) == 0)
			return parse_number(equals + 1, UINT32_MAX, field(o, &rows[i]));
	}
	return false;
}

void opts_parse(struct gen_opts *o, char **words)
{
	*o = (struct gen_opts){.at = {.sin_family = AF_INET}};
	for (size_t i = 0; i < array_len(rows); i++)
		*field(o, &rows[i]) = rows[i].fallback;
	for (; *words != NULL; words++) {
		if (!parse_word(o, *words))
			refuse_words("unknown option or bad value: ", *words);
	}
	if (o->at.sin_port == 0)
		refuse_words("at=ADDRESS:PORT is missing", "");
	if (o->conns == 0 || o->size == 0 || o->sources == 0)
		refuse_words("conns, size and sources must be at least 1", "");
}

void opts_help(FILE *f)
{
	fprintf(f, "  %-8s %8s  %s\n", "at", "",
		"ADDRESS:PORT, IPv4: where to listen, or to connect to");
	for (size_t i = 0; i < array_len(rows); i++)
		fprintf(f, "  %-8s %8llu  %s\n", rows[i].name,
			(unsigned long long)rows[i].fallback, rows[i].help);
}
