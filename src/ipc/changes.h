/* The page behind CHANGES: its first eight bytes are an _Atomic uint64_t that core counts up. */
#pragma once

#define CHANGES_BYTES 4096
