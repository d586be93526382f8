/* config_tls_tbl: the keys of TLS, of routes and of TLVs. A part of config_tbl.h, whose head explains the columns. */
#ifndef CONFIG_CONFIG_TLS_TBL_H
#define CONFIG_CONFIG_TLS_TBL_H

/* Forward secrecy and AEAD, the ciphers that hash with SHA-256 first: they cost least. */
#define CONFIG_TLS_CIPHERS                                                                                  \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"          \
	"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define CONFIG_TLS_SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
/* The first three are those that clients use. In TLS 1.2 the curve of an EC certificate must be in the list of
 * whoever verifies it (RFC 8422, 5.1.1), so the list ends with every curve that OpenSSL has certificates on. */
#define CONFIG_TLS_GROUPS                                                                                   \
	"X25519:P-256:P-384:P-521:X448:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1:secp256k1:P-224"

/* Both ends, under the path `above`. */
#define CONFIG_TLS_BOTH_TBL(X, above)                                                                       \
	X(ENUM, above "min_version", min_version, "1.2", 0, 0, 0, tls_version, NEW,                         \
	  "the oldest TLS version that is spoken",                                                          \
	  "Older ones than 1.2 are not spoken at all.",                                                     \
	  "\"1.3\"")                                                                                        \
	X(ENUM, above "max_version", max_version, "1.3", 0, 0, 0, tls_version, NEW,                         \
	  "the newest TLS version that is spoken",                                                          \
	  "Lower it only around a peer that fails with 1.3.",                                               \
	  "\"1.2\"")                                                                                        \
	X(TEXT, above "ciphers", ciphers, CONFIG_TLS_CIPHERS, 0, 0, 0, none, NEW,                           \
	  "ciphers of TLS 1.2, in order of preference, in OpenSSL's notation",                              \
	  "The default holds forward-secret AEAD ciphers alone. A short list is also a fast one: "          \
	  "each name costs time in every handshake.",                                                       \
	  "\"ECDHE+AESGCM:ECDHE+CHACHA20\"")                                                                \
	X(TEXT, above "ciphersuites", ciphersuites, CONFIG_TLS_SUITES, 0, 0, 0, none, NEW,                  \
	  "ciphers of TLS 1.3, in order of preference, in OpenSSL's notation",                              \
	  "The first one hashes with SHA-256, which makes the handshake's own work cheaper than "           \
	  "SHA-384 does.",                                                                                  \
	  "\"TLS_AES_128_GCM_SHA256\"")                                                                     \
	X(TEXT, above "groups", groups, CONFIG_TLS_GROUPS, 0, 0, 0, none, NEW,                              \
	  "key exchange groups, in order of preference, in OpenSSL's notation",                             \
	  "Newer libraries know post-quantum groups as well: \"X25519MLKEM768:X25519\". In TLS 1.2 an "     \
	  "EC certificate of the other side is only accepted if its curve is in the list.",                 \
	  "\"X25519:P-256\"")                                                                               \
	X(ENUM, above "records", records, "own", 0, 0, 0, tls_records, NEW,                                 \
	  "who seals and opens records after the handshake",                                                \
	  "The handshake is always OpenSSL's. The own layer then keeps an idle connection in a quarter "    \
	  "of the memory; connections that it does not fit stay with OpenSSL and are counted by reason. "   \
	  "Say openssl to rule the own layer out while looking for the cause of a trouble.",                \
	  "openssl")                                                                                        \
	X(ENUM, above "truncated", truncated, "pass", 0, 0, 0, tls_truncated, NEW,                          \
	  "what a FIN without close_notify is taken for",                                                   \
	  "TLS ends each direction with close_notify, so that nobody on the way can cut it short. Many "    \
	  "honest peers leave it out, and one that half-closes so still waits for its answer: pass keeps "  \
	  "them, and logs and counts them. Say reset for a protocol that tells its end by FIN alone; "      \
	  "then what arrived is delivered, and the other side is reset.",                                   \
	  "reset")

/* A struct config_client_auth, of a listener or of some of its names. */
#define CONFIG_CLIENT_AUTH_ROWS(X, above, member, standard, need)                                           \
	X(ENUM, above "mode", member.mode, standard, 0, 0, need, client_auth, NEW,                          \
	  "whether clients are asked for a certificate",                                                    \
	  "A certificate that is shown is verified in every mode, also when a session is resumed.",         \
	  "required")                                                                                       \
	X(PATH, above "ca", member.ca, NULL, 0, 0, 0, none, NEW,                                            \
	  "PEM file of the authorities that client certificates come from",                                 \
	  "Their names are sent to clients, so that a browser can offer the right certificate; more than "  \
	  "a handshake can hold, 64 KiB, are left out. With names beside it, those of that file are sent.", \
	  "\"clients.pem\"")                                                                                \
	X(PATH, above "names", member.names, NULL, 0, 0, 0, none, NEW,                                      \
	  "PEM file of authorities whose names are sent to clients instead of those of ca",                 \
	  "For what clients should see and what is trusted to differ: trust all authorities of a company, " \
	  "and name the one that clients have certificates of. Nothing is verified with this file.",        \
	  "\"names.pem\"")                                                                                  \
	X(PATH, above "crl", member.crl, NULL, 0, 0, 0, none, NEW,                                          \
	  "PEM file of revocation lists, for every authority of the chain",                                 \
	  "A certificate listed in it is refused, also when it resumes a session. So is one whose "         \
	  "authority has no list there.",                                                                   \
	  "\"clients.crl\"")                                                                                \
	X(COUNT, above "depth", member.depth, "10", 1, 100, 0, none, NEW,                                   \
	  "certificates a client's chain may have above its own",                                           \
	  "Bounds what a hostile client can make the proxy verify.",                                        \
	  "4")                                                                                              \
	X(BLOCK, above "allow", member.allow, NULL, 0, 0, 0, none, NEW,                                     \
	  "which verified certificates are let in; without it all of them are", NULL, NULL)

/* struct config_tls_in */
#define CONFIG_TLS_IN_TBL(X)                                                                                \
	X(LIST, "listeners[].tls.certificates", certificates, NULL, 1, 1000, NEEDED, none, NEW,             \
	  "certificates with their keys, chosen by the name asked for and by key type", NULL, NULL)         \
	X(BOOL, "listeners[].tls.strict_sni", strict_sni, "false", 0, 0, 0, none, NEW,                      \
	  "refuse clients whose name no certificate has",                                                   \
	  "Without it they get the first certificate. With it they get the alert unrecognized_name, "       \
	  "and so do clients that ask for no name.",                                                        \
	  "true")                                                                                           \
	X(PATTERNS, "listeners[].tls.refuse_sni", refuse_sni, NULL, 1, 1000, 0, none, NEW,                  \
	  "names that are refused, whatever certificate has them",                                          \
	  "Whole, or with a * as the first or last label; \"*.a.example\" stands for any name below it. Such a " \
	  "client gets the alert unrecognized_name, as with strict_sni.",                                   \
	  "[old.example.com]")                                                                              \
	CONFIG_TLS_BOTH_TBL(X, "listeners[].tls.")                                                          \
	X(PROTOCOLS, "listeners[].tls.alpn", alpn, NULL, 1, 32, 0, none, NEW,                               \
	  "protocols offered by ALPN, in order of preference",                                              \
	  "The order here decides, not the client's. A client that offers none goes on without one; "       \
	  "a client that offers only others is refused, as RFC 7301 asks. Without this key no "             \
	  "protocol is agreed on.",                                                                         \
	  "[h2, http/1.1]")                                                                                 \
	X(MAP, "listeners[].tls.client_auth", client_auth, NULL, 0, 0, 0, none, NEW,                        \
	  "certificates of clients", NULL, NULL)                                                            \
	CONFIG_CLIENT_AUTH_ROWS(X, "listeners[].tls.client_auth.", client_auth, "off", 0)                   \
	X(MAP, "listeners[].tls.session_tickets", session_tickets, NULL, 0, 0, 0, none, NEW,                \
	  "tickets with which a client resumes a session, without another full handshake", NULL, NULL)      \
	X(BOOL, "listeners[].tls.session_tickets.enabled", session_tickets.enabled, "true", 0, 0, 0,        \
	  none, NEW,                                                                                        \
	  "give out tickets, and resume sessions by them",                                                  \
	  "A session is resumed only by the certificate and the client_auth that started it.",              \
	  "false")                                                                                          \
	X(PATH, "listeners[].tls.session_tickets.keys", session_tickets.keys, NULL, 0, 0, OURS, none, NEW,  \
	  "file that keeps the ticket keys over restarts and shares them in a fleet",                       \
	  "Without it the keys live in memory: they last over reloads, and end with the process. "          \
	  "The file is written with mode 0600, and read again when another process has changed it.",        \
	  "\"/var/lib/staunch/tickets\"")                                                                   \
	X(DURATION, "listeners[].tls.session_tickets.rotate", session_tickets.rotate, "1h", 1 * UNITS_M,    \
	  30 * UNITS_D, 0, none, NEW,                                                                       \
	  "age at which the key that seals tickets is replaced",                                            \
	  "The one before it still opens tickets, so a ticket is good for one to two of these. "            \
	  "Whoever gets hold of the keys can read what they sealed.",                                       \
	  "12h")                                                                                            \
	X(DURATION, "listeners[].tls.session_tickets.lifetime", session_tickets.lifetime, "5m",             \
	  1 * UNITS_S, 7 * UNITS_D, 0, none, NEW,                                                           \
	  "age up to which a session may be resumed",                                                       \
	  "Counted from its full handshake, however often it was resumed since.",                           \
	  "1h")                                                                                             \
	X(DURATION, "listeners[].tls.handshake_timeout", handshake_timeout, "10s", 100 * UNITS_MS,          \
	  10 * UNITS_M, 0, none, NEW,                                                                       \
	  "time a client gets for its handshake",                                                           \
	  "An absolute deadline, counted from accept or from the end of a PROXY header: a client "          \
	  "that sends a byte now and then does not move it.",                                               \
	  "5s")                                                                                             \
	X(COUNT, "listeners[].tls.max_handshakes", max_handshakes, "auto", 1, 10000000, AUTO, none,         \
	  LIVE,                                                                                             \
	  "handshakes under way at once; auto follows max_connections",                                     \
	  "auto is max_connections up to 1024, then 1024 or a quarter of it, whichever is more. Beyond it " \
	  "one that lasts for more than a second gives up its place, or one of the source that has the "    \
	  "most: clients that never finish cannot keep out those that do. With at_limit: wait the first "   \
	  "holds, and others wait for a place.",                                                            \
	  "2000")

/* struct config_client_allow: who may connect, by what a verified certificate says */
#define CONFIG_CLIENT_ALLOW_ROWS(X, above)                                                                  \
	X(TEXTS, above "cn", cn, NULL, 1, 1000, 0, none, NEW,                                               \
	  "common names (CN) of the subject, compared letter by letter",                                    \
	  "One match among all keys of allow is enough. Prefer dns or uri, whose names have a form; a CN is any " \
	  "text that the authority agreed to.",                                                             \
	  "[\"billing\", \"Ann Smith\"]")                                                                   \
	X(TEXTS, above "ou", ou, NULL, 1, 1000, 0, none, NEW,                                               \
	  "organizational units (OU) of the subject, compared letter by letter",                            \
	  "One of several units of a subject is enough.",                                                   \
	  "[\"payments\"]")                                                                                 \
	X(PATTERNS, above "dns", dns, NULL, 1, 1000, 0, none, NEW,                                          \
	  "DNS names, whole or with a * as the first or last label",                                        \
	  "Compared with the names of subjectAltName alone, never with the CN. \"*.a.example\" stands for any name " \
	  "below a.example; a * in the certificate itself matches nothing.",                                \
	  "[\"*.clients.example.com\"]")                                                                    \
	X(TEXTS, above "uri", uri, NULL, 1, 1000, 0, none, NEW,                                             \
	  "URIs of subjectAltName, compared letter by letter",                                              \
	  "A SPIFFE ID is one.",                                                                            \
	  "[\"spiffe://example.com/billing\"]")                                                             \
	X(CIDRS, above "ip", ip, NULL, 1, 1000, 0, none, NEW,                                               \
	  "networks in which an IP address of subjectAltName lies",                                         \
	  "This is the address in the certificate, not the one that the client connects from: a route's source " \
	  "is for that.",                                                                                   \
	  "[\"192.0.2.0/24\"]")                                                                             \
	X(PINS, above "spki", spki, NULL, 1, 1000, 0, none, NEW,                                            \
	  "SHA-256 hashes, in base64, of public keys",                                                      \
	  "The hash of the SubjectPublicKeyInfo, as RFC 7469 defines it, and as pins has it towards servers.", \
	  "[\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"]")

#define CONFIG_CLIENT_ALLOW_TBL(X) CONFIG_CLIENT_ALLOW_ROWS(X, "listeners[].tls.client_auth.allow.")

/* struct config_cert */
#define CONFIG_CERT_TBL(X)                                                                                  \
	X(PATH, "listeners[].tls.certificates[].cert", cert, NULL, 0, 0, NEEDED, none, NEW,                 \
	  "PEM file of the certificate, and behind it those between it and the root",                       \
	  "Relative paths start from the directory of this file, here and in every key that takes a "       \
	  "path.",                                                                                          \
	  "\"/etc/staunch/tls/a.pem\"")                                                                     \
	X(PATH, "listeners[].tls.certificates[].key", key, NULL, 0, 0, NEEDED, none, NEW,                   \
	  "PEM file of its private key",                                                                    \
	  "May be the same file as cert. Only its owner should be able to read it.",                        \
	  "\"/etc/staunch/tls/a.key\"")                                                                     \
	X(PATH, "listeners[].tls.certificates[].password_file", password_file, NULL, 0, 0, 0, none, NEW,    \
	  "file with the password of an encrypted key; of several lines each is tried",                     \
	  "Several, so that one file serves many keys, or the old password and the new one. Nothing ever "  \
	  "asks for a password on a terminal, so that a restart needs nobody.",                             \
	  "\"/run/credentials/staunch/a.pass\"")                                                            \
	X(PATH, "listeners[].tls.certificates[].ocsp", ocsp, NULL, 0, 0, 0, none, NEW,                      \
	  "DER file of an OCSP response to staple",                                                         \
	  "Read again when it changes; an expired one is not sent, and none above 16 KiB, which clients "   \
	  "refuse.",                                                                                        \
	  "\"a.ocsp\"")                                                                                     \
	X(BOOL, "listeners[].tls.certificates[].ocsp_fetch", ocsp_fetch, "false", 0, 0, 0, none, NEW,       \
	  "ask the certificate's OCSP responder, and staple its answer",                                    \
	  "In the background, over http, anew at half of each answer's time. Nothing waits for it: until "  \
	  "there is an answer that says the certificate is good, none is sent. The issuer's "               \
	  "certificate has to be in cert, or in ocsp_issuer.",                                              \
	  "true")                                                                                           \
	X(PATH, "listeners[].tls.certificates[].ocsp_issuer", ocsp_issuer, NULL, 0, 0, 0, none, NEW,        \
	  "PEM file with the certificate of the issuer, to ask the responder with",                         \
	  "For a cert without its chain. Without this key the issuer is looked for in cert.",               \
	  "\"issuer.pem\"")                                                                                 \
	X(PATH, "listeners[].tls.certificates[].ocsp_cache", ocsp_cache, NULL, 0, 0, OURS, none, NEW,       \
	  "file that keeps the fetched response over restarts",                                             \
	  "Written with each response, mode 0600. At a start a response in it that is still good is "       \
	  "stapled at once, and the responder is asked at half of its time.",                               \
	  "\"/var/lib/staunch/a.ocsp\"")                                                                    \
	X(PATTERNS, "listeners[].tls.certificates[].names", names, NULL, 1, 1000, 0, none, NEW,             \
	  "names this entry serves, instead of those in the certificate",                                   \
	  "Whole, or with a * as the first label, which stands for one label as it does in a certificate; "  \
	  "for names further below it clients refuse the certificate, but this entry holds. A name here comes " \
	  "before the same name in another certificate. The keys below hold for these names alone; clients " \
	  "that ask for another name get what the listener says, so let routes choose by sni where it "      \
	  "matters.",                                                                                          \
	  "[api.example.com, \"*.api.example.com\"]")                                                       \
	X(ENUM, "listeners[].tls.certificates[].min_version", min_version, "auto", 0, 0, 0, name_version,   \
	  NEW,                                                                                              \
	  "the oldest TLS version that is spoken for these names",                                          \
	  "May be older or newer than the listener's.",                                                     \
	  "\"1.3\"")                                                                                        \
	X(ENUM, "listeners[].tls.certificates[].max_version", max_version, "auto", 0, 0, 0, name_version,   \
	  NEW,                                                                                              \
	  "the newest TLS version that is spoken for these names",                                          \
	  "For one name whose clients fail with 1.3.",                                                      \
	  "\"1.2\"")                                                                                        \
	X(PROTOCOLS, "listeners[].tls.certificates[].alpn", alpn, NULL, 1, 32, 0, none, NEW,                \
	  "protocols offered by ALPN for these names, in order of preference",                              \
	  "Instead of the listener's list.",                                                                \
	  "[http/1.1]")                                                                                     \
	X(BLOCK, "listeners[].tls.certificates[].client_auth", client_auth, NULL, 0, 0, 0, none, NEW,       \
	  "certificates of clients that ask for these names, instead of the listener's", NULL, NULL)

/* struct config_name_auth */
#define CONFIG_NAME_AUTH_TBL(X)                                                                             \
	CONFIG_CLIENT_AUTH_ROWS(X, "listeners[].tls.certificates[].client_auth.", auth, NULL, NEEDED)

/* struct config_client_allow */
#define CONFIG_NAME_ALLOW_TBL(X) CONFIG_CLIENT_ALLOW_ROWS(X, "listeners[].tls.certificates[].client_auth.allow.")

/* struct config_route */
#define CONFIG_ROUTE_TBL(X)                                                                                 \
	X(PATTERNS, "listeners[].routes[].sni", sni, NULL, 1, 1000, STAR, none, NEW,                        \
	  "names the client asks for; a * is the first or the last label, or all of it",                    \
	  "\"db.example.com\" is that name alone, \"*.example.com\" any name below it, \"db.*\" db under "  \
	  "any, and \"*\" any name at all. Letter case does not matter. A client that asks for no name, "   \
	  "or for what is no host name, matches none of them. The first route that holds counts, "          \
	  "whatever its names: routes of names stand before one of \"*\".",                                 \
	  "[\"db.example.com\", \"*.db.example.com\"]")                                                     \
	X(PROTOCOLS, "listeners[].routes[].alpn", alpn, NULL, 1, 100, 0, none, NEW,                         \
	  "protocols, one of which the client offers by ALPN",                                              \
	  "Any offered protocol counts, whatever its place in the client's list.",                          \
	  "[\"acme-tls/1\"]")                                                                               \
	X(CIDRS, "listeners[].routes[].source", source, NULL, 1, 1000, 0, none, NEW,                        \
	  "networks the client comes from",                                                                 \
	  "Its address is the one a PROXY header gave, where one is required. The word unix stands "        \
	  "for clients of a Unix socket.",                                                                  \
	  "[\"192.0.2.0/24\"]")                                                                             \
	X(WORDS, "listeners[].routes[].tls", tls, NULL, 1, 7, 0, opening, NEW,                              \
	  "whether the client speaks TLS, and which version",                                               \
	  "Without it, any. Of a list one word is enough. A version is the newest that the ClientHello "    \
	  "offers; where TLS ends here, the one agreed on: \"1.2\" is a client without 1.3, not each that " \
	  "could speak 1.2. SSL, which is older than 1.0, is TLS here and none of the versions. Clients "   \
	  "without TLS are known by the first byte that tells; one that waits for the server to speak "     \
	  "is waited for until preread.timeout.",                                                           \
	  "[\"1.0\", \"1.1\"]")                                                                             \
	X(REF, "listeners[].routes[].upstream", upstream_name, NULL, 0, 0, NEEDED, none, NEW,               \
	  "the name of the upstream that a matching connection goes to",                                    \
	  "Any name of the upstreams section, before or after this place.",                                 \
	  "db")

/* struct config_custom_tlv */
#define CONFIG_CUSTOM_TLV_TBL(X)                                                                            \
	X(COUNT, "upstreams[].custom_tlvs[].type", type, NULL, 0xE0, 0xEF, NEEDED | HEX, none, NEW,         \
	  "the type, of those set aside for uses of one's own",                                             \
	  "The PROXY protocol keeps 0xE0 to 0xEF for applications and defines none of them.",               \
	  "0xE0")                                                                                           \
	X(TEXT, "upstreams[].custom_tlvs[].value", value, NULL, 0, 0, 0, none, NEW,                         \
	  "its value; without it, the value in the client's own header",                                    \
	  "Without this key the TLV is passed on from the header that the listener received, and "          \
	  "left out if there was none.",                                                                    \
	  "\"edge-1\"")

/* struct config_tls_out */
#define CONFIG_TLS_OUT_TBL(X)                                                                               \
	X(BOOL, "upstreams[].tls.verify", verify, "true", 0, 0, 0, none, NEW,                               \
	  "require a valid certificate with the right name",                                                \
	  "Without it anybody in between can be the server. For a certificate of one's own write ca "       \
	  "or pins instead.",                                                                               \
	  "false")                                                                                          \
	X(PATH, "upstreams[].tls.ca", ca, NULL, 0, 0, 0, none, NEW,                                         \
	  "PEM file of the authorities that are believed",                                                  \
	  "Without it those of the system are: any public authority can then vouch for the name.",          \
	  "\"ca.pem\"")                                                                                     \
	X(HOST, "upstreams[].tls.name", name, NULL, 0, 0, IP, none, NEW,                                    \
	  "the name, or the IP address, that the certificate must have",                                    \
	  "Without it the name that is sent (sni) counts, and where none is, the address of the server.",   \
	  "db.internal")                                                                                    \
	X(HOST, "upstreams[].tls.sni", sni, NULL, 0, 0, 0, none, NEW,                                       \
	  "the name the server is asked for; client: the one its client asked for",                         \
	  "Without it the name to verify is sent, if it is no IP address. With client it is the name "      \
	  "of the client's own TLS, ended here or read by a route; none is sent where it had none, or "     \
	  "no host name. The certificate must have that name too, unless name says another. Sessions "      \
	  "are resumed for the same name alone.",                                                           \
	  "client")                                                                                         \
	X(PINS, "upstreams[].tls.pins", pins, NULL, 1, 32, 0, none, NEW,                                    \
	  "SHA-256 hashes, in base64, of public keys of which the server must have one",                    \
	  "The hash of the SubjectPublicKeyInfo, as RFC 7469 defines it. Holds beside verify; name "        \
	  "a spare key too, since a server with another key is not spoken to.",                             \
	  "[\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"]")                                             \
	X(PATH, "upstreams[].tls.cert", cert, NULL, 0, 0, 0, none, NEW,                                     \
	  "PEM file of the certificate shown to servers that ask for one",                                  \
	  "Needs key beside it.",                                                                           \
	  "\"me.pem\"")                                                                                     \
	X(PATH, "upstreams[].tls.key", key, NULL, 0, 0, 0, none, NEW,                                       \
	  "PEM file of its private key",                                                                    \
	  "May be the same file as cert.",                                                                  \
	  "\"me.key\"")                                                                                     \
	X(PATH, "upstreams[].tls.password_file", password_file, NULL, 0, 0, 0, none, NEW,                   \
	  "file with the password of an encrypted key; of several lines each is tried",                     \
	  "Several, so that one file serves many keys, or the old password and the new one. Nothing ever "  \
	  "asks for a password on a terminal, so that a restart needs nobody.",                             \
	  "\"me.pass\"")                                                                                    \
	X(PROTOCOLS, "upstreams[].tls.alpn", alpn, NULL, 1, 32, 0, none, NEW,                               \
	  "protocols offered to servers by ALPN; client: the one its client speaks",                        \
	  "In order of preference; without this key none is offered. With client alone, it is the one "     \
	  "protocol that the listener's own alpn agreed on, and none where there is none: what a server "   \
	  "chose from the client's whole offer, the client would never learn.",                             \
	  "[postgresql]")                                                                                   \
	CONFIG_TLS_BOTH_TBL(X, "upstreams[].tls.")                                                          \
	X(BOOL, "upstreams[].tls.session_reuse", session_reuse, "true", 0, 0, 0, none, NEW,                 \
	  "resume sessions with a server, without another full handshake",                                  \
	  "A session is used again only for the same server, name and settings.",                           \
	  "false")                                                                                          \
	X(DURATION, "upstreams[].tls.handshake_timeout", handshake_timeout, "5s", 100 * UNITS_MS,           \
	  10 * UNITS_M, 0, none, NEW,                                                                       \
	  "time one handshake with a server may take",                                                      \
	  "Counted from the end of the connect; retry_budget bounds both, over all attempts.",              \
	  "2s")

#endif
