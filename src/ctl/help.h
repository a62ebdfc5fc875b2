/* Help for everything and for one command. */
#pragma once
#include "src/ctl/args.h"

int help_all(struct err *e);
int help_command(const struct command *k, struct err *e);
