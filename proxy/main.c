/* main: the door. What the process does stands in proxy/cli/, and while it relays, in process.c. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "netpoll/base.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/cli/cli_main.h"
#include "proxy/control/upgrade.h"
#include "proxy/tls/tls_memory.h"

/* A caller may have closed 0, 1 or 2: the first socket would then take that number and get our
 * messages. Each closed one gets a placeholder. A chroot may lack /dev/null; its root directory is
 * there, and what is written to that descriptor is refused, as it was while it was closed. */
static bool open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", O_RDWR) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	(void)tls_memory_init(); /* before OpenSSL's first call */
	(void)upgrade_asked(); /* before a descriptor of ours can have the number that it looks for */
	/* A file at its size limit is an error of the write, which says so, in every verb. */
	signal(SIGXFSZ, SIG_IGN);
	if (open_standard_fds())
		return cli_main(argc, argv);
	dprintf(STDERR_FILENO,
		"staunch: a standard descriptor is closed, and neither /dev/null nor / can be opened in "
		"its place: start it with 0, 1 and 2 open\n");
	return EXIT_FAILED;
}
