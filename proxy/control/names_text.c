/* names_text: what is written is read; a line that says anything else is not believed as a whole, for a part of a set
 * is a set that nobody ever answered. */
#include "proxy/control/names_text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/digit.h"

#define END         " ;" /* of a line: no word of it begins so, for in names a blank and a semicolon are escaped */
#define LINE_MOST   (128 * 1024) /* bytes: DNS_MEMBERS services of long names */
#define SECOND_MOST INT64_C(9000000000) /* as nanoseconds it fits into an int64_t */

/* ---- write ---- */

static const char *kind_of(const struct dns_set *s)
{
	return s->srv ? "srv" : "host";
}

static void put_dns_record(struct text *t, const struct dns_record *r)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (r->family != 0) {
		inet_ntop(r->family, r->ip, ip, sizeof(ip));
		text_str(t, ip);
		return;
	}
	text_u64(t, r->priority);
	text_char(t, '/');
	text_u64(t, r->weight);
	text_char(t, '/');
	text_u64(t, r->port);
	text_char(t, '/');
	text_str(t, r->target);
}

void names_text_put(struct text *t, const struct dns_set *s, int64_t wall)
{
	size_t before = t->n;

	text_str(t, "  ");
	text_str(t, kind_of(s));
	text_char(t, ' ');
	text_str(t, s->name);
	text_char(t, ' ');
	text_i64(t, wall / DNS_SECOND);
	for (unsigned i = 0; i < s->n; i++) {
		text_char(t, ' ');
		put_dns_record(t, &s->members[i].record);
	}
	text_str(t, END "\n");
	if (!t->cut)
		return;
	t->n = before;
	t->cut = false;
}

/* ---- read ---- */

/* A decimal number up to most, and the byte behind it; *p is then behind that one. */
static bool read_decimal_before(const char **p, int64_t most, char behind, int64_t *out)
{
	int64_t n = 0;
	const char *at = *p;

	for (; digit_is_decimal(*at) && n <= most; at++)
		n = n * 10 + (*at - '0');
	if (at == *p || n > most || *at != behind)
		return false;
	*out = n;
	*p = at + 1;
	return true;
}

/* PRIORITY/WEIGHT/PORT/TARGET */
static bool read_service(const char *word, struct dns_record *r)
{
	int64_t v[3];

	for (int i = 0; i < 3; i++)
		if (!read_decimal_before(&word, UINT16_MAX, '/', &v[i]))
			return false;
	if (word[0] == '\0' || strlen(word) >= sizeof(r->target))
		return false;
	*r = (struct dns_record){.priority = (uint16_t)v[0], .weight = (uint16_t)v[1], .port = (uint16_t)v[2]};
	memcpy(r->target, word, strlen(word));
	return true;
}

static bool read_address(const char *word, struct dns_record *r)
{
	*r = (struct dns_record){.family = strchr(word, ':') != NULL ? AF_INET6 : AF_INET};
	return inet_pton(r->family, word, r->ip) == 1;
}

/* Words divided by a blank; line is the caller's copy. */
static bool read_records(char *line, bool srv, struct dns_answer *a)
{
	struct dns_record r;
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		if (!(srv ? read_service(word, &r) : read_address(word, &r)))
			return false;
		if (dns_answer_add(a, &r) != 0)
			return false;
	}
	return a->n > 0;
}

/* What stands behind the question: n bytes, up to the end of its line. */
static bool read_rest(const char *p, size_t n, const struct dns_set *s, struct dns_answer *a, int64_t *wall)
{
	char *line = n < LINE_MOST ? strndup(p, n) : NULL;
	const char *records = line;
	int64_t seconds;
	bool good;

	*a = (struct dns_answer){.status = DNS_OK, .sure = DNS_SURE_ALL};
	good = line != NULL && read_decimal_before(&records, SECOND_MOST, ' ', &seconds) &&
	       read_records(line + (records - line), s->srv, a);
	if (good)
		*wall = seconds * DNS_SECOND;
	else
		dns_answer_fini(a);
	free(line);
	return good;
}

/* ---- find ---- */

/* A part of the text. */
struct names_line {
	const char *question; /* both words of it, and a blank */
	const char *rest, *end;
};

/* The next line behind *at, which moves behind it.   Returns  false: there is none any more. */
static bool read_names_line(const char **at, struct names_line *line)
{
	const char *end = strstr(*at, END), *name;

	if (end == NULL)
		return false;
	name = memchr(*at, ' ', (size_t)(end - *at));
	line->question = *at;
	line->end = end;
	line->rest = name != NULL ? memchr(name + 1, ' ', (size_t)(end - name - 1)) : NULL;
	line->rest = line->rest != NULL ? line->rest + 1 : *at; /* no question: nobody asks so */
	*at = end + strlen(END) + (end[strlen(END)] == ' ');
	return true;
}

static int compare_question(const char *a, size_t na, const char *b, size_t nb)
{
	int c = memcmp(a, b, na < nb ? na : nb);

	return c != 0 ? c : (na > nb) - (na < nb);
}

static int compare_lines(const void *a, const void *b)
{
	const struct names_line *x = a, *y = b;
	int c = compare_question(x->question, (size_t)(x->rest - x->question), y->question,
				 (size_t)(y->rest - y->question));

	return c != 0 ? c : (x->question > y->question) - (x->question < y->question);
}

static size_t count_names_lines(const char *text)
{
	struct names_line line;
	size_t n = 0;

	while (read_names_line(&text, &line))
		n++;
	return n;
}

void names_lines_init(struct names_lines *l, char *text)
{
	const char *at = text;

	*l = (struct names_lines){.text = text};
	if (text == NULL)
		return;
	l->line = calloc(count_names_lines(text) + 1, sizeof(*l->line));
	while (l->line != NULL && read_names_line(&at, &l->line[l->n]))
		l->n++;
	if (l->n > 0)
		qsort(l->line, l->n, sizeof(*l->line), compare_lines);
}

void names_lines_fini(struct names_lines *l)
{
	free(l->line);
	free(l->text);
	*l = (struct names_lines){.n = 0};
}

/* Of the same question the first line of the text. */
static const struct names_line *first_line(const struct names_lines *l, const char *question, size_t n)
{
	size_t from = 0, end = l->n;

	while (from < end) {
		size_t middle = from + (end - from) / 2;
		const struct names_line *line = &l->line[middle];

		if (compare_question(line->question, (size_t)(line->rest - line->question), question, n) < 0)
			from = middle + 1;
		else
			end = middle;
	}
	return from < l->n ? &l->line[from] : NULL;
}

bool names_text_find(const struct names_lines *l, const struct dns_set *s, struct dns_answer *a, int64_t *wall)
{
	char question[DNS_NAME + 8];
	size_t n = (size_t)snprintf(question, sizeof(question), "%s %s ", kind_of(s), s->name);
	const struct names_line *line = first_line(l, question, n);

	if (line == NULL ||
	    compare_question(line->question, (size_t)(line->rest - line->question), question, n) != 0)
		return false;
	return read_rest(line->rest, (size_t)(line->end - line->rest), s, a, wall);
}
