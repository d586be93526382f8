/* names_say: what an operator reads of DNS. */
#include "proxy/control/names_say.h"

#include "config/config.h"
#include "proxy/base/text.h"
#include "proxy/log/event.h"

#define SAID_ROOM 300 /* bytes of a list of addresses; what has no room is counted */

/* ---- answers ---- */

/* The name as the file has it, without a port: several servers of the file may share it. */
static const char *prefix_of(const struct dns_set *s)
{
	return s->srv ? "srv:" : "";
}

static void say_name_failed(const struct dns_set *s, const char *why)
{
	struct event *e = event_begin();

	event_fact(e, "name", s->name);
	event_fact(e, "error", why);
	event_number(e, "members", s->n);
	if (s->n > 0)
		event_log(e, LVL_WARNING, "dns_failed", "name %s%s: %s; what is known of it stays", prefix_of(s),
			  s->name, why);
	else
		event_log(e, LVL_WARNING, "dns_failed", "name %s%s: %s; nothing is known of it", prefix_of(s), s->name,
			  why);
}

static void say_name_dropped(const struct dns_set *s, const char *why)
{
	struct event *e = event_begin();

	event_fact(e, "name", s->name);
	event_log(e, LVL_WARNING, "dns_dropped", "name %s%s: %s, for longer than dns.hold; its servers are dropped",
		  prefix_of(s), s->name, why);
}

static void say_name_back(const struct dns_set *s)
{
	struct event *e = event_begin();

	event_fact(e, "name", s->name);
	event_log(e, LVL_NOTICE, "dns_back", "name %s%s is answered again", prefix_of(s), s->name);
}

void names_say_recalled(const struct named *one)
{
	const struct dns_set *s = &one->dns.set;
	long long ago;

	if (!s->recalled)
		return;
	ago = (np_nanotime() - dns_set_seen(s)) / NP_S;
	log_msg(LVL_NOTICE, "dns_recalled", "name %s%s: no answer yet; what was known of it %lld s ago is used",
		prefix_of(s), s->name, ago);
}

void names_say_answer(struct named *one, const struct dns_set *s, const struct dns_answer *a, unsigned change)
{
	if (a->status == DNS_CANCELED)
		return;
	if (change & DNS_DROPPED)
		say_name_dropped(s, a->why);
	else if (a->status != DNS_OK && !one->failing)
		say_name_failed(s, a->why);
	else if (a->status == DNS_OK && one->failing && s->failures == 0)
		say_name_back(s);
	one->failing = a->status != DNS_OK;
	if ((change & DNS_CUT) && !one->cut)
		log_msg(LVL_WARNING, "dns_cut", "name %s%s has more than %d records: the others are not used",
			prefix_of(s), s->name, DNS_MEMBERS);
	one->cut = (change & DNS_CUT) != 0;
}

/* ---- addresses ---- */

static void said_address(struct text *t, const struct np_addr *a)
{
	char address[NP_ADDR_TEXT];

	np_addr_format(&a->u.sa, a->len, address, sizeof(address));
	text_str(t, address);
}

static void say_address_left_out(const struct names_left_out *out)
{
	char address[NP_ADDR_TEXT];

	np_addr_format(&out->first.u.sa, out->first.len, address, sizeof(address));
	log_msg(LVL_WARNING, "dns_left_out", "name %s: %s is left out: %s", out->of->text, address, out->why);
}

/* Once a name, until its upstream has no such address any more. Of several names the first is told. */
void names_say_left_out(const struct names *n, const struct config_upstream *u, const struct names_list *list)
{
	const struct names_left_out *out = &list->left_out;

	for (size_t i = 0; i < u->nservers; i++) {
		struct named *one = u->servers[i].host != NULL ? names_find(n, &u->servers[i]) : NULL;

		if (one == NULL)
			continue;
		if (out->n > 0 && out->of == &u->servers[i] && !one->left_out)
			say_address_left_out(out);
		one->left_out = out->n > 0 && (one->left_out || out->of == &u->servers[i]);
	}
}

/* Of one side of a change: those of `of` that are not in the other. */
struct said {
	struct text t;
	char room[SAID_ROOM];
	unsigned n, told;
};

static void said_init(struct said *s)
{
	text_init(&s->t, s->room, sizeof(s->room) - 1);
	s->n = s->told = 0;
}

static void said_add(struct said *s, const struct np_addr *a)
{
	size_t before = s->t.n;

	s->n++;
	if (s->told + 1 < s->n)
		return;
	text_str(&s->t, s->told > 0 ? ", " : "");
	said_address(&s->t, a);
	if (!s->t.cut) {
		s->told++;
		return;
	}
	s->t.n = before;
	s->t.cut = false;
}

static const char *said_end(struct said *s)
{
	if (s->told < s->n) {
		s->t.n = s->t.n < SAID_ROOM - 8 ? s->t.n : SAID_ROOM - 8;
		text_str(&s->t, ", ...");
	}
	s->room[s->t.n] = '\0';
	return s->room;
}

static bool is_member(const struct upstream *u, const struct np_addr *a)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (np_addr_equal(&u->members->at[i].server->addr, a))
			return true;
	return false;
}

static bool is_in_list(const struct names_list *list, const struct np_addr *a)
{
	for (unsigned i = 0; i < list->n; i++)
		if (np_addr_equal(&list->specs[i].addr, a))
			return true;
	return false;
}

void names_say_change(const struct upstream *u, const struct names_list *list)
{
	struct said come, gone;
	struct event *e = event_begin();

	said_init(&come);
	said_init(&gone);
	for (unsigned i = 0; i < list->n; i++)
		if (!is_member(u, &list->specs[i].addr))
			said_add(&come, &list->specs[i].addr);
	for (unsigned i = 0; i < u->members->n; i++)
		if (!is_in_list(list, &u->members->at[i].server->addr))
			said_add(&gone, &u->members->at[i].server->addr);
	event_fact(e, "upstream", u->name);
	event_number(e, "servers", list->n);
	event_number(e, "come", come.n);
	event_number(e, "gone", gone.n);
	event_log(e, LVL_INFO, "dns_changed", "upstream %s has %u server%s%s%s%s%s", u->name, list->n,
		  list->n == 1 ? "" : "s", come.n > 0 ? "; come: " : "", come.n > 0 ? said_end(&come) : "",
		  gone.n > 0 ? "; gone: " : "", gone.n > 0 ? said_end(&gone) : "");
}
