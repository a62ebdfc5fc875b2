/*
 * Orders at emSign. A second request is a second paid order, so one is written down before it is
 * sent, and after a lost answer it is looked for, in the account's report by name, day and tag, and
 * if need be by its request, before it is sent again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/cert.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ca/emsign_client.h"
#include "src/ca/memory.h"

#define MEMORY_VERSION 1
/* Since it was sent: what we wait for an answer (HTTP_TOTAL_MS), then a minute for the CA. */
#define SHOWS_S 120
#define PAGES_MAX 20 /* of 100 orders of one name and a day or two */
#define TRACKED_MAX 20
#define REFUSALS_MAX 3 /* of the kind that says "try again" */
#define DAY_S 86400

int emsign_order_decode(struct blob in, struct emsign_order *out, struct err *e)
{
    struct reader r = reader_of(in);
    struct emsign_order o = {0};

    if (in.n > 0) {
        r.failed = read_u8(&r) != MEMORY_VERSION || r.failed;
        o.refusals = read_u8(&r);
        o.sent_at = (int64_t)read_u64(&r);
        OWN(own_mem)
        char *order = memory_get_text(&r, EMSIGN_NUMBER_MAX);
        OWN(own_mem)
        char *request = memory_get_text(&r, EMSIGN_NUMBER_MAX);
        if (order && request) {
            snprintf(o.at.order, sizeof(o.at.order), "%s", order);
            snprintf(o.at.request, sizeof(o.at.request), "%s", request);
        }
    }
    if (!reader_done(&r))
        return err_set(e, ERR_STORE, "the memory of the order is damaged; place a new order");
    *out = o;
    return 0;
}

int emsign_order_save(struct ca_job *job, const struct emsign_order *o, struct err *e)
{
    OWN(buf_free)
    struct buf m = BUF(128);

    buf_add_u8(&m, MEMORY_VERSION);
    buf_add_u8(&m, o->refusals);
    buf_add_u64(&m, (uint64_t)o->sent_at);
    memory_put_text(&m, o->at.order);
    memory_put_text(&m, o->at.request);
    return ca_remember_order(job, buf_blob(&m), e);
}

int emsign_track(struct emsign *c, const char *number, struct emsign_track *out, struct err *e)
{
    json_t *q = json_object();

    json_put_str(q, "orderNumber", number);
    OWN(own_json)
    json_t *a = emsign_call(c, "TrackOrder", "orderDetails", q, e);
    return a ? emsign_track_parse(a, out, e) : -1;
}

static bool same_request(struct emsign *c, const char *number)
{
    OWN(emsign_track_free)
    struct emsign_track t = {0};
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);
    struct err e = {0};

    return emsign_track(c, number, &t, &e) == 0 && t.csr && emsign_der(t.csr, &der, &e) == 0 &&
           blob_eq(buf_blob(&der), c->job->csr);
}

static int report_page(struct emsign *c, int64_t since, uint32_t page, struct emsign_report *out,
                       struct err *e)
{
    json_t *q = json_object();
    char day[TIME_TEXT_BYTES];
    OWN(own_mem)
    char *number = xasprintf("%u", page);

    time_print(since - DAY_S, day); /* its day may begin elsewhere */
    day[10] = '\0';
    json_put_str(q, "domainName", c->job->request.names.n ? c->job->request.names.v[0] : "");
    json_put_str(q, "orderDateFrom", day);
    json_put_str(q, "pageNumber", number);
    json_put_str(q, "pageSize", "100");
    OWN(own_json)
    json_t *a = emsign_call(c, "GetOrderReport", "searchCriteria", q, e);
    if (a)
        return emsign_report_parse(a, out, e);
    /* An empty report comes as a refusal without a code. */
    return c->refused && !c->meta.code[0] && !emsign_throttled(&c->meta) && e->code == ERR_DENIED
               ? 0
               : -1;
}

/* 1: this one; 0: not it. */
static int is_ours(struct emsign *c, const struct emsign_row *row, const char *tag, int *tracked)
{
    if (!row->number[0])
        return 0;
    if (strs_has(&row->tags, tag))
        return 1;
    if (row->tags.n > 0 || *tracked >= TRACKED_MAX)
        return 0; /* tagged by somebody else */
    ++*tracked;
    return same_request(c, row->number);
}

/* 1: found, written to `o`; 0: not there. */
static int find(struct emsign *c, struct emsign_order *o, struct err *e)
{
    OWN(own_mem)
    char *tag = emsign_tag(c->job);
    uint32_t pages = 1;
    int tracked = 0;

    for (uint32_t page = 1; page <= pages && page <= PAGES_MAX; page++) {
        OWN(emsign_report_free)
        struct emsign_report r = {0};
        if (report_page(c, o->sent_at, page, &r, e) < 0)
            return -1;
        pages = r.pages;
        for (size_t i = 0; i < r.n; i++) {
            if (!is_ours(c, &r.v[i], tag, &tracked))
                continue;
            snprintf(o->at.order, sizeof(o->at.order), "%s", r.v[i].number);
            log_info("emsign.found", "order=%s number=%s", log_q(c->job->order), o->at.order);
            return emsign_order_save(c->job, o, e) < 0 ? -1 : 1;
        }
    }
    return 0;
}

int emsign_find_lost(struct emsign *c, struct emsign_order *o, struct err *e)
{
    const int64_t age = now_s() - o->sent_at;
    const int got = find(c, o, e);

    if (got != 0)
        return got < 0 ? err_wrap(e, "look for the order whose answer was lost") : 1;
    if (age >= 0 && age < SHOWS_S)
        return err_set(e, ERR_LIMIT,
                       "the answer to the order was lost, and emSign's report does not show it "
                       "yet; it is looked for again before anything else is done");
    log_info("emsign.order_lost", "order=%s", log_q(c->job->order));
    return 0;
}

/* The CA has judged: nothing is on its way any more. */
static int refused(struct emsign *c, struct emsign_order *o, struct err *e)
{
    struct err lost = {0};
    const bool again = str_eq(c->meta.code, "EMS-939") || str_eq(c->meta.code, "EMS-956");

    o->sent_at = 0;
    o->refusals = (uint8_t)(again ? o->refusals + 1 : 0);
    if (o->refusals >= REFUSALS_MAX && e->code == ERR_LIMIT)
        e->code = ERR_DENIED; /* the same request, again and again: final */
    if (emsign_order_save(c->job, o, &lost) < 0) {
        *e = lost;
        return -1;
    }
    return -1;
}

/* EMS-1099: this very request is there, whatever became of its answer. */
static int take_duplicate(struct emsign *c, struct emsign_order *o, struct err *e)
{
    const struct err said = *e;
    const int got = find(c, o, e);

    if (got != 0)
        return got < 0 ? -1 : 0;
    *e = said;
    return err_wrap(e, "the account's report does not show the order yet; cancel it at emSign or "
                       "retry later");
}

static int send_order(struct emsign *c, struct emsign_order *o, struct err *e)
{
    json_t *body = emsign_order_body(c, e);

    if (!body)
        return -1;
    o->sent_at = now_s();
    if (emsign_order_save(c->job, o, e) < 0) {
        json_decref(body);
        return -1;
    }
    OWN(own_json)
    json_t *a = emsign_call(c, "GenerateOrderSSL", "orderDetails", body, e);
    if (!a && c->refused && str_eq(c->meta.code, "EMS-1099"))
        return take_duplicate(c, o, e);
    if (!a)
        return c->refused ? refused(c, o, e) : -1;
    if (emsign_placed_parse(a, &o->at, e) < 0)
        return ca_unusable(c->job, e, "GenerateOrderSSL: no number of the order; it is looked for");
    o->refusals = 0;
    return emsign_order_save(c->job, o, e);
}

int emsign_place(struct emsign *c, struct emsign_order *o, struct err *e)
{
    if (o->at.order[0])
        return 0;
    const int lost = o->sent_at ? emsign_find_lost(c, o, e) : 0;

    if (lost != 0)
        return lost < 0 ? -1 : 0;
    return send_order(c, o, e);
}
