/* source_check: what no YAML reader may see: bytes that are not UTF-8, controls, odd line ends,
 * tabs as indentation. Apart from source.c, because a source knows nothing of problems, while a
 * diag holds sources. */
#ifndef CONFIG_TEXT_SOURCE_CHECK_H
#define CONFIG_TEXT_SOURCE_CHECK_H

#include "config/text/diag.h"
#include "config/text/source.h"

/* source_check: look through the whole text before a parser does.
 *   Returns  true when the text is clean; otherwise d has the first place of each kind of fault, with a count of the
 *            other lines that have it. */
must_use bool source_check(const struct source *s, struct diag *d);

#endif
