/* migrate_action_tbl: the actions that the tables of directives name; each is a function of its language. */
#ifndef PROXY_MIGRATE_MIGRATE_ACTION_TBL_H
#define PROXY_MIGRATE_MIGRATE_ACTION_TBL_H

#define NGINX_ACTION_TBL(X)                                                                                        \
	X(none) X(lose) X(refuse) X(block) X(word) X(on_word) X(on_off) X(text) X(list) X(file) X(time) X(time_or_none) \
	X(size) X(rate) X(approximate) X(access_log) X(acl) X(error_log) X(map) X(hash) X(health_check) X(limit_conn)   \
	X(zone) X(listen) X(load_module) X(half_close) X(next_upstream) X(tries) X(proxy_pass) X(ssl_name) X(protocols) \
	X(random) X(resolver) X(upstream_server) X(server_name) X(real_ip) X(certificate) X(conf_command) X(curve)      \
	X(trusted) X(verify_client) X(depth) X(workers)

#define HAPROXY_ACTION_TBL(X)                                                                                      \
	X(none) X(lose) X(refuse) X(text) X(time) X(timer) X(set_true) X(set_false) X(set_off) X(balance) X(bind) X(base) \
	X(default_server) X(default_backend) X(disabled) X(dispatch) X(factor) X(hash_type) X(http_check) X(httpchk)     \
	X(known_check) X(log) X(maxconn) X(rate) X(server) X(server_template) X(default_tls) X(default_bind)             \
	X(default_options) X(server_verify) X(stick) X(tcp_check) X(inspect_delay) X(tcp_request) X(use_backend) X(hold) \
	X(nameserver) X(accept_proxy) X(alpn) X(ca_file) X(crt) X(crt_list) X(force) X(group) X(owner) X(mode)           \
	X(no_tickets) X(oldest_13) X(newest_12) X(ssl) X(version) X(verify_client) X(down) X(limit) X(observe)           \
	X(marked_down) X(tlvs) X(prefer) X(proxy_v1) X(proxy_v2) X(proxy_v2_ssl) X(sni) X(verify_server)

#endif
