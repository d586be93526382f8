/* The control socket of an instance: asked by hand, and by a shell's clients. */
#include "tests/flow/kit/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_ROOM (1 << 20)

static char answer[ANSWER_ROOM];

const char *control_socket(void)
{
	return textf("%s/control.sock", kit_dir());
}

const char *controlled(int port, int server, const char *more, const char *end)
{
	return one_server(port, server, "",
			  textf("control: {socket: \"%s\"%s}\n%s", control_socket(), more, end));
}

int control_connect(void)
{
	return kit_connect(control_socket(), 0);
}

static const char *read_to_end(int fd)
{
	ssize_t n = kit_io_read_all(fd, answer, sizeof(answer) - 1);

	if (n < 0)
		kit_fail("the control plane does not end its answer: error %d", (int)-n);
	answer[n] = '\0';
	close(fd);
	return answer;
}

const char *control_raw(const char *text)
{
	int fd = control_connect();

	kit_send(fd, text, strlen(text));
	return read_to_end(fd);
}

const char *control_ask(const char *request, const char *headers, int *status)
{
	const char *got = control_raw(
		textf("%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", request, headers));

	if (strncmp(got, "HTTP/1.1 ", 9) != 0)
		kit_fail("no answer to %s: \"%.100s\"", request, got);
	*status = (int)strtol(got + 9, NULL, 10);
	return got;
}

const char *control_expect(int status, const char *request, const char *headers)
{
	int got;
	const char *text = control_ask(request, headers, &got), *body = strstr(text, "\r\n\r\n");

	if (got != status || body == NULL)
		kit_fail("%s: not %d:\n%s", request, status, text);
	return body + 4;
}

const char *control_shell(int *code, const char *command)
{
	struct kit_child *c;

	setenv("S", control_socket(), 1);
	c = kit_child_start("shell", KIT_ARGV("sh", "-c", command));
	*code = kit_child_wait(c);
	kit_file_read(c->out, answer, sizeof(answer));
	return answer;
}

const char *control_shell_ok(const char *command)
{
	int code;
	const char *out = control_shell(&code, command);

	if (code != 0)
		kit_fail("%s ended with %d:\n%s", command, code, out);
	return out;
}

const char *control_verb(int status, const char *words)
{
	int code;
	const char *out = control_shell(&code, textf("%s %s 2>&1", kit_binary(), words));

	if (code != status)
		kit_fail("%s ended with %d, not %d:\n%s", words, code, status, out);
	return out;
}
