/* server_state: may a server take connections, and why not? One 64-bit word of a server has fields for each
 * of the five inputs, and the answer is a pure function of it. Each field has one owner, who changes it by compare
 * and swap, and nobody writes another's: a check that succeeds never makes a drained server ready.
 *
 *   bits    owner     field
 *    0-1    control   admin state: ready, drain, maint
 *    2-10   control   admin weight + 1; 0: as configured
 *   11-32   control   admin max_connections; 0: as configured; SERVER_NO_LIMIT
 *   33-34   workers   passive: in, spare, out, trial (passive.h), under the upstream's lock
 *   35-36   health    check: none, up, unknown, down
 *   37      control   dns: the name no longer has this address
 *   38-39   health    agent state: ready, drain, down
 *   40-47   health    agent weight in percent, + 1; 0: not said
 *   48-63   health    agent max_connections; 0: not said
 *
 * A word of 0 is a server as configured. */
#ifndef PROXY_UPSTREAM_SERVER_STATE_H
#define PROXY_UPSTREAM_SERVER_STATE_H

#include "netpoll/base.h"

#define SERVER_ADMIN    ((UINT64_C(1) << 33) - 1) /* the fields of control that an operator sets */
#define SERVER_NO_LIMIT 0x3fffffu /* max_connections of an operator: off */

enum server_admin_state { SERVER_READY, SERVER_DRAIN, SERVER_MAINT };
enum server_passive { SERVER_IN, SERVER_SPARE, SERVER_OUT, SERVER_TRIAL };
enum server_check { SERVER_CHECK_NONE, SERVER_CHECK_UP, SERVER_CHECK_UNKNOWN, SERVER_CHECK_DOWN };
enum server_agent { SERVER_AGENT_READY, SERVER_AGENT_DRAIN, SERVER_AGENT_DOWN };

/* The fields of a word. */
struct server_inputs {
	enum server_admin_state admin;
	int admin_weight;        /* -1: as configured */
	uint32_t admin_most;     /* max_connections; 0: as configured; or SERVER_NO_LIMIT */
	enum server_passive passive;
	enum server_check check;
	bool leaving;            /* dns */
	enum server_agent agent;
	int agent_weight;        /* percent; -1: not said */
	uint32_t agent_most;     /* 0: not said */
};

enum usable { USABLE_NO, USABLE_SPARE, USABLE_YES };

/* X(name, usable, word, sentence, back): what decides, in the order in which it is asked. The word is for machines and
 * for narrow columns and never changes; the sentence is the one that every verb and page has for it, about "it", the
 * server; `back` says behind "back" what ends that. What is known of one server beside them: server_reason.h. */
#define SERVER_WHY_TBL(X)                                                                                       \
	X(DRAIN, USABLE_NO, "drain", "an operator drains it", "with: staunch server ready")                     \
	X(MAINT, USABLE_NO, "maint", "an operator has it in maintenance", "with: staunch server ready")         \
	X(CHECK_DOWN, USABLE_NO, "check_down", "its check fails", "when its check passes")                      \
	X(PASSIVE_OUT, USABLE_NO, "passive_out", "its connections failed", "if it answers the client that tries it")   \
	X(PASSIVE_TRIAL, USABLE_NO, "passive_trial", "its connections failed, and one client tries it now",     \
	  "if it answers that client")                                                                          \
	X(DNS_LEAVING, USABLE_NO, "dns_leaving", "its name no longer has this address",                         \
	  "when its name has this address again")                                                               \
	X(AGENT_DRAIN, USABLE_NO, "agent_drain", "its agent asks for no new connections",                       \
	  "when its agent says ready, or is no longer heard")                                                   \
	X(AGENT_DOWN, USABLE_NO, "agent_down", "its agent says that it is down",                                \
	  "when its agent says up or ready, or is no longer heard")                                             \
	X(WEIGHT, USABLE_NO, "weight", "its weight is 0: it gets no new clients",                         \
	  "when its weight is more than 0: staunch server weight")                                              \
	X(CHECK_UNKNOWN, USABLE_SPARE, "check_unknown",                                                         \
	  "its check has no result yet: used where no other is left", "when its check passes once")             \
	X(PASSIVE_SPARE, USABLE_SPARE, "passive_spare", "its connects failed: used where no other is left",     \
	  "when a connect to it works")                                                                         \
	X(NOTHING, USABLE_YES, NULL, NULL, NULL)

#define X(name, usable, word, sentence, back) SERVER_WHY_##name,
enum server_why { SERVER_WHY_TBL(X) };
#undef X

/* These two are inverse. */
uint64_t server_word(const struct server_inputs *in);
struct server_inputs server_inputs(uint64_t word);

/* How good a server is for a pick: the worst first. */
enum grade {
	GRADE_NO,    /* an operator, its name or its agent holds it out, or its weight is 0 */
	GRADE_SICK,  /* else: its check does, so it is taken in a panic */
	GRADE_OUT,   /* else: its failures do: better than none, where nobody else is left */
	GRADE_SPARE, /* taken only where its tier has no better one */
	GRADE_YES,
};

/* server_grade: the same answer as server_usable's, and of a NO which input is left when the softer ones are not asked:
 * those that only suppose. */
enum grade server_grade(uint64_t word, uint32_t weight);

/* The word with another passive state; with another verdict of its check. */
uint64_t server_word_passive(uint64_t word, enum server_passive to);
uint64_t server_word_check(uint64_t word, enum server_check to);
/* The word with the agent's three fields of `in`; the rest of `in` is not looked at. */
uint64_t server_word_agent(uint64_t word, const struct server_inputs *in);

/* server_usable: may a server with this word and this configured weight be picked?
 *   Returns  NO: never. SPARE: where its tier has no other. YES. *why (may be NULL): what decides. */
enum usable server_usable(uint64_t word, uint32_t weight, enum server_why *why);
const char *server_why_text(enum server_why why); /* the word; NULL of SERVER_WHY_NOTHING, as of the next */
const char *server_why_sentence(enum server_why why);
const char *server_why_back(enum server_why why);
const char *usable_text(enum usable u); /* "yes", "spare", "no" */
const char *server_admin_text(enum server_admin_state state);
const char *server_check_text(enum server_check verdict); /* "none" where there is none */
const char *server_agent_text(enum server_agent agent);

/* server_is_away: is it held out by what makes its caches cold, or proves nothing else than that it was gone: in
 * maintenance, down, out? A drain or a weight of 0 is not that: it served until then. */
bool server_is_away(uint64_t word);

/* server_weight: the weight that counts: the operator's or the configured one, times the agent's share; at least 1
 * while both are above 0. */
uint32_t server_weight(uint64_t word, uint32_t weight);
/* server_most: the max_connections that counts; 0: no limit. An agent only narrows it. */
uint32_t server_most(uint64_t word, uint32_t most);

#endif
