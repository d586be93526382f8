/* O35: help and explain are wrapped at the width of the terminal that reads them, and at 80 where none does; colour is
 * what --color says. Each verb runs in a pseudo-terminal of its own. */
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

static char shown[1 << 18]; /* what the terminal got */

/* What is wrong with a child is its exit code. */
no_return static void run_child(const char *command)
{
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Runs staunch with these words in a terminal of so many columns. The end of the child is an error of the read. */
static const char *on_terminal(int columns, const char *words)
{
	struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
	const char *binary = getenv("STAUNCH");
	const char *command = textf("%s %s", binary != NULL ? binary : "build/staunch", words);
	size_t n = 0;
	ssize_t got;
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0)
		run_child(command);
	while (n < sizeof(shown) - 1 && (got = read(fd, shown + n, sizeof(shown) - 1 - n)) > 0)
		n += (size_t)got;
	shown[n] = '\0';
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return shown;
}

/* Columns of the longest line that may be wrapped: a value is one word, and stays whole. */
static size_t longest_line(const char *text)
{
	size_t longest = 0;

	for (const char *line = text; *line != '\0'; line += strcspn(line, "\r\n"), line += strspn(line, "\r\n")) {
		size_t n = strcspn(line, "\r\n");

		if (strncmp(line, "  example ", 10) != 0 && n > longest)
			longest = n;
	}
	return longest;
}

static void o35_prose_is_wrapped_at_the_terminal(void **state)
{
	static const char *const verbs[] = {
		"help", "help explain", "help conns", "run --help", "explain", "explain listeners", "explain include",
		"explain listeners[].tls", "explain control.http", "explain listeners.backlog", "explain timeouts",
		"explain log.format", "explain tls",
	};
	static const int columns[] = {60, 80, 132};
	size_t longest[array_len(columns)] = {0};

	(void)state;
	for (size_t i = 0; i < array_len(verbs); i++)
		for (size_t j = 0; j < array_len(columns); j++) {
			size_t n = longest_line(on_terminal(columns[j], verbs[i]));

			if (n == 0 || n > (size_t)columns[j])
				kit_fail("staunch %s has %zu columns on %d:\n%s", verbs[i], n, columns[j], shown);
			if (n > longest[j])
				longest[j] = n;
		}
	assert_true(longest[0] > 50 && longest[1] > 70 && longest[2] > 110); /* and the room is used */
	assert_true(longest_line(on_terminal(132, "explain control.http | cat")) <= 80);
	assert_true(longest_line(on_terminal(0, "explain control.http")) <= 80);
}

static void o35_ends_are_listed_with_their_sentences(void **state)
{
	const char *said;

	(void)state;
	said = on_terminal(80, "explain tls");
	assert_non_null(strstr(said, "Several keys end in \"tls\":\r\n  listeners[].tls\r\n      "));
	assert_non_null(strstr(said, "\r\n  listeners[].routes[].tls\r\n      "));
	assert_non_null(strstr(said, "\r\n  upstreams[].tls\r\n      "));
}

static void o35_colour_is_what_the_option_says(void **state)
{
	char file[KIT_PATH];

	(void)state;
	kit_file_write("wrong.yaml", "workers: none\n", file);
	assert_non_null(strstr(on_terminal(80, textf("check --offline %s", file)), "\033["));
	assert_null(strstr(on_terminal(80, textf("check --offline --color never %s", file)), "\033["));
	assert_null(strstr(on_terminal(80, textf("check --offline %s 2>&1 | cat", file)), "\033["));
	assert_non_null(strstr(on_terminal(80, textf("check --offline --color always %s 2>&1 | cat", file)), "\033["));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o35_prose_is_wrapped_at_the_terminal, kit_end),
		cmocka_unit_test_teardown(o35_ends_are_listed_with_their_sentences, kit_end),
		cmocka_unit_test_teardown(o35_colour_is_what_the_option_says, kit_end),
	};

	return cmocka_run_group_tests_name("cli_width", tests, NULL, NULL);
}
