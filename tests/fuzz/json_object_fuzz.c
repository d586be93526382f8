/* Target: json_object_read. What is taken has names and texts within the body, terminated, each name once but for
 * the elements of a list; what is refused says why. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/json_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MOST 8

static void check_text(const char *text, const char *body, size_t n)
{
	CHECK(text >= body && text + strlen(text) <= body + n, "a text leaves the body");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct json_member m[MOST];
	const char *why = NULL;
	char *body = malloc(n + 1); /* on the heap, so that one byte too far is seen */
	int got;

	if (body == NULL)
		return 0;
	memcpy(body, data, n);
	body[n] = '\0';
	got = json_object_read(body, n, m, MOST, &why);
	CHECK(got >= 0 || why != NULL, "refused without a sentence");
	CHECK(got <= MOST, "more members than there is room for");
	for (int i = 0; i < got; i++) {
		check_text(m[i].name, body, n);
		CHECK((m[i].kind == JSON_STRING) == (m[i].text != NULL), "a text that is none");
		if (m[i].text != NULL)
			check_text(m[i].text, body, n);
		for (int k = 0; k < i && !m[i].listed; k++)
			CHECK(strcmp(m[k].name, m[i].name) != 0, "a name twice");
	}
	free(body);
	return 0;
}
