/* The table of ca_fault.def. */
#include "src/model/ca_fault.h"

static const struct {
    const char *words, *remedy;
} faults[ERR_COUNT] = {
#define FAULT(code, words, remedy) [ERR_##code] = {words, remedy},
#include "src/model/ca_fault.def"
#undef FAULT
};

const char *ca_fault_words(enum err_code code)
{
    const char *words = (unsigned)code < ERR_COUNT ? faults[code].words : 0;

    return words ? words : "Appliance";
}

const char *ca_fault_remedy(enum err_code code)
{
    const char *remedy = (unsigned)code < ERR_COUNT ? faults[code].remedy : 0;

    return remedy ? remedy : "";
}
