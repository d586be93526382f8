/* The PROXY header towards a server: the client's address and more about it, in one write before
 * any other byte. It is made in the worker's scratch, since the socket of a fresh connection takes
 * it at once. */
#include "proxy/conn/stages.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_extra.h"
#include "proxy/proto/pp.h"

/* The header and all that it borrows while it is made. */
struct header {
	struct pp_made made;
	struct np_addr src, dst;
	struct pp_ssl_made ssl;
	struct tls_facts facts;
	char id[ULID_TEXT];
};

static struct pp_bytes header_text(const char *text)
{
	if (text == NULL || text[0] == '\0')
		return (struct pp_bytes){.p = NULL};
	return (struct pp_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- addresses ---- */

static void set_address(struct np_addr *a, const union np_inet *from)
{
	static const socklen_t lens[] = {
		[AF_UNIX] = sizeof(sa_family_t),
		[AF_INET] = sizeof(from->in4),
		[AF_INET6] = sizeof(from->in6),
	};

	a->len = lens[from->sa.sa_family];
	memcpy(&a->u, from, sizeof(*from));
}

/* The addresses that a trusted header named, unchanged; else the two ends of the client's own
 * socket. */
static int choose_addresses(const struct conn *c, struct header *h)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;

	h->made.src = &h->src;
	h->made.dst = &h->dst;
	if (o != NULL && o->src.len > 0) {
		h->src = o->src;
		h->dst = o->dst;
		return 0;
	}
	set_address(&h->src, &c->peer);
	return np_fd_addr(&c->client.fd, &h->dst);
}

/* ---- TLVs ---- */

static void add_tls(const struct conn *c, struct header *h)
{
	const struct preread *o = c->extra != NULL ? c->extra->preread : NULL;
	const struct tls_facts *f = &h->facts;

	tls_facts(c->client.tls, &h->facts);
	h->made.alpn = header_text(f->alpn);
	h->made.authority = header_text(f->sni);
	h->ssl.client = PP_CLIENT_SSL;
	if (f->subject[0] != '\0' || f->verified)
		h->ssl.client |= PP_CLIENT_CERT_SESS | (f->resumed ? 0 : PP_CLIENT_CERT_CONN);
	/* the PROXY spec, 2.2.5: 0 if a certificate was shown and is good */
	h->ssl.verify = f->verified ? 0 : 1;
	h->ssl.version = header_text(f->version);
	h->ssl.cipher = header_text(f->cipher);
	h->ssl.cn = header_text(f->cn);
	if (o != NULL && (h->made.want & PP_WANT_CLIENT_CERT))
		h->ssl.client_cert = (struct pp_bytes){o->cert, o->ncert};
	h->made.ssl = &h->ssl;
}

static void add_preread(const struct preread *o, struct pp_made *made)
{
	if (o->tls) {
		size_t n = 0;
		const char *sni = hello_sni(&o->hello, &n);

		made->authority = (struct pp_bytes){(const uint8_t *)sni, n};
	}
	if (o->ntlvs > 0)
		made->received = (struct pp_bytes){
			(const uint8_t *)o->rest->bytes + o->tlvs, o->ntlvs};
}

static void add_id(const struct conn *c, struct header *h)
{
	struct ulid id = conn_id(c);

	ulid_format(&id, h->id);
	h->made.unique_id = header_text(h->id);
}

static int gather_header(struct conn *c, const struct target *t, struct header *h)
{
	int err = choose_addresses(c, h);

	if (err != 0 || t->header == 1)
		return err;
	h->made.want = t->want;
	h->made.customs = t->customs;
	h->made.custom_count = t->ncustoms;
	if (c->extra != NULL && c->extra->preread != NULL)
		add_preread(c->extra->preread, &h->made);
	if (c->client.tls != NULL)
		add_tls(c, h);
	if (t->want & PP_WANT_UNIQUE_ID)
		add_id(c, h);
	return 0;
}

/* ---- the write ---- */

/* The socket did not take it at once. Another connection uses the scratch while this one waits:
 * copy first. */
static no_inline int write_rest(struct conn *c, const uint8_t *p, size_t n)
{
	struct np_fd *to = &c->upstream.fd;
	uint8_t *copy = malloc(n);
	ssize_t put = 0;
	size_t done = 0;

	if (copy == NULL)
		return -NP_ENOMEM;
	memcpy(copy, p, n);
	np_fd_set_write_deadline(to, np_deadline_after(conn_target(c)->upstream->connect_timeout));
	while (done < n && (put >= 0 || put == -NP_EAGAIN)) {
		put = np_fd_wait_watching(to, NP_WRITE, &c->client.fd);
		if (put == 0)
			put = np_fd_try_write(to, copy + done, n - done);
		done += put > 0 ? (size_t)put : 0;
	}
	np_fd_set_write_deadline(to, 0);
	free(copy);
	return done == n ? 0 : (int)put;
}

/* Into the scratch. Returns its length, or the error. */
static ssize_t make_header(struct conn *c, const struct target *t)
{
	uint8_t *out = (uint8_t *)c->shard->scratch;
	struct header h;
	int err;

	memset(&h, 0, sizeof(h));
	err = gather_header(c, t, &h);
	if (err != 0)
		return err;
	return t->header == 1 ? pp_v1_write(out, SHARD_SCRATCH, h.made.src, h.made.dst) :
				pp_v2_write(out, SHARD_SCRATCH, &h.made);
}

bool connect_header_fits(struct conn *c, const struct target *t)
{
	DCHECK_CONN(c);
	return make_header(c, t) != -NP_ENOBUFS;
}

int connect_header(struct conn *c, const struct target *t)
{
	uint8_t *out = (uint8_t *)c->shard->scratch;
	ssize_t n, sent;

	DCHECK_CONN(c);
	DCHECK(stream_is_plain(&c->upstream), "the header goes in front of TLS");
	n = make_header(c, t);
	if (n < 0)
		return (int)n;
	sent = np_fd_try_write(&c->upstream.fd, out, (size_t)n);
	if (sent == n)
		return 0;
	if (sent < 0 && sent != -NP_EAGAIN)
		return (int)sent;
	sent = sent > 0 ? sent : 0;
	return write_rest(c, out + sent, (size_t)(n - sent));
}
