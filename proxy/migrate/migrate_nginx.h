/* migrate_nginx: nginx's stream{} as listeners and upstreams. migrate_nginx.c has the way through the file,
 * migrate_nginx_value.c the actions of the table, migrate_nginx_server.c a server{} as a whole,
 * migrate_nginx_map.c where a variable leads to. */
#ifndef PROXY_MIGRATE_MIGRATE_NGINX_H
#define PROXY_MIGRATE_MIGRATE_NGINX_H

#include "proxy/migrate/migrate_action_tbl.h"
#include "proxy/migrate/migrate_job.h"
#include "proxy/migrate/migrate_yaml.h"

/* What directives of a block have set. What a server leaves open is stream's. */
struct nginx_scope {
	struct nginx_scope  *outer; /* NULL: stream's own */
	struct migrate_line *block;
	struct yaml         *listener, *upstream;
	struct yaml         *names;           /* of a server, as the list "of" */
	struct migrate_line *proxy_pass;      /* of a server */
	struct migrate_line *hopeless;        /* the server cannot be kept, because of this directive */
	bool                 ssl, proxy_protocol; /* of a listen */
};

/* An upstream{} before settings of servers are added to it. */
struct nginx_group {
	struct nginx_group  *next;
	const char          *name;
	struct yaml         *made;
	bool                 used;
};

struct nginx {
	struct migrate_job  *j;
	struct migrate_line *stream; /* NULL: none yet */
	struct nginx_scope   outer;  /* stream's */
	struct nginx_group  *groups;
	struct yaml         *listeners, *upstreams; /* lists of the output */
};

/* An action of the table. */
typedef void nginx_action(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, const char *arg);

/* migrate_nginx: the tree of j->top into j->root. */
void migrate_nginx(struct migrate_job *j);

/* nginx_apply: what the table says of d in that context. */
void nginx_apply(struct nginx *n, struct nginx_scope *s, struct migrate_line *d, char context);
/* The same of each directive in the block, but for blocks. */
void nginx_apply_all(struct nginx *n, struct nginx_scope *s, struct migrate_line *block, char context);
/* The text at a key of the table, "l.timeouts.idle". */
struct yaml *nginx_set(struct nginx *n, struct nginx_scope *s, const char *key, const char *text,
		       struct migrate_line *d);
/* The map that the key is in; *path is the rest of the key. */
struct yaml *nginx_side(struct nginx *n, struct nginx_scope *s, const char *key, const char **path);

/* nginx_server: a server{} as a listener, or as routes of one that is there. */
void nginx_server(struct nginx *n, struct migrate_line *block);
/* nginx_upstream: an upstream{} as a group. */
void nginx_upstream(struct nginx *n, struct migrate_line *block);
/* nginx_address: the address of a server in our words.   Returns  false: it is none. */
bool nginx_address(struct nginx *n, const char *text, const char **out);
/* nginx_target: the upstream of that name or address, with the settings of the server's scope. Returns its name,
 * or NULL: it cannot be reached so, which d has lost. */
const char *nginx_target(struct nginx *n, struct nginx_scope *s, const char *text, struct migrate_line *d);
/* nginx_routes: where the value of proxy_pass, which has a variable, leads to. */
void nginx_routes(struct nginx *n, struct nginx_scope *s, struct yaml *listener, struct migrate_line *d);
/* nginx_access: the allow and deny lines of the scope as lists. */
void nginx_access(struct nginx *n, struct nginx_scope *s, struct yaml *listener);

#define X(action) nginx_action nginx_##action;
NGINX_ACTION_TBL(X)
#undef X

#endif
