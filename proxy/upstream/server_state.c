/* server_state: the word's fields, and what they say. */
#include "proxy/upstream/server_state.h"

#include "netpoll/check.h"

struct field {
	unsigned at, bits;
};

static const struct field admin_state = {0, 2}, admin_weight = {2, 9}, admin_most = {11, 22},
			  passive = {33, 2}, check = {35, 2}, leaving = {37, 1}, agent_state = {38, 2},
			  agent_weight = {40, 8}, agent_most = {48, 16};

static uint64_t field_of(uint64_t word, struct field f)
{
	return word >> f.at & ((UINT64_C(1) << f.bits) - 1);
}

static uint64_t placed(uint64_t value, struct field f)
{
	CHECK(value >> f.bits == 0, "a field of a server's word holds what is put there");
	return value << f.at;
}

uint64_t server_word(const struct server_inputs *in)
{
	return placed(in->admin, admin_state) | placed((uint64_t)(in->admin_weight + 1), admin_weight) |
	       placed(in->admin_most, admin_most) | placed(in->passive, passive) | placed(in->check, check) |
	       placed(in->leaving, leaving) | placed(in->agent, agent_state) |
	       placed((uint64_t)(in->agent_weight + 1), agent_weight) | placed(in->agent_most, agent_most);
}

struct server_inputs server_inputs(uint64_t word)
{
	return (struct server_inputs){
		.admin = (enum server_admin_state)field_of(word, admin_state),
		.admin_weight = (int)field_of(word, admin_weight) - 1,
		.admin_most = (uint32_t)field_of(word, admin_most),
		.passive = (enum server_passive)field_of(word, passive),
		.check = (enum server_check)field_of(word, check),
		.leaving = field_of(word, leaving) != 0,
		.agent = (enum server_agent)field_of(word, agent_state),
		.agent_weight = (int)field_of(word, agent_weight) - 1,
		.agent_most = (uint32_t)field_of(word, agent_most),
	};
}

uint64_t server_word_passive(uint64_t word, enum server_passive to)
{
	return (word & ~placed(3, passive)) | placed(to, passive);
}

uint64_t server_word_check(uint64_t word, enum server_check to)
{
	return (word & ~placed(3, check)) | placed(to, check);
}

uint64_t server_word_agent(uint64_t word, const struct server_inputs *in)
{
	word &= ~(placed(3, agent_state) | placed(0xff, agent_weight) | placed(0xffff, agent_most));
	return word | placed(in->agent, agent_state) | placed((uint64_t)(in->agent_weight + 1), agent_weight) |
	       placed(in->agent_most, agent_most);
}

static enum server_why decides(uint64_t word, uint32_t weight)
{
	const struct server_inputs in = server_inputs(word);

	if (in.admin != SERVER_READY)
		return in.admin == SERVER_DRAIN ? SERVER_WHY_DRAIN : SERVER_WHY_MAINT;
	if (in.check == SERVER_CHECK_DOWN)
		return SERVER_WHY_CHECK_DOWN;
	if (in.passive == SERVER_OUT || in.passive == SERVER_TRIAL)
		return in.passive == SERVER_OUT ? SERVER_WHY_PASSIVE_OUT : SERVER_WHY_PASSIVE_TRIAL;
	if (in.leaving)
		return SERVER_WHY_DNS_LEAVING;
	if (in.agent != SERVER_AGENT_READY)
		return in.agent == SERVER_AGENT_DRAIN ? SERVER_WHY_AGENT_DRAIN : SERVER_WHY_AGENT_DOWN;
	if (server_weight(word, weight) == 0)
		return SERVER_WHY_WEIGHT;
	if (in.check == SERVER_CHECK_UNKNOWN)
		return SERVER_WHY_CHECK_UNKNOWN;
	return in.passive == SERVER_SPARE ? SERVER_WHY_PASSIVE_SPARE : SERVER_WHY_NOTHING;
}

enum usable server_usable(uint64_t word, uint32_t weight, enum server_why *why)
{
	static const enum usable results[] = {
#define X(name, usable, word, sentence, back) [SERVER_WHY_##name] = usable,
		SERVER_WHY_TBL(X)
#undef X
	};
	enum server_why w = decides(word, weight);

	if (why != NULL)
		*why = w;
	return results[w];
}

enum grade server_grade(uint64_t word, uint32_t weight)
{
	uint64_t not_failed = server_word_passive(word, SERVER_IN);
	uint64_t not_checked = server_word_check(not_failed, SERVER_CHECK_NONE);
	enum usable usable = server_usable(word, weight, NULL);

	if (usable != USABLE_NO)
		return usable == USABLE_YES ? GRADE_YES : GRADE_SPARE;
	if (server_usable(not_failed, weight, NULL) != USABLE_NO)
		return GRADE_OUT;
	return server_usable(not_checked, weight, NULL) != USABLE_NO ? GRADE_SICK : GRADE_NO;
}

bool server_is_away(uint64_t word)
{
	const struct server_inputs in = server_inputs(word);

	return in.admin == SERVER_MAINT || in.check == SERVER_CHECK_DOWN || in.passive == SERVER_OUT ||
	       in.passive == SERVER_TRIAL || in.agent == SERVER_AGENT_DOWN;
}

const char *server_why_text(enum server_why why)
{
	static const char *const words[] = {
#define X(name, usable, word, sentence, back) [SERVER_WHY_##name] = word,
		SERVER_WHY_TBL(X)
#undef X
	};

	return words[why];
}

const char *server_why_sentence(enum server_why why)
{
	static const char *const sentences[] = {
#define X(name, usable, word, sentence, back) [SERVER_WHY_##name] = sentence,
		SERVER_WHY_TBL(X)
#undef X
	};

	return sentences[why];
}

const char *server_why_back(enum server_why why)
{
	static const char *const sentences[] = {
#define X(name, usable, word, sentence, back) [SERVER_WHY_##name] = back,
		SERVER_WHY_TBL(X)
#undef X
	};

	return sentences[why];
}

const char *usable_text(enum usable u)
{
	static const char *const words[] = {
		[USABLE_NO] = "no",
		[USABLE_SPARE] = "spare",
		[USABLE_YES] = "yes",
	};

	return words[u];
}

const char *server_admin_text(enum server_admin_state state)
{
	static const char *const words[] = {
		[SERVER_READY] = "ready",
		[SERVER_DRAIN] = "drain",
		[SERVER_MAINT] = "maint",
	};

	return words[state];
}

const char *server_check_text(enum server_check verdict)
{
	static const char *const words[] = {
		[SERVER_CHECK_NONE] = "none",
		[SERVER_CHECK_UP] = "up",
		[SERVER_CHECK_UNKNOWN] = "unknown",
		[SERVER_CHECK_DOWN] = "down",
	};

	return words[verdict];
}

const char *server_agent_text(enum server_agent agent)
{
	static const char *const words[] = {
		[SERVER_AGENT_READY] = "ready",
		[SERVER_AGENT_DRAIN] = "drain",
		[SERVER_AGENT_DOWN] = "down",
	};

	return words[agent];
}

uint32_t server_weight(uint64_t word, uint32_t weight)
{
	uint64_t said = field_of(word, admin_weight), percent = field_of(word, agent_weight);

	if (said != 0)
		weight = (uint32_t)said - 1;
	if (percent == 0 || weight == 0)
		return weight;
	if (percent == 1)
		return 0;
	weight = weight * ((uint32_t)percent - 1) / 100;
	return weight > 0 ? weight : 1;
}

uint32_t server_most(uint64_t word, uint32_t most)
{
	uint32_t said = (uint32_t)field_of(word, admin_most), agents = (uint32_t)field_of(word, agent_most);

	if (said != 0)
		most = said == SERVER_NO_LIMIT ? 0 : said;
	return agents != 0 && (most == 0 || agents < most) ? agents : most;
}
