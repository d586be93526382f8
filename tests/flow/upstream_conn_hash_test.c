/* What a balance by hash goes by: E50, with real clients that say it in a PROXY header. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	struct kit_peer *peer[SERVERS];
	int port, fds, before[SERVERS];
};

static void start(struct world *w, const char *balance)
{
	const char *servers = "";

	memset(w, 0, sizeof(*w));
	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < SERVERS; i++) {
		w->peer[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
		servers = textf("%s%s\"%s:%d\"", servers, i > 0 ? ", " : "", kit_ip(0), kit_peer_port(w->peer[i]));
	}
	w->s = kit_staunch_start(textf(
		TWO_WORKERS "listeners:\n"
			    "  - {name: web, bind: \"%s:%d\", upstream: app, proxy_protocol: {accept: required, "
			    "trusted: [\"127.0.0.0/8\"]}}\n"
			    "upstreams:\n  - {name: app, balance: %s, hash_on: \"tlv:0xe1\", servers: [%s]}\n",
		kit_ip(0), w->port, balance, servers));
	w->fds = kit_proc_fds(w->s->child->pid);
}

/* Behind a header of version 2 with one TLV of this type and one byte.   Returns  the server that had it. */
static int visit(struct world *w, unsigned char type, unsigned char value)
{
	unsigned char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\2\x12\x67\x01\xbb\0\0\1\0";
	int fd = kit_connect(kit_ip(0), w->port), who = -1;
	char back = 0;

	header[28] = type;
	header[31] = value;
	assert_int_equal(kit_io_write(fd, header, 32), 0);
	assert_int_equal(kit_io_write(fd, "x", 1), 0);
	assert_int_equal(kit_io_read(fd, &back, 1), 1);
	close(fd);
	for (int i = 0; i < SERVERS; i++) {
		int n = kit_peer_accepted(w->peer[i]);

		if (n != w->before[i])
			who = i;
		w->before[i] = n;
	}
	assert_true(who >= 0);
	return who;
}

/* The same value, the same server; a header without that TLV, in turn. */
static void goes_by_tlv(const char *balance)
{
	struct world w;
	bool had[SERVERS] = {false};
	int last;

	start(&w, balance);
	for (unsigned char value = 1; value <= 30; value++) {
		int who = visit(&w, 0xE1, value);

		had[who] = true;
		assert_int_equal(visit(&w, 0xE1, value), who);
	}
	assert_true(had[0] && had[1] && had[2]);
	last = visit(&w, 0xE2, 7);
	for (int i = 0; i < 6; i++) {
		int who = visit(&w, 0xE2, 7);

		assert_int_equal(who, (last + 1) % SERVERS);
		last = who;
	}
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static void e50_a_tlv(void **state)
{
	(void)state;
	goes_by_tlv("source_hash");
	goes_by_tlv("maglev");
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e50_a_tlv),
	};

	return cmocka_run_group_tests_name("upstream_conn_hash", tests, NULL, NULL);
}
