/* check_io: the steps of a client's connection, in their order. */
#include "proxy/health/check_io.h"

#include "proxy/proto/pp.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_handshake.h"

#define LAST_WORDS (100 * NP_MS) /* a server that has not ended after it is reset */
#define LAST_ROOM  512

/* Version 1 has UNKNOWN for it, version 2 LOCAL: the server takes the addresses of the connection itself. */
static int write_header(struct check_io *io, uint8_t version)
{
	static const struct pp_made local;
	uint8_t header[PP_V1_MAX];
	ssize_t n = version == 1 ? pp_v1_write(header, sizeof(header), NULL, NULL) :
				   pp_v2_write(header, sizeof(header), &local);

	return n < 0 ? (int)n : np_fd_write(&io->fd, header, (size_t)n, NULL);
}

/* The verdict on the certificate is the context's; its words are OpenSSL's where it has some. */
static int agree_on_tls(struct check_io *io, const struct check_io_opts *o)
{
	const struct tls_towards to = {.server = o->to, .deadline = o->deadline};
	struct tls_why why = {0};
	int err = tls_connect(&io->tls, &io->fd, o->tls, &to, &why);

	if (err == 0) {
		np_fd_set_deadline(&io->fd, o->deadline);
		return 0;
	}
	io->tls_failed = err != -NP_EDEADLINE && err != -NP_ENOMEM;
	io->detail = tls_why_detail(&why);
	if (io->detail[0] == '\0')
		io->detail = tls_why_sentence(why.code);
	return err;
}

int check_io_open(struct check_io *io, const struct check_io_opts *o)
{
	const struct np_dial_opts dial = {
		.deadline = o->deadline,
		.nodelay = !np_addr_is_unix(o->to),
		.spare = o->spare,
	};
	int64_t began = np_nanotime();
	int err = np_dial(&io->fd, o->to, 1, &dial);

	if (err != 0)
		return err;
	io->open = true;
	io->took = np_nanotime() - began;
	np_fd_set_deadline(&io->fd, o->deadline);
	if (o->header != 0)
		err = write_header(io, o->header);
	return err == 0 && o->tls != NULL ? agree_on_tls(io, o) : err;
}

/* What the socket did not take of a record goes before the next one. */
static int flush_io(struct check_io *io)
{
	int err;

	while ((err = tls_flush(io->tls)) == -NP_EAGAIN) {
		err = np_fd_wait(&io->fd, NP_WRITE);
		if (err != 0)
			return err;
	}
	return err;
}

/* TLS takes what it is given whole or not at all, so a record that waits is no byte that is lost. */
int check_io_write(struct check_io *io, const void *p, size_t n)
{
	const char *at = p;

	if (io->tls == NULL)
		return np_fd_write(&io->fd, p, n, NULL);
	while (n > 0) {
		ssize_t took = tls_try_write(io->tls, at, n);
		int err = took < 0 && took != -NP_EAGAIN ? (int)took : flush_io(io);

		if (err != 0)
			return err;
		if (took > 0) {
			at += took;
			n -= (size_t)took;
		}
	}
	return 0;
}

ssize_t check_io_read(struct check_io *io, void *p, size_t n)
{
	ssize_t got;
	int err;

	if (io->tls == NULL)
		return np_fd_read(&io->fd, p, n);
	while ((got = tls_try_read(io->tls, p, n)) == -NP_EAGAIN) {
		err = np_fd_wait(&io->fd, NP_READ);
		if (err != 0)
			return err;
	}
	return got;
}

/* close(2) would answer bytes that wait, or come now, with a reset. */
static void hear_out(struct check_io *io)
{
	char room[LAST_ROOM];
	int64_t deadline = np_deadline_after(LAST_WORDS);
	size_t n = 0;
	ssize_t got;

	np_fd_set_read_deadline(&io->fd, deadline);
	do {
		got = np_fd_read(&io->fd, room, sizeof(room));
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n < 64 * 1024);
}

/* Of a handshake that failed the alert is on its way: a reset may overtake it, which is no loss. */
void check_io_close(struct check_io *io, bool orderly)
{
	if (!io->open)
		goto out;
	io->open = false;
	if (orderly)
		orderly = (io->tls != NULL ? tls_close_write(io->tls) : np_fd_close_write(&io->fd)) == 0;
	if (orderly)
		hear_out(io);
	if (orderly)
		np_fd_close(&io->fd);
	else
		np_fd_close_reset(&io->fd);
out:
	io->tls = tls_free(io->tls, false);
}
