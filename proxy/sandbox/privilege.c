/* privilege: prctl, and the two calls of capabilities, of which libcap is a wrapper. */
#include "proxy/sandbox/privilege.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netpoll/err.h"

#define WORDS _LINUX_CAPABILITY_U32S_3

/* Both calls take 64 bits in two words. */
struct capabilities {
	struct __user_cap_header_struct head;
	struct __user_cap_data_struct data[WORDS];
};

static const struct kept {
	unsigned number;
	bool root;
} keeps[] = {
#define X(number, name, root) {number, root},
	CAPABILITY_TBL(X)
#undef X
};

static bool capabilities_get(struct capabilities *c)
{
	*c = (struct capabilities){.head = {.version = _LINUX_CAPABILITY_VERSION_3}};
	return syscall(SYS_capget, &c->head, c->data) == 0;
}

static uint64_t permitted(const struct capabilities *c)
{
	return c->data[0].permitted | (uint64_t)c->data[1].permitted << 32;
}

int privilege_fix(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : err_from_errno();
}

/* What is kept is inheritable as well: the kernel asks that of an ambient one. */
int privilege_drop(void)
{
	struct capabilities c;
	uint64_t stay = 0;

	if (!capabilities_get(&c))
		return err_from_errno();
	for (size_t i = 0; i < array_len(keeps); i++)
		if (!keeps[i].root || geteuid() == 0)
			stay |= 1ULL << keeps[i].number;
	stay &= permitted(&c);
	for (unsigned i = 0; i < WORDS; i++) {
		uint32_t word = (uint32_t)(stay >> (32 * i));

		c.data[i] = (struct __user_cap_data_struct){word, word, word};
	}
	if (syscall(SYS_capset, &c.head, c.data) != 0)
		return err_from_errno();
	for (size_t i = 0; i < array_len(keeps); i++)
		if ((stay & 1ULL << keeps[i].number) != 0)
			(void)!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, keeps[i].number, 0, 0);
	return 0;
}

uint64_t privilege_held(void)
{
	struct capabilities c;

	return capabilities_get(&c) ? permitted(&c) : 0;
}
