/* Expands a .def of fields into struct field entries of the struct RECORD names (a macro, or a
 * typedef in scope). Undone by as_end.h. */
#define R FIELD_REQUIRED
#define RO FIELD_READONLY
#define COL FIELD_COLUMN
#define SHOW (FIELD_COLUMN | FIELD_DEFAULT)
#define IDX FIELD_INDEXED
#define UNIQ (FIELD_INDEXED | FIELD_UNIQUE)
#define HIDE (FIELD_HIDDEN | FIELD_READONLY)
#define ADV FIELD_ADVANCED
#define ENTRY(name, label, kind, flags, min, max, choices, initial, help, example)                 \
    {#name, label, kind, flags, offsetof(RECORD, name), min, max, choices, initial, help, example},
#define TEXT(name, label, flags, min, max, initial, help, example)                                 \
    ENTRY(name, label, FIELD_TEXT, flags, min, max, NULL, initial, help, example)
#define LINES(name, label, flags, max, help, example)                                              \
    ENTRY(name, label, FIELD_LINES, flags, 0, max, NULL, NULL, help, example)
#define HOST(name, label, flags, help, example)                                                    \
    ENTRY(name, label, FIELD_HOST, flags, 0, 253, NULL, NULL, help, example)
#define URL(name, label, flags, help, example)                                                     \
    ENTRY(name, label, FIELD_URL, flags, 0, 2048, NULL, NULL, help, example)
#define PATH(name, label, flags, help, example)                                                    \
    ENTRY(name, label, FIELD_PATH, flags, 0, 1024, NULL, NULL, help, example)
#define EMAIL(name, label, flags, help, example)                                                   \
    ENTRY(name, label, FIELD_EMAIL, flags, 0, 254, NULL, NULL, help, example)
#define ENUM(name, label, flags, choices, initial, help)                                           \
    ENTRY(name, label, FIELD_ENUM, flags, 0, 0, choices, initial, help, NULL)
#define ID(name, label, flags, table, help)                                                        \
    ENTRY(name, label, FIELD_ID, flags, 0, 0, table, NULL, help, NULL)
#define INT(name, label, flags, min, max, initial, help, example)                                  \
    ENTRY(name, label, FIELD_INT, flags, min, max, NULL, initial, help, example)
#define BOOL(name, label, flags, initial, help)                                                    \
    ENTRY(name, label, FIELD_BOOL, flags, 0, 0, NULL, initial, help, NULL)
#define TIME(name, label, flags, help)                                                             \
    ENTRY(name, label, FIELD_TIME, flags, 0, 0, NULL, NULL, help, NULL)
#define BYTES(name, label, flags, max, help)                                                       \
    ENTRY(name, label, FIELD_BYTES, flags, 0, max, NULL, NULL, help, NULL)
#define LIST(name, label, flags, max, help, example)                                               \
    ENTRY(name, label, FIELD_LIST, flags, 0, max, NULL, NULL, help, example)
#define CHOICES(name, label, flags, choices, initial, help)                                        \
    ENTRY(name, label, FIELD_CHOICES, flags, 0, 0, choices, initial, help, NULL)
#define IDS(name, label, flags, table, help)                                                       \
    ENTRY(name, label, FIELD_IDS, flags, 0, 0, table, NULL, help, NULL)
#define SECRET(name, label, flags, max, help)                                                      \
    ENTRY(name, label, FIELD_SECRET, flags, 0, max, NULL, NULL, help, NULL)
