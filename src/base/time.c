/*
 * The clocks, and time as text. Days are counted with the proleptic Gregorian calendar; years are
 * 0000 to 9999, as RFC 3339 writes them. No time zone data and no locale take part.
 */
#include "src/base/time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/own.h"

#define DAY_S 86400
#define TIME_MIN_S INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define TIME_MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* The test clock: a loan, NULL for the real one. Process-wide like the clocks it stands for. */
static const int64_t *fixed;

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts;

    if (fixed)
        return *fixed;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t now_s(void)
{
    return now_ms() / 1000;
}

int64_t monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t monotonic_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void clock_replace(const int64_t *fixed_ms)
{
    fixed = fixed_ms;
}

static bool leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap(year));
}

/* Days from 0000-01-01 to the first day of `year` (0 to 10000). */
static int64_t year_start(int64_t year)
{
    int64_t before = year - 1; /* year 0 itself is a leap year */

    return year == 0 ? 0 : year * 365 + before / 4 - before / 100 + before / 400 + 1;
}

static int64_t seconds_of(int64_t year, int month, int day)
{
    int64_t days = year_start(year) + day - 1;

    for (int m = 1; m < month; m++)
        days += month_days(year, m);
    return days * DAY_S + TIME_MIN_S;
}

void time_print(int64_t seconds, char out[TIME_TEXT_BYTES])
{
    if (seconds < TIME_MIN_S)
        seconds = TIME_MIN_S;
    if (seconds > TIME_MAX_S)
        seconds = TIME_MAX_S;
    int64_t since = seconds - TIME_MIN_S;
    int64_t day = since / DAY_S, rest = since % DAY_S;
    int64_t year = day / 366; /* never too late; at most some years too early */
    while (year_start(year + 1) <= day)
        year++;
    day -= year_start(year);
    int month = 1;
    while (day >= month_days(year, month))
        day -= month_days(year, month++);
    snprintf(out, TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, month, (int)day + 1,
             (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

/* Exactly n digits at *at, which moves on; -1 if there are fewer. */
static int take_digits(const char **at, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        v = v * 10 + (**at - '0');
    }
    return v;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool date_ok(int year, int month, int day)
{
    return year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= month_days(year, month);
}

/* "Z" or "+05:30": seconds to subtract. */
static bool take_offset(const char **at, int *offset)
{
    if (take_char(at, 'Z') || take_char(at, 'z')) {
        *offset = 0;
        return true;
    }
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    int hours = take_digits(at, 2);
    if (hours < 0 || hours > 23 || !take_char(at, ':'))
        return false;
    int minutes = take_digits(at, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* "02:45:00", an optional fraction (dropped), an offset. A leap second must end a UTC day. */
static bool take_time(const char **at, int64_t *t)
{
    int offset;
    int hour = take_digits(at, 2);

    if (hour < 0 || hour > 23 || !take_char(at, ':'))
        return false;
    int minute = take_digits(at, 2);
    if (minute < 0 || minute > 59 || !take_char(at, ':'))
        return false;
    int second = take_digits(at, 2);
    if (second < 0 || second > 60)
        return false;
    if (take_char(at, '.')) {
        size_t n = strspn(*at, "0123456789");
        if (n == 0)
            return false;
        *at += n;
    }
    if (!take_offset(at, &offset))
        return false;
    *t += hour * 3600 + minute * 60 + second - offset;
    return second < 60 || *t % DAY_S == 0;
}

static bool parse_rfc3339(const char *at, int64_t *t)
{
    int year = take_digits(&at, 4);
    if (year < 0 || !take_char(&at, '-'))
        return false;
    int month = take_digits(&at, 2);
    if (month < 0 || !take_char(&at, '-'))
        return false;
    int day = take_digits(&at, 2);
    if (day < 0 || !date_ok(year, month, day))
        return false;
    *t = seconds_of(year, month, day);
    if (!*at)
        return true;
    return (take_char(&at, 'T') || take_char(&at, 't')) && take_time(&at, t) && !*at;
}

static bool parse_day_month_year(const char *at, int64_t *t)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    int month = 0;

    int day = take_digits(&at, 2);
    if (day < 0 || !take_char(&at, '-'))
        return false;
    for (int m = 0; m < 12 && !month; m++) {
        bool same = true; /* letter by letter: at may end before */
        for (int i = 0; i < 3 && same; i++)
            same = at[i] && (at[i] | 0x20) == months[m * 3 + i];
        month = same ? m + 1 : 0;
    }
    if (!month)
        return false;
    at += 3;
    if (!take_char(&at, '-'))
        return false;
    int year = take_digits(&at, 4);
    if (*at || !date_ok(year, month, day))
        return false;
    *t = seconds_of(year, month, day);
    return true;
}

int time_parse(const char *text, int64_t *seconds, struct err *e)
{
    int64_t t;

    if (!text || !(parse_rfc3339(text, &t) || parse_day_month_year(text, &t)) || t < TIME_MIN_S ||
        t > TIME_MAX_S)
        return err_set(e, ERR_INPUT,
                       "expected a time such as 2026-11-21T02:45:00Z, 2026-11-21 or 21-Nov-2026");
    *seconds = t;
    return 0;
}

void time_print_ms(int64_t ms, char out[TIME_TEXT_BYTES])
{
    char seconds[TIME_TEXT_BYTES];
    unsigned part = (unsigned)(ms % 1000 + 1000) % 1000;

    time_print((ms - (int64_t)part) / 1000, seconds);
    seconds[strlen(seconds) - 1] = '\0'; /* the Z */
    snprintf(out, TIME_TEXT_BYTES, "%.24s.%03uZ", seconds, part % 1000);
}
