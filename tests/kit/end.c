/* end: what every test leaves behind is taken away here, in the reverse order of how it came. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/kit/own.h"

int kit_end(void **state)
{
	(void)state;
	child_end_all();
	peer_end_all();
	sock_end_all();
	staunch_end_all();
	dir_end();
	return 0;
}

void kit_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprint_error(fmt, ap);
	va_end(ap);
	print_error("\n");
	fail();
	abort(); /* fail() has jumped; it is not declared so */
}
