/* V17: what a generation costs that a connection keeps: nearly nothing when nothing changed, and else what changed. */
#include <stdio.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIPS_UNDER_SANITIZERS() skip() /* their allocators keep what is freed */
#else
#define SKIPS_UNDER_SANITIZERS() (void)0
#endif

enum {
	WARM = 12,           /* generations before anything is measured: pools have their size then */
	KEPT = 100,          /* that are measured, each with a connection */
	CHANGED = 10,        /* the same, of a changed certificate each */
	GENERATION = 4096,   /* bytes: nothing changed */
	CERTIFICATE = 96000, /* bytes: a certificate did, for two workers */
};

struct kept {
	struct kit_staunch *s;
	char config[2048];
	int port;    /* of a listener without TLS */
	int n;       /* the generation in force */
	int nfds, fd[WARM + 2 * KEPT + CHANGED];
};

/* Two listeners, one of TLS, and an upstream of TLS that trusts whom the system trusts. The connections that keep
 * generations are those of the other listener. */
static struct kept kept_start(void)
{
	const char *ip = kit_ip(0);
	struct kept k = {.port = kit_port(ip), .n = 1};
	int echo;

	pki_write();
	echo = kit_peer_port(echo_start());
	snprintf(k.config, sizeof(k.config), "%s", textf(TWO_WORKERS
			 "listeners:\n"
			 "  - {name: tunnel, bind: \"%s:%d\", upstream: echo}\n"
			 "  - {name: edge, bind: \"%s:%d\", %s}\n"
			 "upstreams:\n"
			 "  - {name: echo, servers: [\"%s:%d\"]}\n"
			 "  - {name: back, servers: [\"%s:%d\"], tls: {name: a.test}}\n",
			 ip, k.port, ip, kit_port(ip), tls_edge_keys(""), ip, echo, ip, echo));
	k.s = kit_staunch_start(k.config);
	return k;
}

static void keep_one(struct kept *k)
{
	k->fd[k->nfds++] = served(kit_ip(0), k->port);
}

static void kept_end(struct kept *k)
{
	while (k->nfds > 0)
		close(k->fd[--k->nfds]);
	assert_int_equal(kit_staunch_stop(k->s, SIGTERM), 0);
}

/* ---- how a generation comes ---- */

static void by_sighup(struct kept *k)
{
	generation_from(k->s, ++k->n, k->config);
}

/* The same bytes in new files. */
static void by_touched_files(struct kept *k)
{
	pki_write();
	wait_generation(k->s, ++k->n);
}

static void by_a_new_certificate(struct kept *k)
{
	struct kit_cert *next = kit_cert_make(&(struct kit_cert_opts){
		.cn = "b.test", .dns = textf("n%d.test", k->n), .issuer = pki.root});
	char path[KIT_PATH];

	kit_cert_write_key(next, "b.key", NULL, path);
	kit_cert_write(next, "b.pem", path);
	wait_generation(k->s, ++k->n);
}

/* ---- what it costs ---- */

/* Bytes that n more generations cost, each kept by a connection; without what the connection costs. */
static long cost_of(struct kept *k, void (*next)(struct kept *k), int n)
{
	pid_t pid = k->s->child->pid;
	long before, connections, all;

	for (int i = 0; i < WARM; i++) {
		next(k);
		keep_one(k);
	}
	before = kit_proc_rss_kb(pid);
	for (int i = 0; i < KEPT; i++)
		keep_one(k);
	connections = (kit_proc_rss_kb(pid) - before) * 1024 / KEPT;
	before = kit_proc_rss_kb(pid);
	for (int i = 0; i < n; i++) {
		next(k);
		keep_one(k);
	}
	all = (kit_proc_rss_kb(pid) - before) * 1024 / n;
	print_message("a connection %ld bytes, with its generation %ld\n", connections, all);
	return all - connections;
}

static void V17_unchanged(void **state)
{
	struct kept k;

	(void)state;
	SKIPS_UNDER_SANITIZERS();
	k = kept_start();
	assert_true(cost_of(&k, by_sighup, KEPT) < GENERATION);
	kept_end(&k);
}

static void V17_new_files_of_the_same_bytes(void **state)
{
	struct kept k;

	(void)state;
	SKIPS_UNDER_SANITIZERS();
	k = kept_start();
	assert_true(cost_of(&k, by_touched_files, CHANGED) < GENERATION);
	kept_end(&k);
}

/* What it costs itself is on top, and the system's CA certificates are not. */
static void V17_one_certificate_changes(void **state)
{
	struct kept k;

	(void)state;
	SKIPS_UNDER_SANITIZERS();
	k = kept_start();
	assert_true(cost_of(&k, by_a_new_certificate, CHANGED) < CERTIFICATE);
	kept_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(V17_unchanged, kit_end),
		cmocka_unit_test_teardown(V17_new_files_of_the_same_bytes, kit_end),
		cmocka_unit_test_teardown(V17_one_certificate_changes, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
