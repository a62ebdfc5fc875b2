/*
 * A name pattern and a name (parted by a line feed) against a plain matcher, and a deployment
 * window as people type it: what is read opens at a time, and is open then.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/policy_match.h"
#include "src/model/policy_window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TEXT_MAX 300
#define WEEK_S (7 * 86400)

/* Row by row: can the pattern up to i be the name up to j? */
static bool plain_match(const char *pattern, const char *name)
{
    bool row[TEXT_MAX + 1] = {true};
    const size_t n = strlen(name);

    for (; *pattern; pattern++) {
        bool next[TEXT_MAX + 1] = {false};
        next[0] = *pattern == '*' && row[0];
        for (size_t j = 1; j <= n; j++) {
            char one[2] = {*pattern, 0}, other[2] = {name[j - 1], 0};
            next[j] = *pattern == '*' ? row[j] || next[j - 1] : row[j - 1] && str_ieq(one, other);
        }
        memcpy(row, next, sizeof(row));
    }
    return row[n];
}

static void check_window(const char *text)
{
    struct policy_window w;

    if (policy_window_parse(text, &w, NULL) < 0)
        return;
    for (int64_t at = 0; at < 3 * WEEK_S; at += 7001) {
        const int64_t opens = policy_window_opens(&w, at);
        if (opens < at || opens - at > WEEK_S || policy_window_opens(&w, opens) != opens)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(own_mem)
    char *text = xstrndup(n ? (const char *)data : "", n);
    char *name = strchr(text, '\n');

    if (name)
        *name++ = 0;
    check_window(text);
    if (name && strlen(name) <= TEXT_MAX && strlen(text) <= TEXT_MAX &&
        policy_pattern_matches(text, name) != plain_match(text, name))
        abort();
    return 0;
}
