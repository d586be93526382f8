/* TCP handshakes under way at a port, as the kernel tells them. TCP_DEFER_ACCEPT keeps one so until the client's first
 * byte. */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpoll/sock.h"
#include "tests/kit/kit.h"

static int listen_deferring(int family, union np_inet *at)
{
	int one = 30, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	memset(at, 0, sizeof(*at));
	at->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		at->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		at->in6.sin6_addr = in6addr_loopback;
	assert_int_equal(bind(fd, &at->sa, family == AF_INET ? sizeof(at->in4) : sizeof(at->in6)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one)), 0);
	assert_int_equal(getsockname(fd, &at->sa, &len), 0);
	return fd;
}

static void one_under_way(int family)
{
	union np_inet at;
	int listener = listen_deferring(family, &at);
	int port = ntohs(family == AF_INET ? at.in4.sin_port : at.in6.sin6_port);
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	assert_int_equal(np_listen_pending(port), 0);
	assert_int_equal(connect(client, &at.sa, family == AF_INET ? sizeof(at.in4) : sizeof(at.in6)), 0);
	assert_int_equal(np_listen_pending(port), 1);
	kit_send(client, "x", 1);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(np_listen_pending(port), 0);
	close(fd);
	close(client);
	close(listener);
}

static void a_handshake_is_seen_until_it_is_done(void **state)
{
	(void)state;
	one_under_way(AF_INET);
	one_under_way(AF_INET6);
}

/* Another port's are not ours, and no socket is left behind. */
static void other_ports_do_not_count(void **state)
{
	union np_inet busy, quiet;
	int listener = listen_deferring(AF_INET, &busy), other = listen_deferring(AF_INET, &quiet);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), next;

	(void)state;
	assert_int_equal(connect(client, &busy.sa, sizeof(busy.in4)), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(np_listen_pending(ntohs(quiet.in4.sin_port)), 0);
	next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(next, client + 1);
	close(next);
	close(client);
	close(listener);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_handshake_is_seen_until_it_is_done, kit_end),
		cmocka_unit_test_teardown(other_ports_do_not_count, kit_end),
	};

	return cmocka_run_group_tests_name("netpoll/sock_diag", tests, NULL, NULL);
}
