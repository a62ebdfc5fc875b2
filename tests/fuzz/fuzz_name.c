/* A subject and a list of names as people type them: what is accepted must survive a round trip. */
#include <stdlib.h>

#include "crypto/ossl.h"
#include "crypto/x509/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_subject(const char *text)
{
    OWN(own_x509_name)
    X509_NAME *name = NULL;
    OWN(own_x509_name)
    X509_NAME *again = NULL;
    OWN(buf_free)
    struct buf printed = BUF(64 * 1024);
    if (name_parse(text, &name, NULL) < 0)
        return;
    if (name_print(name, &printed, NULL) < 0)
        abort();
    /* escapes may make the printed text longer than what may be typed */
    if (printed.n <= 1024 &&
        (name_parse(buf_cstr(&printed), &again, NULL) < 0 || X509_NAME_cmp(name, again) != 0))
        abort();
    free(name_common_name(name));
}

static void check_names(const char *text)
{
    OWN(strs_free)
    struct strs in = {0};
    OWN(strs_free)
    struct strs out = {0};
    OWN(own_general_names)
    GENERAL_NAMES *names = NULL;
    strs_split(&in, text, " ,\n");
    if (san_from_strs(&in, &names, NULL) < 0)
        return;
    if (san_to_strs(names, &out, NULL) < 0 || out.n != in.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(own_mem)
    char *text = xstrndup(n ? (const char *)data : "", n);
    check_subject(text);
    check_names(text);
    return 0;
}
