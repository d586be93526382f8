/* service: what tests of the running process share: texts of configurations, connections that are
 * served, and the baseline to which every test returns. For the test's own thread. */
#ifndef TESTS_FLOW_KIT_SERVICE_H
#define TESTS_FLOW_KIT_SERVICE_H

#include <sys/resource.h>

#include "tests/kit/kit.h"

/* Two workers, whatever the machine has: what must hold for all of them is tried on more than one. */
#define TWO_WORKERS "workers: 2\nlog: {access: \"@DIR@/access.log\"}\n"

/* A text of parts; good until 64 later ones. */
const char *textf(const char *fmt, ...) printf_like(1, 2);

/* text has part somewhere; shows the text if it has not. */
void expect_part(const char *text, const char *part);

/* staunch, run by another program: "prlimit --nofile=64". Not waited for. */
struct kit_staunch *spawn_by(const char *program, const char *config);

struct kit_staunch *start_by(const char *program, const char *config);

/* One listener, one upstream, one server; more is what else is said of the listener and at the end of the file. */
const char *one_server(int port, int server, const char *more, const char *end);

/* Goes there and back through whatever echoes behind fd. */
void still_works(int fd);

/* A connection that has been served. */
int served(const char *ip, int port);

void end_orderly(int fd);

void ten_exchanges(const char *ip, int port);

/* After each test, whatever it did: alive, nothing leaked, the next ten are served, and it stops when it is told to. */
void back_to_normal(struct kit_staunch *s, int fds, const char *ip, int port);

/* The nth generation of the configuration is in force. */
void wait_generation(struct kit_staunch *s, int n);

int generation_from(struct kit_staunch *s, int n, const char *config);

/* CPU time the process takes while ms pass; that something does not happen can only be seen over a time. */
long cpu_ms_within(pid_t pid, int ms);

/* A test that plays many clients needs their descriptors; fails without. */
void want_descriptors(rlim_t n);

#endif
