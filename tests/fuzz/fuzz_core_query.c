/*
 * A list's URL query from outside, parsed and run on a small store. A page is an answer or a
 * refusal that is the caller's fault; nothing hidden may be in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/core/audit.h"
#include "src/core/store/query_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct db *db;

static void must(int got)
{
    if (got < 0)
        abort();
}

static void fill(struct txn *t)
{
    for (int i = 0; i < 40; i++) {
        OWN(own_cert)
        struct cert c = {0};
        fields_init(&cert_fields, &c);
        c.name = xasprintf("%c%d.example", 'a' + i % 5, i);
        c.not_after = i % 7 * INT64_C(1000000000) - i;
        c.chain = xstrdup("HIDDEN");
        c.ignored = i % 3 == 0;
        strs_add(&c.tags, i % 2 ? "env=prod" : "env=test");
        must(row_put(t, TABLE_CERT, &c, NULL));
        must(audit_add(t, &(struct audit_entry){.actor = "alice", .action = "login"}, NULL));
    }
}

static void open_store(void)
{
    char dir[] = "/tmp/fuzz-store-XXXXXX";
    struct txn *t = NULL;

    if (!mkdtemp(dir))
        abort();
    must(db_open(dir, &db, NULL));
    must(txn_begin(db, true, &t, NULL));
    fill(t);
    must(txn_commit(&t, NULL));
}

static void check_page(const json_t *page)
{
    OWN(buf_free)
    struct buf text = BUF(1 << 20);

    must(json_print(page, &text, NULL));
    if (memmem(text.p, text.n, "HIDDEN", 6))
        abort();
}

static void run(struct txn *t, const char *text)
{
    OWN(own_query)
    struct query *q = NULL;
    OWN(own_json)
    json_t *page = NULL;
    OWN(own_json)
    json_t *audit = NULL;
    OWN(buf_free)
    struct buf out = BUF(1 << 20);
    struct err e = {0};

    if (query_parse(TABLE_CERT, text, &q, &e) == 0 && query_run(t, q, &page, &e) == 0) {
        check_page(page);
        must(query_export(t, q, true, &out, &e));
    } else if (e.code != ERR_INPUT) {
        abort();
    }
    if (audit_list(t, text, &audit, &e) < 0 && e.code != ERR_INPUT)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct txn *t = NULL;
    OWN(own_mem)
    char *text = xstrndup((const char *)data, n);

    if (!db)
        open_store();
    must(txn_begin(db, false, &t, NULL));
    run(t, text ? text : "");
    txn_abort(&t);
    return 0;
}
