/*
 * Upload over SFTP, for accounts that need no elevation: SFTP runs as the login user and cannot
 * sudo. The file is new, private from its first byte, and on the server's disk when this returns
 * (fsync@openssh.com, where the server has it).
 */
#include <libssh2_sftp.h>
#include <string.h>

#include "src/deploy/via/ssh.h"

#define WRITE_MAX 30000 /* one SFTP packet */
#define SFTP_MS 60000

static int sftp_err(LIBSSH2_SFTP *sftp, const struct ssh *s, const char *path, struct err *e)
{
    unsigned long status = libssh2_sftp_last_error(sftp);

    if (libssh2_session_last_errno(s->session) != LIBSSH2_ERROR_SFTP_PROTOCOL)
        return ssh_err(s, ERR_NETWORK, path, e);
    if (status == LIBSSH2_FX_PERMISSION_DENIED || status == LIBSSH2_FX_WRITE_PROTECT)
        return err_set(e, ERR_DENIED, "%s cannot be written: permission denied", path);
    if (status == LIBSSH2_FX_NO_SUCH_FILE || status == LIBSSH2_FX_NO_SUCH_PATH)
        return err_set(e, ERR_DENIED, "%s cannot be written: no such folder", path);
    if (status == LIBSSH2_FX_NO_SPACE_ON_FILESYSTEM || status == LIBSSH2_FX_QUOTA_EXCEEDED)
        return err_set(e, ERR_DENIED, "%s cannot be written: no space left", path);
    return err_set(e, ERR_DENIED, "%s cannot be written: SFTP status %lu", path, status);
}

static int write_all(LIBSSH2_SFTP *sftp, LIBSSH2_SFTP_HANDLE *h, const struct ssh *s,
                     const char *path, struct blob content, struct err *e)
{
    const char *p = content.p;

    for (size_t at = 0; at < content.n;) {
        size_t n = content.n - at < WRITE_MAX ? content.n - at : WRITE_MAX;
        ssize_t k = libssh2_sftp_write(h, p + at, n);
        if (k < 0)
            return sftp_err(sftp, s, path, e);
        at += (size_t)k;
    }
    /* A server without the extension keeps its word by the sync of the staging script. */
    if (libssh2_sftp_fsync(h) < 0 && libssh2_sftp_last_error(sftp) != LIBSSH2_FX_OP_UNSUPPORTED)
        return sftp_err(sftp, s, path, e);
    return 0;
}

static int put(LIBSSH2_SFTP *sftp, const struct ssh *s, const char *path, struct blob content,
               struct err *e)
{
    /* A leftover of an interrupted run goes first; EXCL then neither follows a link nor shares a
     * file. */
    if (libssh2_sftp_unlink(sftp, path) < 0 &&
        libssh2_sftp_last_error(sftp) != LIBSSH2_FX_NO_SUCH_FILE)
        return sftp_err(sftp, s, path, e);
    LIBSSH2_SFTP_HANDLE *h =
        libssh2_sftp_open(sftp, path, LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_EXCL,
                          LIBSSH2_SFTP_S_IRUSR | LIBSSH2_SFTP_S_IWUSR);
    if (!h)
        return sftp_err(sftp, s, path, e);
    int rc = write_all(sftp, h, s, path, content, e);
    if (libssh2_sftp_close(h) < 0 && rc == 0)
        rc = sftp_err(sftp, s, path, e);
    return rc;
}

int ssh_put(struct ssh *s, const char *path, struct blob content, struct err *e)
{
    libssh2_session_set_blocking(s->session, 1);
    libssh2_session_set_timeout(s->session, SFTP_MS);
    LIBSSH2_SFTP *sftp = libssh2_sftp_init(s->session);
    if (!sftp)
        return 1;
    int rc = put(sftp, s, path, content, e);
    libssh2_sftp_shutdown(sftp);
    return rc;
}
