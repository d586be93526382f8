/* OCSP answers that are fetched: they come by themselves, no handshake waits for them, none is sent that has expired,
 * and no responder can do harm. */
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/flow/kit/ocsp_responder.h"

static uint8_t der[8192];

static const char *url_of(const char *host, int port, const char *path)
{
	return textf("http://%s:%d/%s", host, port, path);
}

static size_t good_until(const struct asked *a, int seconds)
{
	return kit_cert_ocsp(&(struct kit_ocsp_opts){.about = a->x, .until = seconds}, der, sizeof(der));
}

/* Good for an hour; half of its time is over in three seconds. */
static size_t soon_due(const struct asked *a)
{
	return kit_cert_ocsp(&(struct kit_ocsp_opts){.about = a->x, .from = -3600, .until = 3606}, der, sizeof(der));
}

/* ---- a real responder ------------------------------------------------------------------------ */

/* It listens on every address there is. */
static struct kit_child *openssl_ocsp(int port, const struct asked *a, size_t revoked)
{
	char index[KIT_PATH], ca[KIT_PATH], key[KIT_PATH];

	kit_cert_write_index((struct kit_cert *const[]){a->x}, 1, revoked, "index.txt", index);
	kit_cert_write(authority.sub, "sub.pem", ca);
	kit_cert_write_key(authority.sub, "sub.key", NULL, key);
	return kit_child_start("ocsp", KIT_ARGV("openssl", "ocsp", "-port", textf("%d", port), "-index", index,
						 "-rsigner", ca, "-rkey", key, "-CA", ca, "-nmin", "60"));
}

static void stop(struct kit_child *c)
{
	kit_child_signal(c, SIGKILL);
	kit_child_wait(c);
}

/* Down at the start: no handshake waits for it, and it is found when it comes. */
static void the_answer_of_a_real_responder_is_stapled(void **state)
{
	int port = kit_port("::");
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, ""));
	struct kit_child *responder, *client;
	struct edge e;
	char root_pem[KIT_PATH];

	(void)state;
	if (!kit_have("openssl"))
		skip();
	e = asked_edge(&a, 1);
	assert_int_equal(staple_get(&e, "a.test", der, sizeof(der)), -1);
	kit_staunch_wait_err(e.s, "nothing is stapled; the next attempt is in 1 s", 1);
	responder = openssl_ocsp(port, &a, 0);
	kit_staunch_wait_err(e.s, "ocsp_stapled", 1);
	e.fds = kit_proc_fds(e.s->child->pid);
	kit_cert_write(authority.root, "root.pem", root_pem);
	client = kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-connect",
			textf("%s:%d", kit_ip(1), e.port), "-servername", "a.test", "-CAfile", root_pem, "-status"));
	assert_int_equal(kit_child_wait(client), 0);
	assert_int_equal(kit_file_count(client->out, "OCSP Response Status: successful"), 1);
	assert_int_equal(kit_file_count(client->out, "Cert Status: good"), 1);
	stop(responder);
	edge_end(&e);
}

static void a_revoked_certificate_is_told_and_not_stapled(void **state)
{
	int port = kit_port("::");
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, ""));
	struct kit_child *responder;
	struct edge e;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	responder = openssl_ocsp(port, &a, 1);
	e = asked_edge(&a, 1);
	kit_staunch_wait_err(e.s, "ocsp_revoked", 1);
	assert_int_equal(staple_get(&e, "a.test", der, sizeof(der)), -1);
	stop(responder);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

/* ---- over time ------------------------------------------------------------------------------- */

/* Whatever is reloaded meanwhile: the second connection to the responder comes at half of the answer's time. */
static void an_answer_outlives_reloads(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, "ask"));
	struct edge e = asked_edge(&a, 1);
	char path[KIT_PATH];
	size_t n = good_until(&a, 3600);

	(void)state;
	responder_answer(listener, der, n);
	kit_staunch_wait_err(e.s, "ocsp_stapled", 1);
	e.fds = kit_proc_fds(e.s->child->pid);
	for (int i = 0; i < 4; i++) {
		staple_wait(&e, "a.test", der, n);
		kit_child_signal(e.s->child, SIGHUP);
		wait_generation(e.s, 2 + 2 * i);
		/* Taken over by the same look that asks for what is due: it has looked. */
		kit_cert_write(a.x, "a.test.pem", path);
		wait_generation(e.s, 3 + 2 * i);
	}
	staple_wait(&e, "a.test", der, n);
	edge_untouched(listener);
	edge_end(&e);
	close(listener);
}

static const char *kept_keys(const struct asked *a, const char *cache)
{
	return textf("tls: {certificates: [{cert: @DIR@/%s.pem, key: @DIR@/%s.key, ocsp_fetch: true, "
		     "ocsp_cache: @DIR@/%s}]}, upstream: back", a->name, a->name, cache);
}

static bool is_file(void *path)
{
	return access(path, R_OK) == 0;
}

/* V29: a cache of another name takes effect with its reload: the response stays stapled, is asked for once more, and is
 * kept in the new file. */
static void V29_a_new_cache_takes_effect(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, "ask"));
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *back = edge_upstream("back", kit_peer_port(echo), "");
	struct edge e = edge_start(kept_keys(&a, "one.der"), back);
	char one[KIT_PATH], two[KIT_PATH];
	size_t n = good_until(&a, 3600);

	(void)state;
	snprintf(one, sizeof(one), "%s/one.der", kit_dir());
	snprintf(two, sizeof(two), "%s/two.der", kit_dir());
	responder_answer(listener, der, n);
	assert_true(kit_wait(is_file, one, KIT_MS));
	staple_wait(&e, "a.test", der, n);
	kit_staunch_rewrite(e.s, edge_config(e.port, kept_keys(&a, "two.der"), back));
	kit_child_signal(e.s->child, SIGHUP);
	wait_generation(e.s, 2);
	staple_wait(&e, "a.test", der, n); /* before the responder is asked */
	n = good_until(&a, 7200);
	responder_answer(listener, der, n);
	assert_true(kit_wait(is_file, two, KIT_MS));
	staple_wait(&e, "a.test", der, n);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
	e = edge_start(kept_keys(&a, "two.der"), back); /* the next process has it from the file */
	staple_wait(&e, "a.test", der, n);
	edge_untouched(listener);
	edge_end(&e);
	close(listener);
}

static void an_answer_is_fetched_anew_at_half_of_its_time(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, "ask"));
	struct edge e = asked_edge(&a, 1);
	size_t n = soon_due(&a);

	(void)state;
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	n = good_until(&a, 3600);
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	assert_int_equal(kit_file_count(e.s->child->err, "ocsp_stapled"), 1); /* the first time alone */
	e.fds = kit_proc_fds(e.s->child->pid);
	close(listener);
	edge_end(&e);
}

static bool is_gone_in_time(void *arg)
{
	const struct edge *e = arg;
	uint8_t got[8192];
	const unsigned char *at = got;
	OCSP_RESPONSE *r;
	OCSP_BASICRESP *b;
	ASN1_GENERALIZEDTIME *next = NULL;
	time_t before = time(NULL);
	long n = staple_get(e, "a.test", got, sizeof(got));

	if (n < 0)
		return true;
	r = d2i_OCSP_RESPONSE(NULL, &at, n);
	b = OCSP_response_get1_basic(r);
	OCSP_single_get0_status(OCSP_resp_get0(b, 0), NULL, NULL, NULL, &next);
	assert_int_equal(X509_cmp_time(next, &before), 1);
	OCSP_BASICRESP_free(b);
	OCSP_RESPONSE_free(r);
	return false;
}

static void an_expired_answer_is_never_sent(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, "ask"));
	struct edge e = asked_edge(&a, 1);
	size_t n = good_until(&a, 6);

	(void)state;
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	close(listener);
	kit_staunch_wait_err(e.s, "the last response stays stapled; the next attempt is in 1 s", 1);
	e.fds = kit_proc_fds(e.s->child->pid);
	assert_true(kit_wait(is_gone_in_time, &e, KIT_MS));
	kit_staunch_wait_err(e.s, "the last response has expired; the next attempt is in ", 1);
	edge_end(&e);
}

static void revoked_later_it_is_stapled_no_more(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16);
	struct asked a = asked_make("a.test", url_of(kit_ip(3), port, "ask"));
	const struct kit_ocsp_opts revoked = {.about = a.x, .status = V_OCSP_CERTSTATUS_REVOKED, .until = 3600};
	struct edge e = asked_edge(&a, 1);
	size_t n = soon_due(&a);

	(void)state;
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	n = kit_cert_ocsp(&revoked, der, sizeof(der));
	responder_answer(listener, der, n);
	kit_staunch_wait_err(e.s, "ocsp_revoked", 1);
	staple_wait(&e, "a.test", NULL, 0);
	close(listener);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

/* ---- responders that are none ---------------------------------------------------------------- */

/* What is asked for under this path is answered so, and the log says why it was not taken. */
static const struct bad {
	const char *path, *says;
} bads[] = {
	{"garbage", "its response: it is not an OCSP response"},
	{"empty", "HTTP 200: the body is empty"},
	{"huge", "HTTP 200: the Content-Length is not a number, or too large"},
	{"endless", "its reply: it is too large"},
	{"html", "HTTP 200: the Content-Type is not the one asked for"},
	{"missing", "HTTP 404: the status is not 200"},
	{"chunks", "HTTP 200: it comes in chunks"},
	{"ssh", "its reply: it is not HTTP"},
	{"short", "HTTP 200: it ends too early"},
	{"closed", "its reply: it ends too early"},
	{"unknown", "its response: the responder does not know the certificate"},
	{"stranger", "its response: it is not signed by the certificate's issuer"},
	{"other", "its response: it is about another certificate"},
	{"old", "its response: it has expired"},
	{"early", "its response: it is not valid yet"},
};

#define OK_HEAD "HTTP/1.0 200 OK\r\n" RESPONSE_TYPE

static const struct {
	const char *path, *head;
} crude[] = {
	{"garbage", OK_HEAD "\r\n<not an answer>"},
	{"empty", OK_HEAD "Content-Length: 0\r\n\r\n"},
	{"huge", OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n"},
	{"html", "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"},
	{"missing", "HTTP/1.0 404 Not Found\r\n\r\n"},
	{"chunks", "HTTP/1.1 200 OK\r\n" RESPONSE_TYPE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"ssh", "SSH-2.0-OpenSSH\r\n"},
	{"short", OK_HEAD "Content-Length: 100\r\n\r\nshort"},
	{"closed", "HTTP/1.0 200"},
};

/* More bytes than anybody should keep, until it is cut off. */
static void reply_endlessly(int fd)
{
	static const char block[16384];
	bool cut = false;

	kit_send(fd, OK_HEAD "\r\n", strlen(OK_HEAD "\r\n"));
	for (int i = 0; i < 1024 && !cut; i++)
		cut = kit_io_write(fd, block, sizeof(block)) < 0;
	assert_true(cut);
	close(fd);
}

static void reply_badly(int fd, const char *path, const struct asked *about)
{
	struct kit_ocsp_opts o = {.about = about->x, .until = 3600};

	for (size_t i = 0; i < array_len(crude); i++)
		if (strcmp(path, crude[i].path) == 0) {
			responder_reply(fd, crude[i].head, NULL, 0);
			return;
		}
	if (strcmp(path, "endless") == 0) {
		reply_endlessly(fd);
		return;
	}
	if (strcmp(path, "unknown") == 0)
		o.status = V_OCSP_CERTSTATUS_UNKNOWN;
	if (strcmp(path, "stranger") == 0)
		o.signer = about->x;
	if (strcmp(path, "other") == 0)
		o.about = kit_cert_make(&(struct kit_cert_opts){.cn = "other", .issuer = authority.sub});
	if (strcmp(path, "old") == 0)
		o = (struct kit_ocsp_opts){.about = about->x, .from = -7200, .until = -3600};
	if (strcmp(path, "early") == 0)
		o = (struct kit_ocsp_opts){.about = about->x, .from = 3600, .until = 7200};
	responder_reply(fd, OK_HEAD "\r\n", der, kit_cert_ocsp(&o, der, sizeof(der)));
}

static void no_bad_answer_is_stapled(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 64);
	struct asked a[array_len(bads)];
	struct edge e;
	char path[64];

	(void)state;
	for (size_t i = 0; i < array_len(bads); i++)
		a[i] = asked_make(bads[i].path, url_of(kit_ip(3), port, bads[i].path));
	e = asked_edge(a, array_len(a));
	/* V29: each is asked with GET, then with POST. Those that failed first are asked again meanwhile: until each
	 * was asked with both. */
	for (size_t left = array_len(bads), asked = 0; left > 0;) {
		int fd = responder_take(listener, path);
		size_t i = 0;

		while (strcmp(bads[i].path, path) != 0)
			i++;
		left -= !responder_by_get && (asked & (size_t)1 << i) == 0;
		asked |= responder_by_get ? 0 : (size_t)1 << i;
		reply_badly(fd, path, &a[i]);
	}
	for (size_t i = 0; i < array_len(bads); i++) {
		kit_staunch_wait_err(e.s, textf("/%s: %s", bads[i].path, bads[i].says), 1);
		assert_int_equal(staple_get(&e, bads[i].path, der, sizeof(der)), -1);
	}
	assert_int_equal(kit_file_count(e.s->child->err, "ocsp_stapled"), 0);
	close(listener);
	edge_no_complaint(&e);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
}

/* Mute ones, and one that never accepts: handshakes go on, others are answered, and the end does not wait for them. */
static void a_responder_that_hangs_holds_up_nobody(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(3), &port, 16), held = -1;
	struct asked a[] = {
		asked_make("mute", url_of(kit_ip(3), port, "mute")),
		asked_make("hole", url_of(kit_ip(4), kit_black_hole(kit_ip(4)), "hole")),
		asked_make("good", url_of(kit_ip(3), port, "good")),
	};
	struct edge e = asked_edge(a, array_len(a));
	size_t n = good_until(&a[2], 3600);
	int64_t began;
	char path[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = responder_take(listener, path);

		if (strcmp(path, "good") == 0)
			responder_reply(fd, OK_HEAD "\r\n", der, n);
		else
			held = fd;
	}
	staple_wait(&e, "good", der, n);
	assert_int_equal(staple_get(&e, "mute", der, sizeof(der)), -1);
	began = kit_now_ms();
	edge_no_complaint(&e);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
	assert_in_range(kit_now_ms() - began, 0, 5000); /* the patience with a responder is 10 s */
	assert_int_equal(kit_file_count(e.s->child->err, "ocsp_failed"), 0);
	close(held);
	close(listener);
}

/* ---- names, and what cannot be asked --------------------------------------------------------- */

/* A label has 63 letters at most, so the resolver need not ask anybody. */
#define IMPOSSIBLE "an-impossible-name-of-more-than-sixty-three-letters-in-one-label.invalid"

static void a_responder_is_found_by_its_name(void **state)
{
	int port = 0, listener = kit_listen("127.0.0.1", &port, 16);
	struct asked a[] = {
		asked_make("a.test", url_of("localhost", port, "ask")),
		asked_make("b.test", url_of(IMPOSSIBLE, port, "ask")),
	};
	struct edge e = asked_edge(a, 2);
	size_t n = good_until(&a[0], 3600);

	(void)state;
	responder_answer(listener, der, n);
	staple_wait(&e, "a.test", der, n);
	kit_staunch_wait_err(e.s, textf("http://" IMPOSSIBLE ":%d/ask: looking up its name: ", port), 1);
	edge_no_complaint(&e);
	assert_int_equal(kit_staunch_stop(e.s, SIGTERM), 0);
	close(listener);
}

static void check_says(const struct asked *a, const char *says)
{
	char config[KIT_PATH];
	struct kit_child *c;

	kit_file_write("checked.yaml", edge_config(kit_port(kit_ip(1)), asked_keys(a, 1), edge_upstream("back", 1, "")),
		       config);
	c = kit_child_start("check", KIT_ARGV(kit_binary(), "check", config));
	assert_int_equal(kit_child_wait(c), says != NULL ? 78 : 0);
	if (says != NULL)
		assert_int_equal(kit_file_count(c->err, says), 1);
}

static void check_says_what_cannot_be_asked(void **state)
{
	struct asked a = asked_make("a.test", "http://ocsp.test/ask");
	struct asked mute = asked_make("b.test", NULL), secret = asked_make("c.test", "https://ocsp.test/");
	struct asked lone = {.name = "d.test"};
	char path[KIT_PATH];

	(void)state;
	check_says(&a, NULL);
	check_says(&mute, "b.test.pem: names no OCSP responder");
	check_says(&secret, "c.test.pem: names no OCSP responder with an http URL");
	lone.x = kit_cert_make(&(struct kit_cert_opts){
		.cn = "d.test", .issuer = authority.root, .ocsp = "http://ocsp.test"});
	kit_cert_write(lone.x, "d.test.pem", path);
	kit_cert_write_key(lone.x, "d.test.key", NULL, path);
	check_says(&lone, "d.test.pem: is not followed by its issuer's certificate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_answer_of_a_real_responder_is_stapled, kit_end),
		cmocka_unit_test_teardown(a_revoked_certificate_is_told_and_not_stapled, kit_end),
		cmocka_unit_test_teardown(an_answer_outlives_reloads, kit_end),
		cmocka_unit_test_teardown(V29_a_new_cache_takes_effect, kit_end),
		cmocka_unit_test_teardown(an_answer_is_fetched_anew_at_half_of_its_time, kit_end),
		cmocka_unit_test_teardown(an_expired_answer_is_never_sent, kit_end),
		cmocka_unit_test_teardown(revoked_later_it_is_stapled_no_more, kit_end),
		cmocka_unit_test_teardown(no_bad_answer_is_stapled, kit_end),
		cmocka_unit_test_teardown(a_responder_that_hangs_holds_up_nobody, kit_end),
		cmocka_unit_test_teardown(a_responder_is_found_by_its_name, kit_end),
		cmocka_unit_test_teardown(check_says_what_cannot_be_asked, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
