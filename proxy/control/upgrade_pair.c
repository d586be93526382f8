/* upgrade_pair: packets to messages and back. */
#include "proxy/control/upgrade_pair.h"

#include <string.h>
#include <sys/mman.h>

#include "netpoll/check.h"

#define AGAIN (NP_MS)

/* The mapping: a packet that is sent, one that is received, since both may be under way; then the messages. The kernel
 * gives it pages as they are used. */
#define PACKET_IN_AT HANDOVER_PACKET_MOST
#define OUT_AT       (PACKET_IN_AT + HANDOVER_PACKET_MOST)
#define IN_AT        (OUT_AT + HANDOVER_MESSAGE_MOST)
#define ROOM         (IN_AT + HANDOVER_MESSAGE_MOST)

int upgrade_pair_open(struct upgrade_pair *p, int sysfd)
{
	void *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	if (room == MAP_FAILED)
		return -NP_ENOMEM;
	/* An old kernel knows neither: then a core dump may have keys, as it has those of every process. */
	(void)!madvise(room, ROOM, MADV_DONTDUMP);
	(void)!madvise(room, ROOM, MADV_DONTFORK);
	err = np_fd_init(&p->fd, sysfd);
	if (err != 0)
		munmap(room, ROOM);
	p->room = err == 0 ? room : NULL;
	return err;
}

void upgrade_pair_close(struct upgrade_pair *p)
{
	if (p->room == NULL)
		return;
	np_fd_close(&p->fd);
	explicit_bzero(p->room, OUT_AT);
	munmap(p->room, ROOM);
	p->room = NULL;
}

void upgrade_body(struct upgrade_pair *p, struct handover_writer *w)
{
	handover_write(w, p->room + OUT_AT, HANDOVER_MESSAGE_MOST);
}

/* The kernel bounds how many descriptors may be under way: then the other process has to take some first. */
static int send_packet(struct upgrade_pair *p, size_t n, const int *sysfds, unsigned nsysfds, int64_t deadline)
{
	int err;

	for (;;) {
		err = np_fd_write_msg(&p->fd, p->room, n, sysfds, nsysfds);
		if ((err != -ETOOMANYREFS && err != -NP_ENOBUFS) || np_nanotime() >= deadline)
			return err == -ETOOMANYREFS ? -NP_EDEADLINE : err;
		np_sleep(AGAIN);
	}
}

int upgrade_send(struct upgrade_pair *p, enum handover_kind kind, struct handover_writer *w, const int *sysfds,
		 unsigned nsysfds)
{
	int64_t deadline = np_deadline_after(UPGRADE_SEND_TIME);
	uint32_t n = w != NULL ? w->n : 0, done = 0, some;
	int err;

	DCHECK(nsysfds <= NP_MSG_SYSFDS, "the caller splits what has more");
	if (w != NULL && w->cut)
		return -NP_ENOBUFS;
	np_fd_set_write_deadline(&p->fd, deadline);
	do {
		some = n - done < HANDOVER_BODY_MOST ? n - done : HANDOVER_BODY_MOST;
		memcpy(p->room + HANDOVER_HEAD, p->room + OUT_AT + done, some);
		handover_packet_head(p->room, kind, done + some < n, some);
		err = send_packet(p, HANDOVER_HEAD + some, sysfds, nsysfds, deadline);
		done += some;
		nsysfds = 0;
	} while (err == 0 && done < n);
	explicit_bzero(p->room, HANDOVER_HEAD + some);
	explicit_bzero(p->room + OUT_AT, n);
	return err;
}

/* One packet behind the `m->n` bytes that are there.   Returns  1: the message goes on; 0; or the error. */
static int receive_packet(struct upgrade_pair *p, struct upgrade_message *m)
{
	struct handover_packet packet;
	uint8_t *room = p->room + PACKET_IN_AT;
	int later[NP_MSG_SYSFDS] = {0};
	unsigned nlater = 0;
	bool first = m->kind == 0;
	ssize_t got;

	do /* it has ended, and what we said last is unread: what it said before is there still */
		got = np_fd_read_msg(&p->fd, room, HANDOVER_PACKET_MOST, first ? m->sysfds : later,
				     first ? &m->nsysfds : &nlater);
	while (got == -NP_ECONNRESET);
	if (got <= 0)
		return got == 0 ? -NP_ESHORT : (int)got;
	if (nlater == NP_MSG_CUT)
		return -NP_EPROTO;
	m->cut |= m->nsysfds == NP_MSG_CUT;
	if (m->cut)
		m->nsysfds = 0;
	for (unsigned i = 0; i < nlater; i++)
		np_sock_close(later[i]);
	if (handover_packet_read(room, (size_t)got, &packet) != 0 || packet.kind == 0 || nlater > 0 ||
	    (!first && packet.kind != m->kind) || packet.n > HANDOVER_MESSAGE_MOST - m->n)
		return -NP_EPROTO;
	if (m->cut && packet.kind != HANDOVER_CONNS)
		return -NP_EMFILE;
	m->major = packet.major;
	m->kind = packet.kind;
	memcpy(p->room + IN_AT + m->n, packet.body, packet.n);
	m->n += packet.n;
	explicit_bzero(room, (size_t)got);
	return packet.more ? 1 : 0;
}

int upgrade_receive(struct upgrade_pair *p, struct upgrade_message *m, int64_t deadline)
{
	int err;

	m->kind = 0;
	m->n = 0;
	m->nsysfds = 0;
	m->cut = false;
	m->body = p->room + IN_AT;
	np_fd_set_read_deadline(&p->fd, deadline);
	do
		err = receive_packet(p, m);
	while (err == 1);
	if (err != 0)
		upgrade_drop(p, m);
	return err;
}

void upgrade_drop(struct upgrade_pair *p, struct upgrade_message *m)
{
	for (unsigned i = 0; i < m->nsysfds; i++)
		if (m->sysfds[i] >= 0)
			np_sock_close(m->sysfds[i]);
	m->nsysfds = 0;
	explicit_bzero(p->room + IN_AT, m->n);
	m->n = 0;
}
