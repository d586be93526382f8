/* V41, V12, V5: a Unix listener's file that is deleted comes back with a reload, two instances
 * never share an address, and a listener that goes resets nobody. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>

#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *two_listeners(int port, int other, int server)
{
	return textf(TWO_WORKERS "listeners:\n"
		     "  - {name: web, bind: [\"%s:%d\", \"unix:@DIR@/web.sock\"], upstream: app}\n"
		     "  - {name: other, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n",
		     kit_ip(0), port, kit_ip(0), other, kit_ip(0), server);
}

/* V41. Connections of the old socket stay; new ones find the new file. */
static void deleted_file_is_made_again(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(ip), other = kit_port(ip), fds, fd;
	const char *text = two_listeners(port, other, kit_peer_port(echo));
	struct kit_staunch *s = kit_staunch_start(text);
	char path[KIT_PATH];

	(void)state;
	snprintf(path, sizeof(path), "%s/web.sock", kit_dir());
	fds = kit_proc_fds(s->child->pid);
	fd = served(path, 0);
	for (int n = 2; n < 5; n++) {
		assert_int_equal(unlink(path), 0);
		assert_int_equal(kit_try_connect(path, 0), -ENOENT);
		kit_child_signal(s->child, SIGHUP);
		wait_generation(s, n);
		ten_exchanges(path, 0);
	}
	kit_child_signal(s->child, SIGHUP); /* with nothing deleted nothing is opened anew */
	wait_generation(s, 5);
	kit_staunch_wait_err(s, "\"listener_lost\"", 3);
	assert_int_equal(kit_file_count(s->child->err, "\"listener_lost\""), 3);
	still_works(fd);
	end_orderly(fd);
	back_to_normal(s, fds, ip, port);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(textf("%s.lock", path), F_OK), 0);
}

/* V12. Neither while it serves nor when its socket file is deleted behind its back. */
static void second_instance_ends_with_69(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(ip), other = kit_port(ip);
	struct kit_staunch *s = kit_staunch_start(two_listeners(port, other, kit_peer_port(echo))), *second;

	(void)state;
	second = kit_staunch_spawn(textf("listeners: [{name: web, bind: \"unix:@DIR@/web.sock\", upstream: app}]\n"
					 "upstreams: [{name: app, servers: [\"%s:1\"]}]\n", ip));
	assert_int_equal(kit_child_wait(second->child), 69);
	assert_int_equal(unlink(textf("%s/web.sock", kit_dir())), 0);
	second = kit_staunch_spawn(textf("listeners: [{name: web, bind: \"unix:@DIR@/web.sock\", upstream: app}]\n"
					 "upstreams: [{name: app, servers: [\"%s:1\"]}]\n", ip));
	assert_int_equal(kit_child_wait(second->child), 69);
	second = kit_staunch_spawn(textf("listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
					 "upstreams: [{name: app, servers: [\"%s:1\"]}]\n", ip, port, ip));
	assert_int_equal(kit_child_wait(second->child), 69);
	ten_exchanges(ip, port);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* V5. Clients connect all the time while the listener goes: each is either served or never
 * connected. */
static void nobody_is_reset_when_a_listener_goes(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(ip), other = kit_port(ip);
	const char *with = two_listeners(port, other, kit_peer_port(echo));
	struct kit_staunch *s = kit_staunch_start(with);
	const char *without = textf(TWO_WORKERS "listeners: [{name: other, bind: \"%s:%d\", upstream: app}]\n"
						"upstreams: [{name: app, servers: [\"%s:%d\"]}]\n",
				    ip, other, ip, kit_peer_port(echo));
	int fd, n = 0;

	(void)state;
	kit_staunch_rewrite(s, without);
	kit_child_signal(s->child, SIGHUP);
	while ((fd = kit_try_connect(ip, port)) >= 0) {
		still_works(fd);
		end_orderly(fd);
		n++;
	}
	assert_int_equal(fd, -ECONNREFUSED);
	wait_generation(s, 2);
	ten_exchanges(ip, other);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* B30. Over a reload, too; what a reload no longer names stays, and is said. */
static void a_file_has_mode_and_owner(void **state)
{
	static const struct {
		const char *keys;
		mode_t mode;
		gid_t gid;
	} rows[] = {
		{", mode: \"0600\"", 0600, 0}, {", mode: \"666\", owner: \":daemon\"", 0666, 1},
		{", mode: \"0660\", owner: \"root:root\"", 0660, 0}, {"", 0660, 0},
	};
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	struct kit_staunch *s = NULL;
	char path[KIT_PATH];
	struct stat st;

	(void)state;
	if (getuid() != 0)
		skip(); /* only root may give files away */
	snprintf(path, sizeof(path), "%s/web.sock", kit_dir());
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *text = textf("listeners: [{name: web, bind: {address: \"unix:@DIR@/web.sock\"%s}, "
					 "upstream: app}]\nupstreams: [{name: app, servers: [\"%s:%d\"]}]\n",
					 rows[i].keys, kit_ip(0), kit_peer_port(echo));

		if (s == NULL) {
			s = kit_staunch_start(text);
		} else {
			kit_staunch_rewrite(s, text);
			kit_child_signal(s->child, SIGHUP);
			wait_generation(s, (int)i + 1);
		}
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].mode);
		assert_int_equal(st.st_gid, rows[i].gid);
		ten_exchanges(path, 0);
	}
	kit_staunch_wait_err(s, "its file keeps the mode or owner that the configuration no longer names", 1);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

static void unknown_owners_are_told(void **state)
{
	struct kit_staunch *s = kit_staunch_spawn(textf(
		"listeners: [{name: web, bind: {address: \"unix:@DIR@/web.sock\", owner: \"no-one\"}, upstream: app}]\n"
		"upstreams: [{name: app, servers: [\"%s:1\"]}]\n", kit_ip(0)));

	(void)state;
	assert_int_equal(kit_child_wait(s->child), 78);
	assert_int_equal(kit_file_count(s->child->err, " to no-one (line 1): no user of that name"), 1);
}

/* Drops what the server answers, as a long or lossy way does for a while. */
static void lose_answers(int fd, bool lose)
{
	struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog prog = {.len = 1, .filter = none};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, lose ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &prog, sizeof(prog)),
			 0);
}

static int connect_without_answer(const char *ip, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, ip, &to.sin_addr);
	lose_answers(fd, true);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* V5. The answer to a client's SYN is on its way when the listener goes, and is lost once: the client still
 * connects, and is served. */
static void a_slow_handshake_is_served(void **state)
{
	const char *ip = kit_ip(0);
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	int port = kit_port(ip), other = kit_port(ip), fd;
	struct kit_staunch *s = kit_staunch_start(two_listeners(port, other, kit_peer_port(echo)));

	(void)state;
	fd = connect_without_answer(ip, port);
	kit_staunch_rewrite(s, textf(TWO_WORKERS "listeners: [{name: other, bind: \"%s:%d\", upstream: app}]\n"
				     "upstreams: [{name: app, servers: [\"%s:%d\"]}]\n",
				     ip, other, ip, kit_peer_port(echo)));
	kit_child_signal(s->child, SIGHUP);
	wait_generation(s, 2);
	lose_answers(fd, false);
	assert_int_equal(kit_io_write(fd, "x", 1), 0);
	kit_expect(fd, "x", 1);
	end_orderly(fd);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* A client that never ends its handshake does not hold up a stop: shutdown.timeout bounds that wait, too. */
static void half_a_handshake_does_not_hold_up_a_stop(void **state)
{
	const char *ip = kit_ip(0);
	int port = kit_port(ip), other = kit_port(ip);
	struct kit_staunch *s = kit_staunch_start(
		textf("shutdown: {timeout: 200ms}\n%s", two_listeners(port, other, kit_port(ip))));
	int64_t began;

	(void)state;
	connect_without_answer(ip, port);
	began = kit_now_ms();
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_true(kit_now_ms() - began < 2000); /* 3,000 without the bound */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(deleted_file_is_made_again, kit_end),
		cmocka_unit_test_teardown(second_instance_ends_with_69, kit_end),
		cmocka_unit_test_teardown(nobody_is_reset_when_a_listener_goes, kit_end),
		cmocka_unit_test_teardown(a_file_has_mode_and_owner, kit_end),
		cmocka_unit_test_teardown(unknown_owners_are_told, kit_end),
		cmocka_unit_test_teardown(a_slow_handshake_is_served, kit_end),
		cmocka_unit_test_teardown(half_a_handshake_does_not_hold_up_a_stop, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
