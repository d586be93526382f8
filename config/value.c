/* value: a reader for each kind of key. A reader refuses with a code and a sentence, and says
 * what was perhaps meant; it writes to the member on success only, so that a refused value
 * leaves the default. */
#include "config/value.h"

#include <stdio.h>
#include <string.h>

#include "config/escape.h"
#include "config/server_name.h"
#include "config/shape.h"
#include "config/units.h"
#include "config/text/ascii.h"
#include "config/text/word.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

#define PATH_BYTES 4095

static int reader_refuse(struct value_reader *r, enum diag_code code, const char *why)
{
	r->code = code;
	r->why = why;
	return -NP_EINVAL;
}

static void reader_suggest(struct value_reader *r, const char *before, const char *after)
{
	snprintf(r->suggestion, sizeof(r->suggestion), "%s%s", before, after);
}

/* What units say of a text becomes what the reader says of the value. */
static int refuse_units(struct value_reader *r, enum diag_code code, const struct units_refusal *u)
{
	snprintf(r->suggestion, sizeof(r->suggestion), "%s", u->suggestion);
	return reader_refuse(r, code, u->why);
}

/* The words a numeric key may take in place of a number. */
static bool read_word(const struct config_key *k, const char *text, int64_t *n)
{
	if ((k->flags & KEY_OFF) && strcmp(text, "off") == 0) {
		*n = CONFIG_OFF;
		return true;
	}
	if ((k->flags & KEY_AUTO) && strcmp(text, "auto") == 0) {
		*n = CONFIG_AUTO;
		return true;
	}
	if ((k->flags & KEY_SAME) && strcmp(text, "same") == 0) {
		*n = CONFIG_AUTO;
		return true;
	}
	return false;
}

/* 0 switches a timer off for some programs and fires it at once for others; here it does
 * neither. */
static int refuse_zero(struct value_reader *r, const struct config_key *k)
{
	reader_suggest(r, (k->flags & KEY_OFF) ? "off" : "auto", "");
	return reader_refuse(r, DIAG_RANGE, (k->flags & KEY_OFF) ? "0 does not switch it off: write off"
	                                                  : "0 does not choose by itself: write auto");
}

/* Zero is a value only where the bounds begin at it; elsewhere it is taken for a wish to switch
 * off. */
static int store_number(struct value_reader *r, const struct config_key *k, int64_t n, int64_t *field)
{
	if (n == 0 && k->min > 0 && (k->flags & (KEY_OFF | KEY_AUTO)))
		return refuse_zero(r, k);
	*field = n;
	return 0;
}

/* A bare number is no duration, but "0" is what switches a timer off in other programs: it gets
 * its own sentence. */
static int read_duration(struct value_reader *r, const struct config_key *k, const char *text, int64_t *field)
{
	struct units_refusal u;
	int64_t n;

	if (read_word(k, text, field))
		return 0;
	if (strcmp(text, "0") == 0 && (k->flags & KEY_OFF) && k->min > 0)
		return refuse_zero(r, k);
	if (units_duration(&n, text, &u) != 0)
		return refuse_units(r, DIAG_DURATION, &u);
	return store_number(r, k, n, field);
}

/* A size in bytes. A bare 0 is one, and here as with a duration the wish to switch off. */
static int read_byte_size(struct value_reader *r, const struct config_key *k, const char *text, int64_t *field)
{
	struct units_refusal u;
	int64_t n;

	if (read_word(k, text, field))
		return 0;
	if (strcmp(text, "0") == 0 && (k->flags & KEY_OFF) && k->min > 0)
		return refuse_zero(r, k);
	if (((k->flags & KEY_PER_S) ? units_byte_rate(&n, text, &u) : units_size(&n, text, &u)) != 0)
		return refuse_units(r, DIAG_SIZE, &u);
	return store_number(r, k, n, field);
}

/* A number with one unit of its own: percent, or a rate. */
static int read_one_unit(struct value_reader *r, const struct config_key *k, const char *text, int64_t *field)
{
	struct units_refusal u;
	int64_t n;

	if (read_word(k, text, field))
		return 0;
	if ((k->kind == KEY_RATE ? units_rate(&n, text, &u) : units_share(&n, text, &u)) != 0)
		return refuse_units(r, DIAG_NUMBER, &u);
	return store_number(r, k, n, field);
}

/* A number in quotes is a text to YAML: to take it would make "5" and 5 the same here and not in
 * other readers. */
static int read_count(struct value_reader *r, const struct config_key *k, const char *text, int64_t *field)
{
	struct units_refusal u;
	int64_t n;

	if (read_word(k, text, field))
		return 0;
	if (((k->flags & KEY_HEX) ? units_hex(&n, text, &u) : units_count(&n, text, &u)) != 0)
		return refuse_units(r, DIAG_NUMBER, &u);
	if (r->quoted)
		return reader_refuse(r, DIAG_NUMBER, "numbers are written without quotes");
	return store_number(r, k, n, field);
}

/* "write json or text": all words, since an enumeration has few. */
static int refuse_word(struct value_reader *r, const struct config_key *k)
{
	size_t at = (size_t)snprintf(r->words, sizeof(r->words), "write");

	for (const struct key_word *w = k->words; w->word != NULL && at < sizeof(r->words); w++) {
		const char *between = w[1].word == NULL ? " or" : ",";

		at += (size_t)snprintf(r->words + at, sizeof(r->words) - at, "%s %s",
		                       w == k->words ? "" : between, w->word);
	}
	return reader_refuse(r, DIAG_WORD, r->words);
}

/* The constant of a word is its index in the row's words. */
static int read_enum(struct value_reader *r, const struct config_key *k, const char *text, unsigned *field)
{
	struct word_search s;

	word_search_init(&s, text);
	for (unsigned i = 0; k->words[i].word != NULL; i++) {
		if (strcmp(k->words[i].word, text) == 0) {
			*field = i;
			return 0;
		}
		word_search_try(&s, k->words[i].word);
	}
	if (s.best != NULL)
		reader_suggest(r, s.best, "");
	return refuse_word(r, k);
}

/* true and false alone: YAML 1.1 has yes, on and others, and 1.2 does not. */
static int read_bool(struct value_reader *r, const char *text, bool *field)
{
	struct units_refusal u;
	bool b;

	if (units_bool(&b, text, &u) != 0)
		return refuse_units(r, DIAG_WORD, &u);
	if (r->quoted)
		return reader_refuse(r, DIAG_WORD, "true and false are written without quotes");
	*field = b;
	return 0;
}

/* Long enough for every path that the kernel takes (PATH_MAX), and for every name. */
static int check_text(struct value_reader *r, const char *text)
{
	if (text[0] == '\0')
		return reader_refuse(r, DIAG_TEXT, "it is empty");
	if (strlen(text) > PATH_BYTES)
		return reader_refuse(r, DIAG_TEXT, "it is longer than any value may be");
	return 0;
}

static int read_text(struct value_reader *r, const char *text, const char **field)
{
	const char *copy;
	int err = check_text(r, text);

	if (err != 0)
		return err;
	copy = arena_text(r->arena, text, strlen(text));
	if (copy == NULL)
		return -NP_ENOMEM;
	*field = copy;
	return 0;
}

/* Kept with escapes for all that is no printable character, so that it can be shown and dumped. */
static int read_bytes(struct value_reader *r, const char *text, const char **field)
{
	char room[ESCAPE_ROOM];
	int err = check_text(r, text);

	if (err != 0)
		return err;
	if (escape_settle(text, room, &r->why) != 0)
		return reader_refuse(r, DIAG_TEXT, r->why);
	return read_text(r, room, field);
}

/* A relative path means the same file wherever the process was started. */
static int place_path(struct value_reader *r, const char *text, const char **field)
{
	size_t n = (r->dir == NULL ? 0 : strlen(r->dir)) + 1 + strlen(text) + 1;
	char *path;

	if (text[0] == '/' || r->dir == NULL)
		return read_text(r, text, field);
	if (n > PATH_BYTES)
		return reader_refuse(r, DIAG_TEXT, "it is longer than any value may be");
	path = arena_alloc(r->arena, n);
	if (path == NULL)
		return -NP_ENOMEM;
	snprintf(path, n, "%s%s%s", r->dir, r->dir[strlen(r->dir) - 1] == '/' ? "" : "/", text);
	*field = path;
	return 0;
}

static int read_path(struct value_reader *r, const struct config_key *k, const char *text, const char **field)
{
	int err = check_text(r, text);

	if (err != 0)
		return err;
	if ((k->flags & KEY_OFF) && strcmp(text, "off") == 0) {
		*field = NULL;
		return 0;
	}
	return place_path(r, text, field);
}

/* A name for TLS; an IP address only where the key can verify one. */
static int read_host(struct value_reader *r, const struct config_key *k, const char *text, const char **field)
{
	const char *why;

	if (shape_host(text, (k->flags & KEY_IP) != 0, &why) != 0)
		return reader_refuse(r, DIAG_NAME, why);
	return read_text(r, text, field);
}

/* A misspelled word must not become a file of that name, so files are absolute paths. */
static int read_sink(struct value_reader *r, const char *text, struct config_sink *field)
{
	static const char *const words[] = {"off", "stdout", "stderr", NULL};
	static const struct {
		const char *path;
		enum config_sink_kind kind;
	} own[] = {
		{"/dev/stdout", CONFIG_SINK_STDOUT}, {"/dev/fd/1", CONFIG_SINK_STDOUT},
		{"/proc/self/fd/1", CONFIG_SINK_STDOUT}, {"/dev/stderr", CONFIG_SINK_STDERR},
		{"/dev/fd/2", CONFIG_SINK_STDERR}, {"/proc/self/fd/2", CONFIG_SINK_STDERR},
	};
	const char *nearest;

	for (unsigned i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0) {
			*field = (struct config_sink){.kind = (enum config_sink_kind)i};
			return 0;
		}
	/* The process writes to its own descriptors as such: a path to one would fail where it is a
	 * socket, and lose its end where it is a file that others write to as well. */
	for (size_t i = 0; i < array_len(own); i++)
		if (strcmp(own[i].path, text) == 0) {
			*field = (struct config_sink){.kind = own[i].kind};
			return 0;
		}
	if (strncmp(text, "/dev/fd/", 8) == 0 || strncmp(text, "/proc/self/fd/", 14) == 0)
		return reader_refuse(r, DIAG_TEXT, "a descriptor is no file: write stdout or stderr");
	if (text[0] == '/') {
		int err = read_text(r, text, &field->path);

		if (err == 0)
			field->kind = CONFIG_SINK_FILE;
		return err;
	}
	nearest = word_nearest(text, words);
	if (nearest != NULL)
		reader_suggest(r, nearest, "");
	return reader_refuse(r, DIAG_TEXT, "write stdout, stderr, off or a path that starts with /");
}

/* "http://10.0.0.1:80/x": what is between the scheme and the path is what was meant, with the scheme's port where it
 * has none. */
static int refuse_url(struct value_reader *r, const char *text)
{
	const char *host = strstr(text, "://") + strlen("://");
	int n = (int)strcspn(host, "/");
	const char *v6 = memchr(host, ']', (size_t)n), *from = v6 != NULL ? v6 : host;
	bool tls = strncmp(text, "https:", strlen("https:")) == 0;
	bool ported = memchr(from, ':', (size_t)(host + n - from)) != NULL;

	const char *port = "";

	if (!ported)
		port = tls ? ":443" : ":80";
	(void)reader_refuse(r, DIAG_ADDRESS, "an address has no scheme before it and no path behind it");
	if (n > 0 && (tls || ported || strncmp(text, "http:", strlen("http:")) == 0))
		snprintf(r->suggestion, sizeof(r->suggestion), "%.*s%s", n, host, port);
	return -NP_EINVAL;
}

int value_read_address(struct value_reader *r, const char *text, struct np_addr *a)
{
	struct units_refusal u;
	int err;

	if (strstr(text, "://") != NULL)
		return refuse_url(r, text);
	err = units_address(a, text, &u);
	if (err == 0)
		return 0;
	return refuse_units(r, err == -EOPNOTSUPP ? DIAG_NOT_YET : DIAG_ADDRESS, &u);
}

/* What DNS knows; the address stays without a length. */
static int take_server_name(struct value_reader *r, const char *text, const struct server_name *n,
			    struct config_server *s)
{
	const char *host;
	int err = read_text(r, n->host, &host);

	if (err == 0)
		err = read_text(r, text, &s->text);
	if (err != 0)
		return err;
	s->host = host;
	s->port = n->port;
	s->srv = n->srv;
	return 0;
}

/* ":80" would be the machine itself by chance: a server is an address or a name. */
static int read_server_address(struct value_reader *r, const char *text, struct config_server *s)
{
	struct server_name name;
	struct np_addr a;
	int err;

	if (strstr(text, "://") != NULL)
		return refuse_url(r, text);
	err = server_name_read(&name, text, &r->why);
	if (err < 0)
		return reader_refuse(r, DIAG_ADDRESS, r->why);
	if (err == 0)
		return take_server_name(r, text, &name, s);
	err = value_read_address(r, text, &a);

	if (err != 0)
		return err;
	if (!np_addr_is_unix(&a) && np_addr_port(&a.u.sa) == 0)
		return reader_refuse(r, DIAG_ADDRESS, "port 0 cannot be connected to");
	if (text[0] == ':')
		return reader_refuse(r, DIAG_ADDRESS, "a server needs an address before the colon");
	err = read_text(r, text, &s->text);
	if (err == 0)
		s->addr = a;
	return err;
}

/* An address, or the name of a socket that systemd passes. */
static int read_where(struct value_reader *r, const char *text, struct np_addr *a)
{
	struct units_refusal u;

	if (strncmp(text, "systemd:", strlen("systemd:")) != 0)
		return value_read_address(r, text, a);
	return units_passed(a, text, &u) == 0 ? 0 : refuse_units(r, DIAG_ADDRESS, &u);
}

static int read_bind_address(struct value_reader *r, const char *text, struct config_bind *b)
{
	struct np_addr a;
	int err = read_where(r, text, &a);

	if (err == 0)
		err = read_text(r, text, &b->text);
	if (err == 0)
		b->addr = a;
	return err;
}

/* The kind decides the type of the member that field points to: the tables and config.h agree by
 * key_test. */
int value_read(struct value_reader *r, const struct config_key *k, const char *text, void *field)
{
	r->suggestion[0] = '\0';
	r->doubt = NULL;
	switch (k->kind) {
	case KEY_DURATION: return read_duration(r, k, text, field);
	case KEY_COUNT:    return read_count(r, k, text, field);
	case KEY_SIZE:     return read_byte_size(r, k, text, field);
	case KEY_SHARE:
	case KEY_RATE:     return read_one_unit(r, k, text, field);
	case KEY_ENUM:     return read_enum(r, k, text, field);
	case KEY_BOOL:     return read_bool(r, text, field);
	case KEY_NAME:
	case KEY_REF:
	case KEY_TEXT:     return read_text(r, text, field);
	case KEY_BYTES:    return read_bytes(r, text, field);
	case KEY_HOST:     return read_host(r, k, text, field);
	case KEY_PATH:     return read_path(r, k, text, field);
	case KEY_SINK:     return read_sink(r, text, field);
	case KEY_ADDRESS:  return read_server_address(r, text, container_of(field, struct config_server, addr));
	case KEY_BIND:    return read_bind_address(r, text, container_of(field, struct config_bind, addr));
	default:           break;
	}
	CHECK(false, "a section or a list was read as a plain value");
	return -NP_EINVAL;
}

/* ---- one of several ---- */

static int read_network(struct value_reader *r, const struct config_key *k, const char *text, struct config_cidr *c)
{
	int err;

	if ((k->flags & KEY_FILES) != 0 && text[0] == '@' && text[1] != '\0')
		return place_path(r, text + 1, &c->file);
	err = cidr_parse(&c->net, text, &r->why);
	r->doubt = err > 0 ? r->why : NULL;
	return err < 0 ? reader_refuse(r, DIAG_NETWORK, r->why) : 0;
}

/* The element after its text: what the text means, where that is more than the text itself. */
static int read_meaning(struct value_reader *r, const struct config_key *k, const char *text, struct config_text *item)
{
	int err = 0;

	switch (k->kind) {
	case KEY_WORDS:
		return read_enum(r, k, text, &container_of(item, struct config_word, written)->word);
	case KEY_CIDRS:
		return read_network(r, k, text, container_of(item, struct config_cidr, written));
	case KEY_PATTERNS:  err = shape_pattern(text, (k->flags & KEY_STAR) != 0, &r->why); break;
	case KEY_PROTOCOLS: err = shape_protocol(text, &r->why); break;
	case KEY_PINS:      err = shape_pin(text, &r->why); break;
	case KEY_TEXTS:     break;
	default:            CHECK(false, "one value was read as an element of several");
	}
	if (err == 0)
		return 0;
	return reader_refuse(r, k->kind == KEY_PATTERNS ? DIAG_NAME : DIAG_TEXT, r->why);
}

/* The text is copied last: an element that is refused takes no memory. Patterns are kept in
 * lower case, as names are compared. */
int value_read_item(struct value_reader *r, const struct config_key *k, const char *text, struct config_text *item)
{
	int err = check_text(r, text);
	char *copy;

	r->suggestion[0] = '\0';
	r->doubt = NULL;
	if (err == 0)
		err = read_meaning(r, k, text, item);
	if (err != 0)
		return err;
	copy = arena_text(r->arena, text, strlen(text));
	if (copy == NULL)
		return -NP_ENOMEM;
	for (char *c = copy; k->kind == KEY_PATTERNS && *c != '\0'; c++)
		*c = ascii_lower(*c);
	item->text = copy;
	return 0;
}

/* Bytes of one element in a list of k's kind. */
size_t value_item_size(const struct config_key *k)
{
	if (k->kind == KEY_WORDS)
		return sizeof(struct config_word);
	return k->kind == KEY_CIDRS ? sizeof(struct config_cidr) : sizeof(struct config_text);
}
