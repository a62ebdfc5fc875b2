/*
 * What parent does first when it is the first program of the machine (process 1): mounts, kernel
 * settings, loopback, and the arguments the image gives it.
 */
#pragma once
#include <stdbool.h>

#include "src/base/err.h"
#include "src/base/str.h"

#define INIT_STATE "/state"

/* stage-0 starts it so; whoever tries --first on a running machine is not process 1. */
bool init_is_first(int argc, char **argv);
/* Appends the arguments of the image to argv; standard error becomes the kernel's log. */
int init_start(struct strs *argv, struct err *e);
