/* hello_message: the message of a ClientHello, wherever records begin and end. Private to hello. */
#ifndef PROXY_PROTO_HELLO_MESSAGE_H
#define PROXY_PROTO_HELLO_MESSAGE_H

#include "proxy/proto/hello.h"

#define HELLO_HEAD 4 /* bytes in front of the message: its type and its length */
#define HELLO_TYPE 1 /* client_hello */

void hello_message_init(struct hello *h);

/* hello_message_feed: take of n bytes what one field can use; sets h->result when that decides it.
 *   Returns  how many were taken: at least 1. */
uint32_t hello_message_feed(struct hello *h, const uint8_t *p, uint32_t n);

/* The hello is impossible; word is static. */
void hello_bad(struct hello *h, const char *word);

#endif
