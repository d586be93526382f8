/* override_tell: the words. */
#include "proxy/control/override_tell.h"

#include "proxy/base/text.h"
#include "proxy/log/event.h"

static void text_weight(struct text *t, int weight)
{
	if (weight < 0)
		text_str(t, "as in the file");
	else
		text_i64(t, weight);
}

static void text_most(struct text *t, uint32_t most)
{
	if (most == 0)
		text_str(t, "as in the file");
	else if (most == SERVER_NO_LIMIT)
		text_str(t, "off");
	else
		text_u64(t, most);
}

/* An event into an input has no old value but the one that it ended. */
static void put_forgotten(struct text *t, const struct server_change *c, const struct server_inputs *was)
{
	if (c->forgets_passive) {
		text_str(t, "; forgot its failures, was ");
		text_str(t, passive_word(was->passive));
	}
	if (c->forgets_check) {
		text_str(t, "; forgot its check, was ");
		text_str(t, server_check_text(was->check));
	}
}

const char *override_words(const struct server_change *c, char out[OVERRIDE_WORDS])
{
	const struct server_inputs is = server_inputs(c->word), was = server_inputs(c->was);
	struct text t;

	text_init(&t, out, OVERRIDE_WORDS - 1);
	text_str(&t, server_admin_text(is.admin));
	if (is.admin != was.admin) {
		text_str(&t, ", was ");
		text_str(&t, server_admin_text(was.admin));
	}
	if (is.admin_weight >= 0 || was.admin_weight >= 0) {
		text_str(&t, "; weight ");
		text_weight(&t, is.admin_weight);
	}
	if (is.admin_weight != was.admin_weight) {
		text_str(&t, ", was ");
		text_weight(&t, was.admin_weight);
	}
	if (is.admin_most != 0 || was.admin_most != 0) {
		text_str(&t, "; max_connections ");
		text_most(&t, is.admin_most);
	}
	if (is.admin_most != was.admin_most) {
		text_str(&t, ", was ");
		text_most(&t, was.admin_most);
	}
	put_forgotten(&t, c, &was);
	out[t.n] = '\0';
	return out;
}

/* What holds from now on, with all that was said before. */
void override_tell(const struct server_change *c)
{
	const struct server_inputs in = server_inputs(c->word), was = server_inputs(c->was);
	struct event *e = event_begin();
	char words[OVERRIDE_WORDS];

	event_fact(e, "server", c->name);
	event_fact(e, "state", server_admin_text(in.admin));
	event_fact(e, "state_was", server_admin_text(was.admin));
	if (in.admin_weight >= 0)
		event_number(e, "weight", in.admin_weight);
	if (was.admin_weight >= 0)
		event_number(e, "weight_was", was.admin_weight);
	if (in.admin_most == SERVER_NO_LIMIT)
		event_fact(e, "max_connections", "off");
	else if (in.admin_most != 0)
		event_number(e, "max_connections", in.admin_most);
	if (c->who[0] != '\0')
		event_fact(e, "by", c->who);
	event_log(e, LVL_NOTICE, "override", "server %s: %s%s%s", c->name, override_words(c, words),
		  c->who[0] != '\0' ? "; by " : "", c->who);
}
