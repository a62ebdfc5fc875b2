/* One page, one upload. */
#include "src/stage0/rescue.h"

#include <stdio.h>

#include "src/base/own.h"
#include "src/rescue/server.h"
#include "src/stage0/bundle_intake.h"

#define BUNDLE_MAX ((uint64_t)(1 + PIECES_MAX) * PIECE_BYTES)
#define FORM_MAX 4096u /* around the bundle */

struct serving {
    const struct rescue *rescue;
    struct bundle_intake intake;
    char fingerprint[65];
};

static const char *state_of(const struct control_slot *s)
{
    return s->commit == 0 ? "nothing complete is in it" : slot_why_text(s->why);
}

static int show(void *ctx, struct blob body, struct page *page, struct err *e)
{
    static const struct page_field fields[] = {
        {INPUT_FILE, "bundle", "Signed update bundle",
         "The file ends in .bundle. It is checked before anything is written, and takes some "
         "minutes."}};
    static const struct page_form form = {"/bundle", "Install and restart", fields, COUNT(fields)};
    const struct serving *s = ctx;
    const struct control *c = s->rescue->control;
    char floor[24];
    const struct page_fact facts[] = {
        {"Board", s->rescue->board},
        {"Slot a", state_of(&c->slot[SLOT_A])},
        {"Slot b", state_of(&c->slot[SLOT_B])},
        {"Lowest rollback index", floor},
        {"Certificate, SHA-256", s->fingerprint},
    };

    (void)body;
    (void)e;
    snprintf(floor, sizeof(floor), "%llu", (unsigned long long)c->floor);
    page_start(page, "Rescue: no system can be started");
    page_note(page, TONE_PLAIN,
              "Neither slot of this appliance may run, for the reasons below. Install a signed "
              "bundle: nothing else is accepted here. Certificates, keys and settings stay as "
              "they are.");
    page_facts(page, facts, COUNT(facts));
    page_form(page, &form);
    page_heading(page, "From a terminal");
    page_command(page, "curl -k -T certkeep-VERSION-BOARD.bundle https://ADDRESS/bundle");
    return 0;
}

static int on_begin(void *ctx, uint64_t bytes, struct err *e)
{
    return bundle_intake_begin(&((struct serving *)ctx)->intake, bytes, e);
}

static int on_part(void *ctx, struct blob part, struct err *e)
{
    return bundle_intake_add(&((struct serving *)ctx)->intake, part, e);
}

static void on_end(void *ctx)
{
    bundle_intake_end(&((struct serving *)ctx)->intake);
}

static int finish(void *ctx, struct blob body, struct page *page, struct err *e)
{
    struct serving *s = ctx;
    enum slot_id slot = SLOT_NONE;

    (void)body;
    if (bundle_intake_commit(&s->intake, &slot, e) < 0)
        return -1;
    OWN(own_mem)
    char *text = xasprintf("The bundle is in slot %s and was read back. The appliance restarts "
                           "into it now; its admin UI answers at this address in a minute.",
                           slot_name(slot));
    page_start(page, "Installed");
    page_note(page, TONE_OK, text);
    page->last = true;
    return 0;
}

int rescue_serve(const struct rescue *r, struct err *e)
{
    static const struct stream stream = {on_begin, on_part, on_end};
    static const struct route routes[] = {
        {"GET", "/", 0, NULL, show},
        {"POST", "/bundle", BUNDLE_MAX + FORM_MAX, &stream, finish},
        {"PUT", "/bundle", BUNDLE_MAX, &stream, finish},
    };
    struct serving s = {.rescue = r,
                        .intake = {.u = {.disk = r->disk, .trust = r->trust, .board = r->board}}};
    const struct server server = {.listener = r->listener,
                                  .identity = r->identity,
                                  .routes = routes,
                                  .routes_n = COUNT(routes),
                                  .ctx = &s};

    if (identity_fingerprint(r->identity, s.fingerprint, e) < 0)
        return -1;
    return server_run(&server, e);
}
