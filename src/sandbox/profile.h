/* The profiles as a table, for confine.c and its two mechanisms. */
#pragma once
#include <stdbool.h>
#include <sys/resource.h>

#include "src/sandbox/confine.h"
#include "src/sandbox/foreign.h"

enum call_group_index {
#define GROUP(NAME, calls) GI_##NAME,
#define PROFILE(NAME, groups, files, outgoing, reads, state)
#include "src/sandbox/profiles.def"
#undef GROUP
    GI_COUNT
};

enum call_group {
#define GROUP(NAME, calls) G_##NAME = 1 << GI_##NAME,
#include "src/sandbox/profiles.def"
#undef GROUP
#undef PROFILE
};

struct profile {
    const char *name; /* NULL: parent, whose filter its children inherit */
    unsigned groups;
    rlim_t files;
    bool outgoing;     /* TCP to any port */
    const char *reads; /* space-separated */
    bool state;        /* may write its state folder */
};

/* Appends to notice what the kernel's Landlock lacks. */
int landlock_apply(const struct profile *p, const struct confine_paths *paths, char notice[256],
                   struct err *e);
/* All of ABI 6 or nothing: the image brings the kernel. */
int landlock_apply_foreign(const struct foreign *f, struct err *e);
int seccomp_apply(const struct profile *p, struct err *e);
/* Parent: everything its children may do is open to it; what none of them may ever do is closed. */
int seccomp_apply_parent(struct err *e);
/* A program that is not ours, between fork and exec. */
int seccomp_apply_foreign(struct err *e);
