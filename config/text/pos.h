/* pos: a place in a config file. Lines and columns count from 1, columns and width in
 * characters, not bytes. A line of 0 means that the value stands nowhere: it is a default, or
 * the problem is the file as a whole. Part 0 is the config file itself, the others are the files
 * that it includes, in the order of their reading. */
#ifndef CONFIG_TEXT_POS_H
#define CONFIG_TEXT_POS_H

#include "netpoll/base.h"

struct config_pos {
	uint32_t line, column;
	uint16_t width, part;
};

/* Does it stand in the file? */
static inline bool pos_known(struct config_pos p)
{
	return p.line != 0;
}

#endif
