/* B30: a Unix listener's file has its mode and owner before anybody can connect, and gets others
 * later. */
#include "netpoll/netpoll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "netpoll/hook.h"
#include "tests/kit/kit.h"

static const struct np_listen_opts plain;

static struct np_addr in_dir(const char *name)
{
	char text[KIT_PATH + 8];
	struct np_addr a;

	snprintf(text, sizeof(text), "unix:%s/%s", kit_dir(), name);
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	return a;
}

static mode_t mode_at_listen;
static const char *listened;

static int note_mode(int fd, int backlog)
{
	struct stat st;

	assert_int_equal(stat(listened, &st), 0);
	mode_at_listen = st.st_mode & 0777;
	return listen(fd, backlog);
}

/* Before the socket listens nobody can connect, so then the file must be as it will be. */
static void the_mode_is_there_before_it_listens(void **state)
{
	static const int modes[] = {0600, 0660, 0666};

	(void)state;
	for (size_t i = 0; i < array_len(modes); i++) {
		const struct np_unix_owner same = {NP_OWNER_SAME, NP_OWNER_SAME};
		const struct np_listen_opts o = {.mode = modes[i], .owner = i == 1 ? &same : NULL};
		struct np_addr a = in_dir("early");
		int fd;

		listened = a.u.un.sun_path;
		hook.listen = note_mode;
		fd = np_listen(&a, &o);
		hook.listen = listen;
		assert_true(fd >= 0);
		assert_int_equal(mode_at_listen, modes[i]);
		close(fd);
		assert_int_equal(unlink(listened), 0);
	}
}

static void a_file_changes_hands(void **state)
{
	const struct np_unix_owner own = {getuid(), getgid()};
	struct np_addr a = in_dir("hands"), none = {.len = 0};
	int fd = np_listen(&a, &plain);
	struct stat before, st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(a.u.un.sun_path, &before), 0);
	assert_int_equal(np_unix_file_access(&a, 0, &own), 0);
	assert_int_equal(stat(a.u.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode, before.st_mode);
	assert_int_equal(np_unix_file_access(&a, 0620, &own), 0);
	assert_int_equal(stat(a.u.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	close(fd);
	unlink(a.u.un.sun_path);
	assert_int_equal(np_unix_file_access(&a, 0620, NULL), -NP_ENOENT);
	assert_int_equal(np_unix_file_access(&none, 0620, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_mode_is_there_before_it_listens, kit_end),
		cmocka_unit_test_teardown(a_file_changes_hands, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
