/* cli_json: one walk over the text for each question: an answer has a few kilobytes, and a person waits for it. */
#include "proxy/cli/cli_json.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/digit.h"

/* Behind the text whose opening quote is at p; at its NUL where it does not end. */
static const char *behind_text(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : p;
}

/* Behind the value at p. What is asked for comes from a process that writes well-formed objects. */
static const char *behind_value(const char *p)
{
	unsigned depth = 0;

	if (*p == '"')
		return behind_text(p);
	for (; *p != '\0'; p++) {
		if (*p == '"') {
			p = behind_text(p) - 1;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth <= 1)
				return depth == 1 ? p + 1 : p;
			depth--;
		} else if (*p == ',' && depth == 0) {
			return p;
		}
	}
	return p;
}

/* The value of a name of the object at p. */
static const char *json_member_of(const char *p, const char *name, size_t n)
{
	if (*p++ != '{')
		return NULL;
	while (*p == '"') {
		const char *end = behind_text(p);
		bool found = (size_t)(end - p) == n + 2 && memcmp(p + 1, name, n) == 0;

		if (*end != ':')
			return NULL;
		if (found)
			return end + 1;
		p = behind_value(end + 1);
		if (*p == ',')
			p++;
	}
	return NULL;
}

/* A path steps into objects: "error.message". A string is returned without its quotes. */
const char *json_find(const char *object, const char *path, size_t *n)
{
	const char *at = object;

	while (at != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		at = json_member_of(at, path, len);
		path += len + (path[len] == '.');
	}
	if (at == NULL)
		return NULL;
	*n = (size_t)(behind_value(at) - at);
	if (*at == '"' && *n >= 2) {
		*n -= 2;
		at++;
	}
	return at;
}

/* From the bracket to the first element, or from one element to the next. */
const char *json_next(const char *at)
{
	at = *at == '[' ? at + 1 : behind_value(at);
	if (*at == ',')
		at++;
	return *at == ']' || *at == '\0' ? NULL : at;
}

const char *json_first(const char *object, const char *path)
{
	size_t n = 0;
	const char *list = object != NULL ? json_find(object, path, &n) : NULL;

	return list != NULL && *list == '[' ? json_next(list) : NULL;
}

bool json_is_there(const char *object, const char *path)
{
	size_t n = 0;
	const char *at = json_find(object, path, &n);

	return at != NULL && !(n == 4 && memcmp(at, "null", 4) == 0);
}

bool json_is(const char *object, const char *path, const char *word)
{
	size_t n = 0;
	const char *at = json_find(object, path, &n);

	return at != NULL && strlen(word) == n && memcmp(at, word, n) == 0;
}

/* A dash for what is missing or null: a column must not be empty. */
void json_print(FILE *out, const char *object, const char *path)
{
	size_t n = 0;
	const char *at = json_find(object, path, &n);

	if (at == NULL || !json_is_there(object, path)) {
		fputs("-", out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (at[i] == '\\' && i + 1 < n && (at[i + 1] == '"' || at[i + 1] == '\\'))
			i++;
		putc(at[i], out);
	}
}

/* 0 for what is no number. */
long long json_number(const char *object, const char *path)
{
	size_t n = 0;
	const char *at = json_find(object, path, &n);

	return at != NULL && n > 0 && (digit_is_decimal(*at) || *at == '-') ? strtoll(at, NULL, 10) : 0;
}
