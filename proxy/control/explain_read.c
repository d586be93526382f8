/* explain_read: the question, from a query or a command line. */
#include "proxy/control/explain.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/base/name_set.h"

/* A host alone: its port does not count. */
static const char *read_src(struct explain_question *q, const char *text)
{
	if (inet_pton(AF_INET, text, &q->src.u.in4.sin_addr) == 1) {
		q->src.u.in4.sin_family = AF_INET;
		q->src.len = sizeof(q->src.u.in4);
		return NULL;
	}
	if (inet_pton(AF_INET6, text, &q->src.u.in6.sin6_addr) == 1) {
		q->src.u.in6.sin6_family = AF_INET6;
		q->src.len = sizeof(q->src.u.in6);
		np_addr_unmap(&q->src);
		return NULL;
	}
	if (strcmp(text, "unix") != 0)
		return "src is an IP address without a port, or unix";
	q->src.u.sa.sa_family = AF_UNIX;
	q->src.len = sizeof(q->src.u.sa.sa_family);
	return NULL;
}

static const char *read_sni(struct explain_question *q, const char *text)
{
	q->nsni = strlen(text);
	if (q->nsni > HELLO_NAME_MAX)
		return "sni has at most 255 bytes";
	for (size_t i = 0; i < q->nsni; i++)
		q->sni[i] = name_lower(text[i]);
	return NULL;
}

/* "h2,http/1.1" */
static const char *read_alpn(struct explain_question *q, const char *text)
{
	for (; *text != '\0'; text += *text == ',') {
		size_t n = strcspn(text, ",");

		if (n == 0 || n > UINT8_MAX || q->nalpn + 1 + n > sizeof(q->alpn))
			return "alpn is protocols with commas between them: h2,http/1.1";
		q->alpn[q->nalpn++] = (uint8_t)n;
		memcpy(q->alpn + q->nalpn, text, n);
		q->nalpn += n;
		text += n;
	}
	return NULL;
}

static const char *read_tls(struct explain_question *q, const char *text)
{
	static const struct {
		const char *word;
		uint16_t version;
	} words[] = {{"none", 0}, {"1.0", 0x0301}, {"1.1", 0x0302}, {"1.2", 0x0303}, {"1.3", 0x0304}};

	for (size_t i = 0; i < array_len(words); i++)
		if (strcmp(words[i].word, text) == 0) {
			q->version = words[i].version;
			q->plain = q->version == 0;
			return NULL;
		}
	return "tls is none, or the newest version that the client speaks: 1.0, 1.1, 1.2, 1.3";
}

const char *explain_read(struct explain_question *q, const struct explain_words *w)
{
	const char *wrong = NULL;

	*q = (struct explain_question){.version = 0};
	if (w->listener != NULL && strlen(w->listener) >= sizeof(q->listener))
		return "a listener has a name of 63 bytes at most";
	if (w->listener != NULL)
		memcpy(q->listener, w->listener, strlen(w->listener));
	if (w->src != NULL)
		wrong = read_src(q, w->src);
	if (wrong == NULL && w->sni != NULL)
		wrong = read_sni(q, w->sni);
	if (wrong == NULL && w->alpn != NULL)
		wrong = read_alpn(q, w->alpn);
	if (wrong == NULL && w->tls != NULL)
		wrong = read_tls(q, w->tls);
	if (wrong == NULL && q->plain && q->nsni + q->nalpn > 0)
		wrong = "a client without TLS has neither sni nor alpn";
	return wrong;
}
