/* admin_upgrade: the order to hand over to another program. Its answer is this process's, which has been asked. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/proto/json_object.h"

#define UPGRADE_MEMBERS 2

/* A group that may steer this process may not have it run any program as its user. */
static bool may_choose(const struct client *c)
{
	return !c->at->tcp && (c->peer.uid == 0 || c->peer.uid == geteuid());
}

/* Returns  false: r is the refusal.   *binary is on the heap, or NULL: the program at our own path. */
static bool read_binary(struct client *c, struct reply *r, char **binary)
{
	static const char help[] = "{} or {\"binary\":\"/usr/sbin/staunch\"}";
	struct json_member read[UPGRADE_MEMBERS];
	const char *why = NULL;
	int n = c->body == NULL ? 0 : json_object_read(c->body, c->request.length, read, UPGRADE_MEMBERS, &why);

	*binary = NULL;
	if (n < 0 || n > 1 || (n == 1 && (strcmp(read[0].name, "binary") != 0 || read[0].kind != JSON_STRING ||
					  read[0].listed || read[0].text[0] != '/'))) {
		reply_error(r, 400, why != NULL ? why : "binary is the absolute path of a program, and alone",
			    help);
		return false;
	}
	if (n == 0)
		return true;
	if (!may_choose(c)) {
		reply_error(r, 403, "only root and this process's own user may say which program it is", "{}");
		return false;
	}
	*binary = strdup(read[0].text);
	if (*binary == NULL)
		reply_error(r, 503, np_err_text(-NP_ENOMEM), NULL);
	return *binary != NULL;
}

static void refuse_upgrade(const struct client *c, struct reply *r, const struct order *o)
{
	if (o == NULL)
		reply_error(r, 503, "the control thread does not answer", NULL);
	else if (o->err == -NP_ECANCELED || o->err == -EBUSY)
		reply_error(r, 409, admin_order_conflict(o), NULL);
	else if (!admin_order_stale(c, r, o))
		reply_error(r, 422, o->why, NULL);
}

static void say_upgraded(struct reply *r, const struct order *o)
{
	struct json j;

	reply_object(r, &j, o->generation);
	json_i64(&j, "pid", o->pid);
	json_u64(&j, "moved", o->moved);
	json_u64(&j, "left", o->left);
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

/* Waits for the end, as long as the new program takes. */
void admin_upgrade(struct client *c, struct reply *r)
{
	struct order what = {.kind = ORDER_UPGRADE}, *o;

	if (!read_binary(c, r, &what.binary))
		return;
	o = admin_order(c, &what, 0);
	if (o == NULL || o->err != 0)
		refuse_upgrade(c, r, o);
	else
		say_upgraded(r, o);
	admin_order_free(o);
}
