/* Expands a .def of fields into struct members. Undone by as_end.h. No pragma once: used many
 * times. */
#define TEXT(name, label, flags, min, max, initial, help, example) char *name;
#define LINES(name, label, flags, max, help, example) char *name;
#define HOST(name, label, flags, help, example) char *name;
#define URL(name, label, flags, help, example) char *name;
#define PATH(name, label, flags, help, example) char *name;
#define EMAIL(name, label, flags, help, example) char *name;
#define ENUM(name, label, flags, choices, initial, help) char *name;
#define ID(name, label, flags, table, help) char *name;
#define INT(name, label, flags, min, max, initial, help, example) int64_t name;
#define BOOL(name, label, flags, initial, help) bool name;
#define TIME(name, label, flags, help) int64_t name;
#define BYTES(name, label, flags, max, help) struct bytes name;
#define LIST(name, label, flags, max, help, example) struct strs name;
#define CHOICES(name, label, flags, choices, initial, help) struct strs name;
#define IDS(name, label, flags, table, help) struct strs name;
#define SECRET(name, label, flags, max, help) struct secret name;
