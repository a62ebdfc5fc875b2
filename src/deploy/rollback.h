/*
 * The way back. rollback.sh lies with the backup on the server and needs nothing else: the timer,
 * the ROLLBACK step and a person with a shell run the same script. It restores by content, so it
 * can run again at any point, and it does not ask whether the configuration is valid before it
 * restores.
 */
#pragma once
#include "src/deploy/target.h"

void rollback_script(const struct target *t, const struct plan *p, struct buf *out);
/* path, sha256, uid, gid, mode, context of every file: for a person. */
void rollback_manifest(const struct plan *p, struct buf *out);
/* Shell that stops the timer; prints "fired" when it was too late. DIR and JOB are set. */
extern const char rollback_disarm[];
