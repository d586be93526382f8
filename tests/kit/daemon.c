/* daemon: real servers as backends, in the foreground, with everything they write in the test's
 * directory. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/own.h"

struct place {
	const char       *ip;
	int               port;
	struct kit_child *child;
};

static bool answers(void *arg)
{
	const struct place *p = arg;
	int fd;

	if (!kit_child_alive(p->child))
		return true;
	fd = kit_try_connect(p->ip, p->port);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct kit_child *wait_up(struct place *p)
{
	char text[2048];

	if (kit_wait(answers, p, KIT_MS) && kit_child_alive(p->child))
		return p->child;
	kit_file_read(p->child->err, text, sizeof(text));
	kit_fail("%s does not come up: %s", p->child->name, text);
}

struct kit_child *kit_nginx_start(const char *ip, int *port)
{
	static const char form[] =
		"daemon off; master_process off; pid @DIR@/nginx.pid; error_log stderr;\n"
		"events { worker_connections 1024; }\n"
		"http {\n"
		"  access_log off; default_type text/plain;\n"
		"  client_body_temp_path @DIR@/nginx_body; proxy_temp_path @DIR@/nginx_proxy;\n"
		"  fastcgi_temp_path @DIR@/nginx_fcgi; uwsgi_temp_path @DIR@/nginx_uwsgi;\n"
		"  scgi_temp_path @DIR@/nginx_scgi;\n"
		"  server {\n"
		"    listen %s:%d; root @DIR@/www;\n"
		"    location = /hello { return 200 \"hello\\n\"; }\n"
		"  }\n"
		"}\n";
	char text[sizeof(form) + 64], path[KIT_PATH], www[KIT_PATH];
	struct place p = {.ip = ip, .port = kit_port(ip)};

	snprintf(www, sizeof(www), "%s/www", kit_dir());
	mkdir(www, 0755);
	snprintf(text, sizeof(text), form, ip, p.port);
	kit_file_write("nginx.conf", text, path);
	p.child = kit_child_start("nginx", KIT_ARGV("nginx", "-e", "stderr", "-p", kit_dir(), "-c", path));
	*port = p.port;
	return wait_up(&p);
}

struct kit_child *kit_redis_start(const char *ip, int *port)
{
	struct place p = {.ip = ip, .port = kit_port(ip)};
	char number[16];

	snprintf(number, sizeof(number), "%d", p.port);
	p.child = kit_child_start("redis", KIT_ARGV("redis-server", "--bind", ip, "--port", number,
						     "--save", "", "--dir", kit_dir()));
	*port = p.port;
	return wait_up(&p);
}
