/* Formats a message of the process log: as JSON for machines, or as a line for people. */
#include "proxy/log/log_note.h"

#include <stdio.h>

#include "netpoll/check.h"
#include "proxy/log/log_priv.h"

static const char *const words[LVL_LEVELS] = {
#define X(level, word) [LVL_##level] = #word,
	LOG_LEVEL_TBL(X)
#undef X
};

void log_note_fill(struct log_note *note, enum log_level level, const char *event,
		   uint64_t suppressed, const char *fmt, va_list ap)
{
	int n = vsnprintf(note->msg, sizeof(note->msg), fmt, ap);

	note->time = log_clock(CLOCK_REALTIME);
	note->level = level;
	note->event = event;
	note->suppressed = suppressed;
	note->n = n > 0 ? (size_t)n : 0; /* it fails only for a wide character without bytes */
}

static void put_message(struct text *t, const struct log_note *note, enum text_style style)
{
	text_escape(t, note->msg, note->n <= LOG_MSG_MAX ? note->n : LOG_MSG_MAX, style);
	if (note->n > LOG_MSG_MAX)
		text_str(t, TEXT_TRUNCATED);
}

/* A count that is 0 is left out. */
static void put_number(struct text *t, const char *before, uint64_t n, const char *after)
{
	if (n == 0)
		return;
	text_str(t, before);
	text_u64(t, n);
	text_str(t, after);
}

static void line_json(struct text *t, const struct log_note *note)
{
	text_str(t, "{\"time\":\"");
	text_time(t, note->time);
	text_str(t, "\",\"level\":\"");
	text_str(t, words[note->level]);
	text_str(t, "\",\"event\":\"");
	text_str(t, note->event);
	text_str(t, "\",\"message\":\"");
	put_message(t, note, TEXT_JSON);
	text_char(t, '"');
	put_number(t, ",\"suppressed\":", note->suppressed, "");
	put_number(t, ",\"missed\":", note->missed, "");
	text_str(t, "}\n");
}

/* No time stamp: on a terminal people see the line when it is written, and systemd's journal adds
 * its own. */
static void line_text(struct text *t, const struct log_note *note)
{
	text_str(t, "staunch: ");
	text_str(t, words[note->level]);
	text_str(t, ": ");
	put_message(t, note, TEXT_PLAIN);
	put_number(t, " (", note->suppressed, " more like it suppressed)");
	put_number(t, " (", note->missed,
		   note->missed == 1 ? " earlier line missed)" : " earlier lines missed)");
	text_char(t, '\n');
}

void log_note_line(struct text *t, const struct log_note *note, bool json)
{
	DCHECK((unsigned)note->level < LVL_LEVELS, "a note has a level of LOG_LEVEL_TBL");
	if (json)
		line_json(t, note);
	else
		line_text(t, note);
	DCHECK(!t->cut, "a line has room for every byte escaped");
}
