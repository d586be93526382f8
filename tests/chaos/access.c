/* Reading the files of the access log, JSON and text. */
#include "tests/chaos/access.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/base/close_tbl.h"

static const char *const reasons[] = {
#define X(code, word, class, by, letters, sentence) #word,
	CLOSE_TBL(X)
#undef X
};

static const enum close_reason reason_codes[] = {
#define X(code, word, class, by, letters, sentence) CLOSE_##code,
	CLOSE_TBL(X)
#undef X
};

/* ---- JSON ---- */

static const char *json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		p += *p == '\\' ? 2 : 1;
	}
	return p + 1;
}

static const char *json_value(const char *p)
{
	if (*p == '"')
		return json_string(p);
	if (strncmp(p, "true", 4) == 0 || strncmp(p, "null", 4) == 0)
		return p + 4;
	if (strncmp(p, "false", 5) == 0)
		return p + 5;
	if (!isdigit((unsigned char)*p))
		return NULL;
	return p + strspn(p, "0123456789.");
}

/* An object of such values as value reads. Returns the place behind it; NULL: it is none. */
static const char *json_object(const char *p, const char *(*value)(const char *p))
{
	if (*p++ != '{')
		return NULL;
	for (;;) {
		p = json_string(p);
		if (p == NULL || *p != ':')
			return NULL;
		p = value(p + 1);
		if (p == NULL || *p == '}')
			return p != NULL ? p + 1 : NULL;
		if (*p++ != ',')
			return NULL;
	}
}

/* A value, or a list of flat objects. */
static const char *json_field(const char *p)
{
	if (*p != '[')
		return json_value(p);
	do
		p = json_object(p + 1, json_value);
	while (p != NULL && *p == ',');
	return p != NULL && *p == ']' ? p + 1 : NULL;
}

static bool is_json(const char *p)
{
	p = json_object(p, json_field);
	return p != NULL && strcmp(p, "\n") == 0;
}

/* ---- fields ---- */

/* The word after a mark, up to one of the characters in ends. */
static bool word_after(const char *line, const char *mark, const char *ends, char word[KIT_PATH])
{
	const char *at = strstr(line, mark);
	size_t n;

	if (at == NULL)
		return false;
	at += strlen(mark);
	n = strcspn(at, ends);
	if (n >= KIT_PATH)
		return false;
	memcpy(word, at, n);
	word[n] = '\0';
	return true;
}

/* A field by its full name in JSON, by its short one in text. */
static bool field(const char *line, bool json, const char *full, const char *brief, char word[KIT_PATH])
{
	char mark[80];

	snprintf(mark, sizeof(mark), json ? "\"%s\":" : " %s=", json ? full : brief);
	if (json && word_after(line, mark, ",}", word) && word[0] == '"') {
		snprintf(mark, sizeof(mark), "\"%s\":\"", full);
		return word_after(line, mark, "\"", word);
	}
	return json ? word_after(line, mark, ",}", word) : word_after(line, mark, " \n", word);
}

static bool field_u64(const char *line, bool json, const char *full, const char *brief, uint64_t *v)
{
	char word[KIT_PATH];

	if (!field(line, json, full, brief, word) || !isdigit((unsigned char)word[0]))
		return false;
	*v = strtoull(word, NULL, 10);
	return true;
}

/* 2026-01-31T12:00:00.123456Z */
static bool field_time(const char *line, bool json, int64_t *ms)
{
	char word[KIT_PATH];
	struct tm t = {0};
	const char *rest;

	if (!field(line, json, "event.start", "start", word))
		return false;
	rest = strptime(word, "%Y-%m-%dT%H:%M:%S", &t);
	if (rest == NULL || *rest != '.')
		return false;
	*ms = (int64_t)timegm(&t) * 1000 + (int64_t)(strtod(rest, NULL) * 1000);
	return true;
}

static bool field_place(const char *line, bool json, uint8_t *place)
{
	char word[KIT_PATH];

	if (!field(line, json, "staunch.listener", "listener", word))
		return false;
	for (uint8_t i = 0; i < PLACES; i++)
		if (strcmp(place_facts[i].word, word) == 0) {
			*place = i;
			return true;
		}
	return false;
}

static bool field_reason(const char *line, bool json, enum close_reason *why)
{
	char word[KIT_PATH];

	if (!field(line, json, "staunch.close_reason", "reason", word))
		return false;
	for (size_t i = 0; i < array_len(reasons); i++)
		if (strcmp(reasons[i], word) == 0) {
			*why = reason_codes[i];
			return true;
		}
	return false;
}

/* False: a server that we do not have. */
static bool field_server(const struct setup *s, const char *line, bool json, int8_t *server)
{
	char word[KIT_PATH];

	*server = -1;
	if (!field(line, json, "staunch.server", "server", word))
		return true;
	for (int8_t i = 0; i < SERVERS; i++)
		if (strcmp(s->server_text[i], word) == 0)
			*server = i;
	return *server >= 0;
}

/* "a.b.c.d" and a port, or "unix". */
static uint64_t key_of(const char *host, uint64_t port)
{
	unsigned b, c, d;

	if (sscanf(host, "10.%u.%u.%u", &b, &c, &d) == 3)
		return KEY_TOLD | b << 16 | c << 8 | d;
	return port;
}

static bool field_key(const char *line, bool json, uint64_t *key)
{
	char host[KIT_PATH];
	uint64_t port = 0;
	char *colon;

	if (json) {
		if (!field(line, true, "client.address", "", host))
			return false;
		if (strcmp(host, "unix") != 0 && !field_u64(line, true, "client.port", "", &port))
			return false;
		*key = key_of(host, port);
		return true;
	}
	if (!word_after(line, " ", " ", host))
		return false;
	colon = strchr(host, ':');
	*key = colon != NULL ? key_of(host, strtoull(colon + 1, NULL, 10)) : 0;
	return true;
}

/* ---- lines ---- */

static bool field_id(const char *line, bool json, struct access_id *id)
{
	char word[KIT_PATH];

	if (!field(line, json, "staunch.conn_id", "id", word) || strlen(word) != sizeof(id->text) - 1)
		return false;
	memcpy(id->text, word, sizeof(id->text));
	return true;
}

static bool entry_read(const struct setup *s, struct access_entry *e, const char *line, bool json)
{
	char word[KIT_PATH];

	*e = (struct access_entry){0};
	if (!field_id(line, json, &e->id))
		return false;
	e->no_descriptor = field(line, json, "staunch.errno", "errno", word) && strcmp(word, "EMFILE") == 0;
	return (json ? is_json(line) : strchr(line, '\n') != NULL) && field_time(line, json, &e->start) &&
	       field_key(line, json, &e->key) && field_place(line, json, &e->place) &&
	       field_reason(line, json, &e->why) && field_server(s, line, json, &e->server) &&
	       field_u64(line, json, "staunch.bytes_in", "in", &e->in) &&
	       field_u64(line, json, "staunch.bytes_out", "out", &e->out);
}

static const char line_head[] = "{\"time\":\"";

/* The beginning of a line, whose rest is nowhere or in another file. */
static bool is_half(const char *line)
{
	size_t n = strcspn(line, "\n");

	if (n > strlen(line_head))
		n = strlen(line_head);
	return strncmp(line, line_head, n) == 0;
}

/* Half a line and, behind it, what was written next. */
static const char *behind_half(struct access_log *a, const char *line)
{
	const char *next = strstr(line + 1, line_head);

	a->halves++;
	return next != NULL ? next : "";
}

/* A line of a begin or of an update. */
static bool is_living(const char *line)
{
	return strstr(line, "\"event\":\"connection_start\"") != NULL ||
	       strstr(line, "\"event\":\"connection_update\"") != NULL || strstr(line, " event=connection_") != NULL;
}

static void note_living(struct access_log *a, const char *line, bool json)
{
	struct access_id id;

	if ((json && !is_json(line)) || !field_id(line, json, &id)) {
		if (a->torn++ == 0)
			snprintf(a->sample, sizeof(a->sample), "%s", line);
		return;
	}
	if (a->nliving == a->living_room) {
		a->living_room = a->living_room * 2 + 4096;
		a->living = realloc(a->living, a->living_room * sizeof(*a->living));
		if (a->living == NULL)
			kit_fail("no memory");
	}
	a->living[a->nliving++] = id;
}

static void access_line(struct access_log *a, const char *line, bool json, bool may_be_cut)
{
	struct access_entry e;

	if (may_be_cut && line[0] == '\n')
		return;
	if (may_be_cut && is_half(line) && !is_json(line))
		line = behind_half(a, line);
	if (line[0] == '\0')
		return;
	if (is_living(line)) {
		note_living(a, line, json);
		return;
	}
	if (!entry_read(a->setup, &e, line, json)) {
		if (a->torn++ == 0)
			snprintf(a->sample, sizeof(a->sample), "%s", line);
		return;
	}
	if (a->n == a->room) {
		a->room = a->room * 2 + 4096;
		a->entries = realloc(a->entries, a->room * sizeof(*a->entries));
		if (a->entries == NULL)
			kit_fail("no memory");
	}
	a->entries[a->n++] = e;
}

static void access_file(struct access_log *a, const char *path, bool json, bool may_be_cut)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		kit_fail("cannot read %s", path);
	while (getline(&line, &room, f) > 0)
		access_line(a, line, json, may_be_cut);
	free(line);
	fclose(f);
	a->files++;
}

static bool is_named(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void access_folder(struct access_log *a, const char *folder, bool small)
{
	DIR *d = opendir(folder);
	char path[KIT_PATH * 2];
	struct dirent *e;

	if (d == NULL)
		kit_fail("cannot read %s", folder);
	while ((e = readdir(d)) != NULL) {
		if (!is_named(e->d_name, "access.") || strcmp(e->d_name, log_file(LOG_PIPE)) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		access_file(a, path, !is_named(e->d_name, log_file(LOG_TEXT)),
			    small || is_named(e->d_name, "access.read"));
	}
	closedir(d);
}

static int entry_order(const void *x, const void *y)
{
	const struct access_entry *a = x, *b = y;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

static int id_order(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct access_id));
}

static void count_endless(struct access_log *a)
{
	struct access_id *ends = calloc(a->n + 1, sizeof(*ends));

	if (ends == NULL)
		kit_fail("no memory");
	for (size_t i = 0; i < a->n; i++)
		ends[i] = a->entries[i].id;
	qsort(ends, a->n, sizeof(*ends), id_order);
	qsort(a->living, a->nliving, sizeof(*a->living), id_order);
	for (size_t i = 0; i < a->nliving; i++) {
		const struct access_id *id = &a->living[i];

		if (i > 0 && id_order(id, id - 1) == 0)
			continue;
		a->endless += bsearch(id, ends, a->n, sizeof(*ends), id_order) == NULL;
	}
	free(ends);
}

void access_read(struct access_log *a, const struct setup *s)
{
	char small[KIT_PATH];

	*a = (struct access_log){.setup = s};
	snprintf(small, sizeof(small), "%s/small", kit_dir());
	access_folder(a, kit_dir(), false);
	access_folder(a, small, true);
	qsort(a->entries, a->n, sizeof(*a->entries), entry_order);
	if (a->nliving > 0)
		count_endless(a);
}

void access_free(struct access_log *a)
{
	free(a->entries);
	free(a->living);
}

size_t access_from(const struct access_log *a, enum place place, int64_t start)
{
	size_t from = 0, to = a->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		const struct access_entry *e = &a->entries[mid];

		if (e->place < place || (e->place == place && e->start < start))
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}
