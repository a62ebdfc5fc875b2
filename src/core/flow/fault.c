/*
 * The kill test's hook. In test builds core stops itself (SIGSTOP) at the step that the fault file
 * names, once; the test then kills whichever process it wants and continues it. Nothing of it is in
 * the product: there the function is empty.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/core/flow/jobs.h"

#ifdef CERTKEEP_TEST
void fault_point(struct core *core, const char *step, const char *when)
{
    char want[80] = "", here[80];
    FILE *f = core->fault_file ? fopen(core->fault_file, "re") : NULL;
    if (f == NULL)
        return;
    size_t n = fread(want, 1, sizeof want - 1, f);
    fclose(f);
    want[n] = '\0';
    want[strcspn(want, "\n")] = '\0';
    snprintf(here, sizeof here, "%s %s", when, step);
    if (strcmp(want, here) != 0)
        return;
    if (unlink(core->fault_file) < 0)
        log_warn("fault.unlink", "file=%s", core->fault_file);
    log_warn("fault.stop", "at=%s", log_q(here));
    raise(SIGSTOP);
}
#else
void fault_point(struct core *core, const char *step, const char *when)
{
    (void)core;
    (void)step;
    (void)when;
}
#endif
