/* Listening sockets in systemd's descriptor store (P26). The test is systemd: it keeps what it is told to keep, and
 * hands it to the next start. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/addr.h"
#include "proxy/base/text.h"
#include "tests/flow/kit/service.h"

static int manager, server, ports[2];

static struct {
	unsigned n, sent; /* kept now; messages FDSTORE=1 so far */
	struct {
		int fd;
		char name[256];
	} at[KIT_PASS_MOST];
} store;

static void forget(const char *name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < store.n; i++) {
		if (strcmp(store.at[i].name, name) == 0)
			close(store.at[i].fd);
		else
			store.at[kept++] = store.at[i];
	}
	store.n = kept;
}

static void keep(const char *name, int fd)
{
	store.sent++;
	assert_int_not_equal(fd, -1);
	/* systemd takes no colon */
	assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name));
	assert_true(store.n < array_len(store.at));
	store.at[store.n].fd = fd;
	snprintf(store.at[store.n++].name, sizeof(store.at[0].name), "%.255s", name);
}

/* One message, if there is one. A barrier is answered by closing its descriptor. */
static bool obey(void *arg)
{
	char text[1500] = "", room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int fd = -1;

	(void)arg;
	if (recvmsg(manager, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return false;
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	if (strncmp(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=", 26) == 0)
		keep(text + 26, fd);
	else if (strncmp(text, "FDSTOREREMOVE=1\nFDNAME=", 23) == 0)
		forget(text + 23);
	else if (fd >= 0)
		close(fd);
	return true;
}

static void obey_all(void)
{
	while (obey(NULL))
		;
}

static void set_up(void **state)
{
	struct np_addr a;

	(void)state;
	store.n = store.sent = 0;
	assert_int_equal(np_addr_parse(&a, textf("unix:%s/notify", kit_dir()), NULL), 0);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, &a.u.sa, a.len), 0);
	for (int i = 0; i < 2; i++)
		ports[i] = kit_port(kit_ip(i));
	server = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < store.n; i++)
		close(store.at[i].fd);
	kit_npass = 0;
	close(manager);
	return kit_end(state);
}

static const char *config(const char *binds)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: l, bind: [%s], upstream: u}\n"
				 "upstreams:\n  - {name: u, servers: [\"%s:%d\"]}\n",
		     binds, kit_ip(0), server);
}

static const char *address(int i)
{
	return textf("\"%s:%d\"", kit_ip(i), ports[i]);
}

/* With all that is stored, as systemd starts a service. */
static struct kit_staunch *start_with_store(const char *environment, const char *text)
{
	char names[4096] = "";
	struct text t;

	text_init(&t, names, sizeof(names) - 1);
	for (unsigned i = 0; i < store.n; i++) {
		kit_pass[i] = store.at[i].fd;
		text_str(&t, i > 0 ? ":" : "");
		text_str(&t, store.at[i].name);
	}
	kit_npass = store.n;
	return start_by(textf("env NOTIFY_SOCKET=%s/notify LISTEN_PID=$$ LISTEN_FDS=%u LISTEN_FDNAMES=%s %s",
			      kit_dir(), store.n, store.n > 0 ? names : "none", environment),
			text);
}

static void crash(struct kit_staunch *s)
{
	obey_all();
	assert_int_equal(kit_staunch_stop(s, SIGKILL), 128 + SIGKILL);
	obey_all();
}

static unsigned stored_as(const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < store.n; i++)
		n += strcmp(store.at[i].name, name) == 0;
	return n;
}

static const char *name_of(int i)
{
	return textf("stored.l.%s_3a%d", kit_ip(i), ports[i]);
}

/* Every member of a group, and of a Unix address its one socket; clients who come between the crash and the next start
 * are served by that. */
static void p26_a_crash_refuses_nobody(void **state)
{
	const char *binds;
	struct kit_staunch *s;
	int fds[40], unix_fd;

	set_up(state);
	binds = textf("%s, %s, \"unix:@DIR@/s\"", address(0), address(1));
	s = start_with_store("", config(binds));
	end_orderly(served(kit_ip(0), ports[0]));
	crash(s);
	assert_int_equal(stored_as(name_of(0)), 2);
	assert_int_equal(stored_as(name_of(1)), 2);
	assert_int_equal(store.n, 5);
	for (unsigned i = 0; i < array_len(fds); i++)
		fds[i] = kit_connect(kit_ip((int)i % 2), ports[i % 2]);
	unix_fd = kit_connect(textf("%s/s", kit_dir()), 0);
	s = start_with_store("", config(binds));
	for (unsigned i = 0; i < array_len(fds); i++) {
		still_works(fds[i]);
		end_orderly(fds[i]);
	}
	still_works(unix_fd);
	end_orderly(unix_fd);
	ten_exchanges(kit_ip(1), ports[1]);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	obey_all();
	assert_int_equal(kit_file_count(s->child->err, "stored_dropped"), 0);
	assert_int_equal(kit_try_connect(kit_ip(0), ports[0]), -ECONNREFUSED);
}

/* More workers than before open what is missing, fewer accept from all that is there; no client is left behind. */
static void p26_another_number_of_workers(void **state)
{
	static const int workers[] = {4, 1, 3};
	struct kit_staunch *s;
	int fds[30];

	set_up(state);
	s = start_with_store("", config(address(0)));
	for (unsigned i = 0; i < array_len(workers); i++) {
		crash(s);
		for (unsigned j = 0; j < array_len(fds); j++)
			fds[j] = kit_connect(kit_ip(0), ports[0]);
		s = start_with_store("", textf("workers: %d%s", workers[i], strchr(config(address(0)), '\n')));
		for (unsigned j = 0; j < array_len(fds); j++) {
			still_works(fds[j]);
			end_orderly(fds[j]);
		}
	}
	crash(s);
	assert_int_equal(stored_as(name_of(0)), store.n);
}

/* An address that leaves by a reload leaves the store, and so does all at the end: then the next start binds anew. */
static void p26_what_we_close_leaves_the_store(void **state)
{
	struct kit_staunch *s;

	set_up(state);
	s = start_with_store("", config(textf("%s, %s", address(0), address(1))));
	obey_all();
	assert_int_equal(store.n, 4);
	generation_from(s, 2, config(address(1)));
	kit_staunch_wait_err(s, "no longer listening", 1);
	obey_all();
	assert_int_equal(stored_as(name_of(0)), 0);
	assert_int_equal(stored_as(name_of(1)), 2);
	generation_from(s, 3, config(textf("%s, %s", address(0), address(1))));
	obey_all();
	assert_int_equal(store.n, 4);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	obey_all();
	assert_int_equal(store.n, 0);
	s = start_with_store("", config(address(0)));
	end_orderly(served(kit_ip(0), ports[0]));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* A file that was changed between crash and start: what it no longer names is closed, in the store too, and first. */
static void p26_another_file_after_the_crash(void **state)
{
	struct kit_staunch *s;

	set_up(state);
	s = start_with_store("", config(textf("%s, %s", address(0), address(1))));
	crash(s);
	s = start_with_store("", config(address(1)));
	kit_staunch_wait_err(s, "stored_dropped", 2);
	end_orderly(served(kit_ip(1), ports[1]));
	obey_all();
	assert_int_equal(stored_as(name_of(0)), 0);
	assert_int_equal(stored_as(name_of(1)), store.n);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* Names that tell nothing, as of a store that another program filled: the address of each socket does. */
static void p26_one_name_for_all(void **state)
{
	struct kit_staunch *s;
	int fds[2];

	set_up(state);
	s = start_with_store("", config(textf("%s, %s", address(0), address(1))));
	crash(s);
	assert_int_equal(store.n, 4);
	for (unsigned i = 0; i < store.n; i++)
		snprintf(store.at[i].name, sizeof(store.at[0].name), "stored.l.same");
	for (int i = 0; i < 2; i++)
		fds[i] = kit_connect(kit_ip(i), ports[i]);
	s = start_with_store("", config(textf("%s, %s", address(0), address(1))));
	for (int i = 0; i < 2; i++) {
		still_works(fds[i]);
		end_orderly(fds[i]);
		ten_exchanges(kit_ip(i), ports[i]);
	}
	assert_int_equal(kit_file_count(s->child->err, "stored_dropped"), 0);
	assert_int_equal(store.n, 4); /* none is stored twice */
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

/* A store that is too small has the first of each group, and that is said. */
static void p26_a_small_store(void **state)
{
	struct kit_staunch *s;

	set_up(state);
	s = start_with_store("FDSTORE=3", config(textf("%s, %s", address(0), address(1))));
	kit_staunch_wait_err(s, "1 listening socket would not survive a crash: systemd keeps 3", 1);
	obey_all();
	assert_int_equal(store.sent, 3);
	assert_string_equal(store.at[0].name, name_of(0));
	assert_string_equal(store.at[1].name, name_of(1));
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p26_a_crash_refuses_nobody, tear_down),
		cmocka_unit_test_teardown(p26_another_number_of_workers, tear_down),
		cmocka_unit_test_teardown(p26_what_we_close_leaves_the_store, tear_down),
		cmocka_unit_test_teardown(p26_another_file_after_the_crash, tear_down),
		cmocka_unit_test_teardown(p26_one_name_for_all, tear_down),
		cmocka_unit_test_teardown(p26_a_small_store, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
