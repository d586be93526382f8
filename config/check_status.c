/* check_status: three digits, or twice three digits. */
#include "config/check_status.h"

#include <string.h>

#include "netpoll/err.h"

/* Returns 0: no status that ends a request. */
static unsigned status_at(const char *p)
{
	unsigned n = 0;

	for (size_t i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		n = n * 10 + (unsigned)(p[i] - '0');
	}
	return n >= 200 && n <= 599 ? n : 0;
}

/* By its length first: nothing else has room for a mistake then. */
int check_status_read(const char *text, unsigned *low, unsigned *high)
{
	size_t n = strlen(text);
	unsigned first = n == 3 || n == 7 ? status_at(text) : 0, last = first;

	if (n == 7)
		last = text[3] == '-' ? status_at(text + 4) : 0;
	if (first == 0 || last < first)
		return -NP_EINVAL;
	*low = first;
	*high = last;
	return 0;
}
