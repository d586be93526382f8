/* upgrade_servers: what checks and connections have found out of servers, so that who is held out in the process before
 * is held out here from the first connection on, for as long as it would have been there. By name: servers and their
 * upstreams are other objects here. */
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/health/health.h"

#define NAME_MOST (OVERRIDE_UPSTREAM + NP_ADDR_TEXT)

/* ---- old ---- */

/* A server of which nothing is known but what the configuration says has no item. */
static bool is_worth_it(uint64_t word, const struct passive *p, int64_t back)
{
	enum server_check check = server_inputs(word).check;

	return check == SERVER_CHECK_UP || check == SERVER_CHECK_DOWN || p->state != SERVER_IN || p->k > 0 || back > 0;
}

/* Times are of CLOCK_MONOTONIC, which both processes have. */
static void put_told_passive(struct handover_writer *w, const struct passive *p)
{
	handover_put_text(w, HANDOVER_TAG_SERVER_PASSIVE, passive_word((enum server_passive)p->state));
	handover_put_text(w, HANDOVER_TAG_SERVER_FAULT, fault_word((enum fault)p->fault));
	handover_put_number(w, HANDOVER_TAG_SERVER_ROW, p->row);
	handover_put_number(w, HANDOVER_TAG_SERVER_EJECTIONS, p->k);
	handover_put_number(w, HANDOVER_TAG_SERVER_UNTIL, (uint64_t)p->until);
	handover_put_number(w, HANDOVER_TAG_SERVER_OVER, (uint64_t)p->over);
	handover_put_number(w, HANDOVER_TAG_SERVER_SINCE, (uint64_t)p->since);
	handover_put_number(w, HANDOVER_TAG_SERVER_FLAGS,
			    (p->connects_only ? HANDOVER_SERVER_CONNECTS_ONLY : 0u) |
				    (p->clock_alone ? HANDOVER_SERVER_CLOCK_ALONE : 0u));
}

/* One item. Its verdict and its passive state may change meanwhile, each for itself: each is as true as it was then,
 * and the process that reads them finds out by itself what has become of the server. */
static void write_server(struct state_out *o, const struct server *s)
{
	int64_t back = __atomic_load_n(&s->back, __ATOMIC_RELAXED);
	struct passive passive = passive_now(s);
	uint64_t word = server_now(s);
	struct handover_writer *w;

	if (!is_worth_it(word, &passive, back))
		return;
	w = state_item(o, HANDOVER_TAG_STATE_SERVERS);
	handover_put_text(w, HANDOVER_TAG_SERVER_NAME, s->name);
	handover_put_text(w, HANDOVER_TAG_SERVER_CHECK, server_check_text(server_inputs(word).check));
	handover_put_number(w, HANDOVER_TAG_SERVER_CHECK_SINCE,
			    (uint64_t)__atomic_load_n(&s->checked.since, __ATOMIC_RELAXED));
	if (back > 0)
		handover_put_number(w, HANDOVER_TAG_SERVER_BACK, (uint64_t)back);
	put_told_passive(w, &passive);
	state_item_end(o);
}

/* An item each, of the generation in force: what a former one had and this one has not is of no use there. */
void part_write_servers(struct state_out *o)
{
	const struct snapshot *s = o->p->snap;

	for (unsigned i = 0; i < s->ntargets; i++) {
		const struct members *all = s->targets[i].upstream->members;

		for (unsigned j = 0; j < all->n; j++)
			write_server(o, all->at[j].server);
	}
}

/* ---- new ---- */

/* What an item says. */
struct server_told {
	char name[NAME_MOST];
	enum server_check check;
	int64_t check_since, back;
	struct passive passive;
};

/* Words are compared as they are in a message: without a NUL. */
static bool field_is_word(const struct handover_field *f, const char *word)
{
	return word != NULL && strlen(word) == f->n && memcmp(word, f->p, f->n) == 0;
}

/* Numbers of enums change from release to release; a word that is not known refuses the item. */
static void read_told_words(struct handover_reader *r, const struct handover_field *f, struct server_told *t)
{
	bool known = f->tag == HANDOVER_TAG_SERVER_NAME;

	for (int i = SERVER_CHECK_NONE; f->tag == HANDOVER_TAG_SERVER_CHECK && i <= SERVER_CHECK_DOWN; i++)
		if (field_is_word(f, server_check_text((enum server_check)i))) {
			t->check = (enum server_check)i;
			known = true;
		}
	for (int i = SERVER_IN; f->tag == HANDOVER_TAG_SERVER_PASSIVE && i <= SERVER_TRIAL; i++)
		if (field_is_word(f, passive_word((enum server_passive)i))) {
			t->passive.state = (uint8_t)i;
			known = true;
		}
	for (int i = 0; f->tag == HANDOVER_TAG_SERVER_FAULT && i < FAULTS; i++)
		if (field_is_word(f, fault_word((enum fault)i))) {
			t->passive.fault = (uint8_t)i;
			known = true;
		}
	r->bad |= !known;
}

/* A time of this clock: not negative. */
static int64_t told_time(struct handover_reader *r, const struct handover_field *f)
{
	uint64_t n = handover_number(r, f);

	r->bad |= n > INT64_MAX;
	return (int64_t)(n & INT64_MAX);
}

/* Numbers and times of one server, and which flags of its ejection are set. */
static void read_told_numbers(struct handover_reader *r, const struct handover_field *f, struct server_told *t)
{
	struct passive *p = &t->passive;
	uint64_t n;

	switch (f->tag) {
	case HANDOVER_TAG_SERVER_CHECK_SINCE:
		t->check_since = told_time(r, f);
		break;
	case HANDOVER_TAG_SERVER_BACK:
		t->back = told_time(r, f);
		break;
	case HANDOVER_TAG_SERVER_ROW:
		p->row = (uint16_t)handover_number(r, f);
		break;
	case HANDOVER_TAG_SERVER_EJECTIONS:
		p->k = (uint8_t)handover_number(r, f);
		break;
	case HANDOVER_TAG_SERVER_UNTIL:
		p->until = told_time(r, f);
		break;
	case HANDOVER_TAG_SERVER_OVER:
		p->over = told_time(r, f);
		break;
	case HANDOVER_TAG_SERVER_SINCE:
		p->since = told_time(r, f);
		break;
	case HANDOVER_TAG_SERVER_FLAGS:
		n = handover_number(r, f);
		p->connects_only = (n & HANDOVER_SERVER_CONNECTS_ONLY) != 0;
		p->clock_alone = (n & HANDOVER_SERVER_CLOCK_ALONE) != 0;
		break;
	default:
		r->bad |= f->must;
	}
}

/* Whoever is not in has a row: without one no success would be told. */
static bool is_sound(const struct server_told *t, int64_t now)
{
	const struct passive *p = &t->passive;

	return t->name[0] != '\0' && t->check_since <= now && t->back <= now && p->since <= now &&
	       (p->state == SERVER_IN || p->row > 0) && p->k <= 32;
}

/* Foreign bytes into a plain struct, judged. */
static bool read_told(const struct handover_field *item, struct server_told *t)
{
	struct handover_reader r;
	struct handover_field f;

	*t = (struct server_told){.check = SERVER_CHECK_NONE};
	handover_read_group(&r, item);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_SERVER_NAME)
			(void)handover_text(&r, &f, t->name, sizeof(t->name));
		else if (f.tag == HANDOVER_TAG_SERVER_CHECK || f.tag == HANDOVER_TAG_SERVER_PASSIVE ||
			 f.tag == HANDOVER_TAG_SERVER_FAULT)
			read_told_words(&r, &f, t);
		else
			read_told_numbers(&r, &f, t);
	}
	return !r.bad && is_sound(t, np_nanotime());
}

struct server *upgrade_server(const struct snapshot *snap, const char *name, const struct upstream **u)
{
	for (unsigned i = 0; i < snap->ntargets; i++) {
		const struct upstream *one = snap->targets[i].upstream;
		size_t n = strlen(one->name);

		if (strncmp(one->name, name, n) != 0 || name[n] != '/')
			continue;
		*u = one;
		for (unsigned j = 0; j < one->members->n; j++)
			if (strcmp(one->members->at[j].server->name, name) == 0)
				return one->members->at[j].server;
	}
	return NULL;
}

/* A server that is in no upstream here, or is not checked or judged here, is none of our business: that is no error,
 * for the file may be another one. A check that has been made here already counts as one result against the verdict of
 * the process before, which has seen more of them.
 *
 * Slow start last: what the words become here is no return of the server. */
bool part_read_servers(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	const struct upstream *u = NULL;
	struct server_told told;
	struct server *s;

	if (!read_told(item, &told))
		return false;
	s = upgrade_server(snap, told.name, &u);
	if (s == NULL)
		return true;
	if (told.check == SERVER_CHECK_UP || told.check == SERVER_CHECK_DOWN)
		health_recall(p->health, s->name, told.check, told.check_since);
	if (u->passive.on)
		passive_recall(s, &told.passive, np_nanotime());
	if (!server_is_away(server_now(s)))
		__atomic_store_n(&s->back, told.back, __ATOMIC_RELAXED);
	return true;
}
