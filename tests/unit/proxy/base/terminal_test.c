/* terminal: its columns, and what holds where there is none. */
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/terminal.h"

static void a_terminal(void **state)
{
	static const struct {
		unsigned short has;
		int columns;
	} rows[] = {{0, 50}, {1, 40}, {39, 40}, {40, 40}, {80, 80}, {132, 132}, {5000, 5000}};
	int master, slave;

	(void)state;
	setenv("COLUMNS", "50", 1); /* it has its own */
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct winsize size = {.ws_row = 24, .ws_col = rows[i].has};

		assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
		assert_int_equal(terminal_columns(slave), rows[i].columns);
	}
	close(master);
	close(slave);
}

static void no_terminal(void **state)
{
	static const struct {
		const char *says;
		int columns;
	} rows[] = {{NULL, 80}, {"", 80}, {"x", 80}, {"0", 80}, {"-1", 100000}, {"10", 40}, {"132", 132},
		    {"99999999999999999999", 100000}};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (size_t i = 0; i < array_len(rows); i++) {
		unsetenv("COLUMNS");
		if (rows[i].says != NULL)
			setenv("COLUMNS", rows[i].says, 1);
		assert_int_equal(terminal_columns(ends[1]), rows[i].columns);
	}
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(terminal_columns(-1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal),
		cmocka_unit_test(no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
