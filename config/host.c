/* host: labels and dots, counted in one pass. */
#include "config/host.h"

#include "config/text/ascii.h"

static bool is_label_byte(char c)
{
	return ascii_is_letter(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

enum host_fault host_check(const char *name, size_t n)
{
	size_t label = 0; /* bytes of the label that is open */

	/* The length first: it bounds the work that a hostile name can cause. */
	if (n > HOST_NAME_BYTES)
		return HOST_TOO_LONG;
	for (size_t i = 0; i < n; i++) {
		if (name[i] == '.' && label == 0)
			return HOST_EMPTY_LABEL;
		if (name[i] != '.' && !is_label_byte(name[i]))
			return HOST_BAD_BYTE;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > HOST_LABEL_BYTES)
			return HOST_LABEL_TOO_LONG;
	}
	return label > 0 ? HOST_OK : HOST_EMPTY_LABEL;
}
