/* Looks up the user and the group of an owner. */
#include "proxy/base/owner.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 256

/* A number that is all digits; -1 is the word for "leave it". */
static bool is_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[strspn(text, "0123456789")] != '\0' || n >= UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static const char *find_user(const char *name, uid_t *uid)
{
	const struct passwd *p = NULL;

	if (is_number(name, uid))
		return NULL;
	p = getpwnam(name);
	if (p == NULL)
		return "no user of that name";
	*uid = p->pw_uid;
	return NULL;
}

static const char *find_group(const char *name, gid_t *gid)
{
	const struct group *g = NULL;

	if (is_number(name, gid))
		return NULL;
	g = getgrnam(name);
	if (g == NULL)
		return "no group of that name";
	*gid = g->gr_gid;
	return NULL;
}

const char *owner_find(const char *text, struct np_unix_owner *out)
{
	struct np_unix_owner o = {.uid = NP_OWNER_SAME, .gid = NP_OWNER_SAME};
	const char *colon = strchr(text, ':'), *why = NULL;
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	char user[NAME_ROOM];

	if (n >= sizeof(user))
		return "no user of that name";
	memcpy(user, text, n);
	user[n] = '\0';
	if (n > 0)
		why = find_user(user, &o.uid);
	if (why == NULL && colon != NULL)
		why = find_group(colon + 1, &o.gid);
	if (why == NULL)
		*out = o;
	return why;
}
