/* CKR_* -> struct err: one table of code, words and remedy. A value not in it is given in hex. */
#include "crypto/pkcs11/errors.h"

#include "src/base/own.h"

#undef ckr_err /* a macro around what is defined here */

static const struct {
    CK_RV rv;
    enum err_code code;
    const char *text;
} table[] = {
    {CKR_HOST_MEMORY, ERR_TOKEN, "the module is out of memory"},
    {CKR_SLOT_ID_INVALID, ERR_TOKEN, "the slot is gone: check the token's connection"},
    {CKR_GENERAL_ERROR, ERR_TOKEN, "the module failed: see its own log"},
    {CKR_FUNCTION_FAILED, ERR_TOKEN, "the module failed: see its own log"},
    {CKR_ARGUMENTS_BAD, ERR_BUG, "the module refused our arguments"},
    {CKR_ATTRIBUTE_TYPE_INVALID, ERR_TOKEN, "the token does not know an attribute we need"},
    {CKR_ATTRIBUTE_VALUE_INVALID, ERR_TOKEN, "the token refuses the value of an attribute"},
    {CKR_ATTRIBUTE_SENSITIVE, ERR_DENIED, "the token keeps this value to itself"},
    {CKR_ACTION_PROHIBITED, ERR_DENIED, "the token forbids this"},
    {CKR_DATA_INVALID, ERR_INPUT, "the token refuses the data"},
    {CKR_DATA_LEN_RANGE, ERR_INPUT, "the data has a length the token refuses"},
    {CKR_DEVICE_ERROR, ERR_TOKEN, "the device reports a fault: check the HSM"},
    {CKR_DEVICE_MEMORY, ERR_TOKEN, "the token is full: remove keys that are no longer needed"},
    {CKR_DEVICE_REMOVED, ERR_TOKEN, "the token was removed: connect it again"},
    {CKR_ENCRYPTED_DATA_INVALID, ERR_CRYPTO,
     "the sealed bytes are damaged or not for this context"},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, ERR_CRYPTO, "the sealed bytes have an impossible length"},
    {CKR_FUNCTION_NOT_SUPPORTED, ERR_TOKEN, "the module lacks this function"},
    {CKR_KEY_HANDLE_INVALID, ERR_TOKEN, "the key is no longer in the token"},
    {CKR_KEY_SIZE_RANGE, ERR_TOKEN, "the token does not do this key size"},
    {CKR_KEY_TYPE_INCONSISTENT, ERR_TOKEN, "the key is of another kind than the mechanism needs"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_DENIED, "the key may not be used for this"},
    {CKR_KEY_NOT_WRAPPABLE, ERR_TOKEN, "the token does not wrap keys of this kind"},
    {CKR_KEY_UNEXTRACTABLE, ERR_DENIED, "the key may not leave the token"},
    {CKR_MECHANISM_INVALID, ERR_TOKEN, "the token lacks this mechanism"},
    {CKR_MECHANISM_PARAM_INVALID, ERR_TOKEN, "the token refuses the mechanism's parameters"},
    {CKR_OBJECT_HANDLE_INVALID, ERR_TOKEN, "the object is no longer in the token"},
    {CKR_PIN_INCORRECT, ERR_AUTH, "the token refuses the PIN"},
    {CKR_PIN_INVALID, ERR_AUTH, "the token refuses the PIN's form"},
    {CKR_PIN_LEN_RANGE, ERR_AUTH, "the token refuses the PIN's length"},
    {CKR_PIN_EXPIRED, ERR_TOKEN, "the PIN has expired: set a new one with the vendor's tool"},
    {CKR_PIN_LOCKED, ERR_TOKEN, "the PIN is locked: unlock it with the vendor's tool"},
    {CKR_SESSION_CLOSED, ERR_TOKEN, "the session was closed"},
    {CKR_SESSION_COUNT, ERR_TOKEN, "the token has no more sessions: end other users of it"},
    {CKR_SESSION_HANDLE_INVALID, ERR_TOKEN, "the session is gone"},
    {CKR_SESSION_EXISTS, ERR_CONFLICT, "the token is in use"},
    {CKR_SIGNATURE_INVALID, ERR_CRYPTO, "the signature does not match"},
    {CKR_SIGNATURE_LEN_RANGE, ERR_CRYPTO, "the signature has an impossible length"},
    {CKR_TEMPLATE_INCOMPLETE, ERR_TOKEN, "the token wants more attributes than we give"},
    {CKR_TEMPLATE_INCONSISTENT, ERR_DENIED, "the token forbids a key with these attributes"},
    {CKR_TOKEN_NOT_PRESENT, ERR_TOKEN, "no token in the slot: connect it"},
    {CKR_TOKEN_NOT_RECOGNIZED, ERR_TOKEN, "the module does not recognise the token"},
    {CKR_TOKEN_WRITE_PROTECTED, ERR_TOKEN, "the token is write-protected"},
    {CKR_USER_NOT_LOGGED_IN, ERR_TOKEN, "the token is locked: give the unlock passphrase"},
    {CKR_USER_PIN_NOT_INITIALIZED, ERR_TOKEN, "the token has no user PIN yet: set it up"},
    {CKR_WRAPPED_KEY_INVALID, ERR_CRYPTO, "the wrapped key is damaged or of another token"},
    {CKR_WRAPPED_KEY_LEN_RANGE, ERR_CRYPTO, "the wrapped key has an impossible length"},
    {CKR_CRYPTOKI_NOT_INITIALIZED, ERR_TOKEN, "the module is not initialised"},
};

int ckr_err(CK_RV rv, const char *what, struct err *e)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].rv == rv)
            return err_set(e, table[i].code, "%s: %s (0x%lx)", what, table[i].text, rv);
    }
    return err_set(e, ERR_TOKEN, "%s: the module answers 0x%lx: see its vendor's manual", what, rv);
}

bool ckr_recoverable(CK_RV rv)
{
    switch (rv) {
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_HANDLE_INVALID: /* SoftHSM's answer when the session that made the key is gone */
    case CKR_OBJECT_HANDLE_INVALID:
        return true;
    default:
        return false;
    }
}
