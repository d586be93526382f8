/* names: which there are, questions and answers. */
#include "proxy/control/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/config.h"
#include "proxy/control/control.h"
#include "proxy/control/names_apply.h"
#include "proxy/control/names_keep.h"
#include "proxy/control/names_say.h"
#include "proxy/control/overrides.h"
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

/* Which block `dns` holds for it. */
static const struct names_settings *dns_settings_of(const struct named *one)
{
	return one->on_trial ? &one->names->trial : &one->names->settings;
}

/* On trial, as every new one. Without memory it has no servers, until a reload. */
static void named_add(struct names *n, const struct config_server *s)
{
	struct named *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return;
	one->names = n;
	one->used = one->on_trial = true;
	dns_name_init(&one->dns, s->host, s->srv, n->trial.question.family, s->port);
	list_push_back(&n->all, &one->link);
	names_recall_one(n, &one->dns, forget_question);
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

/* Where a reload says another family: what is known stays until the next answers. */
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
	unsigned change = dns_set_answer(s, a, &dns_settings_of(one)->rules, np_nanotime(), random_bits());

	s->asker = NULL;
	names_say_answer(one, s, a, change);
	if (s->srv && dns_name_follow(&one->dns, forget_question) != 0)
		dns_set_hurry(s, np_nanotime());
	/* A set that is the same may still have other members that leave, or fewer targets. */
	one->changed |= (change & DNS_CHANGED) != 0;
	if (a->status == DNS_OK)
		state_names(n->process, (change & DNS_CHANGED) != 0);
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
	struct dns_question q = dns_settings_of(one)->question;

	dns_set_ask(s, now, &q);
	s->asker = resolver_ask(&one->names->process->resolver, &q, on_answer, one);
	if (s->asker == NULL)
		ask_has_failed(one, s);
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

/* All that is due now; as many as have descriptors run at once, the others stand in the resolver's queue. */
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
	if (anything_changed(n) && !names_apply_changed(n) && when > now + AGAIN)
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

/* An answer of any kind will do: that a name server fails is an answer to the question whether to wait for it. Names in
 * force are not waited for: their upstreams serve with what is known. */
static bool all_answered(const struct names *n)
{
	list_for_each(it, &n->all)
		if (named_of(it)->on_trial && !dns_name_answered(&named_of(it)->dns))
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

void names_prepare(struct process *p, const struct snapshot *s)
{
	struct names *n = &p->dns_names;

	if (!n->started)
		upstream_doubt_init(&n->doubt, on_doubt);
	n->started = true;
	names_settings_of(s->config, &n->trial);
	mark_names(n, s->config);
	if (list_empty(&n->all))
		return;
	np_timer_set(&n->timer, np_nanotime());
	if (!all_answered(n))
		wait_for_answers(n, np_deadline_after(s->config->dns.start));
	if (p->snap != NULL)
		return;
	list_for_each(it, &n->all)
		names_say_recalled(named_of(it));
	names_apply_all(n, s); /* first checks know whom to try */
}

void names_adopt(struct process *p, const struct snapshot *s)
{
	struct names *n = &p->dns_names;

	n->adopting = true;
	names_settings_of(s->config, &n->settings);
	mark_names(n, s->config);
	list_for_each_safe(it, &n->all) {
		struct named *one = named_of(it);

		if (!one->used) {
			named_free(one);
			continue;
		}
		one->on_trial = false;
		set_family(&one->dns, n->settings.question.family);
	}
	names_apply_all(n, s);
}

void names_refuse(struct process *p)
{
	list_for_each_safe(it, &p->dns_names.all)
		if (named_of(it)->on_trial)
			named_free(named_of(it));
}

void names_settle(struct process *p)
{
	p->dns_names.adopting = false;
	names_lines_fini(&p->dns_names.kept);
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
	names_lines_fini(&n->kept);
}

/* ---- for others ---- */

no_inline struct resolver_lookup *names_look_up(struct names *n, const char *host,
						void (*done)(struct resolver_lookup *l, void *arg), void *arg)
{
	struct dns_question q = n->settings.question;

	if (snprintf(q.name, sizeof(q.name), "%s", host) >= (int)sizeof(q.name))
		return NULL;
	return resolver_ask(&n->process->resolver, &q, done, arg);
}
