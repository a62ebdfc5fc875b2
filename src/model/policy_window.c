#include "src/model/policy_window.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define DAY_S 86400
#define WEEK 7
#define EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday */

static int day_number(const char *text)
{
    static const char *const days[WEEK] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

    for (int i = 0; i < WEEK; i++)
        if (str_ieq(days[i], text))
            return i;
    return -1;
}

/* "daily", "Sat", "Mon-Fri"; Fri-Mon goes over the weekend. */
static bool days_parse(const char *text, uint8_t *out)
{
    OWN(strs_free)
    struct strs part = {0};

    *out = 0;
    if (str_ieq(text, "daily")) {
        *out = (1 << WEEK) - 1;
        return true;
    }
    strs_split(&part, text, "-");
    if (part.n < 1 || part.n > 2)
        return false;
    int first = day_number(part.v[0]), last = day_number(part.v[part.n - 1]);
    if (first < 0 || last < 0)
        return false;
    for (int d = first;; d = (d + 1) % WEEK) {
        *out |= (uint8_t)(1 << d);
        if (d == last)
            return true;
    }
}

/* HH:MM up to 24:00, in seconds. */
static bool clock_parse(const char *text, int32_t *out)
{
    static const char form[] = "dd:dd";

    if (strlen(text) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *out = (hour * 60 + minute) * 60;
    return minute < 60 && *out <= DAY_S;
}

int policy_window_parse(const char *text, struct policy_window *out, struct err *e)
{
    OWN(strs_free)
    struct strs part = {0};
    OWN(strs_free)
    struct strs clock = {0};
    struct policy_window w;

    strs_split(&part, text, " ");
    if (part.n == 2)
        strs_split(&clock, part.v[1], "-");
    if (clock.n != 2 || !days_parse(part.v[0], &w.days) || !clock_parse(clock.v[0], &w.from) ||
        !clock_parse(clock.v[1], &w.to) || w.from == w.to || w.from == DAY_S)
        return err_set(e, ERR_INPUT,
                       "%s: expected days and hours such as Mon-Fri 22:00-04:00, Sat 00:00-24:00 "
                       "or daily 01:00-05:00",
                       text);
    if (w.to < w.from)
        w.to += DAY_S;
    *out = w;
    return 0;
}

int64_t policy_window_opens(const struct policy_window *w, int64_t at)
{
    int64_t today = at / DAY_S - (at % DAY_S < 0);

    /* From yesterday, whose window may still be open; a week later every day was seen. */
    for (int64_t day = today - 1;; day++) {
        int weekday = (int)(((day + EPOCH_WEEKDAY) % WEEK + WEEK) % WEEK);
        if (!(w->days & 1 << weekday) || day * DAY_S + w->to <= at)
            continue;
        int64_t begins = day * DAY_S + w->from;
        return begins > at ? begins : at;
    }
}
