/* tls_records: the rows of tls_records_tbl.h as an enum. */
#ifndef PROXY_TLS_TLS_RECORDS_H
#define PROXY_TLS_TLS_RECORDS_H

#include "proxy/tls/tls_records_tbl.h"

#define X(code, word, sentence) TLS_RECORDS_##code,
enum tls_records { TLS_RECORDS_TBL(X) };
#undef X

#endif
