/* tls_break_tbl: the rules that a record after the handshake can break, each with the alert that the peer is sent for
 * it, and the names of all alerts (RFC 8446, B.2; RFC 5246, A.3). One row serves the alert on the wire, the words in the
 * log, and tests/unit/proxy/tls/tls_direct_test.c, which fails for a row that none of its own rows provokes. */
#ifndef PROXY_TLS_TLS_BREAK_TBL_H
#define PROXY_TLS_TLS_BREAK_TBL_H

#define TLS_ALERT_TBL(X)                                              \
	X(CLOSE_NOTIFY, 0, "close_notify")                            \
	X(UNEXPECTED_MESSAGE, 10, "unexpected_message")               \
	X(BAD_RECORD_MAC, 20, "bad_record_mac")                       \
	X(DECRYPTION_FAILED, 21, "decryption_failed")                 \
	X(RECORD_OVERFLOW, 22, "record_overflow")                     \
	X(DECOMPRESSION_FAILURE, 30, "decompression_failure")         \
	X(HANDSHAKE_FAILURE, 40, "handshake_failure")                 \
	X(NO_CERTIFICATE, 41, "no_certificate")                       \
	X(BAD_CERTIFICATE, 42, "bad_certificate")                     \
	X(UNSUPPORTED_CERTIFICATE, 43, "unsupported_certificate")     \
	X(CERTIFICATE_REVOKED, 44, "certificate_revoked")             \
	X(CERTIFICATE_EXPIRED, 45, "certificate_expired")             \
	X(CERTIFICATE_UNKNOWN, 46, "certificate_unknown")             \
	X(ILLEGAL_PARAMETER, 47, "illegal_parameter")                 \
	X(UNKNOWN_CA, 48, "unknown_ca")                               \
	X(ACCESS_DENIED, 49, "access_denied")                         \
	X(DECODE_ERROR, 50, "decode_error")                           \
	X(DECRYPT_ERROR, 51, "decrypt_error")                         \
	X(EXPORT_RESTRICTION, 60, "export_restriction")               \
	X(PROTOCOL_VERSION, 70, "protocol_version")                   \
	X(INSUFFICIENT_SECURITY, 71, "insufficient_security")         \
	X(INTERNAL_ERROR, 80, "internal_error")                       \
	X(INAPPROPRIATE_FALLBACK, 86, "inappropriate_fallback")       \
	X(USER_CANCELED, 90, "user_canceled")                         \
	X(NO_RENEGOTIATION, 100, "no_renegotiation")                  \
	X(MISSING_EXTENSION, 109, "missing_extension")                \
	X(UNSUPPORTED_EXTENSION, 110, "unsupported_extension")        \
	X(UNRECOGNIZED_NAME, 112, "unrecognized_name")                \
	X(BAD_STATUS_RESPONSE, 113, "bad_certificate_status_response") \
	X(UNKNOWN_PSK_IDENTITY, 115, "unknown_psk_identity")          \
	X(CERTIFICATE_REQUIRED, 116, "certificate_required")          \
	X(NO_APPLICATION_PROTOCOL, 120, "no_application_protocol")

/*  code              alert                words of it               rule, with its place in the RFC */
#define TLS_BREAK_TBL(X)                                                                            \
	X(TYPE, UNEXPECTED_MESSAGE, "unexpected_message",                                           \
	  "a record of a type that may not come now (RFC 8446, 5)")                                 \
	X(PADDING_ALONE, UNEXPECTED_MESSAGE, "unexpected_message",                                  \
	  "a record of padding alone (RFC 8446, 5.4)")                                              \
	X(EMPTY_MESSAGE, UNEXPECTED_MESSAGE, "unexpected_message",                                  \
	  "an alert or handshake record without content (RFC 8446, 5.4)")                           \
	X(INTERLEAVED, UNEXPECTED_MESSAGE, "unexpected_message",                                    \
	  "another record inside a handshake message (RFC 8446, 5.1)")                              \
	X(KEY_CHANGE, UNEXPECTED_MESSAGE, "unexpected_message",                                     \
	  "more behind a KeyUpdate in its record (RFC 8446, 5.1)")                                  \
	X(MESSAGE, UNEXPECTED_MESSAGE, "unexpected_message",                                        \
	  "a handshake message that may not come now (RFC 8446, 4)")                                \
	X(EMPTY_FLOOD, UNEXPECTED_MESSAGE, "unexpected_message",                                    \
	  "more than 32 records without content in a row")                                          \
	X(WARNING_FLOOD, UNEXPECTED_MESSAGE, "unexpected_message", "5 warnings in a row")           \
	X(UPDATE_FLOOD, UNEXPECTED_MESSAGE, "unexpected_message",                                   \
	  "more than 100 KeyUpdates in a second")                                                   \
	X(RECORD_LENGTH, RECORD_OVERFLOW, "record_overflow",                                        \
	  "a record that is too long by its head (RFC 8446, 5.2)")                                  \
	X(CONTENT_LENGTH, RECORD_OVERFLOW, "record_overflow",                                       \
	  "a record with more than 16384 bytes inside (RFC 8446, 5.4)")                             \
	X(MAC, BAD_RECORD_MAC, "bad_record_mac",                                                    \
	  "a record that was not made with this key, or changed on its way (RFC 8446, 5.2)")        \
	X(TOO_SHORT, BAD_RECORD_MAC, "bad_record_mac",                                              \
	  "a record that is too short for a tag (RFC 8446, 5.2)")                                   \
	X(ALERT_LENGTH, DECODE_ERROR, "decode_error",                                               \
	  "an alert that is not two bytes long (RFC 8446, 5.1, 6.2)")                               \
	X(ALERT_LEVEL, ILLEGAL_PARAMETER, "illegal_parameter",                                      \
	  "an alert that is neither warning nor fatal (RFC 5246, 7.2)")                             \
	X(MESSAGE_LENGTH, DECODE_ERROR, "decode_error",                                             \
	  "a handshake message of a wrong length (RFC 8446, 6.2)")                                  \
	X(UPDATE_VALUE, ILLEGAL_PARAMETER, "illegal_parameter",                                     \
	  "a KeyUpdate that asks for an unknown thing (RFC 8446, 4.6.3)")

#endif
