/* TLS and sockets without room: what could not be sent leaves when it can, and what may be sent at once is. */
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

enum { SEED = 9, STEP = 8 * 1024 };

/* A socket path and not TCP, whose buffers grow to megabytes. */
static struct edge unix_edge(char path[KIT_PATH], int server_port)
{
	struct edge e = {.port = 0};

	pki_write();
	snprintf(path, KIT_PATH, "%s/edge.sock", kit_dir());
	e.s = kit_staunch_start(textf("workers: 1\n"
				      "log: {access: \"@DIR@/access.log\", format: text}\n"
				      "listeners:\n  - {name: edge, bind: \"unix:%s\", %s}\n"
				      "upstreams:\n%s", path, tls_edge_keys(""),
				      edge_upstream("back", server_port, "")));
	e.fds = kit_proc_fds(e.s->child->pid);
	return e;
}

/* What fits into a Unix socket that nobody reads. */
static size_t socket_room(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n = 0;
	socklen_t len = sizeof(n);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, &len), 0);
	close(fd);
	return (size_t)n;
}

static void expect_stream(struct tls_peer *p, size_t n)
{
	static char buf[16384];

	for (size_t at = 0, some; at < n; at += some) {
		size_t want = n - at < sizeof(buf) ? n - at : sizeof(buf);

		if (SSL_read_ex(p->ssl, buf, want, &some) != 1)
			kit_fail("only %zu of %zu bytes came", at, n);
		assert_true(kit_stream_same(SEED, at, buf, some));
	}
}

/* The last of them were taken from the server, and there was no room for their records. Nothing follows that would take
 * them along: they leave by themselves. Around what a socket holds, every few kilobytes. */
static void the_last_records_do_not_wait(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8), server;
	char path[KIT_PATH];
	struct edge e = unix_edge(path, port);
	struct tls_peer p;
	size_t room = socket_room();
	int rounds = 0;

	(void)state;
	for (size_t n = room / 2; n <= room + room / 4; n += STEP) {
		assert_true(tls_peer_dial(&p, kit_connect(path, 0), &(struct tls_peer_opts){.sni = "a.test"}));
		server = kit_accept(listener);
		kit_send_stream(server, SEED, 0, n);
		assert_int_equal(kit_io_wait_sent(server), 0);
		expect_stream(&p, n);
		kit_half_close(server);
		assert_int_equal(tls_peer_next(&p), 0);
		tls_peer_half_close(&p);
		kit_expect_fin(server);
		close(server);
		tls_peer_close(&p);
		rounds++;
	}
	edge_ended(&e, "server_fin", rounds);
	edge_end(&e);
	close(listener);
}

/* ---- bytes that need no room ----------------------------------------------------------------- */

static bool leads_to(int fd, int port)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
	       ntohs(peer.sin_port) == port;
}

/* The process's own socket to this port, as a descriptor of ours; -1: none, or nobody may look. */
static int socket_of(pid_t pid, int port)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), fd = -1;
	DIR *d = opendir(textf("/proc/%d/fd", (int)pid));
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		fd = (int)syscall(SYS_pidfd_getfd, process, (int)strtol(e->d_name, NULL, 10), 0);
		if (fd >= 0 && leads_to(fd, port))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	closedir(d);
	close(process);
	return fd;
}

/* 0, 1; skips where a process may not look into another. */
static int has_nodelay(const struct edge *e, int port)
{
	int fd = socket_of(e->s->child->pid, port), on = -1;
	socklen_t len = sizeof(on);

	if (fd < 0)
		skip();
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	close(fd);
	return on;
}

/* What of ours goes before the client's first bytes must not hold them back until it is acknowledged. Where nothing
 * goes before, the option waits for the second write. */
static void our_bytes_do_not_delay_the_clients(void **state)
{
	static const struct {
		const char *more;
		int nodelay;
	} rows[] = {
		{"", 0},
		{", proxy_protocol: v1", 1},
		{", proxy_protocol: v2", 1},
		{", tls: {verify: false}", 1},
	};

	(void)state;
	pki_write();
	for (size_t i = 0; i < array_len(rows); i++) {
		int port = 0, listener = kit_listen(kit_ip(0), &port, 8), fd;
		struct edge e = edge_start("upstream: back", edge_upstream("back", port, rows[i].more));
		struct tls_peer p = {.fd = -1};
		char bytes[8] = "";

		fd = edge_connect(&e);
		kit_send(fd, "first", 5);
		p.fd = kit_accept(listener);
		if (strstr(rows[i].more, "tls") != NULL) {
			const struct tls_peer_opts shown = {.cert = pki.cert, .key = pki.key};

			assert_true(tls_peer_answer(&p, p.fd, &shown));
			tls_peer_expect(&p, "first", 5);
		} else {
			while (memcmp(bytes, "first", 5) != 0) {
				memmove(bytes, bytes + 1, 5);
				assert_int_equal(kit_io_read(p.fd, bytes + 4, 1), 1);
			}
		}
		assert_int_equal(has_nodelay(&e, port), rows[i].nodelay);
		tls_peer_close(&p);
		close(fd);
		edge_end(&e);
		close(listener);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(the_last_records_do_not_wait),
		TLS_ROW(our_bytes_do_not_delay_the_clients),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
