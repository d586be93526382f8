/* validate_log: addresses that no syslog daemon has. */
#include "tests/unit/config/load.h"

#define LU "listeners: [{name: a, bind: \":80\", upstream: app}]\nupstreams: [{name: app, servers: [\"10.0.0.1:1\"]}]\n"
#define S(keys) LU "log: {syslog: {" keys "}}\n"

static const struct load_row rows[] = {
	{S("address: off"), NULL},
	{S("address: \"unix:/dev/log\""), NULL},
	{S("address: \"unix:@log\""), NULL},
	{S("address: \"127.0.0.1:514\", facility: local0"), NULL},
	{S("address: \"[::1]:514\""), NULL},
	{S("address: /dev/log"), "error[E205]: \"address\" cannot be \"/dev/log\""},
	{S("address: \"localhost:514\""), "error[E205]: \"address\" cannot be \"localhost:514\""},
	{S("address: \":514\""), "error[E205]: \"address\" needs the daemon's address before the colon\n"},
	{S("address: \"127.0.0.1:0\""), "error[E205]: \"address\" needs the daemon's port: 514 is usual\n"},
	{S("facility: daemon"), NULL},
	{S("facility: local0"), "warning[W303]: \"facility\" has no effect without \"address\"\n"},
	{S("facility: local8"), "\"facility\" cannot be \"local8\": write user, mail, daemon, "},
};

static void o28_addresses_of_a_daemon(void **state)
{
	(void)state;
	load_rows(rows, array_len(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o28_addresses_of_a_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
