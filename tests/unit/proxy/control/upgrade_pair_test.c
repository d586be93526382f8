/* upgrade_pair: messages of every length arrive whole with their descriptors; what is no message ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "netpoll/check.h"
#include "proxy/control/upgrade_pair.h"
#include "tests/kit/kit.h"

static struct seen {
	int err[4], last;
	unsigned kind, nsysfds;
	uint32_t n;
	bool same;
} seen;

static struct upgrade_pair ours, theirs;
static int raw[2];
static size_t length;

static void run(void (*script)(void *arg))
{
	const struct np_worker_opts o = {.name = "control", .cpu = -1, .main = script};

	seen = (struct seen){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, raw), 0);
	assert_int_equal(np_run(&o), 0);
}

static void open_both(void)
{
	CHECK(upgrade_pair_open(&ours, raw[0]) == 0 && upgrade_pair_open(&theirs, raw[1]) == 0, "a pair");
}

static void close_both(void)
{
	upgrade_pair_close(&ours);
	upgrade_pair_close(&theirs);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* Beside the reader: a long message does not fit into the socket at once. */
static void send_long(void *arg)
{
	static uint8_t bytes[HANDOVER_MESSAGE_MOST];
	struct handover_writer w;
	int sysfds[2] = {raw[0], raw[1]};

	(void)arg;
	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_at(i);
	upgrade_body(&ours, &w);
	handover_put(&w, HANDOVER_TAG_DIR_REST, bytes, length);
	seen.err[0] = upgrade_send(&ours, HANDOVER_CONNS, &w, sysfds, 2);
}

static void judge(const struct upgrade_message *m)
{
	struct handover_reader r;
	struct handover_field f;

	seen.kind = m->kind;
	seen.n = m->n;
	seen.nsysfds = m->nsysfds;
	handover_read(&r, m->body, m->n);
	seen.same = handover_next(&r, &f) && f.n == length;
	for (size_t i = 0; seen.same && i < f.n; i++)
		seen.same = f.p[i] == byte_at(i);
}

static void long_script(void *arg)
{
	struct upgrade_message m;

	(void)arg;
	open_both();
	CHECK(np_go("sender", send_long, NULL) == 0, "a stack");
	seen.err[1] = upgrade_receive(&theirs, &m, 0);
	if (seen.err[1] == 0)
		judge(&m);
	upgrade_drop(&theirs, &m);
	seen.last = m.n != 0 || *m.body != 0; /* it is wiped */
	close_both();
}

static void p16_a_message_of_any_length_arrives_whole(void **state)
{
	static const size_t lengths[] = {1, HANDOVER_BODY_MOST - 8, HANDOVER_BODY_MOST - 7, 300000,
					 HANDOVER_MESSAGE_MOST - 8};

	(void)state;
	for (size_t i = 0; i < array_len(lengths); i++) {
		length = lengths[i];
		run(long_script);
		assert_int_equal(seen.err[0], 0);
		assert_int_equal(seen.err[1], 0);
		assert_int_equal(seen.kind, HANDOVER_CONNS);
		assert_int_equal(seen.n, length + 8);
		assert_int_equal(seen.nsysfds, 2);
		assert_true(seen.same);
		assert_false(seen.last);
	}
}

static void too_long_script(void *arg)
{
	struct handover_writer w;

	(void)arg;
	open_both();
	upgrade_body(&ours, &w);
	handover_put(&w, HANDOVER_TAG_DIR_REST, ours.room, HANDOVER_MESSAGE_MOST);
	seen.err[0] = upgrade_send(&ours, HANDOVER_CONNS, &w, NULL, 0);
	close_both();
}

static void p22_a_body_that_was_cut_is_not_sent(void **state)
{
	(void)state;
	run(too_long_script);
	assert_int_equal(seen.err[0], -NP_ENOBUFS);
}

static void ends_script(void *arg)
{
	struct upgrade_message m;

	(void)arg;
	open_both();
	seen.err[0] = upgrade_receive(&theirs, &m, np_deadline_after(NP_MS));
	CHECK(np_fd_write_msg(&ours.fd, "nonsense", 8, NULL, 0) == 0, "sent");
	seen.err[1] = upgrade_receive(&theirs, &m, 0);
	upgrade_pair_close(&ours);
	seen.err[2] = upgrade_receive(&theirs, &m, 0);
	seen.err[3] = upgrade_send(&theirs, HANDOVER_GO, NULL, NULL, 0);
	close_both();
}

static void p19_a_peer_that_is_late_wrong_or_gone_is_told_apart(void **state)
{
	(void)state;
	run(ends_script);
	assert_int_equal(seen.err[0], -NP_EDEADLINE);
	assert_int_equal(seen.err[1], -NP_EPROTO);
	assert_int_equal(seen.err[2], -NP_ESHORT);
	assert_int_equal(seen.err[3], -NP_EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p16_a_message_of_any_length_arrives_whole, kit_end),
		cmocka_unit_test_teardown(p19_a_peer_that_is_late_wrong_or_gone_is_told_apart, kit_end),
		cmocka_unit_test_teardown(p22_a_body_that_was_cut_is_not_sent, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
