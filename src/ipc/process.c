/* The names of the processes, from process.def. */
#include "src/ipc/process.h"

#include <string.h>

static const char *const programs[PROC_COUNT] = {
#define PROCESS(NAME, program, uid, many) [PROC_##NAME] = program,
#define EDGE(a, b)
#define WORKER(a, b)
#include "src/ipc/process.def"
#undef PROCESS
#undef EDGE
#undef WORKER
};

const char *process_name(enum process p)
{
    if ((unsigned)p >= PROC_COUNT)
        return "nobody";
    return programs[p] + strlen("certkeep-");
}
