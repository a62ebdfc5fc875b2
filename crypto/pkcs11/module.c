/*
 * Loads the token module and finds the token. Refuses a URI without module-path: which foreign
 * code runs in this process is never left to a search path or a system-wide list.
 */
#include "crypto/pkcs11/module.h"

#include <p11-kit/p11-kit.h>
#include <stdio.h>
#include <string.h>

#include "crypto/pkcs11/errors.h"
#include "src/base/own.h"

#define SLOTS_MAX 64

/* PKCS#11 texts are padded with blanks and have no NUL. */
static void copy_padded(char *out, const unsigned char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == 0))
        n--;
    memcpy(out, text, n);
    out[n] = 0;
}

static int parse_uri(const char *text, P11KitUri **out, struct err *e)
{
    P11KitUri *uri = p11_kit_uri_new();
    if (!uri)
        return err_set(e, ERR_SYSTEM, "module: no memory for the URI");
    int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
    const char *path = rc == P11_KIT_URI_OK ? p11_kit_uri_get_module_path(uri) : NULL;
    if (!path || path[0] != '/' || p11_kit_uri_any_unrecognized(uri)) {
        p11_kit_uri_free(uri);
        return err_set(e, ERR_INPUT,
                       "module: expected a pkcs11: URI with an absolute module-path, such as %s",
                       TOKEN_URI_DEFAULT);
    }
    *out = uri;
    return 0;
}

int module_load(const char *uri_text, struct module *out, struct err *e)
{
    P11KitUri *uri = NULL;
    if (parse_uri(uri_text, &uri, e) < 0)
        return -1;
    const char *path = p11_kit_uri_get_module_path(uri);
    /* Unmanaged: one process, one user of the module, so p11-kit's call mixing would only cost. */
    CK_FUNCTION_LIST *f = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
    if (!f) {
        const char *why = p11_kit_message();
        err_set(e, ERR_TOKEN, "module %s: cannot be loaded: %s", path,
                why ? why : "no reason given");
        p11_kit_uri_free(uri);
        return -1;
    }
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_RV rv = f->C_Initialize(&args);
    CK_INFO info;
    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        rv = f->C_GetInfo(&info);
    if (rv != CKR_OK) {
        ckr_err(rv, "C_Initialize", e);
        err_wrap(e, "module %s", path);
        p11_kit_uri_free(uri);
        return -1;
    }
    char maker[33], product[33];
    copy_padded(maker, info.manufacturerID, sizeof info.manufacturerID);
    copy_padded(product, info.libraryDescription, sizeof info.libraryDescription);
    snprintf(out->name, sizeof out->name, "%s, %s, %u.%u", maker, product,
             info.libraryVersion.major, info.libraryVersion.minor);
    out->f = f;
    out->uri = uri;
    return 0;
}

static int slot_read(const struct module *m, CK_SLOT_ID id, struct slot *out, bool *named,
                     struct err *e)
{
    CK_TOKEN_INFO info;
    CK_RV rv = m->f->C_GetTokenInfo(id, &info);
    if (rv != CKR_OK)
        return ckr_err(rv, "C_GetTokenInfo", e);
    *out = (struct slot){
        .id = id,
        .initialised = (info.flags & CKF_TOKEN_INITIALIZED) != 0,
        .user_pin = (info.flags & CKF_USER_PIN_INITIALIZED) != 0,
        .pin_locked = (info.flags & CKF_USER_PIN_LOCKED) != 0,
    };
    copy_padded(out->label, info.label, sizeof info.label);
    copy_padded(out->serial, info.serialNumber, sizeof info.serialNumber);
    copy_padded(out->model, info.model, sizeof info.model);
    *named = out->initialised && p11_kit_uri_match_token_info(m->uri, &info);
    return 0;
}

int module_find(const struct module *m, struct slot *out, struct err *e)
{
    CK_SLOT_ID ids[SLOTS_MAX];
    CK_ULONG n = 0;
    /* Asking for the count first makes modules look for new slots (PKCS#11 3.0, 5.5.1). */
    CK_RV rv = m->f->C_GetSlotList(CK_TRUE, NULL, &n);
    if (rv == CKR_OK && n > SLOTS_MAX)
        return err_set(e, ERR_LIMIT,
                       "the module has %lu slots with a token, at most %d: "
                       "give this client of the HSM fewer",
                       n, SLOTS_MAX);
    n = SLOTS_MAX;
    if (rv == CKR_OK)
        rv = m->f->C_GetSlotList(CK_TRUE, ids, &n);
    if (rv != CKR_OK)
        return ckr_err(rv, "C_GetSlotList", e);
    struct slot free_slot;
    bool have_free = false;
    for (CK_ULONG i = 0; i < n && i < SLOTS_MAX; i++) {
        struct slot s = {0};
        bool named = false;
        if (slot_read(m, ids[i], &s, &named, e) < 0)
            return -1;
        if (named) {
            *out = s;
            return 0;
        }
        if (!s.initialised && !have_free) {
            free_slot = s;
            have_free = true;
        }
    }
    if (!have_free)
        return err_set(e, ERR_NOT_FOUND,
                       "the module has no token of that name, nor an empty one: "
                       "check the URI and the HSM's connection");
    *out = free_slot;
    return 0;
}

bool module_has(const struct module *m, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism)
{
    CK_MECHANISM_INFO info;
    return m->f->C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK;
}

static CK_RV set_user_pin(const struct module *m, CK_SLOT_ID slot, const char *so_pin,
                          const char *user_pin, const char **what)
{
    CK_SESSION_HANDLE s = 0;
    *what = "C_OpenSession";
    CK_RV rv = m->f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);
    if (rv != CKR_OK)
        return rv;
    *what = "C_Login of the security officer";
    rv = m->f->C_Login(s, CKU_SO, (unsigned char *)(uintptr_t)so_pin, strlen(so_pin));
    if (rv == CKR_OK) {
        *what = "C_InitPIN";
        rv = m->f->C_InitPIN(s, (unsigned char *)(uintptr_t)user_pin, strlen(user_pin));
        m->f->C_Logout(s);
    }
    m->f->C_CloseSession(s);
    return rv;
}

int module_init_token(const struct module *m, CK_SLOT_ID slot, const char *so_pin,
                      const char *user_pin, struct err *e)
{
    unsigned char label[32];
    memset(label, ' ', sizeof label);
    memcpy(label, TOKEN_LABEL, strlen(TOKEN_LABEL));
    const char *what = "C_InitToken";
    CK_RV rv = m->f->C_InitToken(slot, (unsigned char *)(uintptr_t)so_pin, strlen(so_pin), label);
    if (rv == CKR_OK)
        rv = set_user_pin(m, slot, so_pin, user_pin, &what);
    return rv == CKR_OK ? 0 : ckr_err(rv, what, e);
}
