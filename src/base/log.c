/*
 * One line per event on standard error, written by one write(2) so that the lines of several
 * processes on one pipe never mix. Control bytes cannot reach the line, whatever a caller formats.
 */
#include "src/base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/str.h"
#include "src/base/time.h"

#define LINE_BYTES 1000 /* a pipe (PIPE_BUF) and the kernel's log (/dev/kmsg) take it whole */
#define QUOTE_BYTES 400
#define QUOTE_BUFFERS 8

/* The log is of the process: its name, whether it is chatty, and the buffers of log_q(). */
static struct {
    char process[32];
    bool debug;
    unsigned next;
    char quoted[QUOTE_BUFFERS][QUOTE_BYTES];
} state;

void log_open(const char *process, bool debug)
{
    snprintf(state.process, sizeof(state.process), "%s", process);
    state.debug = debug;
}

__attribute__((format(printf, 3, 0))) static void write_line(const char *level, const char *event,
                                                             const char *fmt, va_list ap)
{
    char line[LINE_BYTES], when[TIME_TEXT_BYTES];
    int64_t ms = now_ms();

    time_print(ms / 1000, when);
    when[19] = 0; /* the Z comes behind the milliseconds */
    int n = snprintf(line, sizeof(line), "%s.%03dZ %s%s%s %s%s", when, (int)(ms % 1000),
                     state.process, state.process[0] ? " " : "", level, event, *fmt ? " " : "");
    size_t at = n > 0 && (size_t)n < sizeof(line) ? (size_t)n : 0;
    vsnprintf(line + at, sizeof(line) - at, fmt, ap);
    size_t len = strlen(line);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = '?';
    if (len == sizeof(line) - 1)
        len--; /* cut: room for the line feed */
    line[len++] = '\n';
    ssize_t wrote = write(STDERR_FILENO, line, len);
    (void)wrote; /* nowhere left to report it */
}

void log_error(const char *event, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line("error", event, fmt, ap);
    va_end(ap);
}

void log_warn(const char *event, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line("warn", event, fmt, ap);
    va_end(ap);
}

void log_info(const char *event, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line("info", event, fmt, ap);
    va_end(ap);
}

void log_debug(const char *event, const char *fmt, ...)
{
    va_list ap;

    if (!state.debug)
        return;
    va_start(ap, fmt);
    write_line("debug", event, fmt, ap);
    va_end(ap);
}

const char *log_q(const char *text)
{
    static const char hex[] = "0123456789abcdef";
    char *out = state.quoted[state.next++ % QUOTE_BUFFERS];
    size_t n = text ? strlen(text) : 0, at = 0;

    out[at++] = '"';
    for (size_t i = 0, len; i < n; i += len) {
        /* The shortest valid, printable sequence here, or one byte in hex. */
        for (len = 1; len <= 4 && i + len <= n; len++)
            if (text_clean(text + i, len, NULL))
                break;
        bool clean = len <= 4 && i + len <= n;
        if (!clean)
            len = 1;
        if (at + 4 + 4 + 1 > QUOTE_BYTES) { /* this character, "..." and quote, NUL */
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        if (!clean) {
            unsigned char c = (unsigned char)text[i];
            memcpy(out + at, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
            at += 4;
            continue;
        }
        if (text[i] == '"' || text[i] == '\\')
            out[at++] = '\\';
        memcpy(out + at, text + i, len);
        at += len;
    }
    out[at++] = '"';
    out[at] = 0;
    return out;
}
