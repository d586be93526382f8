/* config_tls_tbl: the keys of TLS, routes and PROXY. A part of config_tbl.h, whose head explains the columns. */
#ifndef CONFIG_CONFIG_TLS_TBL_H
#define CONFIG_CONFIG_TLS_TBL_H

/* struct config_tls_in */
#define CONFIG_TLS_IN_TBL(X)

/* struct config_cert */
#define CONFIG_CERT_TBL(X)

/* struct config_route */
#define CONFIG_ROUTE_TBL(X)

/* struct config_custom_tlv */
#define CONFIG_CUSTOM_TLV_TBL(X)

/* struct config_tls_out */
#define CONFIG_TLS_OUT_TBL(X)

#endif
