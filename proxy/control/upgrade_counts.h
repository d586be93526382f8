/* upgrade_counts: what the process before has counted, and the new one goes on from. The first time that old writes
 * the part it says all, each later time what is new since; so new only adds up, and a connection that ends in old is
 * counted there and told here. What is open is what was accepted less what has ended, so that number counts both
 * processes without anybody's doing. Private to upgrade*.c. Control thread. */
#ifndef PROXY_CONTROL_UPGRADE_COUNTS_H
#define PROXY_CONTROL_UPGRADE_COUNTS_H

struct upgrade_counts;

/* Old: what was told of which object. Holds the objects. Takes NULL, returns NULL. */
struct upgrade_counts *upgrade_counts_free(struct upgrade_counts *c);

#endif
