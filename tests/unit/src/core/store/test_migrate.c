/*
 * Stores written with other field tables: older records get the defaults of new fields, lost fields
 * are skipped, new indexes are built, and a packed record has the documented bytes.
 */
#include "tests/unit/src/core/store/store_test.h"

struct thing {
    char *id;
    int64_t rev, created_at, updated_at;
    char *name, *state, *fresh;
    int64_t size;
    bool on;
    struct strs tags;
    struct bytes raw;
    char *lost;
};

#define AT(member) offsetof(struct thing, member)
#define HEAD                                                                                       \
    {.name = "id", .label = "ID", .kind = FIELD_ID, .offset = AT(id)},                             \
        {.name = "rev", .label = "Rev", .kind = FIELD_INT, .offset = AT(rev)},                     \
        {.name = "created_at",                                                                     \
         .label = "Created",                                                                       \
         .kind = FIELD_TIME,                                                                       \
         .flags = FIELD_INDEXED,                                                                   \
         .offset = AT(created_at)},                                                                \
    {                                                                                              \
        .name = "updated_at", .label = "Updated", .kind = FIELD_TIME, .offset = AT(updated_at)     \
    }

static const struct field old_v[] = {
    HEAD,
    {.name = "name", .label = "Name", .kind = FIELD_TEXT, .offset = AT(name)},
    {.name = "lost",
     .label = "Lost",
     .kind = FIELD_TEXT,
     .flags = FIELD_INDEXED,
     .offset = AT(lost)},
    {.name = "size", .label = "Size", .kind = FIELD_INT, .offset = AT(size), .initial = "7"},
    {.name = "on", .label = "On", .kind = FIELD_BOOL, .offset = AT(on)},
    {.name = "tags", .label = "Tags", .kind = FIELD_LIST, .offset = AT(tags)},
    {.name = "raw", .label = "Raw", .kind = FIELD_BYTES, .offset = AT(raw)},
};
/* "lost" is gone, the order changed, two fields came, two old ones are indexed. */
static const struct field new_v[] = {
    HEAD,
    {.name = "state",
     .label = "State",
     .kind = FIELD_ENUM,
     .flags = FIELD_INDEXED,
     .choices = "New State|Other",
     .initial = "New State",
     .offset = AT(state)},
    {.name = "raw", .label = "Raw", .kind = FIELD_BYTES, .offset = AT(raw)},
    {.name = "tags", .label = "Tags", .kind = FIELD_LIST, .offset = AT(tags)},
    {.name = "on", .label = "On", .kind = FIELD_BOOL, .flags = FIELD_INDEXED, .offset = AT(on)},
    {.name = "size", .label = "Size", .kind = FIELD_INT, .offset = AT(size), .initial = "9"},
    {.name = "name",
     .label = "Name",
     .kind = FIELD_TEXT,
     .flags = FIELD_INDEXED,
     .offset = AT(name)},
    {.name = "fresh", .label = "Fresh", .kind = FIELD_TEXT, .offset = AT(fresh)},
};
static const struct fields old_fields = {"thing", sizeof(struct thing), old_v, COUNT(old_v)};
static const struct fields new_fields = {"thing", sizeof(struct thing), new_v, COUNT(new_v)};
static const struct fields *const old_tables[TABLE_END] = {[TABLE_CERT] = &old_fields};
static const struct fields *const new_tables[TABLE_END] = {[TABLE_CERT] = &new_fields};

static struct db *open_as(const char *dir, const struct fields *const *tables)
{
    struct db *db = NULL;

    OK(db_open_with(dir, (struct db_options){1024 * 1024, tables}, &db, &e));
    return db;
}

static void write_old(const char *dir, char ids[][ID_CHARS + 1], int n)
{
    struct db *db = open_as(dir, old_tables);
    struct txn *t = begin(db, true);

    for (int i = 0; i < n; i++) {
        struct thing x = {0};
        fields_init(&old_fields, &x);
        x.name = xasprintf("thing-%d", n - i);
        x.lost = xstrdup("lost");
        x.size = i % 2 ? 0 : -i; /* 0 is a value, not the default */
        x.on = i % 3 == 0;
        strs_add(&x.tags, "a");
        bytes_set(&x.raw, BLOB("\0\1", 2));
        OK(row_put(t, TABLE_CERT, &x, &e));
        memcpy(ids[i], x.id, ID_CHARS + 1);
        fields_free(&old_fields, &x);
    }
    commit(&t);
    check_store(db);
    db_close(db);
}

#define THINGS 4500 /* more than two batches of an index build */

static void test_records_outlive_their_field_table(void **state)
{
    (void)state;
    static char ids[THINGS][ID_CHARS + 1];
    char dir[] = "/tmp/store-XXXXXX";
    uint64_t n = 0;

    assert_non_null(mkdtemp(dir));
    write_old(dir, ids, THINGS);
    for (int again = 0; again < 2; again++) {
        struct db *db = open_as(dir, new_tables);
        struct txn *t = begin(db, true);
        struct thing x = {0};
        OK(store_check(t, &e));
        OK(row_get(t, TABLE_CERT, ids[1], &x, &e));
        assert_string_equal(x.name, "thing-4499");
        assert_string_equal(x.state, "New State"); /* younger than the record: its default */
        assert_null(x.fresh);
        assert_int_equal(x.size, 0); /* known to the record: no default */
        assert_int_equal(x.tags.n, 1);
        assert_int_equal(x.raw.n, 2);
        assert_null(x.lost);
        fields_free(&new_fields, &x);
        OK(row_count(t, TABLE_CERT, "state", "New State", &n, &e));
        assert_int_equal(n, THINGS);
        OK(row_count(t, TABLE_CERT, "on", "true", &n, &e));
        assert_int_equal(n, THINGS / 3);
        OK(row_find(t, TABLE_CERT, "name", "thing-1", &x, &e));
        assert_string_equal(x.id, ids[THINGS - 1]);
        free(x.state);
        x.state = xstrdup("Other");
        OK(row_put(t, TABLE_CERT, &x, &e));
        fields_free(&new_fields, &x);
        OK(store_check(t, &e));
        txn_abort(&t);
        db_close(db);
    }
    /* And back: an older release reads what the newer wrote, and numbers stay given. */
    struct db *db = open_as(dir, old_tables);
    struct txn *t = begin(db, false);
    struct thing x = {0};
    OK(row_get(t, TABLE_CERT, ids[0], &x, &e));
    assert_string_equal(x.lost, "lost");
    fields_free(&old_fields, &x);
    OK(store_check(t, &e));
    txn_abort(&t);
    db_close(db);
    temp_remove(dir);
}

static void test_open_refuses_newer_store(void **state)
{
    struct temp *temp = *state;
    struct txn *t = begin(temp->db, true);
    uint8_t newer[] = {0, 0, 0, STORE_VERSION + 1};
    MDB_val key = {7, "version"}, value = {sizeof(newer), newer};
    struct db *db = NULL;
    struct err why = {0};

    assert_int_equal(mdb_put(t->mdb, temp->db->meta, &key, &value, 0), 0);
    commit(&t);
    db_close(temp->db);
    temp->db = NULL;
    assert_int_equal(db_open(temp->dir, &db, &why), -1);
    assert_non_null(strstr(why.text, "newer release"));
}

/* The example of docs/formats/store.md. */
static void test_pack_record_has_the_documented_bytes(void **state)
{
    (void)state;
    static const uint8_t want[] = {
        1,   0,   10,                                     /* version, numbers 1 to 10 are known */
        1,   20,  '0', '0', '0', '0', '0', '0', '0', '0', /* id */
        '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0',
        '1', 2,   8,   0,   0,   0,   0,   0,   0,   0,   3, /* rev */
        5,   4,   's', 'h', 'o', 'p',                        /* name */
        7,   8,   255, 255, 255, 255, 255, 255, 255, 254,    /* size -2 */
        8,   1,   1,                                         /* on */
        9,   5,   1,   'a', 2,   'b', 'c',                   /* tags */
        10,  129, 0,                                         /* raw: 128 bytes */
    };
    char dir[] = "/tmp/store-XXXXXX";
    uint8_t raw[128] = {0};
    OWN(buf_free)
    struct buf out = BUF(4096);

    assert_non_null(mkdtemp(dir));
    struct db *db = open_as(dir, old_tables);
    struct thing x = {.id = xstrdup("00000000000000000001"),
                      .rev = 3,
                      .name = xstrdup("shop"),
                      .size = -2,
                      .on = true};
    strs_add(&x.tags, "a");
    strs_add(&x.tags, "bc");
    bytes_set(&x.raw, BLOB(raw, sizeof(raw)));
    OK(pack_record(&db->tables[TABLE_CERT], &x, &out, &e));
    assert_int_equal(out.n, sizeof(want) + sizeof(raw));
    assert_memory_equal(out.p, want, sizeof(want));
    fields_free(&old_fields, &x);
    db_close(db);
    temp_remove(dir);
}

/* Every cut and every flipped bit of a packed record is read or refused, and never more. */
static void test_unpack_record_refuses_damage(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    const struct layout *l = &db->tables[TABLE_CERT];
    OWN(buf_free)
    struct buf out = BUF(4096);
    struct cert c = {0};

    fields_init(&cert_fields, &c);
    c.name = xstrdup("shop.example");
    strs_add(&c.tags, "env=prod");
    OK(pack_record(l, &c, &out, &e));
    fields_free(&cert_fields, &c);
    assert_int_equal(unpack_record(l, BLOB("\2\0\1", 3), &c, NULL), -1); /* another version */
    assert_int_equal(unpack_record(l, BLOB("\1\0", 2), &c, NULL), -1);
    for (size_t n = 0; n < out.n; n++) {
        OWN(own_mem)
        uint8_t *cut = n ? xmemdup(out.p, n) : NULL; /* so that ASan sees a read behind it */
        struct err why = {0};
        if (unpack_record(l, BLOB(cut, n), &c, &why) == 0)
            fields_free(&cert_fields, &c);
        else
            assert_int_equal(why.code, ERR_STORE);
    }
    for (size_t bit = 0; bit < out.n * 8; bit++) {
        OWN(own_mem)
        uint8_t *bad = xmemdup(out.p, out.n);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (unpack_record(l, BLOB(bad, out.n), &c, NULL) == 0)
            fields_free(&cert_fields, &c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_outlive_their_field_table),
        cmocka_unit_test_setup_teardown(test_open_refuses_newer_store, temp_setup, temp_teardown),
        cmocka_unit_test(test_pack_record_has_the_documented_bytes),
        cmocka_unit_test_setup_teardown(test_unpack_record_refuses_damage, temp_setup,
                                        temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
