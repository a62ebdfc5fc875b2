#include "src/model/policy_match.h"

#include <ctype.h>
#include <string.h>

#include "src/base/str.h"

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Goes back to the latest star only: pattern times name steps at most, whoever wrote the pattern.
 */
bool policy_pattern_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;

    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern && same(*pattern, *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

int policy_pattern_check(const char *pattern, struct err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_:@*";

    if (*pattern && strspn(pattern, allowed) == strlen(pattern))
        return 0;
    return err_set(e, ERR_INPUT, "%s: expected a name such as shop.example or *.prod.example",
                   pattern);
}

bool policy_domain_covers(const char *domain, const char *name)
{
    if (str_starts(name, "*."))
        name += 2;
    return host_below(name, domain);
}
