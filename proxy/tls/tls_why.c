/* From OpenSSL's error queue to a row of tls_why_tbl.h, so that operators and metrics see one word
 * per remedy. */
#include "proxy/tls/tls_why.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "netpoll/check.h"

#define X(code, word, sentence) #word,
static const char *const words[] = {"none", TLS_WHY_TBL(X)};
#undef X
#define X(code, word, sentence) sentence,
static const char *const sentences[] = {"the handshake did not fail", TLS_WHY_TBL(X)};
#undef X

const char *tls_why_word(enum tls_failure code)
{
	DCHECK((size_t)code < array_len(words), "a failure of the table");
	return words[code];
}

const char *tls_why_sentence(enum tls_failure code)
{
	DCHECK((size_t)code < array_len(sentences), "a failure of the table");
	return sentences[code];
}

const char *tls_why_detail(const struct tls_why *w)
{
	const char *text = NULL;

	if (w->verify != X509_V_OK)
		return X509_verify_cert_error_string(w->verify);
	if (w->reason != 0)
		text = ERR_reason_error_string(w->reason);
	return text != NULL ? text : "";
}

static enum tls_failure failure_of_verify(int verify)
{
	switch (verify) {
	case X509_V_ERR_CERT_REVOKED:
		return TLS_WHY_CERT_REVOKED;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_WHY_CERT_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_WHY_CERT_NAME;
	default:
		return TLS_WHY_CERT_UNTRUSTED;
	}
}

/* Reasons of the SSL library with a row of their own. Every other one is BROKEN: the peer broke the
 * protocol. */
static const struct {
	int reason;
	enum tls_failure code;
} failures[] = {
	{SSL_R_UNSUPPORTED_PROTOCOL, TLS_WHY_NO_PROTOCOL},
	{SSL_R_VERSION_TOO_LOW, TLS_WHY_NO_PROTOCOL},
	{SSL_R_VERSION_TOO_HIGH, TLS_WHY_NO_PROTOCOL},
	{SSL_R_WRONG_SSL_VERSION, TLS_WHY_NO_PROTOCOL},
	{SSL_R_UNKNOWN_PROTOCOL, TLS_WHY_NO_PROTOCOL},
	{SSL_R_NO_SHARED_CIPHER, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_SHARED_GROUPS, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_SUITABLE_KEY_SHARE, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_SUITABLE_GROUPS, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_WHY_NO_CIPHER},
	{SSL_R_NO_APPLICATION_PROTOCOL, TLS_WHY_NO_ALPN},
	{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_WHY_CERT_MISSING},
	{SSL_R_WRONG_VERSION_NUMBER, TLS_WHY_NOT_TLS},
	{SSL_R_HTTP_REQUEST, TLS_WHY_NOT_TLS},
	{SSL_R_HTTPS_PROXY_REQUEST, TLS_WHY_NOT_TLS},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, TLS_WHY_CLOSED},
	{ERR_R_MALLOC_FAILURE, TLS_WHY_MEMORY},
};

/* Nothing that a peer does: an algorithm that the providers or the properties of openssl.cnf leave
 * out, or libssl that found itself in a state of its own making, as when a provider failed. */
static bool is_provider(unsigned long error)
{
	int lib = ERR_GET_LIB(error), reason = ERR_GET_REASON(error);

	if (lib == ERR_LIB_EVP)
		return reason == ERR_R_FETCH_FAILED || reason == ERR_R_UNSUPPORTED ||
		       reason == EVP_R_UNSUPPORTED_ALGORITHM;
	return lib == ERR_LIB_SSL &&
	       (reason == ERR_R_INTERNAL_ERROR || reason == SSL_R_NO_SUITABLE_DIGEST_ALGORITHM);
}

static enum tls_failure failure_of_reason(unsigned long error, int verify)
{
	int reason = ERR_GET_REASON(error);

	if (is_provider(error))
		return TLS_WHY_PROVIDER;
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return TLS_WHY_BROKEN;
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return failure_of_verify(verify);
	for (size_t i = 0; i < array_len(failures); i++)
		if (failures[i].reason == reason)
			return failures[i].code;
	/* OpenSSL reports an alert that came as its number above this offset. */
	return reason > SSL_AD_REASON_OFFSET ? TLS_WHY_ALERT : TLS_WHY_BROKEN;
}

struct tls_why tls_why_take(int verify)
{
	struct tls_why w = {.reason = ERR_peek_error()};

	w.code = failure_of_reason(w.reason, verify);
	if (ERR_GET_LIB(w.reason) == ERR_LIB_SSL &&
	    ERR_GET_REASON(w.reason) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		w.verify = verify;
	ERR_clear_error();
	return w;
}
