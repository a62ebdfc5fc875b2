/* Failed transfers in words (http_error.h). The URL's host is named, never its query. */
#include "src/net/http_error.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

static int certificate(const struct http_failure *f, const char *host, int n, struct err *e)
{
    switch (f->verify) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return err_set(e, ERR_CRYPTO,
                       "TLS: a certificate of %.*s has expired; it must be renewed there, or the "
                       "clock here is wrong",
                       n, host);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return err_set(e, ERR_CRYPTO,
                       "TLS: a certificate of %.*s is not valid yet; is the clock here right?", n,
                       host);
    case X509_V_ERR_CERT_REVOKED:
        return err_set(e, ERR_CRYPTO, "TLS: the certificate of %.*s is revoked", n, host);
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* libcurl compared the name itself, before it took a verdict */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return err_set(e, ERR_CRYPTO,
                       "TLS: the certificate of %.*s is for another name; check the address", n,
                       host);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return err_set(e, ERR_CRYPTO,
                       "TLS: the certificate of %.*s is not issued under a trusted anchor; add its "
                       "root to the trust anchors",
                       n, host);
    default:
        return err_set(e, ERR_CRYPTO, "TLS: the certificate of %.*s is refused: %s", n, host,
                       X509_verify_cert_error_string(f->verify));
    }
}

/* 0: it was not the proxy. */
static int by_proxy(const struct http_failure *f, struct err *e)
{
    if (!f->proxy)
        return 0;
    if (f->proxy_status == 407)
        return err_set(e, ERR_AUTH, "proxy: %.200s refuses user and password; check Proxy User",
                       f->proxy);
    if (f->proxy_status >= 300)
        return err_set(e, ERR_NETWORK, "proxy: %.200s answered %ld to the way through", f->proxy,
                       f->proxy_status);
    if (f->code == CURLE_COULDNT_CONNECT || f->code == CURLE_COULDNT_RESOLVE_PROXY)
        return err_set(e, ERR_NETWORK, "proxy: %.200s cannot be reached; check Proxy", f->proxy);
    return 0;
}

int http_failed(const struct http_failure *f, struct err *e)
{
    const char *host = strstr(f->url, "://");
    host = host ? host + 3 : f->url;
    const int n = (int)strcspn(host, "/?#");

    if (by_proxy(f, e) < 0)
        return -1;
    if (f->too_large)
        return err_set(e, ERR_REMOTE, "%.*s: the answer is larger than %zu bytes", n, host,
                       f->max_body);
    switch (f->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return err_set(e, ERR_NETWORK,
                       "DNS: %.*s has no address; check the name and the DNS servers", n, host);
    case CURLE_COULDNT_CONNECT:
        return err_set(e, ERR_NETWORK,
                       "connect: %.*s is unreachable or refuses; check address, port and firewall",
                       n, host);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_NETWORK, "timeout: %.*s %s", n, host,
                       f->connected ? "did not answer completely in time"
                                    : "did not take the connection in time");
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate(f, host, n, e);
    case CURLE_SSL_CONNECT_ERROR:
        return err_set(e, ERR_NETWORK, "TLS: handshake with %.*s failed: %.200s", n, host, f->text);
    case CURLE_SSL_CACERT_BADFILE:
        return err_set(e, ERR_INPUT,
                       "TLS: the trust anchors cannot be read; expected PEM certificates");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(e, ERR_INPUT, "address %.200s: expected an https address", f->url);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return err_set(e, ERR_NETWORK, "%.*s cut the connection before its complete answer", n,
                       host);
    default:
        return err_set(e, ERR_NETWORK, "%.*s: %.200s", n, host,
                       f->text[0] ? f->text : curl_easy_strerror((CURLcode)f->code));
    }
}
