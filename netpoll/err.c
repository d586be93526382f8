/* Names, texts and classes of error codes: err.h's table, and the C library's words for any other
 * errno. */
#include "netpoll/err.h"

#include <stdlib.h>
#include <string.h>

struct err_row {
	int code;
	enum np_err_class class;
	const char *name, *text;
};

static const struct err_row rows[] = {
#define X(code, value, class, text) {(code), NP_CLASS_##class, #code, text},
	NP_ERR_TBL(X)
#undef X
};

static const struct err_row *err_find(int code)
{
	code = abs(code);
	for (size_t i = 0; i < array_len(rows); i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

/* Codes of our own whose event has a name that everybody knows and a search finds. ESELF has
 * none. */
static const struct {
	int code;
	const char *name;
} known_as[] = {
	{NP_ECLOSING, "EBADF"},      /* as a call on a closed descriptor returns */
	{NP_EDEADLINE, "ETIMEDOUT"}, /* the kernel's timeouts and ours look the same from outside */
	{NP_ENOTPOLL, "EPERM"},      /* as epoll_ctl returns */
	{NP_ESHORT, "EOF"},
};

enum np_err_class np_err_class(int code)
{
	const struct err_row *r = err_find(code);

	return r != NULL ? r->class : NP_CLASS_LOCAL;
}

const char *np_err_name(int code)
{
	const struct err_row *r = err_find(code);
	const char *name;

	for (size_t i = 0; i < array_len(known_as); i++)
		if (known_as[i].code == abs(code))
			return known_as[i].name;
	if (r != NULL)
		return r->name + strlen("NP_");
	name = strerrorname_np(abs(code));
	return name != NULL ? name : "EUNKNOWN";
}

const char *np_err_remedy(int code)
{
	if (abs(code) == NP_EMFILE)
		return "raise ulimit -n or LimitNOFILE";
	return abs(code) == NP_ENFILE ? "raise fs.file-max" : NULL;
}

const char *np_err_text(int code)
{
	const struct err_row *r = err_find(code);
	const char *text;

	if (r != NULL)
		return r->text;
	text = strerrordesc_np(abs(code));
	return text != NULL ? text : "unknown error";
}
