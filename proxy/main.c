/* main: the door. What the process does stands in cli.c, and while it relays, in process.c. */
#include <fcntl.h>
#include <unistd.h>

#include "proxy/cli/cli.h"
#include "proxy/tls/tls_memory.h"

/* A caller may have closed 0, 1 or 2: the first socket would then take that number and get our messages. */
static bool standard_fds_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	(void)tls_memory_init(); /* before OpenSSL's first call */
	return standard_fds_open() ? cli_main(argc, argv) : EXIT_FAILED;
}
