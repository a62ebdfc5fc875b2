/*
 * One line per event on standard error: level event key=value ... The event name is stable; outside
 * text is quoted and escaped by %s handling in the callers' format: wrap it with LOG_Q().
 * `error` someone must act, `warn` we went on, `info` what an operator wants, `debug` off.
 */
#pragma once
#include <stdbool.h>

void log_open(const char *process, bool debug);
void log_error(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Quotes and escapes outside text for a log line; one of 8 rotating static buffers, cut at 400
 * bytes. */
const char *log_q(const char *text);
