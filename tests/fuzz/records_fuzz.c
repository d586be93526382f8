/* Targets: tls_direct_read, tls_record_open and what they call. The input says which records a peer with the keys
 * seals, how each is damaged, and how much room the reader has; the bytes of the plain kind go as they are. Whatever
 * comes, nothing beyond the window is read, what is delivered was sealed as data, and one alert at most is fatal. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_record_12.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ROOM 65536

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t wire[ROOM], plain[ROOM];
static size_t nwire, nplain;
static struct tls_worker *worker;

static unsigned next_byte(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static size_t next_bytes(struct input *in, const uint8_t **p, size_t most)
{
	size_t n = next_byte(in) % (most + 1);

	if (n > in->n)
		n = in->n;
	*p = in->p;
	in->p += n;
	in->n -= n;
	return n;
}

static void make_keys(bool tls12, enum tls_suite suite, struct tls_record_key *k, bool server, bool seals)
{
	static const uint8_t secrets[2][TLS_SECRET] = {{1}, {2}};
	struct tls12_secret old = {.master = {3}, .servers = server};
	int err = tls12 ? tls12_record_key_init(k, &worker->crypto, suite, &old, seals)
			: tls_record_key_init(k, &worker->crypto, suite, secrets[server], seals);

	CHECK(err == 0, "out of memory");
	k->seq = 1;
}

/* One record: how, type, length, content. */
static void put_record(struct input *in, struct tls_record_key *k)
{
	static const uint8_t types[] = {23, 23, 22, 21, 20, 0, 24, 99};
	unsigned how = next_byte(in), type = types[how % 8];
	const uint8_t *p;
	size_t len = next_bytes(in, &p, 200);
	ssize_t made;

	if (nwire + len + 64 > ROOM)
		return;
	if (how >> 3 & 1) { /* as it is */
		memcpy(wire + nwire, p, len);
		nwire += len;
		return;
	}
	made = tls_record_seal(k, (enum tls_type)type, p, len, wire + nwire);
	CHECK(made > 0, "no seal");
	if (how >> 4 == 3)
		wire[nwire + next_byte(in) % (size_t)made] ^= (uint8_t)(1 + next_byte(in));
	else if (how >> 4 == 5)
		made -= next_byte(in) % (made + 1);
	nwire += (size_t)made;
	if (!k->tls12 && type == 22 && len == 5 && p[0] == 24 && p[3] == 1)
		CHECK(tls_record_key_update(k, &worker->crypto) == 0, "no key");
}

static void read_all(struct tls *t, size_t each)
{
	char *window = malloc(nwire + 1); /* exact: a read beyond it is seen */

	CHECK(window != NULL, "out of memory");
	memcpy(window, wire, nwire);
	worker->active = t;
	worker->window = window;
	worker->nwindow = nwire;
	worker->nout = 0;
	t->quiet = true;
	for (size_t got = 1, turns = 0; t->err == 0 && !t->eof && (got > 0 || !t->quiet); turns++) {
		t->quiet = true;
		worker->idle = 0;
		worker->delivered = worker->received = false;
		got = tls_direct_read(t, (char *)plain, each);
		nplain += got;
		CHECK(got <= each, "more than there was room for");
		CHECK(turns <= nwire + 2, "a reader that does not get on");
	}
	CHECK(nplain <= nwire, "more came out than went in");
	CHECK(t->err == 0 || t->cause != NULL, "an end has its cause");
	worker->active = NULL;
	free(window);
}

static void run_sequence(void *arg)
{
	struct input *in = arg;
	unsigned how = next_byte(in);
	bool tls12 = how & 1;
	enum tls_suite suite = (enum tls_suite)((how >> 1) % TLS_SUITES);
	struct tls_ctx ctx = {.magic = TLS_CTX_MAGIC, .worker = worker, .server = !(how >> 3 & 1)};
	struct tls t = {.magic = TLS_MAGIC, .ctx = &ctx, .up = true, .direct = calloc(1, sizeof(*t.direct))};
	struct tls_record_key peer;

	CHECK(t.direct != NULL, "out of memory");
	make_keys(tls12, suite, &peer, !ctx.server, true);
	make_keys(tls12, suite, &t.direct->in, !ctx.server, false);
	make_keys(tls12, suite, &t.direct->out, ctx.server, true);
	nwire = nplain = 0;
	while (in->n > 0 && nwire < ROOM / 2)
		put_record(in, &peer);
	read_all(&t, how >> 4 & 1 ? 7 : ROOM / 2);
	tls_record_key_fini(&peer);
	tls_direct_free(t.direct);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = {data, n};
	const struct np_worker_opts o = {.name = "fuzz", .cpu = -1, .main = run_sequence, .arg = &in};

	if (worker == NULL)
		CHECK(tls_worker_new(&worker) == 0, "no worker");
	/* On a worker, since the layer asks for its time. */
	CHECK(np_run(&o) == 0, "no loop");
	return 0;
}
