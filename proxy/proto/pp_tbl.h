/* pp_tbl: the constants of the PROXY protocol, each once: the reasons to refuse a header, the TLVs,
 * and the TLVs inside an SSL TLV. */
#ifndef PROXY_PROTO_PP_TBL_H
#define PROXY_PROTO_PP_TBL_H

/* Why pp_read stops. The first row is not a refusal: more bytes may complete the header. A caller
 * logs it when no more bytes come, because the connection ended or the time ran out.
 *  code           word                then the sentence */
#define PP_WHY_TBL(X) \
	X(MORE,          incomplete,         "the header was not complete") \
	X(NOT_PROXY,     not_proxy,          "the first bytes are not those of a PROXY header") \
	X(V1_FAMILY,     v1_bad_family,      "the family is not TCP4, TCP6 or UNKNOWN") \
	X(V1_ADDRESS,    v1_bad_address,     "an address is not in the strict form of its family") \
	X(V1_PORT,       v1_bad_port,        "a port is not a plain number from 0 to 65535") \
	X(V1_SYNTAX,     v1_bad_line,        "a single space or the CR LF is missing") \
	X(V1_TOO_LONG,   v1_too_long,        "no CR LF within 107 bytes") \
	X(V2_VERSION,    v2_bad_version,     "the version is not 2") \
	X(V2_COMMAND,    v2_bad_command,     "the command is neither LOCAL nor PROXY") \
	X(V2_FAMILY,     v2_bad_family,      "the family or the transport is unknown") \
	X(V2_TOO_LONG,   v2_too_long,        "the announced length is above the maximum") \
	X(V2_TOO_SHORT,  v2_too_short,       "the announced length is below that of the addresses") \
	X(BAD_TLV,       bad_tlv,            "a TLV reaches past the end of the header") \
	X(BAD_UNIQUE_ID, bad_unique_id,      "the unique id is longer than 128 bytes") \
	X(BAD_SSL,       bad_ssl,            "the SSL TLV is cut short, or has no TLS version") \
	X(BAD_CRC32C,    bad_crc32c,         "the checksum is wrong, or there are two")

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

/* The TLVs inside an SSL TLV. VERSION is required if the client uses TLS.
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
