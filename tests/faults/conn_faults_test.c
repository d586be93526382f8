/* Each call that a worker makes for a connection fails, with each error it can have, once and
 * from then on (V2, V3, V16, V44). Bytes go both ways meanwhile. Either all of them arrive, or
 * the connection ends as one that was cut: no side sees an orderly end before the last byte, and
 * the log has the reason. The process lives, the next connections are served, no descriptor
 * stays open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/fault_world.h"
#include "tests/flow/kit/service.h"

enum {
	NEXT = 10,
	PIPES = 4, /* descriptors of two idle pipes */
};

/* ---- what must be ---- */

static bool has_reason(const char *line, const char *const *reasons)
{
	const char *at = strstr(line, " reason=");

	for (; at != NULL && *reasons != NULL; reasons++) {
		size_t n = strlen(*reasons);

		if (strncmp(at + 8, *reasons, n) == 0 && at[8 + n] == ' ')
			return true;
	}
	return false;
}

static const char *const orderly[] = {"client_fin", "server_fin", NULL};
static const char *const resets[] = {"client_rst", "server_rst", NULL};
static const char *const waited[] = {"idle_timeout", "half_close_timeout", "lifetime", "connect_timeout", "tls_timeout",
				     NULL};
static const char *const handshakes[] = {"upstream_tls_failed", "tls_failed", "max_handshakes", NULL};

/* Otherwise a side that sees an orderly end has lost nothing. */
static bool was_relayed(const char *line)
{
	return strstr(line, " connect_ms=") != NULL && !has_reason(line, handshakes);
}

/* Errors that the other side causes; all else is this machine's. */
static bool is_peers(int err)
{
	static const int peers[] = {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED, ENOTCONN,
				    ECONNABORTED, EPROTO, ENETDOWN};

	for (size_t i = 0; i < array_len(peers); i++)
		if (peers[i] == err)
			return true;
	return false;
}

static const char *bad_bytes(const struct exchange *x)
{
	if (!x->client.intact || x->client.got > x->client.bytes)
		return "the client has got wrong bytes";
	for (int i = 0; i < x->nservers; i++) {
		if (!x->server[i].intact || x->server[i].got > x->server[i].bytes)
			return "the server has got wrong bytes";
		if (i < x->nservers - 1 && x->server[i].got > 0)
			return "a server was left after it had bytes";
	}
	return NULL;
}

static bool orderly_and_short(const struct exchange_end *e)
{
	return e->ended && e->err == 0 && e->got < e->bytes;
}

/* An orderly end before the last byte. A client for whom there was no server has lost nothing. */
static const char *bad_ends(const struct exchange *x, const char *line)
{
	const struct exchange_end *c = &x->client, *s = exchange_server(x);

	if (orderly_and_short(c) && s != NULL && s->sent > 0)
		return textf("the client sees an orderly end after %llu bytes: %s", (unsigned long long)c->got, line);
	if (s != NULL && orderly_and_short(s))
		return textf("the server sees an orderly end after %llu bytes: %s", (unsigned long long)s->got, line);
	return NULL;
}

/* Whatever became of the ends: close_notify may have wanted memory. */
static bool all_came(const struct exchange *x)
{
	const struct exchange_end *s = exchange_server(x);

	return s != NULL && x->client.got == x->client.bytes && s->got == s->bytes;
}

/* OpenSSL has words of its own for what fails within it. */
static bool names_error(const char *line, int err)
{
	return strstr(line, strerrorname_np(err)) != NULL || (err == ENOMEM && strstr(line, " detail=") != NULL);
}

static const char *bad_line(const struct exchange *x, const char *line, const struct fault_rule *rule, bool hit)
{
	const char *from = strstr(line, "reason=");

	/* Not even a record could be made, and the process log says so. It does not say it twice
	 * in a second. */
	if (line[0] == '\0')
		return rule->err == ENOMEM ? NULL : "no line in the access log";
	if (has_reason(line, waited))
		return textf("ends by a timeout: %s", from);
	if (all_came(x))
		return NULL;
	if (!hit)
		return textf("cut without a fault: %s", from);
	if (has_reason(line, orderly) && !is_peers(rule->err))
		return textf("cut, and the log calls it orderly: %s", from);
	if (has_reason(line, resets) && !is_peers(rule->err))
		return textf("taken for the peer's reset: %s", from);
	if (!is_peers(rule->err) && !names_error(line, rule->err))
		return textf("the log does not name the error: %s", from);
	return NULL;
}

static bool few_fds(void *arg)
{
	const struct fault_world *w = arg;

	return kit_proc_fds(w->f.child->pid) <= w->fds + PIPES;
}

/* The next ones are served in full, and no descriptor is left. */
static const char *bad_afterwards(struct fault_world *w)
{
	struct exchange x;

	for (int i = 0; i < NEXT; i++)
		if (!fault_world_connect(w, &x, FAULT_PROBE) || !exchange_whole(&x))
			return fault_world_bad(w) != NULL ? fault_world_bad(w)
						      : textf("the %d. connection after it fails", i + 1);
	if (!kit_wait(few_fds, w, FAULT_STALL_MS))
		return textf("%d descriptors are open, not %d", kit_proc_fds(w->f.child->pid), w->fds);
	return NULL;
}

static const char *bad_connection(struct fault_world *w, enum fault_kind k, const struct fault_rule *rule)
{
	struct exchange x;
	const char *line, *bad;
	struct fault_line l;
	bool connected;

	fault_line_open(&l, w, k);
	faults_arm(&w->f, rule);
	connected = fault_world_connect(w, &x, k);
	faults_disarm(&w->f);
	line = fault_line_end(&l);
	bad = connected ? bad_bytes(&x) : textf("cannot connect (%s)", strerrorname_np(x.client.err));
	/* There is no reset on a Unix socket. */
	if (bad == NULL && k != FAULT_UNIX && was_relayed(line))
		bad = bad_ends(&x, line);
	if (bad == NULL)
		bad = bad_line(&x, line, rule, faults_hits(&w->f) > 0);
	if (bad == NULL && !x.over)
		bad = textf("stalls after %llu bytes", (unsigned long long)x.client.got);
	return bad;
}

static struct fault_ledger ledger; /* no row of what is wrong today */

/* ---- the tests ---- */

static bool stopped(void *arg)
{
	return !kit_child_alive(((const struct fault_world *)arg)->f.child);
}

static const char *try_fault(struct fault_world *w, enum fault_kind k, const struct fault_rule *rule)
{
	const char *bad = bad_connection(w, k, rule);

	if (fault_world_bad(w) != NULL)
		bad = fault_world_bad(w);
	if (bad == NULL)
		bad = bad_afterwards(w);
	if (bad != NULL) {
		fault_world_kill(w);
		fault_world_spawn(w);
	}
	return bad;
}

static void fail_each_call(enum fault_kind k)
{
	struct fault_walk walk = {.when = FAULT_OF_WORKER, .sticky_too = true};
	struct fault_rule rule = {.thread = FAULT_IN_worker};
	struct exchange x;
	struct fault_world w;

	fault_world_open(&w);
	memset(w.f.table->count, 0, sizeof(w.f.table->count));
	assert_true(fault_world_connect(&w, &x, k) && exchange_whole(&x));
	fault_walk_init(&walk, &w.f, FAULT_IN_worker);
	while (fault_walk_next(&walk, &rule))
		fault_note(&ledger, fault_kind_name(k), &rule, try_fault(&w, k, &rule));
	fault_world_close(&w);
	fault_ledger_close(&ledger);
}

static void copied(void **state)
{
	(void)state;
	fail_each_call(FAULT_COPY);
}

static void spliced(void **state)
{
	(void)state;
	fail_each_call(FAULT_BULK);
}

static void with_tls(void **state)
{
	(void)state;
	fail_each_call(FAULT_TLS);
}

static void between_unix_sockets(void **state)
{
	(void)state;
	fail_each_call(FAULT_UNIX);
}

/* ---- a listener that cannot accept ---- */

/* What the process may use of a processor while it waits out errors for ever. */
enum { ACCEPT_MS = 400, ACCEPT_CPU_MS = 160 };

/* From its first call on, the listener's worker gets one error: it pauses, and obeys. */
static const char *try_accept(struct fault_world *w, const struct fault_rule *rule)
{
	long cpu;

	faults_arm(&w->f, rule);
	if (!fault_world_try_spawn(w))
		return "does not get ready";
	for (int i = 0; i < 8; i++)
		close(kit_connect(w->path[FAULT_COPY], w->port[FAULT_COPY]));
	cpu = cpu_ms_within(w->f.child->pid, ACCEPT_MS);
	kit_child_signal(w->f.child, SIGTERM);
	if (!kit_wait(stopped, w, FAULT_STALL_MS))
		return textf("burns %ld of %d ms and does not obey SIGTERM", cpu, ACCEPT_MS);
	if (cpu > ACCEPT_CPU_MS)
		return textf("burns %ld of %d ms", cpu, ACCEPT_MS);
	return w->f.child->status == 0 ? NULL : textf("ends with %d", w->f.child->status);
}

static void accept_fails_for_ever(void **state)
{
	struct fault_walk walk = {.when = FAULT_OF_WORKER, .sticky_too = true};
	struct fault_rule rule = {.thread = FAULT_IN_worker};
	struct fault_world w;

	(void)state;
	fault_world_open(&w);
	walk.count[FAULT_accept4] = walk.count[FAULT_epoll_ctl] = 1;
	while (fault_walk_next(&walk, &rule)) {
		const char *bad;

		if (!rule.sticky)
			continue;
		fault_world_kill(&w);
		bad = try_accept(&w, &rule);
		fault_world_kill(&w);
		fault_note(&ledger, "listener", &rule, bad);
	}
	fault_world_spawn(&w);
	fault_world_close(&w);
	fault_ledger_close(&ledger);
}

static void known_faults_are_still_there(void **state)
{
	(void)state;
	fault_ledger_healed(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(accept_fails_for_ever, kit_end),
		cmocka_unit_test_teardown(copied, kit_end),
		cmocka_unit_test_teardown(spliced, kit_end),
		cmocka_unit_test_teardown(with_tls, kit_end),
		cmocka_unit_test_teardown(between_unix_sockets, kit_end),
		cmocka_unit_test_teardown(known_faults_are_still_there, kit_end),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's write raises it */
	cmocka_set_test_filter(getenv("FAULTS_TEST"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
