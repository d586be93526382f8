/* control: the control plane of an instance under test: its socket, one request by hand, and real clients. For the
 * test's own thread. */
#ifndef TESTS_FLOW_KIT_CONTROL_H
#define TESTS_FLOW_KIT_CONTROL_H

#include "tests/flow/kit/service.h"

/* Where an instance of `controlled` has its socket. Good until the next call. */
const char *control_socket(void);

/* One listener, one server, two workers, and a control socket; `more` is what else stands in `control: {...}`, and
 * `end` at the end of the file. */
const char *controlled(int port, int server, const char *more, const char *end);

/* Connects to the socket. */
int control_connect(void);

/* Sends the text as it is and reads to the end of the connection. Good until the next call. */
const char *control_raw(const char *text);

/* One request: "GET /livez", with more header lines or "".
 *   Returns  the whole answer; *status is its status. Good until the next call. */
const char *control_ask(const char *request, const char *headers, int *status);
/* The same, which must be answered with this status.   Returns  the body. */
const char *control_expect(int status, const char *request, const char *headers);

/* Runs a shell command, with $S for the socket.   Returns  what it printed, and its exit code in *code. */
const char *control_shell(int *code, const char *command);
/* The same, which must end with 0. */
const char *control_shell_ok(const char *command);
/* The binary under test with these words, which must end with this status: "status --socket $S".
 *   Returns  what it printed, messages too. */
const char *control_verb(int status, const char *words);

#endif
