/* Names and numbers of the processes, from process.def. */
#pragma once
#include <stdint.h>

enum process {
#define PROCESS(NAME, program, uid, many) PROC_##NAME,
#define EDGE(a, b)
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
    PROC_COUNT
};

enum process_mask {
#define PROCESS(NAME, program, uid, many) M_##NAME = 1 << PROC_##NAME,
#define EDGE(a, b)
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
    M_ANY = (1 << PROC_COUNT) - 1
};

#define PROCESS_UID_BASE 61000
#define CONTROL_FD 3 /* every process but parent: its channel to parent */

enum listen_service { LISTEN_HTTPS, LISTEN_HTTP01 };
enum token_state { TOKEN_ABSENT, TOKEN_UNINITIALISED, TOKEN_LOCKED, TOKEN_OPEN, TOKEN_FAILED };

const char *process_name(enum process p); /* "core" */
