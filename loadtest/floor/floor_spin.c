/* floor_spin LISTEN_PORT SERVER_PORT: relays without waiting: it tries every socket in turn, for
 * ever. That gives few connections the shortest latency and takes a whole core, so its CPU time
 * says nothing. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

struct pair {
	struct half up, down;
};

static char scratch[FLOOR_CHUNK];

/* The half remembers the end of its stream, so a later read loses nothing.
 *   Returns  false when the pair has ended and is closed. */
static bool pair_run(struct pair *p)
{
	bool well = half_pump(&p->up, scratch, false) != HALF_FAILED &&
		    half_pump(&p->down, scratch, false) != HALF_FAILED;

	if (well && !(p->up.ended && p->down.ended))
		return true;
	close(p->up.from);
	close(p->up.to);
	free(p->up.rest);
	free(p->down.rest);
	return false;
}

static struct pair *pair_start(struct pair *pairs, size_t n, const struct floor_ports *ports,
			       int client)
{
	int server = floor_dial(ports, SOCK_NONBLOCK);

	pairs = reallocarray(pairs, n + 1, sizeof(*pairs));
	if (pairs == NULL)
		floor_die("reallocarray");
	pairs[n] = (struct pair){
		.up = {.from = client, .to = server},
		.down = {.from = server, .to = client},
	};
	return pairs;
}

int main(int argc, char **argv)
{
	struct floor_ports ports;
	int listener = floor_open(&ports, argv, SOCK_NONBLOCK);
	struct pair *pairs = NULL;
	size_t n = 0;

	(void)argc;
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

		if (client >= 0)
			pairs = pair_start(pairs, n++, &ports, client);
		for (size_t i = 0; i < n;) {
			if (pair_run(&pairs[i]))
				i++;
			else
				pairs[i] = pairs[--n];
		}
	}
}
