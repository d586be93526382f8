/* Secrets do not outlive their connection (V36): a search of all writable memory of the process for the traffic secrets
 * of connections that have ended. The same search finds those of one that lives, so it can find. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

enum { CONNECTIONS = 10, SECRETS = 2 * (CONNECTIONS + 1), BYTES = 48 };

static struct {
	unsigned char bytes[BYTES];
	size_t n;
} secrets[SECRETS];
static int nsecrets;

/* SSL_CTX_set_keylog_callback's: "LABEL <client random> <secret>". */
static void note_secret(const SSL *ssl, const char *line)
{
	const char *text = strrchr(line, ' ');

	(void)ssl;
	if (strstr(line, "_TRAFFIC_SECRET_0 ") == NULL || nsecrets == SECRETS || text == NULL)
		return;
	for (text++; text[0] != '\0' && secrets[nsecrets].n < BYTES; text += 2) {
		unsigned byte;

		if (sscanf(text, "%2x", &byte) == 1)
			secrets[nsecrets].bytes[secrets[nsecrets].n++] = (unsigned char)byte;
	}
	nsecrets++;
}

/* How many of the secrets from `first` on stand in the bytes. */
static int count_in(const unsigned char *p, size_t n, int first, bool found[SECRETS])
{
	int count = 0;

	for (int i = first; i < nsecrets; i++)
		if (!found[i] && memmem(p, n, secrets[i].bytes, secrets[i].n) != NULL) {
			found[i] = true;
			count++;
		}
	return count;
}

static int search_region(FILE *memory, unsigned long from, unsigned long to, int first, bool found[SECRETS])
{
	static unsigned char buf[1 << 20];
	int count = 0;

	/* Pieces overlap, so that none is missed at an edge. */
	for (unsigned long at = from; at + BYTES < to; at += sizeof(buf) - BYTES) {
		size_t want = to - at < sizeof(buf) ? to - at : sizeof(buf);
		ssize_t n = pread(fileno(memory), buf, want, (off_t)at);

		if (n > 0)
			count += count_in(buf, (size_t)n, first, found);
	}
	return count;
}

/* All writable memory of the process. */
static int search_process(int pid, int first)
{
	FILE *maps = fopen(textf("/proc/%d/maps", pid), "r"), *memory = fopen(textf("/proc/%d/mem", pid), "r");
	bool found[SECRETS] = {false};
	char line[512], rights[8];
	unsigned long from, to;
	int count = 0;

	if (maps == NULL || memory == NULL)
		kit_fail("the memory of process %d cannot be read", pid);
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[1] == 'w')
			count += search_region(memory, from, to, first, found);
	fclose(maps);
	fclose(memory);
	return count;
}

static void talk(const struct edge *e, struct tls_peer *p)
{
	tls_peer_make(p, edge_connect(e), TLS_client_method(), &(struct tls_peer_opts){.sni = "a.test"});
	SSL_CTX_set_keylog_callback(p->ctx, note_secret);
	SSL_set_tlsext_host_name(p->ssl, "a.test");
	assert_int_equal(SSL_connect(p->ssl), 1);
	p->up = true;
	exchange_tls(p);
}

static void no_secret_outlives_its_connection(void **state)
{
	struct edge e = tls_edge("");
	struct tls_peer p;
	int pid = (int)e.s->child->pid, first;

	(void)state;
	/* A sanitizer's shadow is terabytes of writable memory: the search would not end. */
	if (strstr(kit_binary(), "san/") != NULL)
		skip();
	nsecrets = 0;
	memset(secrets, 0, sizeof(secrets));
	for (int i = 0; i < CONNECTIONS; i++) {
		talk(&e, &p);
		end_orderly_tls(&p);
	}
	edge_ended(&e, "client_fin", CONNECTIONS);
	assert_int_equal(nsecrets, 2 * CONNECTIONS);
	first = search_process(pid, 0);
	if (first > 0)
		kit_fail("%d of %d traffic secrets of closed connections stand in memory", first, nsecrets);
	talk(&e, &p);
	assert_true(search_process(pid, 2 * CONNECTIONS) > 0); /* the search can find */
	end_orderly_tls(&p);
	edge_ended(&e, "client_fin", CONNECTIONS + 1);
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(no_secret_outlives_its_connection),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
