/* tls_ticket_seal: seals and opens session tickets with the shared ticket keys. */
#ifndef PROXY_TLS_TLS_TICKET_SEAL_H
#define PROXY_TLS_TLS_TICKET_SEAL_H

#include <openssl/ssl.h>

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb. RFC 5077, 4: AES-256-CBC, and HMAC-SHA256 over it.
 *   Returns  1: go on; 2: the ticket opens, and the client gets a new one; 0: no key of ours opens
 *            it; -1: no memory.
 *   Calls    OpenSSL, inside a handshake, on the worker of the connection. */
int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		   EVP_MAC_CTX *mac, int seal);

#endif
