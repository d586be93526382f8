/* pp_tbl: the words of the PROXY protocol, each once: why a header was refused, which TLVs there
 * are, and what an SSL TLV may hold. */
#ifndef PROXY_PROTO_PP_TBL_H
#define PROXY_PROTO_PP_TBL_H

/* Why pp_read stops. The first is no refusal: more bytes may complete the header. It is what a
 * caller logs when there will be none, because the connection ended or the time was up.
 *  code           word                then the sentence */
#define PP_WHY_TBL(X) \
	X(MORE,          incomplete,         "the header was not complete") \
	X(NOT_PROXY,     not_proxy,          "the first bytes are not those of a PROXY header") \
	X(V1_FAMILY,     v1_bad_family,      "the family is not TCP4, TCP6 or UNKNOWN") \
	X(V1_ADDRESS,    v1_bad_address,     "an address is not one of the family in its strict form") \
	X(V1_PORT,       v1_bad_port,        "a port is not a plain decimal from 0 to 65535") \
	X(V1_SYNTAX,     v1_bad_line,        "the line is not its tokens, single spaces, then CR LF") \
	X(V1_TOO_LONG,   v1_too_long,        "no CR LF within 107 bytes") \
	X(V2_VERSION,    v2_bad_version,     "the version behind the signature is not 2") \
	X(V2_COMMAND,    v2_bad_command,     "the command is neither LOCAL nor PROXY") \
	X(V2_FAMILY,     v2_bad_family,      "there is no such family or transport") \
	X(V2_TOO_LONG,   v2_too_long,        "the stated length is above the configured maximum") \
	X(V2_TOO_SHORT,  v2_too_short,       "the stated length is below that of the family's addresses") \
	X(BAD_TLV,       bad_tlv,            "a TLV does not end where the header does, or before") \
	X(BAD_UNIQUE_ID, bad_unique_id,      "the unique id is longer than 128 bytes") \
	X(BAD_SSL,       bad_ssl,            "the SSL TLV is cut short, or names no TLS version") \
	X(BAD_CRC32C,    bad_crc32c,         "the checksum is wrong, stated twice or not four bytes long")

/* The registered TLVs.
 *  code       type */
#define PP_TLV_TBL(X) \
	X(ALPN,      0x01) \
	X(AUTHORITY, 0x02) \
	X(CRC32C,    0x03) \
	X(NOOP,      0x04) \
	X(UNIQUE_ID, 0x05) \
	X(SSL,       0x20) \
	X(NETNS,     0x30)

/* What stands inside an SSL TLV. The first is owed when the client came over TLS.
 *  code        field        type */
#define PP_SSL_TBL(X) \
	X(VERSION,     version,     0x21) \
	X(CN,          cn,          0x22) \
	X(CIPHER,      cipher,      0x23) \
	X(SIG_ALG,     sig_alg,     0x24) \
	X(KEY_ALG,     key_alg,     0x25) \
	X(GROUP,       group,       0x26) \
	X(SIG_SCHEME,  sig_scheme,  0x27) \
	X(CLIENT_CERT, client_cert, 0x28)

#endif
