/*
 * Messages, expanded from messages.def: for each NAME a struct msg_NAME, put_NAME (encode) and
 * get_NAME (strict decode: refuses short, long, unterminated and unclean). Wire format: u16 type,
 * u16 flags, u32 request id, then the fields in order; docs/formats/messages.md.
 */
#pragma once
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/ipc/process.h"

#define MSG_MAX_BYTES (16 * 1024 * 1024)

enum msg_type {
#define MSG(NAME, from, to, fields) MSG_##NAME,
#include "src/ipc/messages.def"
#undef MSG
    MSG_COUNT
};

/* A received message: a loan for the time of the handler. */
struct msg {
    enum msg_type type;
    uint32_t id; /* request id: of a request, and of its reply; 0: no answer wanted */
    enum process from;
    uint32_t instance; /* of a worker */
    struct blob body;
    int fd; /* -1, or a descriptor the channel closes unless taken (set to -1) */
};

#define U32(name) uint32_t name;
#define U64(name) uint64_t name;
#define STR(name) const char *name; /* NULL is sent as "" */
#define SECRET(name) struct blob name;
#define FD(name) int name;
#pragma push_macro("BLOB")
#undef BLOB
#define BLOB(name) struct blob name;
#define MSG(NAME, from, to, fields)                                                                \
    struct msg_##NAME {                                                                            \
        char none_[0];                                                                             \
        fields                                                                                     \
    };
#include "src/ipc/messages.def"
#undef MSG
#pragma pop_macro("BLOB")
#undef U32
#undef U64
#undef STR
#undef SECRET
#undef FD

#define MSG(NAME, from, to, fields)                                                                \
    void put_##NAME(struct buf *out, const struct msg_##NAME *m);                                  \
    int get_##NAME(const struct msg *in, struct msg_##NAME *out, struct err *e);
#include "src/ipc/messages.def"
#undef MSG

const char *msg_name(enum msg_type type);
unsigned msg_from(enum msg_type type); /* mask of enum process_mask */
unsigned msg_to(enum msg_type type);
bool msg_is_secret(enum msg_type type); /* holds a SECRET field: buffers are wiped */
bool msg_has_fd(enum msg_type type);
