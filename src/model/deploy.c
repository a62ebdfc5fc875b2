/* Names of deployment steps and failure causes. */
#include "src/model/deploy.h"

#include <stddef.h>

#include "src/base/own.h"

const char *const cause_names[CAUSE_COUNT] = {
    "",   "permission", "connectivity", "incompatible format", "configuration", "verification",
    "ca", "policy",     "internal",
};

static const struct {
    enum deploy_step step;
    const char *name, *title;
} steps[] = {
#define STEP(NAME, number, title, changes) {DEPLOY_##NAME, #NAME, title},
    DEPLOY_STEPS(STEP)
#undef STEP
};

const char *deploy_part_title(enum deploy_part part)
{
    static const char *const titles[PART_COUNT] = {
#define PART(NAME, title) [PART_##NAME] = title,
        DEPLOY_PARTS(PART)
#undef PART
    };
    return part < PART_COUNT ? titles[part] : "Unknown part";
}

const char *deploy_step_title(enum deploy_step step)
{
    for (size_t i = 0; i < COUNT(steps); i++)
        if (steps[i].step == step)
            return steps[i].title;
    return "Unknown step";
}

const char *deploy_step_name(enum deploy_step step)
{
    for (size_t i = 0; i < COUNT(steps); i++)
        if (steps[i].step == step)
            return steps[i].name;
    return "UNKNOWN";
}
