/* Versions of nginx: forks that keep its numbers (openresty/1.21.4.1) are read by the first three.
 */
#include "src/deploy/target/nginx_version.h"

#include <string.h>

#include "src/base/str.h"

#define KNOWN_FIRST 1014000U
#define KNOWN_END 1030000U

/* The first number with a dot in it, or all of it: "nginx 1.26.3" -> 1, 26, 3. */
static size_t numbers(const char *text, uint32_t out[3])
{
    size_t n = 0;

    text += strcspn(text, "0123456789");
    for (; n < 3 && *text >= '0' && *text <= '9'; n++) {
        out[n] = 0;
        for (; *text >= '0' && *text <= '9' && out[n] < 1000; text++)
            out[n] = out[n] * 10 + (uint32_t)(*text - '0');
        if (out[n] >= 1000)
            return 0;
        text += *text == '.';
    }
    return n;
}

uint32_t ngx_version(const char *text)
{
    uint32_t v[3] = {0};
    bool own = str_starts(text, "nginx ") || str_starts(text, "openresty ") ||
               (text[0] >= '0' && text[0] <= '9'); /* other forks count by themselves */

    return own && numbers(text, v) >= 2 ? v[0] * 1000000 + v[1] * 1000 + v[2] : 0;
}

bool ngx_has(uint32_t version, enum ngx_feature feature)
{
    static const struct {
        uint32_t from, until;
    } all[] = {
#define FEATURE(NAME, from, until) {from, until},
        NGX_FEATURES(FEATURE)
#undef FEATURE
    };
    uint32_t v = version ? version : UINT32_MAX;

    return v >= all[feature].from && (!all[feature].until || v < all[feature].until);
}

bool ngx_version_agrees(const char *stated, const char *detected)
{
    uint32_t want[3] = {0}, is[3] = {0};
    size_t n = numbers(stated, want);

    if (n == 0 || numbers(detected, is) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (want[i] != is[i])
            return false;
    return true;
}

bool ngx_version_known(uint32_t version)
{
    return version >= KNOWN_FIRST && version < KNOWN_END;
}
