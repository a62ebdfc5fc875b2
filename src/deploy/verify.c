/* A TLS client with one deadline over connect and handshake. It trusts nobody and compares bytes.
 */
#include "src/deploy/verify.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/ossl.h"
#include "src/base/time.h"

DEFINE_OWN(SSL *, ssl, SSL_free)

#define SIG_RSA                                                                                    \
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512"
#define SIG_EC "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"

static int wait_for(int fd, short events, int64_t deadline, struct err *e)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - monotonic_ms();

    if (left <= 0 || poll(&p, 1, (int)left) != 1)
        return err_set(e, ERR_NETWORK, "no answer in time");
    return 0;
}

static int connect_one(const struct addrinfo *a, int64_t deadline, int *out, struct err *e)
{
    OWN(own_fd)
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int why = 0;
    socklen_t n = sizeof(why);

    if (fd < 0)
        return err_sys(e, "socket");
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        return err_set(e, ERR_NETWORK, "%s", strerror(errno));
    if (wait_for(fd, POLLOUT, deadline, e) < 0)
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0 || why)
        return err_set(e, ERR_NETWORK, "%s", strerror(why));
    *out = take_fd(&fd);
    return 0;
}

static int connect_to(const struct probe *p, int64_t deadline, int *out, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    char service[8];
    int rc = -1;

    snprintf(service, sizeof(service), "%u", p->port);
    int gai = getaddrinfo(p->address, service, &hints, &list);
    if (gai)
        return err_set(e, ERR_NETWORK, "%s: %s", p->address, gai_strerror(gai));
    for (const struct addrinfo *a = list; a && rc < 0; a = a->ai_next)
        rc = connect_one(a, deadline, out, e);
    freeaddrinfo(list);
    return rc;
}

/* Made once: it costs more than a handshake. It keeps no sessions, so none is resumed. */
static SSL_CTX *client_context(void)
{
    static SSL_CTX *ctx;

    if (!ctx && (ctx = SSL_CTX_new(TLS_client_method())))
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static int prepare(const struct probe *p, int fd, SSL **ssl, struct err *e)
{
    SSL_CTX *ctx = client_context();

    *ssl = ctx ? SSL_new(ctx) : NULL;
    if (!*ssl || SSL_set_fd(*ssl, fd) != 1)
        return err_openssl(e, ERR_SYSTEM, "TLS client");
    SSL_set_verify(*ssl, SSL_VERIFY_NONE, NULL);
    SSL_set_security_level(*ssl, 0); /* what is served is to be seen, also when it is weak */
    SSL_set_min_proto_version(*ssl, TLS1_2_VERSION);
    if (p->name[0] && SSL_set_tlsext_host_name(*ssl, p->name) != 1)
        return err_openssl(e, ERR_INPUT, p->name);
    if (p->key_type &&
        SSL_set1_sigalgs_list(*ssl, str_eq(p->key_type, "RSA") ? SIG_RSA : SIG_EC) != 1)
        return err_openssl(e, ERR_BUG, "signature algorithms");
    return 0;
}

static int shake(SSL *ssl, int fd, int64_t deadline, struct err *e)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_connect(ssl);
        if (rc == 1)
            return 0;
        int want = SSL_get_error(ssl, rc);
        if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) {
            if (wait_for(fd, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline, e) < 0)
                return -1;
            continue;
        }
        if (want == SSL_ERROR_SYSCALL)
            return err_set(e, ERR_NETWORK, "the connection was cut in the handshake");
        int reason = ERR_GET_REASON(ERR_peek_error());
        /* A server that asks for our certificate showed its own, and its signature held, before. */
        if ((reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
             reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE) &&
            SSL_get0_peer_certificate(ssl) && SSL_get_client_CA_list(ssl)) {
            ERR_clear_error();
            return 0;
        }
        return err_openssl(e, ERR_REMOTE, "TLS handshake");
    }
}

static int take_chain(SSL *ssl, struct chain *out, struct err *e)
{
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
    int n = sent ? sk_X509_num(sent) : 0;

    if (n < 1)
        return err_set(e, ERR_REMOTE, "the server sent no certificate");
    if (n > CHAIN_MAX_CERTS)
        return err_set(e, ERR_LIMIT, "the server sent %d certificates, at most %d are read", n,
                       CHAIN_MAX_CERTS);
    for (int i = 0; i < n; i++) {
        out->v[i] = sk_X509_value(sent, i);
        X509_up_ref(out->v[i]);
    }
    out->n = (size_t)n;
    return 0;
}

int probe_handshake(const struct probe *p, int64_t timeout_ms, struct chain *served, struct err *e)
{
    int64_t deadline = monotonic_ms() + timeout_ms;
    OWN(own_fd)
    int fd = -1;
    OWN(own_ssl)
    SSL *ssl = NULL;

    if (connect_to(p, deadline, &fd, e) < 0 || prepare(p, fd, &ssl, e) < 0 ||
        shake(ssl, fd, deadline, e) < 0 || take_chain(ssl, served, e) < 0)
        return err_wrap(e, "%s port %u%s%s", p->address, p->port, p->name[0] ? " as " : "",
                        p->name);
    SSL_shutdown(ssl);
    return 0;
}

int probe_compare(const struct chain *served, const struct chain *want, bool *root_sent,
                  struct err *e)
{
    char got[65], expected[65];

    if (cert_fingerprint(served->v[0], got, e) < 0 || cert_fingerprint(want->v[0], expected, e) < 0)
        return -1;
    if (!str_eq(got, expected))
        return err_set(e, ERR_CRYPTO, "served is leaf %.16s, expected %.16s", got, expected);
    for (size_t i = 1; i < want->n; i++)
        if (i >= served->n || X509_cmp(served->v[i], want->v[i]) != 0)
            return err_set(e, ERR_CRYPTO, "the served chain lacks certificate %zu of %zu", i + 1,
                           want->n);
    *root_sent = X509_self_signed(served->v[served->n - 1], 0) == 1 && served->n > 1;
    return 0;
}
