/* bindings_say: why an address cannot be had, with its place in the file and what the operator can do about it. */
#include "proxy/listen/bindings_say.h"

#include "config/config.h"
#include "proxy/base/text.h"
#include "proxy/log/log.h"

/* What the operator can do about it, whatever the address is. */
static const struct {
	int err;
	const char *remedy;
} remedies[] = {
	{NP_EADDRNOTAVAIL, "; `ip address` lists those of this machine"},
	{NP_EMFILE, "; raise ulimit -n or LimitNOFILE"},
	{NP_ENFILE, "; raise fs.file-max"},
	{NP_ENOMEM, "; give it more memory (MemoryMax, ulimit -v)"},
	{NP_ENOBUFS, "; give it more memory (MemoryMax, ulimit -v)"},
};

/* Of the address: a Unix listener makes a lock beside its file, a port may need a capability. */
static void put_remedy(struct text *t, const struct config_bind *b, int err)
{
	bool file = np_addr_is_unix(&b->addr) && !np_addr_is_abstract(&b->addr);

	for (size_t i = 0; i < array_len(remedies); i++)
		if (remedies[i].err == -err) {
			text_str(t, remedies[i].remedy);
			return;
		}
	if (err == -NP_EADDRINUSE) {
		text_str(t, file ? "; another process listens there, or a file that is no socket has its name "
				   "(ss -lxp and ls -l show which)" :
				   "; another process holds it (ss -ltnp shows which)");
	} else if (err == -NP_ENOENT && file) {
		text_str(t, "; make its directory");
	} else if (err == -NP_EPERM && b->owner != NULL) {
		text_str(t, "; only root may give its file away, and anybody else to his own groups alone");
	} else if (file) {
		text_str(t, "; its directory must let us make this file and ");
		text_str(t, b->addr.u.un.sun_path);
		text_str(t, ".lock");
	} else if (err == -NP_EACCES) {
		text_str(t, "; a port below 1024 needs CAP_NET_BIND_SERVICE");
	}
}

void bindings_cannot_listen(const struct config *c, const struct config_bind *b, const char *listener, int err)
{
	char room[256] = "";
	struct text remedy;

	text_init(&remedy, room, sizeof(room) - 1);
	put_remedy(&remedy, b, err);
	log_msg(LVL_ERROR, "listen_failed", "E402: listener \"%s\" cannot bind %s (%s): %s%s",
		listener, b->text, config_line(c, b->origin[0]).text, np_err_text(err), room);
}

/* The remedy is in the unit, so there is none for the address. */
void bindings_not_passed(const struct config *c, const struct config_bind *b, const char *listener, const char *why)
{
	log_msg(LVL_ERROR, "listen_failed", "E402: listener \"%s\" cannot use %s (%s): %s", listener, b->text,
		config_line(c, b->origin[0]).text, why);
}
