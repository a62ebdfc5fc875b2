/* How a connector's settings, sealed secrets and keys lie in its record and travel to `ca`. */
#pragma once
#include "src/core/core.h"
#include "src/model/connectors.h"

/*
 * Reads the API body of a connector of `kind` over what is stored (patch) or from nothing, seals
 * new secrets (a call to key: yields), makes missing keys, and writes settings, secrets and keys
 * into c. c->id must be set already: secrets are sealed to it.
 */
int connector_take_settings(struct core *core, struct connector *c, const json_t *settings,
                            bool patch, struct err *e);
/*
 * A change of a connector in use waits in next_settings and next_secrets while it is validated;
 * settings and secrets serve on. `changed` is the record with the new ones in their place.
 */
void connector_propose(struct connector *c, const struct connector *changed);
bool connector_has_next(const struct connector *c);
/* Puts what waits in the place of what serves: in memory, to edit or validate it. */
int connector_take_next(struct connector *c, struct err *e);
/* Nothing waits any more; the connector is what it was before the change. */
void connector_drop_next(struct connector *c);
/* Settings for an API answer: secrets as has_NAME. */
json_t *connector_settings_json(const struct connector *c, struct err *e);
/* The three blobs of CA_* messages. */
int connector_wire(const struct connector *c, struct buf *settings, struct buf *secrets,
                   struct buf *keys, struct err *e);
/* Destroys token keys of a connector that is deleted; sealed secrets die with the record. */
int connector_destroy_keys(struct core *core, const struct connector *c, struct err *e);
