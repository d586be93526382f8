/* Takes messages of the process log from all threads, and writes them on a thread of its own. */
#include "proxy/log/event.h"
#include "proxy/log/log_spool.h"

#include <stdlib.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/log_bell.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_thread.h"

#define SLOTS     512 /* a power of two; 300 KiB, of which a quiet process touches a page or two */
#define RETRY_MS  100 /* the longest attempt to write, before a look whether to stop */
#define GRACE_MS  50  /* for the thread to see that its time is over, and end */
#define LOOK_MS  1000 /* between two looks whether an episode is over, or a syslog daemon back */
#define NS_PER_MS INT64_C(1000000)

struct slot {
	uint64_t seq; /* atomic; whose turn it is, see log_spool.h */
	struct log_note note; /* owned by the producer that claimed it, then by the log thread */
};

/* One instance, as there is one process log; and static, so that a thread that was given up finds
 * it for ever. */
static struct {
	struct log_bell bell;
	struct log_thread thread;
	struct log_sink sink; /* const after start, as the next */
	struct log_episodes *episodes;
	struct log_syslog *syslog;
	bool stop;       /* atomic */
	int64_t stop_by; /* monotonic ns; stored before stop is */

	uint64_t head cache_aligned; /* atomic; messages claimed so far */
	uint64_t missed;             /* atomic; lost since the last line that said so */

	uint64_t tail cache_aligned; /* the log thread's own, as the rest: messages taken */
	struct text batch;
	uint64_t lines, told; /* in the batch; and the missed ones that these tell of */
	char room[LOG_NOTE_LINE], line[LOG_NOTE_LINE];

	struct slot slots[SLOTS];
} spool;

/* ---- producers ---- */

/* False: *at is what it has become meanwhile. */
static bool claim(uint64_t *at)
{
	return __atomic_compare_exchange_n(&spool.head, at, *at + 1, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED);
}

struct log_note *spool_reserve(void)
{
	uint64_t at = __atomic_load_n(&spool.head, __ATOMIC_RELAXED);

	for (;;) {
		struct slot *s = &spool.slots[at % SLOTS];
		uint64_t seq = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE);

		if (seq < at) { /* the message of one round before is still there */
			__atomic_fetch_add(&spool.missed, 1, __ATOMIC_RELAXED);
			return NULL;
		}
		if (seq > at) { /* another producer was faster */
			at = __atomic_load_n(&spool.head, __ATOMIC_RELAXED);
		} else if (claim(&at)) {
			s->note.missed = __atomic_exchange_n(&spool.missed, 0, __ATOMIC_RELAXED);
			return &s->note;
		}
	}
}

/* The store is sequentially consistent and not a release, because the bell demands that. */
void spool_commit(struct log_note *note)
{
	struct slot *s = container_of(note, struct slot, note);

	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_SEQ_CST);
	log_bell_ring(&spool.bell, BELL_SLEEP);
}

void spool_wake(void)
{
	log_bell_ring(&spool.bell, BELL_SLEEP);
}

uint64_t spool_missed(void)
{
	return __atomic_load_n(&spool.missed, __ATOMIC_RELAXED);
}

/* ---- the log thread ---- */

static bool is_stopped(void)
{
	return __atomic_load_n(&spool.stop, __ATOMIC_SEQ_CST);
}

static bool spool_is_late(void)
{
	return is_stopped() && log_clock(CLOCK_MONOTONIC) >= spool.stop_by;
}

/* The oldest message, or NULL if it is not published yet. */
static struct slot *next_slot(void)
{
	struct slot *s = &spool.slots[spool.tail % SLOTS];

	return __atomic_load_n(&s->seq, __ATOMIC_SEQ_CST) == spool.tail + 1 ? s : NULL;
}

static void release_slot(struct slot *s)
{
	__atomic_store_n(&s->seq, spool.tail + SLOTS, __ATOMIC_RELEASE);
	spool.tail++;
}

/* Writes the batch and waits for as long as the descriptor takes nothing; meanwhile the slots fill
 * up. If it refuses, the lines are lost, and count as missed with all that they told of: stderr is
 * never opened again. */
static void write_batch(void)
{
	size_t done = 0;

	while (done < spool.batch.n && !spool_is_late()) {
		ssize_t rc = log_sink_write(&spool.sink, spool.batch.p + done,
					    spool.batch.n - done, RETRY_MS);

		if (rc < 0)
			break;
		done += (size_t)rc;
	}
	if (done < spool.batch.n)
		__atomic_fetch_add(&spool.missed, spool.lines + spool.told, __ATOMIC_RELAXED);
	text_init(&spool.batch, spool.room, sizeof(spool.room));
	spool.lines = spool.told = 0;
}

/* A line that does not fit goes into the next batch: a batch is at most what a pipe takes in one
 * piece. */
static void add_line(const struct log_note *note)
{
	struct text line;

	text_init(&line, spool.line, sizeof(spool.line));
	log_note_line(&line, note);
	if (spool.batch.n + line.n > sizeof(spool.room))
		write_batch();
	text_bytes(&spool.batch, line.p, line.n);
	spool.lines++;
	spool.told += note->missed;
}

/* What became of the way to the syslog daemon: an event, a line, and a line for the daemon, of which more may come. */
static void tell_of_syslog(struct log_note *told)
{
	while (told != NULL && log_wanted(told->level)) {
		event_tell(event_begin(), told->event, told->msg);
		told->missed = __atomic_exchange_n(&spool.missed, 0, __ATOMIC_RELAXED);
		told->form = log_form_now();
		add_line(told);
		told = log_syslog_send(spool.syslog, told, log_clock(CLOCK_MONOTONIC), 0);
	}
}

/* A daemon whose queue is full holds up stderr so long, and then not for a second. */
static void put_note(const struct log_note *note)
{
	add_line(note);
	tell_of_syslog(log_syslog_send(spool.syslog, note, log_clock(CLOCK_MONOTONIC),
				       is_stopped() ? 0 : LOG_SYSLOG_MS));
}

static void drain_slots(void)
{
	struct slot *s;

	while (!spool_is_late() && (s = next_slot()) != NULL) {
		put_note(&s->note);
		free(s->note.problems);
		release_slot(s);
	}
	if (spool.batch.n > 0)
		write_batch();
}

/* The last line of each episode that is over at this time. One in which nothing was suppressed has said all. */
static void end_episodes(int64_t now)
{
	struct log_episode e;
	struct log_note note;

	while (!spool_is_late() && log_episode_over(spool.episodes, now, &e)) {
		if (e.suppressed == 0)
			continue;
		log_note_over(&note, &e);
		event_tell(event_begin(), e.event, note.msg);
		if (!log_wanted(e.level))
			continue;
		note.missed = __atomic_exchange_n(&spool.missed, 0, __ATOMIC_RELAXED);
		note.form = log_form_now();
		put_note(&note);
	}
	if (spool.batch.n > 0)
		write_batch();
}

static void wait_for_note(void)
{
	bool looks = log_episode_open(spool.episodes) || log_syslog_waits(spool.syslog);

	log_bell_lie_down(&spool.bell, BELL_SLEEP);
	if (is_stopped() || next_slot() != NULL || log_syslog_changed(spool.syslog))
		log_bell_get_up(&spool.bell);
	else
		log_bell_sleep(&spool.bell, looks ? LOOK_MS : -1);
}

static void *spool_main(void *arg)
{
	(void)arg;
	while (!is_stopped()) {
		wait_for_note();
		tell_of_syslog(log_syslog_turn(spool.syslog, log_clock(CLOCK_MONOTONIC)));
		drain_slots();
		if (log_episode_open(spool.episodes))
			end_episodes(log_clock(CLOCK_MONOTONIC));
	}
	drain_slots();
	end_episodes(INT64_MAX);
	(void)!log_thread_end(&spool.thread); /* nothing to free: all is static */
	return NULL;
}

/* ---- start and stop ---- */

int spool_start(int fd, struct log_episodes *episodes, struct log_syslog *syslog)
{
	for (uint64_t i = 0; i < SLOTS; i++)
		spool.slots[i].seq = i;
	spool.head = spool.tail = 0;
	spool.missed = spool.lines = spool.told = 0;
	spool.stop = false;
	spool.episodes = episodes;
	spool.syslog = syslog;
	log_sink_use(&spool.sink, fd);
	text_init(&spool.batch, spool.room, sizeof(spool.room));
	log_bell_init(&spool.bell);
	return log_thread_start(&spool.thread, "log", spool_main, NULL);
}

bool spool_stop(int ms)
{
	DCHECK(!is_stopped(), "a spool is stopped once");
	spool.stop_by = log_clock(CLOCK_MONOTONIC) + ms * NS_PER_MS;
	__atomic_store_n(&spool.stop, true, __ATOMIC_SEQ_CST);
	log_bell_ring(&spool.bell, BELL_SLEEP);
	log_thread_wait(&spool.thread, spool.stop_by + GRACE_MS * NS_PER_MS);
	if (!log_thread_release(&spool.thread))
		return false;
	log_bell_fini(&spool.bell);
	return true;
}
