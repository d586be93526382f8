/* One thread, one poll, a bounded number of look-ups. */
#include "proxy/resolve/resolver.h"

#define CARES_NO_DEPRECATED /* what Debian 12 has; deprecated in Debian 13, where it works as it did */
#include <ares.h>
#include <stdlib.h>

#include "netpoll/check.h"
#include "proxy/base/thread.h"

#define STOP_PATIENCE NP_S
#define NAP           (5 * NP_MS) /* between two looks whether the thread has come back */

static struct resolver_lookup *lookup_of(struct list *link)
{
	return list_entry(link, struct resolver_lookup, link);
}

/* ---- the worker's side ---- */

static void lookup_free(struct resolver_lookup *l)
{
	dns_answer_fini(&l->answer);
	free(l);
}

/* On the worker's loop. The asker may drop other look-ups in done, and ask new ones. */
static void on_posted(struct np_msg *m)
{
	struct resolver_lookup *l = container_of(m, struct resolver_lookup, msg);
	struct resolver *r = l->resolver;

	if (l->done != NULL)
		l->done(l, l->arg);
	lookup_free(l);
	DCHECK(r->pending > 0, "a question comes back once");
	r->pending--;
}

/* The socket pair holds a byte if the thread has something to look at. A full one does, too. */
static void wake_thread(struct resolver *r)
{
	(void)!send(r->wake[1], "", 1, MSG_NOSIGNAL);
}

void resolver_drop(struct resolver_lookup *l)
{
	if (l == NULL || l->done == NULL)
		return;
	l->done = NULL;
	__atomic_store_n(&l->dropped, 1, __ATOMIC_RELEASE);
	wake_thread(l->resolver);
}

/* ---- the thread ---- */

/* Under the lock, so that a closed resolver has posted its last message. */
static void lookup_deliver(struct resolver *r, struct resolver_lookup *l)
{
	pthread_mutex_lock(&r->lock);
	if (!r->closed)
		np_post(r->worker, &l->msg);
	pthread_mutex_unlock(&r->lock);
}

static bool lookup_is_over(const struct resolver_lookup *l, int64_t now, bool stopping)
{
	return stopping || l->lookup.done || now >= l->deadline || __atomic_load_n(&l->dropped, __ATOMIC_ACQUIRE) != 0;
}

/* The answer goes to its asker, whether it is one or not. What was begun and not ended is ended here. */
static void lookup_end(struct resolver *r, struct resolver_lookup *l, bool stopping)
{
	l->answer = l->lookup.answer;
	if (!l->lookup.done) {
		l->answer.status = stopping ? DNS_CANCELED : DNS_FAILED;
		l->answer.why = stopping ? "the process stops" : "it took too long";
	}
	dns_lookup_fini(&l->lookup);
	list_remove(&l->link);
	r->nrunning--;
	lookup_deliver(r, l);
}

/* Begins what waits, as far as there is room. When the process stops, all of it is taken, without being begun, so that
 * each asker gets its answer.
 *   Returns  whether it does. */
static bool begin_queued(struct resolver *r)
{
	bool stopping;

	pthread_mutex_lock(&r->lock);
	stopping = r->stopping;
	while (!list_empty(&r->queue) && (r->nrunning < r->at_once || stopping)) {
		struct resolver_lookup *l = lookup_of(r->queue.next);

		list_remove(&l->link);
		pthread_mutex_unlock(&r->lock);
		list_push_back(&r->running, &l->link);
		r->nrunning++;
		l->deadline = np_deadline_after(RESOLVER_LONGEST);
		if (!stopping && __atomic_load_n(&l->dropped, __ATOMIC_ACQUIRE) == 0)
			dns_lookup_start(&l->lookup, &l->question);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return stopping;
}

/* Deadlines are looked at here, too: they are far beyond those of c-ares, which hang on its own rules. */
static void end_finished(struct resolver *r, bool stopping)
{
	int64_t now = np_nanotime();

	list_for_each_safe(it, &r->running) {
		struct resolver_lookup *l = lookup_of(it);

		if (lookup_is_over(l, now, stopping))
			lookup_end(r, l, stopping);
	}
}

/* The first of fds is the wake-up's; then those of each look-up, in order. A look-up that ends here stays in the list
 * until end_finished, so both passes see the same ones. */
static void wait_and_go(struct resolver *r)
{
	unsigned counts[RESOLVER_AT_ONCE], n = 1, i = 0;
	int ms = r->nrunning > 0 ? (int)(NP_S / NP_MS) : -1; /* deadlines are looked at each second */
	char bytes[64];

	r->fds[0] = (struct pollfd){.fd = r->wake[0], .events = POLLIN};
	list_for_each(it, &r->running) {
		counts[i] = dns_lookup_polls(&lookup_of(it)->lookup, r->fds + n, &ms);
		n += counts[i++];
	}
	if (poll(r->fds, n, ms) < 0)
		return;
	if (r->fds[0].revents != 0)
		(void)!recv(r->wake[0], bytes, sizeof(bytes), MSG_DONTWAIT);
	n = 1;
	i = 0;
	list_for_each(it, &r->running) {
		dns_lookup_go(&lookup_of(it)->lookup, r->fds + n, counts[i]);
		n += counts[i++];
	}
}

/* What has ended has made room, and what waits for it would not wake the poll. */
static bool has_room_for_queued(struct resolver *r)
{
	bool waits;

	pthread_mutex_lock(&r->lock);
	waits = !list_empty(&r->queue);
	pthread_mutex_unlock(&r->lock);
	return waits && r->nrunning < r->at_once;
}

/* Each turn: begin what there is room for, deliver what has ended, wait for the rest. */
static void *resolver_main(void *arg)
{
	struct resolver *r = arg;

	ares_library_init(ARES_LIB_INIT_ALL);
	for (;;) {
		bool stopping = begin_queued(r);

		end_finished(r, stopping);
		if (stopping)
			break;
		if (!has_room_for_queued(r))
			wait_and_go(r);
	}
	ares_library_cleanup();
	return NULL;
}

/* ---- start and stop ---- */

void resolver_init(struct resolver *r, unsigned at_once)
{
	DCHECK(at_once > 0 && at_once <= RESOLVER_AT_ONCE, "there is room for so many");
	*r = (struct resolver){.wake = {-1, -1}, .at_once = at_once};
	pthread_mutex_init(&r->lock, NULL);
	list_init(&r->queue);
	list_init(&r->running);
}

static void close_wake(struct resolver *r)
{
	np_sock_close(r->wake[0]);
	np_sock_close(r->wake[1]);
	r->wake[0] = r->wake[1] = -1;
	free(r->fds);
	r->fds = NULL;
}

/* The first question starts it, and says which worker gets the answers. */
static int start_thread(struct resolver *r)
{
	int err;

	r->fds = calloc(1 + RESOLVER_AT_ONCE * DNS_SOCKETS, sizeof(*r->fds));
	if (r->fds == NULL)
		return -NP_ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, r->wake) < 0) {
		err = err_from_errno();
		free(r->fds);
		r->fds = NULL;
		return err;
	}
	r->worker = np_self();
	err = thread_start(&r->thread, "resolver", resolver_main, r);
	if (err != 0)
		close_wake(r);
	return err;
}

struct resolver_lookup *resolver_ask(struct resolver *r, const struct dns_question *q,
				     void (*done)(struct resolver_lookup *l, void *arg), void *arg)
{
	struct resolver_lookup *l;

	DCHECK(np_self() != NULL && !r->asker_stops, "a worker asks, and before the end");
	if (r->wake[0] < 0 && start_thread(r) != 0)
		return NULL;
	DCHECK(r->worker == np_self(), "all questions come from one worker");
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->msg.fn = on_posted;
	l->resolver = r;
	l->question = *q;
	l->done = done;
	l->arg = arg;
	r->pending++;
	pthread_mutex_lock(&r->lock);
	list_push_back(&r->queue, &l->link);
	pthread_mutex_unlock(&r->lock);
	wake_thread(r);
	return l;
}

/* The thread ends with the look-ups that it has. Nothing wakes the asker in time if it hangs, so it looks. */
bool resolver_stop(struct resolver *r)
{
	int64_t until = np_deadline_after(STOP_PATIENCE);

	r->asker_stops = true;
	if (r->wake[0] < 0)
		return true;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_mutex_unlock(&r->lock);
	wake_thread(r);
	while (r->pending > 0 && np_nanotime() < until)
		np_sleep(NAP);
	pthread_mutex_lock(&r->lock);
	r->closed = true;
	pthread_mutex_unlock(&r->lock);
	if (r->pending > 0)
		return false;
	pthread_join(r->thread, NULL);
	close_wake(r);
	return true;
}
