/* migrate_haproxy_cond: words to terms. An ACL of several lines is one term, if all of them look at the same
 * thing. */
#include "proxy/migrate/migrate_haproxy_cond.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/migrate/migrate_file.h"
#include "proxy/migrate/migrate_haproxy_read.h"
#include "proxy/migrate/migrate_value.h"

/* X(words, kind): what is looked at, without what is behind it. */
static const struct fetch {
	const char    *words;
	enum cond_kind kind;
} fetches[] = {
	{"req.ssl_sni req_ssl_sni req_ssl_sni_end req.ssl_sni_end ssl_fc_sni ssl_fc_sni_end", COND_SNI},
	{"req.ssl_alpn req_ssl_alpn ssl_fc_alpn", COND_ALPN},
	{"req.ssl_hello_type req_ssl_hello_type req.len req_len", COND_TLS},
	{"ssl_fc", COND_TRUE},
	{"req.ssl_ver req_ssl_ver ssl_fc_protocol", COND_VERSION},
	{"src", COND_SRC},
	{"src_conn_cur sc0_conn_cur sc1_conn_cur sc2_conn_cur sc_conn_cur", COND_CONNECTIONS},
	{"src_conn_rate sc0_conn_rate sc1_conn_rate sc2_conn_rate sc_conn_rate", COND_RATE},
	{"always_true TRUE", COND_TRUE},
};

/* Flags in front of the values. */
struct cond_match {
	const char *method; /* "" is that of the fetch */
	const char *file;
};

static enum cond_kind haproxy_kind_of(struct migrate_job *j, const char *fetch)
{
	const char *word = migrate_copy(j, fetch, strcspn(fetch, ",("));

	for (size_t i = 0; i < array_len(fetches); i++)
		if (migrate_is_one_of(word, fetches[i].words))
			return fetches[i].kind;
	return COND_UNKNOWN;
}

/* ---- values ---- */

static void add_version(struct migrate_job *j, struct cond_term *t, const char *text)
{
	static const char *const words[][2] = {{"3.1", "1.0"}, {"3.2", "1.1"}, {"3.3", "1.2"}, {"3.4", "1.3"},
					       {"TLSv1", "1.0"}, {"TLSv1.1", "1.1"}, {"TLSv1.2", "1.2"},
					       {"TLSv1.3", "1.3"}};

	for (size_t i = 0; i < array_len(words); i++)
		if (strcmp(text, words[i][0]) == 0) {
			yaml_add(j, t->values, "of", words[i][1], NULL);
			return;
		}
	t->kind = COND_UNKNOWN;
}

/* A name that must end so, or be so. */
static void haproxy_add_name(struct migrate_job *j, struct cond_term *t, const char *text, const char *method)
{
	const char *name = migrate_lower(j, text);

	if (strcmp(method, "end") != 0) {
		yaml_add(j, t->values, "of", name, NULL);
		return;
	}
	if (name[0] != '.')
		yaml_add(j, t->values, "of", name, NULL);
	yaml_add(j, t->values, "of", migrate_format(j, name[0] == '.' ? "*%s" : "*.%s", name), NULL);
}

static void add_value(struct migrate_job *j, struct cond_term *t, const char *text, const char *method)
{
	if (t->kind == COND_SNI)
		haproxy_add_name(j, t, text, method);
	else if (t->kind == COND_VERSION)
		add_version(j, t, text);
	else if (t->kind == COND_SRC || t->kind == COND_ALPN)
		yaml_add(j, t->values, "of", text, NULL);
	else if (t->kind == COND_TLS && !migrate_is_one_of(text, "1 gt ge 0"))
		t->kind = COND_UNKNOWN;
	else if ((t->kind == COND_CONNECTIONS || t->kind == COND_RATE) && isdigit((unsigned char)text[0]))
		t->limit += strtol(text, NULL, 10);
	else if ((t->kind == COND_CONNECTIONS || t->kind == COND_RATE) && strcmp(text, "ge") == 0)
		t->limit--; /* refused at the number, not above it */
}

/* A file of values, one a line. */
static bool haproxy_add_file(struct migrate_job *j, struct cond_term *t, const struct migrate_line *d, const char *path,
		     const char *method)
{
	const struct migrate_file *f;
	const char *at;

	path = migrate_path(j, path);
	if (!migrate_file_is_there(path))
		return false;
	f = migrate_file_include(j, d, 0, path);
	for (at = f->text; at < f->text + f->n; at += strcspn(at, "\n"), at += *at == '\n') {
		size_t skip = strspn(at, " \t"), n = strcspn(at + skip, " \t\r\n");

		if (n > 0 && at[skip] != '#')
			add_value(j, t, migrate_copy(j, at + skip, n), method);
		if (*at == '\0')
			break;
	}
	return true;
}

/* Is the method one that a list of names, networks or protocols can say? */
static bool is_known_method(enum cond_kind kind, const char *method)
{
	if (method[0] == '\0' || strcmp(method, "str") == 0 || strcmp(method, "ip") == 0)
		return true;
	return kind == COND_SNI && strcmp(method, "end") == 0;
}

/* The words of a criterion: what is looked at, flags, values. They are added to t. */
static void read_criterion(struct migrate_job *j, const struct migrate_line *d, size_t from, size_t to,
			   struct cond_term *t)
{
	const char *fetch = migrate_arg(d, from), *method = strstr(fetch, "_end") != NULL ? "end" : "";
	enum cond_kind kind = haproxy_kind_of(j, fetch);
	bool values = false;

	if (t->values->first != NULL && t->kind != kind)
		kind = COND_UNKNOWN;
	t->kind = kind;
	for (size_t i = from + 1; i < to; i++) {
		const char *word = migrate_arg(d, i);

		if (!values && strcmp(word, "-m") == 0 && i + 1 < to) {
			method = migrate_arg(d, ++i);
			continue;
		}
		if (!values && strcmp(word, "-f") == 0 && i + 1 < to) {
			if (!haproxy_add_file(j, t, d, migrate_arg(d, ++i), method))
				t->kind = COND_UNKNOWN;
			continue;
		}
		if (!values && word[0] == '-' && strlen(word) == 2)
			continue;
		values = true;
		add_value(j, t, word, method);
	}
	/* "-m found": is there a name at all? */
	if (t->kind == COND_SNI && strcmp(method, "found") == 0)
		yaml_add(j, t->values, "of", "*", NULL);
	else if (!is_known_method(t->kind, method))
		t->kind = COND_UNKNOWN;
	if (migrate_is_one_of(fetch, "req.len req_len") && t->limit != 0)
		t->kind = COND_UNKNOWN;
}

/* ---- ACLs ---- */

static bool predefined(struct migrate_job *j, struct cond_term *t, const char *name)
{
	if (strcmp(name, "TRUE") == 0 || strcmp(name, "REQ_CONTENT") == 0) {
		t->kind = COND_TRUE;
		return true;
	}
	if (strcmp(name, "LOCALHOST") != 0)
		return false;
	t->kind = COND_SRC;
	yaml_add(j, t->values, "of", "127.0.0.0/8", NULL);
	return true;
}

static void named_term(struct haproxy *h, struct haproxy_proxy *p, const struct migrate_line *rule, const char *name,
		       struct cond_term *t)
{
	bool found = false;

	for (struct migrate_line *d = p->block->first; d != NULL; d = d->next)
		if (strcmp(migrate_arg(d, 0), "acl") == 0 && strcmp(migrate_arg(d, 1), name) == 0) {
			enum cond_kind before = t->kind;

			read_criterion(h->j, d, 2, d->n, t);
			if (found && (before == COND_UNKNOWN || before != t->kind))
				t->kind = COND_UNKNOWN;
			found = true;
		}
	if (!found && !predefined(h->j, t, name) && migrate_begins(name, "HTTP"))
		t->kind = COND_UNKNOWN;
	else if (!found && t->kind == COND_UNKNOWN)
		migrate_break_at(h->j, rule, 0, migrate_format(h->j, "no acl of this section has the name \"%s\"",
			name));
}

/* ---- the whole ---- */

static struct cond_term *term_add(struct migrate_job *j, struct cond *c)
{
	struct cond_alt *a;

	if (c->n == 0)
		c->n = 1;
	a = &c->alts[c->n - 1];
	if (a->n == COND_TERMS) {
		c->large = true;
		a->n--;
	}
	a->terms[a->n] = (struct cond_term){.values = yaml_new(j, NULL)};
	return &a->terms[a->n++];
}

/* "{ ... }" from the word behind the brace on.   Returns  the word of the closing brace. */
static size_t braced_term(struct haproxy *h, const struct migrate_line *d, size_t at, struct cond_term *t)
{
	size_t end = at;

	while (end < d->n && strcmp(migrate_arg(d, end), "}") != 0)
		end++;
	if (end == d->n)
		migrate_break_at(h->j, d, at - 1, "this { is never closed");
	read_criterion(h->j, d, at, end, t);
	t->text = migrate_arg(d, at);
	return end;
}

struct cond *cond_read(struct haproxy *h, struct haproxy_proxy *p, const struct migrate_line *d, size_t from)
{
	struct cond *c = migrate_alloc(h->j, sizeof(*c));
	bool negated = false;

	if (from >= d->n)
		return c;
	c->unless = strcmp(migrate_arg(d, from), "unless") == 0;
	if (!c->unless && strcmp(migrate_arg(d, from), "if") != 0)
		migrate_break_at(h->j, d, from, "if or unless must stand here");
	for (size_t i = from + 1; i < d->n; i++) {
		const char *word = migrate_arg(d, i);
		struct cond_term *t;

		if (migrate_is_one_of(word, "or || OR")) {
			c->large |= c->n == COND_ALTS;
			c->n += c->n < COND_ALTS;
			continue;
		}
		for (; *word == '!'; word++)
			negated = !negated;
		if (*word == '\0')
			continue;
		t = term_add(h->j, c);
		t->text = word;
		t->negated = negated;
		negated = false;
		if (strcmp(word, "{") == 0)
			i = braced_term(h, d, i + 1, t);
		else
			named_term(h, p, d, word, t);
	}
	return c;
}
