/* validate: the parts of validate_run, and what they share. Private to config/. Each part adds its problems to d; where
 * a member is NULL or default because it could not be read, its problem is already known. */
#ifndef CONFIG_VALIDATE_H
#define CONFIG_VALIDATE_H

#include "config/text/diag.h"
#include "config/key.h"

/* Where the key of that path was written in obj, its scope's struct. */
struct config_pos validate_origin(const char *path, void *obj);
bool validate_is_written(const char *path, void *obj);
/* The same, and not with its default: what config_dump prints of a model without warnings must load without any. */
bool validate_is_chosen(const char *path, void *obj);
/* Bounds and names of one struct. */
void validate_values(struct diag *d, enum key_scope_id scope, void *obj);
void validate_explain(struct diag *d, const char *path);

/* validate_route.c: the upstreams a listener refers to, filled in; and routes that none can match.
 *   Returns  whether all of them are defined. */
must_use bool validate_routes(struct diag *d, const struct config *c, struct config_listener *l);

/* validate_tls.c: TLS and the PROXY header, on either side. */
void validate_listener_tls(struct diag *d, struct config_listener *l);
void validate_upstream_tls(struct diag *d, struct config_upstream *u);

#endif
