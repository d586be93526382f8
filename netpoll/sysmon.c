/* The watchdog. After the idea of runtime.sysmon (proc.go): a thread of its own that looks at every
 * worker now and then. It does not pre-empt; it reports which G holds the core. */
#include "netpoll/worker.h"

#include <stdlib.h>

#include "netpoll/hook.h"

struct seen {
	uint64_t turns;
	int64_t since; /* when `turns` was first seen */
	bool told;
};

struct np_sysmon {
	struct np_worker *const *workers;
	struct seen *seen;
	unsigned n;
	int64_t limit;
	void (*stalled)(unsigned worker_id, int64_t ns, const char *running);
	pthread_t thread;
	pthread_mutex_t lock; /* protects quit */
	pthread_cond_t wake;
	bool quit;
};

/* Only a change is written: the line is one that posters read. */
static void note_silence(struct np_worker *w, int64_t ns)
{
	if (ns != w->silent)
		RELAXED_SET(w->silent, ns);
}

/* A worker that sleeps while a message waits was not woken: that is as bad as a loop that is stuck. */
static bool sleeps_rightly(const struct np_worker *w)
{
	return __atomic_load_n(&w->asleep, __ATOMIC_RELAXED) != 0 && inbox_empty(&w->inbox);
}

static void look_at(struct np_sysmon *s, unsigned i, int64_t now)
{
	struct np_worker *w = s->workers[i];
	struct seen *seen = &s->seen[i];
	uint64_t turns = RELAXED_GET(w->turns);

	if (turns != seen->turns || sleeps_rightly(w)) {
		*seen = (struct seen){.turns = turns, .since = now};
		note_silence(w, 0);
		return;
	}
	note_silence(w, now - seen->since);
	if (seen->told || now - seen->since < s->limit)
		return;
	const char *running = RELAXED_GET(w->sched.running);

	seen->told = true;
	s->stalled(w->opts.id, now - seen->since, running != NULL ? running : "the loop itself");
}

/* Returns false when np_sysmon_stop was called. */
static bool pause_for(struct np_sysmon *s, int64_t ns)
{
	struct timespec until;
	bool quit;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ns % NP_S);
	until.tv_sec += (time_t)(ns / NP_S) + until.tv_nsec / NP_S;
	until.tv_nsec %= NP_S;
	pthread_mutex_lock(&s->lock);
	if (!s->quit)
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
	quit = s->quit;
	pthread_mutex_unlock(&s->lock);
	return !quit;
}

static void *sysmon_thread(void *arg)
{
	struct np_sysmon *s = arg;

	pthread_setname_np(pthread_self(), "sysmon");
	while (pause_for(s, s->limit / 4))
		for (unsigned i = 0; i < s->n; i++)
			look_at(s, i, np_nanotime());
	return NULL;
}

static struct np_sysmon *sysmon_free(struct np_sysmon *s)
{
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->seen);
	free(s);
	return NULL;
}

int np_sysmon_start(struct np_sysmon **out, struct np_worker *const *w, unsigned n, int64_t limit,
		    void (*stalled)(unsigned worker_id, int64_t ns, const char *running))
{
	struct np_sysmon *s = calloc(1, sizeof(*s));
	pthread_condattr_t monotonic;
	int err;

	if (s == NULL)
		return -NP_ENOMEM;
	s->seen = calloc(n, sizeof(*s->seen));
	for (unsigned i = 0; s->seen != NULL && i < n; i++)
		/* not late since the boot: it has not had a turn */
		s->seen[i].since = np_nanotime();
	s->workers = w;
	s->n = n;
	s->limit = limit;
	s->stalled = stalled;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	err = s->seen == NULL ? ENOMEM : pthread_create(&s->thread, NULL, sysmon_thread, s);
	if (err != 0) {
		sysmon_free(s);
		return -err;
	}
	*out = s;
	return 0;
}

void np_sysmon_stop(struct np_sysmon *s)
{
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	sysmon_free(s);
}
