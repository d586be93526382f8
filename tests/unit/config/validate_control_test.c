/* validate_control: addresses of the control plane that cannot be, and keys that say nothing alone. */
#include "tests/unit/config/load.h"

#define LU "listeners: [{name: a, bind: \":80\", upstream: app}]\nupstreams: [{name: app, servers: [\"10.0.0.1:1\"]}]\n"
#define C(keys) LU "control: {" keys "}\n"
#define X10 "xxxxxxxxxx"
#define X106 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxx"
#define TCP "http: \"127.0.0.1:9180\""

static const struct load_row sockets[] = {
	{C("socket: auto"), NULL},
	{C("socket: off"), NULL},
	{C("socket: /run/x.sock"), NULL},
	{C("socket: \"/" X106 "\""), NULL},
	{C("socket: \"/" X106 "x\""), "error[E207]: \"socket\" has 108 bytes: a socket's path has at most 107\n"},
	{C("socket: aut"), "\"socket\" cannot be \"aut\": write auto, off or a path that starts with /\n"},
	{C("socket: aut"), "did you mean \"auto\"?"},
	{C("socket: \"unix:/x\""), "error[E207]: \"socket\" cannot be \"unix:/x\""},
};

static const struct load_row tcp[] = {
	{C("http: off"), NULL},
	{C(TCP), NULL},
	{C("http: \"[::1]:9180\""), NULL},
	{C("http: \":9180\""), NULL},
	{C("http: \"127.0.0.1\""), "error[E205]: \"http\" cannot be \"127.0.0.1\""},
	{C("http: \"unix:/x\""), "error[E205]: \"http\" is for TCP: \"socket\" takes a path\n"},
	{C("http: \"127.0.0.1:0\""), "error[E205]: \"http\" needs a port"},
	{C(TCP ", hosts: [a.example, \"b c\"]"), "error[E206]: \"b c\" is no host: "},
	{C(TCP ", hosts: a.example"), NULL},
	{C("hosts: a.example"), "warning[W303]: \"hosts\" has no effect without \"http\"\n"},
};

static const struct load_row tokens[] = {
	{C(TCP ", token_file: off"), NULL},
	{C(TCP ", token_file: /t"), NULL},
	{C("token_file: off"), NULL},
	{C("token_file: /t"), "warning[W303]: \"token_file\" has no effect without \"http\"\n"},
	{C("http: \":9180\", token_file: /t"), "warning[W310]: tokens for :9180 cross the network in the clear\n"},
	{C("http: \"10.0.0.1:9180\", token_file: /t"), "warning[W310]: "},
	{C("http: \"[::1]:9180\", token_file: /t"), NULL},
};

static void o37_the_socket(void **state)
{
	(void)state;
	load_rows(sockets, array_len(sockets));
}

static void o38_the_tcp_address(void **state)
{
	(void)state;
	load_rows(tcp, array_len(tcp));
}

static void o39_the_file_of_tokens(void **state)
{
	(void)state;
	load_rows(tokens, array_len(tokens));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o37_the_socket),
		cmocka_unit_test(o38_the_tcp_address),
		cmocka_unit_test(o39_the_file_of_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
