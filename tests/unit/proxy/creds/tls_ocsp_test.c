/* What is asked about a certificate, and which answers are believed. */
#include "proxy/creds/tls_ocsp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "netpoll/err.h"
#include "proxy/creds/tls_staple.h"
#include "tests/kit/cert.h"

#define UNFOLLOWED                                                                                 \
	"is not followed by its issuer's certificate, which an OCSP request needs: append it, or " \
	"name it as ocsp_issuer"
#define URL "http://ocsp.test:8888/ask"

static struct kit_cert *root, *sub, *leaf;
static char pem[KIT_PATH], key[KIT_PATH];
static char room[512];
static uint8_t der[8192];
static const char *why;

static int setup(void **state)
{
	(void)state;
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		sub = kit_cert_make(
			&(struct kit_cert_opts){.cn = "sub", .ca = true, .issuer = root});
		leaf = kit_cert_make(
			&(struct kit_cert_opts){.cn = "leaf", .issuer = sub, .ocsp = URL});
	}
	why = "";
	return 0;
}

/* As a listener has it. */
static struct tls_cert load(const struct kit_cert *c)
{
	const struct tls_cert_files files = {pem, key, NULL};
	struct tls_cert made;
	struct text err;

	kit_cert_write(c, "c.pem", pem);
	kit_cert_write_key(c, "c.key", NULL, key);
	memset(room, 0, sizeof(room));
	text_init(&err, room, sizeof(room) - 1);
	if (tls_cert_load(NULL, &files, &made, &err) != 0)
		kit_fail("%s", room);
	return made;
}

static struct tls_ocsp *question(const struct kit_cert *c)
{
	struct tls_cert made = load(c);
	struct tls_ocsp *o;

	assert_int_equal(tls_ocsp_new(&made, NULL, &o, &why), 0);
	tls_cert_fini(&made);
	return o;
}

static int judge(const struct tls_ocsp *o, const struct kit_ocsp_opts *opts,
		 struct tls_ocsp_verdict *t)
{
	size_t n = kit_cert_ocsp(opts, der, sizeof(der));

	return tls_ocsp_judge(o, der, n, time(NULL), t);
}

/* ---- the question ---------------------------------------------------------------------------- */

static void what_cannot_be_asked_is_told(void **state)
{
	const struct {
		struct kit_cert_opts o;
		const char *why;
	} rows[] = {
		{{.cn = "a", .issuer = sub}, "names no OCSP responder"},
		{{.cn = "a", .issuer = sub, .ocsp = "https://a/"},
		 "names no OCSP responder with an http URL"},
		{{.cn = "a", .issuer = sub, .ocsp = "http://"},
		 "names no OCSP responder with an http URL"},
		{{.cn = "a", .issuer = root, .ocsp = URL}, UNFOLLOWED},
		{{.cn = "a", .ca = true, .ocsp = URL}, UNFOLLOWED},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct tls_cert c = load(kit_cert_make(&rows[i].o));
		struct tls_ocsp *o;

		assert_int_equal(tls_ocsp_new(&c, NULL, &o, &why), -NP_EINVAL);
		assert_string_equal(why, rows[i].why);
		tls_cert_fini(&c);
	}
}

static void write_bytes(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Our request, answered by `openssl ocsp`; revoked: how many of the index's one certificate are. */
static int ask_openssl(const struct tls_ocsp *o, size_t revoked, struct tls_ocsp_verdict *t)
{
	char request[KIT_PATH], answer[KIT_PATH], index[KIT_PATH], ca[KIT_PATH], ca_key[KIT_PATH];
	unsigned char *asked;
	int n = tls_ocsp_request(o, &asked);
	struct kit_child *c;

	assert_true(n > 0);
	kit_file_write("request.der", "", request);
	kit_file_write("answer.der", "", answer);
	write_bytes(request, asked, (size_t)n);
	tls_ocsp_request_free(asked);
	kit_cert_write_index((struct kit_cert *const[]){leaf}, 1, revoked, "index.txt", index);
	kit_cert_write(sub, "sub.pem", ca);
	kit_cert_write_key(sub, "sub.key", NULL, ca_key);
	c = kit_child_start("ocsp", KIT_ARGV("openssl", "ocsp", "-index", index, "-rsigner", ca,
					     "-rkey", ca_key, "-CA", ca, "-reqin", request,
					     "-respout", answer, "-nmin", "10"));
	assert_int_equal(kit_child_wait(c), 0);
	return tls_ocsp_judge(o, der, kit_file_read(answer, (char *)der, sizeof(der)), time(NULL),
			      t);
}

static void openssl_answers_it(void **state)
{
	struct tls_ocsp *o = question(leaf);
	struct tls_ocsp_verdict t;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	assert_string_equal(tls_ocsp_text(o), URL);
	assert_int_equal(tls_ocsp_url(o)->port, 8888);
	if (ask_openssl(o, 0, &t) != 0)
		kit_fail("%s", t.why);
	assert_int_equal(t.until - t.from, 600);
	assert_int_equal(ask_openssl(o, 1, &t), -NP_EACCES);
	tls_ocsp_free(o);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void only_a_good_answer_is_believed(void **state)
{
	struct kit_cert *helper =
		kit_cert_make(&(struct kit_cert_opts){.cn = "h", .issuer = sub, .answers = true});
	struct kit_cert *clerk = kit_cert_make(&(struct kit_cert_opts){.cn = "c", .issuer = sub});
	struct kit_cert *foreign =
		kit_cert_make(&(struct kit_cert_opts){.cn = "f", .issuer = root, .answers = true});
	struct kit_cert *late = kit_cert_make(&(struct kit_cert_opts){
		.cn = "l", .issuer = sub, .answers = true, .from_days = -9, .to_days = -2});
	struct kit_cert *twin = kit_cert_make(&(struct kit_cert_opts){.cn = "sub", .ca = true});
	struct kit_cert *brother =
		kit_cert_make(&(struct kit_cert_opts){.cn = "leaf", .issuer = sub});
	const struct {
		struct kit_ocsp_opts o;
		int err;
		const char *why;
	} rows[] = {
		{{.about = leaf, .until = 600}, 0, NULL},
		{{.about = leaf, .from = -600, .until = 2}, 0, NULL},
		{{.about = leaf, .from = 299, .until = 600}, 0, NULL}, /* the clocks differ */
		{{.about = leaf, .signer = helper, .until = 600}, 0, NULL},
		{{.about = leaf, .status = 1, .until = 600},
		 -NP_EACCES,
		 "the certificate is revoked"},
		{{.about = leaf, .status = 2, .until = 600},
		 -NP_EPROTO,
		 "the responder does not know the certificate"},
		{{.about = leaf, .from = -600, .until = -1}, -NP_EPROTO, "it has expired"},
		{{.about = leaf, .status = 1, .from = -600, .until = -1},
		 -NP_EPROTO,
		 "it has expired"},
		{{.about = leaf, .from = 400, .until = 600},
		 -NP_EPROTO,
		 "it is not valid yet: is a clock wrong?"},
		{{.about = leaf, .from = 200, .until = 100},
		 -NP_EPROTO,
		 "it does not say from when to when it is valid"},
		{{.about = brother, .until = 600}, -NP_EPROTO, "it is about another certificate"},
		{{.about = sub, .until = 600}, -NP_EPROTO, "it is not signed by the cert"},
		{{.about = leaf, .signer = clerk, .until = 600},
		 -NP_EPROTO,
		 "it is not signed by the cert"},
		{{.about = leaf, .signer = foreign, .until = 600},
		 -NP_EPROTO,
		 "it is not signed by the cert"},
		{{.about = leaf, .signer = late, .until = 600},
		 -NP_EPROTO,
		 "it is not signed by the cert"},
		{{.about = leaf, .signer = twin, .until = 600},
		 -NP_EPROTO,
		 "it is not signed by the cert"},
		{{.about = leaf, .signer = leaf, .until = 600},
		 -NP_EPROTO,
		 "it is not signed by the cert"},
	};
	struct tls_ocsp *o = question(leaf);
	struct tls_ocsp_verdict t;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		int err = judge(o, &rows[i].o, &t);

		if (err != rows[i].err || (err != 0 && strstr(t.why, rows[i].why) != t.why))
			kit_fail("row %zu: %d, \"%s\"", i, err, err != 0 ? t.why : "");
	}
	tls_ocsp_free(o);
}

static void its_times_are_known(void **state)
{
	struct tls_ocsp *o = question(leaf);
	int64_t now = time(NULL), until;
	struct tls_ocsp_verdict t;
	size_t n;

	(void)state;
	assert_int_equal(
		judge(o, &(struct kit_ocsp_opts){.about = leaf, .from = -100, .until = 600}, &t),
		0);
	assert_in_range(t.from, now - 100, now - 90);
	assert_in_range(t.until, now + 600, now + 610);
	n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = leaf, .until = 60}, der, sizeof(der));
	assert_int_equal(tls_ocsp_until(der, n, &until), 0);
	assert_in_range(until, now + 60, now + 70);
	/* One that does not say so is not kept for ever; in a file its keeper says so. */
	assert_int_equal(judge(o, &(struct kit_ocsp_opts){.about = leaf}, &t), 0);
	assert_in_range(t.until, now + TLS_OCSP_HOLD, now + TLS_OCSP_HOLD + 10);
	n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = leaf}, der, sizeof(der));
	assert_int_equal(tls_ocsp_until(der, n, &until), 0);
	assert_true(until == INT64_MAX);
	tls_ocsp_free(o);
}

/* A responder's refusal is not signed: five bytes. */
static void a_refusal_is_told(void **state)
{
	static const uint8_t later[] = {0x30, 0x03, 0x0a, 0x01, 0x03};
	struct tls_ocsp *o = question(leaf);
	struct tls_ocsp_verdict t;

	(void)state;
	assert_int_equal(tls_ocsp_judge(o, later, sizeof(later), time(NULL), &t), -NP_EPROTO);
	assert_string_equal(t.why, "trylater");
	tls_ocsp_free(o);
}

/* Cut short anywhere, with a byte more, with any byte changed: never believed with another meaning. */
static void a_damaged_answer_is_none(void **state)
{
	struct tls_ocsp *o = question(leaf);
	size_t n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = leaf, .until = 600}, der,
				 sizeof(der));
	int64_t now = time(NULL);
	struct tls_ocsp_verdict t, was;

	(void)state;
	assert_int_equal(tls_ocsp_judge(o, der, n, now, &was), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tls_ocsp_judge(o, der, i, now, &t), -NP_EPROTO);
	assert_int_equal(tls_ocsp_judge(o, der, n + 1, now, &t), -NP_EPROTO);
	for (size_t i = 0; i < n; i++) {
		der[i] ^= 1;
		if (tls_ocsp_judge(o, der, n, now, &t) == 0)
			assert_true(t.from == was.from && t.until == was.until);
		der[i] ^= 1;
	}
	assert_int_equal(tls_ocsp_judge(o, der, n, now, &t), 0);
	tls_ocsp_free(o);
}

/* ---- one per certificate --------------------------------------------------------------------- */

static void a_certificate_has_one_staple(void **state)
{
	struct tls_cert a = load(leaf), same = load(leaf);
	struct tls_cert other = load(
		kit_cert_make(&(struct kit_cert_opts){.cn = "leaf", .issuer = sub, .ocsp = URL}));
	struct tls_cert none =
		load(kit_cert_make(&(struct kit_cert_opts){.cn = "leaf", .issuer = sub}));
	struct tls_staple *s[3];
	struct list all;

	(void)state;
	list_init(&all);
	assert_int_equal(tls_staple_get(&(struct tls_staple_wanted){&all, &a, "a", NULL, NULL, 2},
					&s[0], &why),
			 0);
	assert_int_equal(
		tls_staple_get(&(struct tls_staple_wanted){&all, &same, "b", NULL, NULL, 2}, &s[1],
			       &why),
		0);
	assert_int_equal(
		tls_staple_get(&(struct tls_staple_wanted){&all, &other, "c", NULL, NULL, 2}, &s[2],
			       &why),
		0);
	assert_int_equal(
		tls_staple_get(&(struct tls_staple_wanted){&all, &none, "d", NULL, NULL, 2}, &s[2],
			       &why),
		-NP_EINVAL);
	assert_string_equal(why, "names no OCSP responder");
	assert_ptr_equal(s[0], s[1]);
	assert_ptr_not_equal(s[0], s[2]);
	assert_string_equal(s[0]->name, "a");
	assert_true(s[0]->now[0] == NULL && s[0]->now[1] == NULL);
	tls_staple_put(s[0]);
	assert_ptr_equal(all.next, &s[1]->link); /* used still */
	tls_staple_put(s[1]);
	assert_ptr_equal(all.next, &s[2]->link);
	tls_staple_put(s[2]);
	assert_true(list_empty(&all));
	tls_cert_fini(&a);
	tls_cert_fini(&same);
	tls_cert_fini(&other);
	tls_cert_fini(&none);
}

/* ---- how and with what it is asked (V29) ---- */

static void the_issuer_may_be_in_a_file_of_its_own(void **state)
{
	struct kit_cert *c =
		kit_cert_make(&(struct kit_cert_opts){.cn = "lone", .issuer = root, .ocsp = URL});
	char roots[KIT_PATH], subs[KIT_PATH], none[KIT_PATH];
	struct tls_cert lone = load(c);
	struct tls_ocsp *o;

	(void)state;
	kit_cert_write(root, "root.pem", roots);
	kit_cert_write(sub, "sub.pem", subs);
	kit_file_write("none.pem", "-\n", none);
	assert_int_equal(tls_ocsp_new(&lone, roots, &o, &why), 0);
	tls_ocsp_free(o);
	assert_int_equal(tls_ocsp_new(&lone, subs, &o, &why), -NP_EINVAL);
	assert_string_equal(why, "was not issued by the certificate in its ocsp_issuer");
	assert_int_equal(tls_ocsp_new(&lone, none, &o, &why), -NP_EINVAL);
	assert_string_equal(why, "has an ocsp_issuer that holds no certificate in PEM form");
	tls_cert_fini(&lone);
}

/* RFC 5019, 5: base64, with the digits escaped that a URL has a use for. */
static void a_short_request_fits_into_a_url(void **state)
{
	char path[TLS_OCSP_GET], plain[TLS_OCSP_GET], long_url[300] = "http://ocsp.test/";
	unsigned char back[TLS_OCSP_GET], *request;
	struct tls_ocsp *o = question(leaf);
	int n = tls_ocsp_request(o, &request);
	size_t at = 0;

	(void)state;
	assert_true(tls_ocsp_get_path(o, path));
	assert_null(strpbrk(path, "+/="));
	for (const char *c = path; *c != '\0'; c++, at++) {
		plain[at] = *c;
		if (*c == '%') {
			plain[at] = '=';
			if (c[1] == '2')
				plain[at] = c[2] == 'B' ? '+' : '/';
			c += 2;
		}
	}
	assert_true(EVP_DecodeBlock(back, (unsigned char *)plain, (int)at) >= n);
	assert_memory_equal(back, request, n);
	tls_ocsp_request_free(request);
	tls_ocsp_free(o);
	memset(long_url + 17, 'x', 200);
	o = question(kit_cert_make(
		&(struct kit_cert_opts){.cn = "leaf", .issuer = sub, .ocsp = long_url}));
	assert_false(tls_ocsp_get_path(o, path));
	tls_ocsp_free(o);
}

static struct tls_staple *staple_of(struct list *all, struct tls_cert *c, const char *cache)
{
	struct tls_staple *s;

	assert_int_equal(
		tls_staple_get(&(struct tls_staple_wanted){all, c, "a", NULL, cache, 2}, &s, &why),
		0);
	return s;
}

/* What one process kept, the next one staples, and asks about at half of its time. A response that has
 * expired, or is none, is not stapled. */
static void a_response_is_kept_over_restarts(void **state)
{
	const struct kit_ocsp_opts good = {.about = leaf, .from = -100, .until = 1000},
				   old = {.about = leaf, .from = -100, .until = -50};
	struct tls_cert c = load(leaf);
	struct tls_staple *s;
	char cache[KIT_PATH];
	struct list all;
	size_t n;

	(void)state;
	list_init(&all);
	kit_file_write("kept", "rubbish", cache);
	s = staple_of(&all, &c, cache);
	assert_null(s->current);
	n = kit_cert_ocsp(&good, der, sizeof(der));
	s->current = tls_answer_new(der, n, time(NULL) + 1000);
	s->unkept = true;
	assert_int_equal(tls_staple_keep(s), 0);
	tls_staple_put(s);
	s = staple_of(&all, &c, cache);
	assert_non_null(s->current);
	assert_int_equal(s->current->n, n);
	assert_memory_equal(s->current->der, der, n);
	assert_ptr_equal(s->now[1], s->current);
	assert_in_range(s->due, time(NULL) + 440, time(NULL) + 460);
	n = kit_cert_ocsp(&old, der, sizeof(der));
	write_bytes(cache, der, n);
	tls_staple_put(s);
	s = staple_of(&all, &c, cache);
	assert_null(s->current);
	tls_staple_put(s);
	tls_cert_fini(&c);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(what_cannot_be_asked_is_told),
		ROW(openssl_answers_it),
		ROW(only_a_good_answer_is_believed),
		ROW(its_times_are_known),
		ROW(a_refusal_is_told),
		ROW(a_damaged_answer_is_none),
		ROW(a_certificate_has_one_staple),
		ROW(the_issuer_may_be_in_a_file_of_its_own),
		ROW(a_short_request_fits_into_a_url),
		ROW(a_response_is_kept_over_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
