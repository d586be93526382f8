/* Checks each word of the lists of ciphers, suites and groups, by asking OpenSSL about the word
 * alone. */
#include "proxy/tls/tls_ctx_lists.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

#define SEPARATORS ": ,;" /* those of ciphers(1) */

/* Words of ciphers(1), and of the versions before it, that select nothing in a build without weak
 * algorithms. They are right in front of a '!' or '-', where they forbid. A name of a cipher that
 * this build lacks is made of such words, too: EDH-RSA-DES-CBC3-SHA. */
static const char *const absent[] = {
	"3DES",	       "ADH",	      "AECDH",	  "ARIA",     "ARIA128",   "ARIA256", "CAMELLIA",
	"CAMELLIA128", "CAMELLIA256", "CBC",	  "CBC3",     "DES",	   "DH",      "DHE",
	"DSS",	       "ECDH",	      "ECDHE",	  "ECDSA",    "EDH",	   "EDE3",    "EECDH",
	"EXP",	       "EXP1024",     "EXPORT",	  "EXPORT40", "EXPORT56",  "FIPS",    "FZA",
	"GOST",	       "GOST2001",    "GOST2012", "GOST89",   "GOST89MAC", "GOST94",  "IDEA",
	"KRB5",	       "LOW",	      "MD5",	  "MEDIUM",   "NULL",	   "PSK",     "RC2",
	"RC4",	       "RSA",	      "SEED",	  "SHA",      "SHA1",	   "SHA256",  "SHA384",
	"SRP",	       "SSLv2",	      "SSLv3",	  "TLSv1",    "aDH",	   "aDSS",    "aECDH",
	"aGOST",       "aGOST01",     "aKRB5",	  "aNULL",    "aPSK",	   "aSRP",    "eFZA",
	"eNULL",       "kDH",	      "kDHE",	  "kDHEPSK",  "kDHd",	   "kDHr",    "kECDH",
	"kECDHE",      "kECDHEPSK",   "kECDHe",	  "kECDHr",   "kEDH",	   "kEECDH",  "kGOST",
	"kKRB5",       "kPSK",	      "kRSAPSK",  "kSRP",
};

static bool is_absent_part(const char *p, size_t n)
{
	for (size_t i = 0; i < array_len(absent); i++)
		if (strlen(absent[i]) == n && memcmp(absent[i], p, n) == 0)
			return true;
	return false;
}

/* Words joined by '+' or '-', each of which some build of OpenSSL knows. */
static bool is_absent(const char *word)
{
	size_t n;

	for (;; word += n + 1) {
		n = strcspn(word, "+-");
		if (!is_absent_part(word, n))
			return false;
		if (word[n] == '\0')
			return true;
	}
}

static int no_such_word(struct text *err, const char *key, const char *word, const char *remedy)
{
	ERR_clear_error();
	text_str(err, key);
	text_str(err, ": OpenSSL knows no \"");
	text_str(err, word);
	text_str(err, "\"");
	text_str(err, remedy);
	return -NP_EINVAL;
}

/* Security level 0: whether a word is known does not depend on what the level then forbids. */
static bool is_cipher(SSL_CTX *scratch, const char *word)
{
	bool known;

	ERR_set_mark();
	known = SSL_CTX_set_cipher_list(scratch, word) == 1;
	ERR_pop_to_mark();
	return known;
}

static bool is_suite(SSL_CTX *scratch, const char *word)
{
	bool known;

	ERR_set_mark();
	known = SSL_CTX_set_ciphersuites(scratch, word) == 1;
	ERR_pop_to_mark();
	return known && strncmp(word, "TLS_", 4) == 0;
}

static bool is_group(SSL_CTX *scratch, char *word)
{
	bool known;

	ERR_set_mark();
	known = SSL_CTX_set1_groups_list(scratch, word) == 1;
	ERR_pop_to_mark();
	return known;
}

static int check_cipher(SSL_CTX *scratch, char *word, struct text *err)
{
	const char *bare = word + strspn(word, "!-+");

	/* @SECLEVEL=2, @STRENGTH: OpenSSL refuses the whole list when one is misspelt. */
	if (bare[0] == '@' || strncmp(bare, "DEFAULT", 7) == 0 || is_cipher(scratch, bare))
		return 0;
	if (bare > word && word[0] != '+' && is_absent(bare))
		return 0;
	if (is_suite(scratch, bare))
		return no_such_word(err, "ciphers", word,
				    " for TLS 1.2: name it in ciphersuites, which are TLS 1.3's");
	return no_such_word(err, "ciphers", word, ": `openssl ciphers -v ALL` lists them");
}

static int check_suite(SSL_CTX *scratch, char *word, struct text *err)
{
	if (is_suite(scratch, word))
		return 0;
	if (is_cipher(scratch, word))
		return no_such_word(err, "ciphersuites", word,
				    " for TLS 1.3: name it in ciphers, which are TLS 1.2's");
	return no_such_word(err, "ciphersuites", word, ": `openssl ciphers -tls1_3` lists them");
}

static int check_group(SSL_CTX *scratch, char *word, struct text *err)
{
	if (is_group(scratch, word))
		return 0;
	return no_such_word(err, "groups", word,
			    ": X25519, P-256, P-384, P-521, X448, ffdhe2048 are common ones");
}

static int check_words(SSL_CTX *scratch, const char *list,
		       int (*check)(SSL_CTX *scratch, char *word, struct text *err),
		       struct text *err)
{
	char *copy = list != NULL ? strdup(list) : NULL, *at = NULL;
	int code = list == NULL || copy != NULL ? 0 : -NP_ENOMEM;

	for (char *word = copy != NULL ? strtok_r(copy, SEPARATORS, &at) : NULL;
		code == 0 && word != NULL; word = strtok_r(NULL, SEPARATORS, &at))
		code = check(scratch, word, err);
	free(copy);
	return code;
}

int tls_lists_check(OSSL_LIB_CTX *lib, const struct tls_ctx_limits *l, struct text *err)
{
	SSL_CTX *scratch = SSL_CTX_new_ex(lib, NULL, TLS_method());
	int code;

	if (scratch == NULL)
		return -NP_ENOMEM;
	SSL_CTX_set_security_level(scratch, 0);
	code = check_words(scratch, l->ciphers, check_cipher, err);
	if (code == 0)
		code = check_words(scratch, l->suites, check_suite, err);
	if (code == 0)
		code = check_words(scratch, l->groups, check_group, err);
	SSL_CTX_free(scratch);
	return code;
}
