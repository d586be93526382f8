/* The rules of dns_set.h, one function for each row of its table. */
#include "proxy/resolve/dns_set.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

void dns_set_init(struct dns_set *s, const char *name, bool srv, enum dns_family family)
{
	*s = (struct dns_set){.srv = srv, .family = family};
	DCHECK(strlen(name) < sizeof(s->name), "names are checked before");
	memcpy(s->name, name, strlen(name) + 1);
}

void dns_set_fini(struct dns_set *s)
{
	DCHECK(!s->asking, "nobody answers a set that is no more");
	free(s->members);
	s->members = NULL;
	s->n = 0;
}

/* ---- when ---- */

/* The next question: not before a gap after the last one, whoever is in a hurry. */
static void ask_at(struct dns_set *s, int64_t when)
{
	s->due = when > s->asked + DNS_GAP ? when : s->asked + DNS_GAP;
}

/* Up to a tenth less, so that the names of many proxies, and many names of one, do not come due together. */
static int64_t earlier(int64_t ns, uint32_t random)
{
	return ns - ns / 10 * (random % 1024) / 1024;
}

/* A time to live of 0 would ask all the time, and one of a day would keep what was a mistake for a day. */
static int64_t clamped_ttl(const struct dns_answer *a, const struct dns_rules *rules)
{
	int64_t ttl = a->ttl * DNS_SECOND;

	if (ttl < rules->min_ttl)
		return rules->min_ttl;
	return ttl < rules->max_ttl ? ttl : rules->max_ttl;
}

static int64_t retry_after(unsigned failures)
{
	int64_t after = DNS_SECOND;

	while (failures-- > 1 && after < DNS_RETRY_MOST)
		after *= 2;
	return after < DNS_RETRY_MOST ? after : DNS_RETRY_MOST;
}

void dns_set_ask(struct dns_set *s, int64_t now, struct dns_question *q)
{
	DCHECK(!s->asking, "one question at a time");
	DCHECK(s->asked == 0 || now - s->asked >= DNS_GAP, "no second has two questions");
	memcpy(q->name, s->name, sizeof(q->name));
	q->srv = s->srv;
	q->family = s->family;
	q->tcp = s->tcp && now >= s->tcp_after;
	s->asking = true;
	s->asked = now;
}

void dns_set_hurry(struct dns_set *s, int64_t now)
{
	if (!s->asking && now < s->due)
		ask_at(s, now);
}

/* ---- members ---- */

/* By halves, as records are sorted.   Returns  the index, or where it would stand; *found. */
static unsigned member_place(const struct dns_set *s, const struct dns_record *r, bool *found)
{
	unsigned low = 0, high = s->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int c = dns_record_compare(&s->members[middle].record, r);

		if (c == 0) {
			*found = true;
			return middle;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = false;
	return low;
}

/* The room is made with the first record: growing would have to move what stands in order anyway. */
static bool member_insert(struct dns_set *s, unsigned at, const struct dns_record *r, int64_t now)
{
	if (s->members == NULL)
		s->members = calloc(DNS_MEMBERS, sizeof(*s->members));
	if (s->members == NULL)
		return false;
	memmove(&s->members[at + 1], &s->members[at], (s->n - at) * sizeof(*s->members));
	s->members[at] = (struct dns_member){.record = *r, .seen = now};
	s->n++;
	return true;
}

/* A set that has nothing has nothing of a former process. */
static unsigned clear_members(struct dns_set *s)
{
	unsigned change = s->n > 0 ? DNS_CHANGED : 0;

	s->n = 0;
	s->recalled = false;
	return change;
}

/* A record of an answer: it is in, at once, and what is new about it counts at once. */
static unsigned see_record(struct dns_set *s, const struct dns_record *r, int64_t now)
{
	bool found;
	unsigned at = member_place(s, r, &found), change = 0;

	if (found) {
		struct dns_member *m = &s->members[at];

		change = m->record.weight != r->weight ? DNS_CHANGED : 0;
		m->record.weight = r->weight;
		m->unseen = 0;
		m->seen = now;
		return change;
	}
	if (s->n == DNS_MEMBERS)
		return DNS_CUT;
	return member_insert(s, at, r, now) ? DNS_CHANGED : 0;
}

static unsigned see_records(struct dns_set *s, const struct dns_answer *a, int64_t now)
{
	unsigned change = 0;

	for (unsigned i = 0; i < a->n; i++)
		change |= see_record(s, &a->records[i], now);
	return change;
}

/* Is the answer sure about what this member is? Where a family's servers failed, its addresses may still be there. */
static bool is_sure_of(const struct dns_answer *a, const struct dns_member *m)
{
	return (a->sure & (m->record.family == AF_INET6 ? DNS_SURE_V6 : DNS_SURE_V4)) != 0;
}

/* udp_alone: nobody can be asked for the whole set, so what an answer lacks may be there. */
static bool has_left(const struct dns_member *m, int64_t now, bool udp_alone)
{
	if (udp_alone)
		return m->unseen >= DNS_UNSEEN_MANY && now - m->seen >= DNS_UNSEEN;
	return m->unseen >= 2;
}

/* What the answer had was seen at `now`; the others it lacks.   Returns  bits; *lacking: some of those stay. */
static unsigned miss_members(struct dns_set *s, const struct dns_answer *a, int64_t now, bool *lacking)
{
	bool udp_alone = a->tcp_failed || (s->tcp && !a->tcp);
	unsigned kept = 0, change = 0;

	for (unsigned i = 0; i < s->n; i++) {
		struct dns_member *m = &s->members[i];

		if (m->seen != now && is_sure_of(a, m)) {
			m->unseen++;
			if (s->recalled || has_left(m, now, udp_alone)) {
				change = DNS_CHANGED;
				continue;
			}
			*lacking = true;
		}
		if (kept != i)
			s->members[kept] = *m;
		kept++;
	}
	s->n = kept;
	return change;
}

/* ---- from a former process ---- */

static bool wants(enum dns_family f, const struct dns_record *r)
{
	return (f != DNS_V4 || r->family != AF_INET6) && (f != DNS_V6 || r->family != AF_INET);
}

void dns_set_recall(struct dns_set *s, const struct dns_answer *a, int64_t seen)
{
	DCHECK(s->n == 0, "what is known now is better than what was");
	for (unsigned i = 0; i < a->n; i++)
		if (wants(s->family, &a->records[i]))
			(void)see_record(s, &a->records[i], seen);
	s->recalled = s->n > 0;
}

int64_t dns_set_seen(const struct dns_set *s)
{
	int64_t seen = INT64_MIN;

	for (unsigned i = 0; i < s->n; i++)
		if (s->members[i].seen > seen)
			seen = s->members[i].seen;
	return seen;
}

/* ---- answers ---- */

static bool says_none(const struct dns_answer *a)
{
	return a->n == 1 && a->records[0].family == 0 && strcmp(a->records[0].target, ".") == 0;
}

/* What it has counts before what it lacks, so that a set whose addresses are all replaced is never empty. */
static unsigned take_records(struct dns_set *s, const struct dns_answer *a, const struct dns_rules *rules, int64_t now,
			     uint32_t random)
{
	unsigned change = a->cut ? DNS_CUT : 0;
	int64_t ttl = clamped_ttl(a, rules);
	bool lacking = false;

	s->failures = 0;
	s->gone = 0;
	if (a->tcp_failed)
		s->tcp_after = now + DNS_TCP_AGAIN;
	if (says_none(a)) {
		ask_at(s, now + earlier(ttl, random));
		return clear_members(s);
	}
	change |= see_records(s, a, now);
	change |= miss_members(s, a, now, &lacking);
	if (change & DNS_CUT)
		change |= see_records(s, a, now); /* who left has made room, and a set is never empty */
	s->recalled = false;
	if (lacking) {
		s->tcp = true;
		ttl = ttl < DNS_SOON ? ttl : DNS_SOON;
	}
	ask_at(s, now + earlier(ttl, random));
	return change;
}

/* Nothing is known of the name: whatever it had, it has. Asked again soon, then ever less often. */
static unsigned take_failure(struct dns_set *s, int64_t now)
{
	s->failures++;
	ask_at(s, now + retry_after(s->failures));
	return 0;
}

/* It is asked at the end of `hold` as well, so that what is dropped then has just been said to be no more. */
static unsigned take_absence(struct dns_set *s, const struct dns_rules *rules, int64_t now)
{
	take_failure(s, now);
	if (s->n == 0)
		return 0;
	if (s->gone == 0)
		s->gone = now;
	if (now - s->gone >= rules->hold)
		return clear_members(s) | DNS_DROPPED;
	if (s->due > s->gone + rules->hold)
		ask_at(s, s->gone + rules->hold);
	return 0;
}

/* With one family preferred, an answer of the other one counts only when the preferred one is known not to be there;
 * else a name server that fails for a moment would move all connections. A set that has nothing takes it. */
static bool is_makeshift(const struct dns_set *s, const struct dns_answer *a)
{
	if (s->family != DNS_PREFER_V4 && s->family != DNS_PREFER_V6)
		return false;
	for (unsigned i = 0; i < s->n && !s->srv; i++)
		if (!is_sure_of(a, &s->members[i]))
			return true;
	return false;
}

unsigned dns_set_answer(struct dns_set *s, const struct dns_answer *a, const struct dns_rules *rules, int64_t now,
			uint32_t random)
{
	DCHECK(s->asking, "an answer answers a question");
	s->asking = false;
	s->answered |= a->status != DNS_CANCELED;
	switch (a->status) {
	case DNS_OK:
		return is_makeshift(s, a) ? take_failure(s, now) : take_records(s, a, rules, now, random);
	case DNS_NO_NAME:
	case DNS_NO_DATA:
		return take_absence(s, rules, now);
	default:
		return take_failure(s, now);
	}
}
