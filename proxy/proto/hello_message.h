/* hello_message: the message inside a ClientHello, wherever its records begin and end. Private to
 * hello: only hello.c and hello_message.c include this. */
#ifndef PROXY_PROTO_HELLO_MESSAGE_H
#define PROXY_PROTO_HELLO_MESSAGE_H

#include "proxy/proto/hello.h"

#define HELLO_HEAD 4 /* bytes of the type and the length in front of the message */
#define HELLO_TYPE 1 /* client_hello (RFC 8446, 4) */

/* hello_message_init: wait for the first byte of the message. */
void hello_message_init(struct hello *h);

/* hello_message_feed: take as many of n > 0 bytes as the open field needs. Sets h->result once it
 * is certain.
 *   Returns  how many bytes it took: at least 1. */
uint32_t hello_message_feed(struct hello *h, const uint8_t *p, uint32_t n);

/* hello_bad: the hello cannot be valid; the field `word`, a static text, shows it. */
void hello_bad(struct hello *h, const char *word);

#endif
