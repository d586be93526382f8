/* names: questions, answers, and the upstreams that they change. */
#include "proxy/control/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/config.h"
#include "proxy/control/check_first.h"
#include "proxy/control/control.h"
#include "proxy/control/names_list.h"
#include "proxy/control/names_say.h"
#include "proxy/control/overrides.h"
#include "proxy/control/publish.h"
#include "proxy/control/signals.h"
#include "proxy/policy/snapshot.h"

#define AGAIN (20 * NP_MS) /* while a load has the registry, or a generation changes */

/* ---- the names ---- */

/* The name of a link. */
static struct named *named_of(struct list *link)
{
	return list_entry(link, struct named, link);
}

struct named *names_find(const struct names *n, const struct config_server *s)
{
	list_for_each(it, &n->all) {
		struct named *one = named_of(it);

		if (one->dns.set.srv == s->srv && strcmp(one->dns.set.name, s->host) == 0)
			return one;
	}
	return NULL;
}

/* names_list_make's view of them. */
static const struct dns_name *dns_of(void *arg, const struct config_server *s)
{
	const struct named *one = names_find(arg, s);

	return one != NULL ? &one->dns : NULL;
}

/* Whoever answers it later finds nobody. dns_name_fini's and dns_name_follow's way to us. */
static void forget_question(struct dns_set *s)
{
	resolver_drop(s->asker);
	s->asker = NULL;
}

static void named_free(struct named *one)
{
	dns_name_fini(&one->dns, forget_question);
	list_remove(&one->link);
	free(one);
}

/* Without memory it has no servers, until a reload. */
static void named_add(struct names *n, const struct config_server *s)
{
	struct named *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return;
	one->names = n;
	one->used = true;
	dns_name_init(&one->dns, s->host, s->srv, n->family, s->port);
	list_push_back(&n->all, &one->link);
}

/* Also where a reload says another family: what is known stays until the next answers. */
static void set_family(struct dns_name *d, enum dns_family family)
{
	if (d->family == family)
		return;
	d->family = family;
	d->set.family = family;
	for (unsigned i = 0; i < d->ntargets; i++)
		d->targets[i]->family = family;
	dns_name_hurry(d, np_nanotime());
}

/* Those of c are there afterwards, and marked as used. */
static void mark_names(struct names *n, const struct config *c)
{
	list_for_each(it, &n->all)
		named_of(it)->used = false;
	for (size_t i = 0; i < c->nupstreams; i++)
		for (size_t j = 0; j < c->upstreams[i].nservers; j++) {
			const struct config_server *s = &c->upstreams[i].servers[j];
			struct named *one = s->host != NULL ? names_find(n, s) : NULL;

			if (one != NULL)
				one->used = true;
			else if (s->host != NULL)
				named_add(n, s);
		}
}

/* ---- as the configuration says ---- */

/* In the order of their words. */
static enum dns_family dns_family_of(enum config_family f)
{
	static const enum dns_family families[] = {
		[CONFIG_FAMILY_PREFER_V4] = DNS_PREFER_V4, [CONFIG_FAMILY_PREFER_V6] = DNS_PREFER_V6,
		[CONFIG_FAMILY_V4] = DNS_V4, [CONFIG_FAMILY_V6] = DNS_V6, [CONFIG_FAMILY_BOTH] = DNS_BOTH,
	};

	return families[f];
}

/* As c-ares takes them; the check bounds their number and length. */
static void servers_of(const struct config *c, char out[DNS_SERVERS])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->dns.nservers; i++) {
		const char *text = c->dns.servers[i].text;

		if (strcmp(text, "system") != 0 && at < DNS_SERVERS)
			at += (size_t)snprintf(out + at, DNS_SERVERS - at, "%s%s", at > 0 ? "," : "", text);
	}
}

void names_question(const struct config *c, struct dns_question *q)
{
	*q = (struct dns_question){
		.family = dns_family_of(c->dns.family),
		.timeout = c->dns.timeout,
		.tries = (unsigned)c->dns.tries,
	};
	servers_of(c, q->servers);
}

/* From the next question on. One that is under way has those of before. */
static void take_settings(struct names *n, const struct config *c)
{
	n->rules = (struct dns_rules){.min_ttl = c->dns.min_ttl, .max_ttl = c->dns.max_ttl, .hold = c->dns.hold};
	n->family = dns_family_of(c->dns.family);
	n->timeout = c->dns.timeout;
	n->tries = (unsigned)c->dns.tries;
	servers_of(c, n->servers);
	list_for_each(it, &n->all)
		set_family(&named_of(it)->dns, n->family);
}

/* ---- answers ---- */

/* Without a source of randomness names come due together, which costs a burst and no more. */
static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	return bits;
}

/* The one question of the name that this look-up is about: that of the name, or of a host that a service names. */
static struct dns_set *set_of(struct named *one, const struct resolver_lookup *l)
{
	if (one->dns.set.asker == l)
		return &one->dns.set;
	for (unsigned i = 0; i < one->dns.ntargets; i++)
		if (one->dns.targets[i]->asker == l)
			return one->dns.targets[i];
	CHECK(false, "an answer comes to who asked");
}

/* The timer then does all the rest, once for all answers of a turn. */
static void note_answer(struct named *one, struct dns_set *s, const struct dns_answer *a)
{
	struct names *n = one->names;
	unsigned change = dns_set_answer(s, a, &n->rules, np_nanotime(), random_bits());

	s->asker = NULL;
	names_say_answer(one, s, a, change);
	if (s->srv && dns_name_follow(&one->dns, forget_question) != 0)
		dns_set_hurry(s, np_nanotime());
	/* A set that is the same may still have other members that leave, or fewer targets. */
	one->changed |= (change & DNS_CHANGED) != 0;
	np_timer_set(&n->timer, np_nanotime());
	if (n->waited)
		signals_raise(SIGNALS_WORK);
}

/* On the control worker's loop. */
static void on_answer(struct resolver_lookup *l, void *arg)
{
	note_answer(arg, set_of(arg, l), &l->answer);
}

/* Nobody could be asked: as an answer that tells nothing. */
static void ask_has_failed(struct named *one, struct dns_set *s)
{
	const struct dns_answer none = {.status = DNS_FAILED, .why = "out of memory, descriptors or threads"};

	note_answer(one, s, &none);
}

/* Out of line: the question is half a KiB, and would stand on the stack of the timer's whole turn. */
static no_inline void ask_for(struct named *one, struct dns_set *s, int64_t now)
{
	const struct names *n = one->names;
	struct dns_question q = {.timeout = n->timeout, .tries = n->tries};

	memcpy(q.servers, n->servers, sizeof(q.servers));
	dns_set_ask(s, now, &q);
	s->asker = resolver_ask(&n->process->resolver, &q, on_answer, one);
	if (s->asker == NULL)
		ask_has_failed(one, s);
}

/* ---- upstreams ---- */

/* Only such upstreams are ever replaced, and only their failures are told. */
static bool has_names(const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++)
		if (u->servers[i].host != NULL)
			return true;
	return false;
}

/* Is one of its names not in force as it is known? */
static bool has_changed(const struct names *n, const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		const struct named *one = u->servers[i].host != NULL ? names_find(n, &u->servers[i]) : NULL;

		if (one != NULL && one->changed)
			return true;
	}
	return false;
}

/* By a walk: it is asked only when a list changes, for each server that it had before. */
static bool list_has(const struct names_list *list, const struct np_addr *a)
{
	for (unsigned i = 0; i < list->n; i++)
		if (np_addr_equal(&list->specs[i].addr, a))
			return true;
	return false;
}

/* Who is not in the list any more is leaving, also for connections that an older generation still makes. */
static void mark_leaving(const struct names_list *list, const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (!list_has(list, &u->members->at[i].server->addr))
			server_set_leaving(u->members->at[i].server, true);
}

/* Also a server of the file that a name had before, and one that came back while its connections still ran. */
static void mark_present(const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		server_set_leaving(u->members->at[i].server, false);
}

/* Returns 0: it is as DNS says; *replaced: it was another list before. */
static int bring_up_to_date(const struct names *n, const struct snapshot *s, unsigned i, bool *replaced)
{
	struct upstream *u = s->upstreams[i]->u;
	struct names_list list;
	int err = names_list_make(&list, s->config, i, dns_of, (void *)(uintptr_t)n);

	if (err != 0)
		return err;
	names_say_left_out(n, &s->config->upstreams[i], &list);
	if (!names_list_same(&list, u)) {
		names_say_change(u, &list);
		mark_leaving(&list, u);
		err = upstream_replace(u, list.specs, list.n);
		*replaced |= err == 0;
	}
	mark_present(u);
	free(list.specs);
	return err;
}

/* What has changed comes into force, if it can now.   Returns  false: it is to be tried again. */
static bool put_changes(struct names *n)
{
	struct process *p = n->process;
	bool replaced = false, all = true;

	if (n->adopting || p->snap == NULL || p->registry.lent)
		return false;
	for (unsigned i = 0; i < p->snap->nupstreams; i++)
		if (has_changed(n, &p->snap->config->upstreams[i]))
			all = bring_up_to_date(n, p->snap, i, &replaced) == 0 && all;
	list_for_each(it, &n->all)
		named_of(it)->changed &= !all;
	if (replaced) {
		overrides_apply(p, p->snap);
		check_first_await(p, p->snap);
		publish_again(p);
	}
	return all;
}

/* Is there anything to put into force? */
static bool anything_changed(const struct names *n)
{
	list_for_each(it, &n->all)
		if (named_of(it)->changed)
			return true;
	return false;
}

/* ---- time ---- */

/* All that is due now; 50 of them run at once, and the others stand in the resolver's queue (RESOLVER_AT_ONCE). */
static void ask_what_is_due(struct named *one, int64_t now, int64_t *when)
{
	struct dns_set *s;

	while ((s = dns_name_due(&one->dns, now, when)) != NULL)
		ask_for(one, s, now);
}

/* On the control worker's loop. */
static void names_tick(struct np_timer *t)
{
	struct names *n = container_of(t, struct names, timer);
	int64_t now = np_nanotime(), when = INT64_MAX;

	if (n->stopped)
		return;
	list_for_each(it, &n->all)
		ask_what_is_due(named_of(it), now, &when);
	if (anything_changed(n) && !put_changes(n) && when > now + AGAIN)
		when = now + AGAIN;
	if (when != INT64_MAX)
		np_timer_set(&n->timer, when);
}

/* On the control worker's loop: connects have failed. */
static void on_doubt(struct upstream_doubt *d)
{
	struct names *n = container_of(d, struct names, doubt);
	const struct snapshot *s = n->process->snap;
	int64_t now = np_nanotime();

	for (unsigned i = 0; s != NULL && !n->stopped && i < s->nupstreams; i++) {
		const struct config_upstream *c = &s->config->upstreams[i];

		if (!upstream_doubt_take(s->upstreams[i]->u->live))
			continue;
		for (size_t j = 0; j < c->nservers; j++) {
			struct named *one = c->servers[j].host != NULL ? names_find(n, &c->servers[j]) : NULL;

			if (one != NULL)
				dns_name_hurry(&one->dns, now);
		}
	}
	if (!n->stopped)
		np_timer_set(&n->timer, now);
}

/* ---- from a load to a generation in force ---- */

void names_init(struct names *n, struct process *p)
{
	*n = (struct names){.process = p, .timer.fn = names_tick};
	list_init(&n->all);
}

/* An answer of any kind will do: that a name server fails is an answer to the question whether to wait for it. */
static bool all_answered(const struct names *n)
{
	list_for_each(it, &n->all)
		if (named_of(it)->used && !dns_name_answered(&named_of(it)->dns))
			return false;
	return true;
}

/* Who is told to stop meanwhile hears of it again from whoever serves. */
static void wait_for_answers(struct names *n, int64_t deadline)
{
	n->waited = true;
	while (!all_answered(n)) {
		int event = signals_wait(SIGNALS_BIT(SIGNALS_WORK) | SIGNALS_STOP, deadline);

		if (event == -NP_EDEADLINE)
			break;
		if (event != SIGNALS_WORK) {
			signals_raise(event);
			break;
		}
	}
	n->waited = false;
}

/* Every upstream of s has the servers that its names stand for now, and its failed connects are told. */
static void fill_upstreams(struct names *n, const struct snapshot *s)
{
	bool replaced = false;

	for (unsigned i = 0; i < s->nupstreams; i++) {
		struct upstream *u = s->upstreams[i]->u;
		bool named = has_names(&s->config->upstreams[i]);

		upstream_doubt_tell(u->live, named ? &n->doubt : NULL);
		if (named)
			(void)bring_up_to_date(n, s, i, &replaced);
		else
			mark_present(u);
	}
}

/* Names of the generation in force stay, since the new one may still be refused. */
void names_prepare(struct process *p, const struct snapshot *s)
{
	struct names *n = &p->dns_names;

	if (!n->started)
		upstream_doubt_init(&n->doubt, on_doubt);
	n->started = true;
	mark_names(n, s->config);
	if (list_empty(&n->all))
		return;
	take_settings(n, s->config);
	np_timer_set(&n->timer, np_nanotime());
	if (!all_answered(n))
		wait_for_answers(n, np_deadline_after(s->config->dns.start));
	if (p->snap == NULL)
		fill_upstreams(n, s); /* first checks know whom to try */
}

void names_adopt(struct process *p, const struct snapshot *s)
{
	struct names *n = &p->dns_names;

	n->adopting = true;
	mark_names(n, s->config);
	list_for_each_safe(it, &n->all)
		if (!named_of(it)->used)
			named_free(named_of(it));
	take_settings(n, s->config);
	fill_upstreams(n, s);
}

void names_settle(struct process *p)
{
	p->dns_names.adopting = false;
	overrides_apply(p, p->snap);
	if (!list_empty(&p->dns_names.all))
		np_timer_set(&p->dns_names.timer, np_nanotime());
}

void names_stop(struct process *p)
{
	struct names *n = &p->dns_names;

	n->stopped = true;
	np_timer_stop(&n->timer);
	list_for_each_safe(it, &n->all)
		named_free(named_of(it));
}
