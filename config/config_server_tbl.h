/* config_server_tbl: the keys of upstreams[].servers[], in the form of config_tbl.h. A server that is written as one text
 * has its address alone, and the rest by default. */
#ifndef CONFIG_CONFIG_SERVER_TBL_H
#define CONFIG_CONFIG_SERVER_TBL_H

/* struct config_server */
#define CONFIG_SERVER_TBL(X)                                                                                      \
	X(ADDRESS, "upstreams[].servers[].address", addr, NULL, 0, 0, NEEDED, none, NEW,                          \
	  "its address, quoted: IP and port, unix: and a path, name and port, or srv:NAME",                       \
	  "\"[2001:db8::1]:9001\", \"unix:/run/app.sock\", \"db.example:5432\", \"srv:_pg._tcp.db.example\": each "   \
	  "address of a name is a server with these options, and SRV records say ports, weights and order.",      \
	  "\"127.0.0.1:9001\"")                                                                                   \
	X(COUNT, "upstreams[].servers[].weight", weight, "1", 0, 256, 0, none, NEW,                               \
	  "its share of connections beside the others; 0 takes no new ones",                                      \
	  "A server of weight 2 gets twice the connections of one of weight 1.",                                  \
	  "2")                                                                                                    \
	X(COUNT, "upstreams[].servers[].max_connections", max_connections, "off", 1, 10000000, OFF, none, NEW,    \
	  "connections it is given at the same time; a full server is passed over",                               \
	  "Set it to what the server itself allows, so that it never has to refuse.",                             \
	  "100")                                                                                                  \
	X(COUNT, "upstreams[].servers[].priority", priority, "0", 0, 65535, 0, none, NEW,                         \
	  "its tier: it is used only where no server of a lower number takes connections",                        \
	  "0 is used first. Servers of one priority are balanced among themselves.",                              \
	  "2")                                                                                                    \
	X(NAME, "upstreams[].servers[].zone", zone, NULL, 0, 0, 0, none, NEW,                                     \
	  "where it runs: beside the process's own zone it is used first",                                        \
	  "It counts within its priority, and only where the top-level zone is set.",                             \
	  "eu-1a")                                                                                                \
	X(BOOL, "upstreams[].servers[].backup", backup, "false", 0, 0, 0, none, NEW,                              \
	  "use it only while no other server takes connections",                                                  \
	  "The same as priority: 1, so write one of the two. Backups are balanced among themselves.",             \
	  "true")

#endif
