/* config_enum: the enumerations of the model, from the tables of their words. */
#ifndef CONFIG_CONFIG_ENUM_H
#define CONFIG_CONFIG_ENUM_H

#include "config/config_enum_tbl.h"

/* The enumerations: CONFIG_LEVEL_DEBUG and so on, from the first column of each table. */
#define X(name, word, meaning) CONFIG_LEVEL_##name,
enum config_level { CONFIG_LEVEL_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_FORMAT_##name,
enum config_format { CONFIG_FORMAT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_FACILITY_##name,
enum config_facility { CONFIG_FACILITY_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_ON_TIMEOUT_##name,
enum config_on_timeout { CONFIG_ON_TIMEOUT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_AT_LIMIT_##name,
enum config_at_limit { CONFIG_AT_LIMIT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_SOURCE_ACTION_##name,
enum config_source_action { CONFIG_SOURCE_ACTION_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_ON_FIN_##name,
enum config_on_fin { CONFIG_ON_FIN_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_IDLE_POLICY_##name,
enum config_idle_policy { CONFIG_IDLE_POLICY_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_CONNECT_##name,
enum config_connect { CONFIG_CONNECT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_BALANCE_##name,
enum config_balance { CONFIG_BALANCE_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_ON_DOWN_##name,
enum config_on_down { CONFIG_ON_DOWN_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_CHECK_TLS_##name,
enum config_check_tls_use { CONFIG_CHECK_INHERIT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_FAMILY_##name,
enum config_family { CONFIG_FAMILY_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_PROXY_IN_##name,
enum config_proxy_accept { CONFIG_PROXY_IN_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_TCP_INFO_##name,
enum config_tcp_info { CONFIG_TCP_INFO_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_UNTRUSTED_##name,
enum config_untrusted { CONFIG_UNTRUSTED_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_PROXY_OUT_##name,
enum config_proxy_send { CONFIG_PROXY_OUT_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_TLV_##name,
enum config_tlv { CONFIG_TLV_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_TLS_VERSION_##name,
enum config_tls_version { CONFIG_TLS_VERSION_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_NAME_VERSION_##name,
enum config_name_version { CONFIG_NAME_VERSION_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_TLS_RECORDS_##name,
enum config_tls_records { CONFIG_TLS_RECORDS_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_TLS_TRUNCATED_##name,
enum config_tls_truncated { CONFIG_TLS_TRUNCATED_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_CLIENT_AUTH_##name,
enum config_client_auth_mode { CONFIG_CLIENT_AUTH_TBL(X) };
#undef X
#define X(name, word, meaning) CONFIG_OPENING_##name,
enum config_opening { CONFIG_OPENING_TBL(X) };
#undef X

#endif
