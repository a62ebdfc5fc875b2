/* Network settings: what is taken, what is refused and with which words, and the files made of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/json.h"
#include "src/base/own.h"
#include "src/sys/dhcpcd.h"

#define HEAD                                                                                       \
    "script /usr/lib/certkeep/certkeep-resolv\nnoipv4ll\nnodelay\nclientid\nslaac hwaddr\n"        \
    "option domain_name_servers, interface_mtu, rapid_commit\nallowinterfaces eth*\n"

static int patch(struct network *n, const char *body, struct err *e)
{
    OWN(own_json)
    json_t *o = json_parse(blob_str(body), 4096, "body", e);

    assert_non_null(o);
    return network_patch(n, o, e);
}

static void conf_is(const struct network *n, const char *want)
{
    OWN(buf_free)
    struct buf out = BUF(4096);

    dhcpcd_conf(n, &out);
    assert_string_equal(buf_cstr(&out), want);
}

static void test_network_without_settings_is_dhcp(void **state)
{
    OWN(network_free)
    struct network n;
    OWN(buf_free)
    struct buf out = BUF(4096);

    (void)state;
    network_init(&n);
    conf_is(&n, HEAD "noarp\n");
    dhcpcd_resolv(&n, &out);
    assert_int_equal(out.n, 0);
    assert_int_equal(n.general.confirm_s, 120);
}

static void test_network_static_is_written_byte_for_byte(void **state)
{
    OWN(network_free)
    struct network n;
    OWN(buf_free)
    struct buf out = BUF(4096);
    struct err e = {0};

    (void)state;
    network_init(&n);
    assert_int_equal(
        patch(&n,
              "{\"host_name\":\"Keep.Corp.Example\",\"search\":\"corp.example\","
              "\"dns\":[\"192.0.2.53\",\"2001:DB8:0::53\"],\"interfaces\":["
              "{\"name\":\"eth0\",\"ipv4\":\"static\",\"address\":\"192.0.2.10/24\","
              "\"gateway\":\"192.0.2.1\",\"ipv6\":\"static\",\"address6\":\"2001:DB8::0:10/64\"},"
              "{\"name\":\"eth1\",\"ipv4\":\"off\",\"ipv6\":\"auto\"},"
              "{\"name\":\"eth2\",\"ipv4\":\"dhcp\",\"ipv6\":\"off\"}]}",
              &e),
        0);
    assert_string_equal(n.general.host_name, "keep.corp.example");
    conf_is(&n, HEAD "\ninterface eth0\nstatic ip_address=192.0.2.10/24\nstatic routers=192.0.2.1\n"
                     "nodhcp6\nstatic ip6_address=2001:db8::10/64\n"
                     "\ninterface eth1\nnoipv4\n"
                     "\ninterface eth2\nnoarp\nnoipv6\nnoipv6rs\n");
    dhcpcd_resolv(&n, &out);
    assert_string_equal(buf_cstr(&out),
                        "search corp.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n");
}

static void test_network_patch_replaces_one_interface_and_keeps_the_rest(void **state)
{
    OWN(network_free)
    struct network n;
    struct err e = {0};

    (void)state;
    network_init(&n);
    assert_int_equal(patch(&n,
                           "{\"dns\":[\"192.0.2.53\"],\"interfaces\":["
                           "{\"name\":\"eth0\",\"ipv4\":\"static\",\"address\":\"192.0.2.10/"
                           "24\",\"ipv6\":\"off\"},"
                           "{\"name\":\"eth1\",\"ipv4\":\"dhcp\",\"ipv6\":\"auto\"}]}",
                           &e),
                     0);
    assert_int_equal(
        patch(&n, "{\"interfaces\":[{\"name\":\"eth0\",\"address\":\"192.0.2.11/24\"}]}", &e), 0);
    assert_int_equal(n.n, 2);
    assert_string_equal(n.interfaces[0].address, "192.0.2.11/24");
    assert_string_equal(n.interfaces[0].ipv6, "off");
    assert_string_equal(n.general.dns.v[0], "192.0.2.53");
}

static void test_network_refuses_with_the_field_and_what_to_do(void **state)
{
    static const struct {
        const char *body, *field, *says;
    } cases[] = {
        {"{\"dns\":[\"dns.example\"]}", "DNS servers: ", "as 192.0.2.53"},
        {"{\"dns\":[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]}",
         "DNS servers: ", "at most 3"},
        {"{\"host_name\":\"192.0.2.1\"}", "Host name: ", "certkeep.corp.example"},
        {"{\"host_name\":\"a_b\"}", "Host name: ", ""},
        {"{\"confirm_s\":5}", "Confirm within: ", "30"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"static\",\"ipv6\":\"auto\"}]}",
         "IPv4 address: eth0: ", "is needed"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"static\",\"ipv6\":\"auto\","
         "\"address\":\"192.0.2.10\"}]}",
         "IPv4 address: eth0: ", "prefix length"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"static\",\"ipv6\":\"auto\","
         "\"address\":\"192.0.2.0/24\"}]}",
         "IPv4 address: eth0: ", "network itself"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"static\",\"ipv6\":\"auto\","
         "\"address\":\"127.0.0.1/8\"}]}",
         "IPv4 address: eth0: ", "unicast"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"static\",\"ipv6\":\"auto\","
         "\"address\":\"192.0.2.10/24\",\"gateway\":\"198.51.100.1\"}]}",
         "IPv4 gateway: eth0: ", "router of that network"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"dhcp\",\"ipv6\":\"static\","
         "\"address6\":\"192.0.2.1/24\"}]}",
         "IPv6 address: eth0: ", "2001:db8::10/64"},
        {"{\"interfaces\":[{\"name\":\"eth0\",\"ipv4\":\"off\",\"ipv6\":\"off\"}]}",
         "IPv4: ", "leave one on"},
        {"{\"interfaces\":[{\"name\":\"eth0\\nstatic\",\"ipv4\":\"dhcp\",\"ipv6\":\"auto\"}]}",
         "Interface: ", ""},
        {"{\"interfaces\":[{\"name\":\"../x\",\"ipv4\":\"dhcp\",\"ipv6\":\"auto\"}]}",
         "Interface: ", "eth0"},
        {"{\"interfaces\":[{\"ipv4\":\"dhcp\",\"ipv6\":\"auto\"}]}", "interfaces", "name"},
        {"{\"interfaces\":7}", "interfaces: ", "list"},
        {"{\"proxy\":7}", "proxy", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(network_free)
        struct network n;
        struct err e = {0};
        network_init(&n);
        assert_int_equal(patch(&n, cases[i].body, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        if (!str_starts(e.text, cases[i].field) || !strstr(e.text, cases[i].says))
            fail_msg("%s: %s", cases[i].body, e.text);
        conf_is(&n, HEAD "noarp\n"); /* nothing was changed */
    }
}

static void test_network_is_stored_and_carried_whole(void **state)
{
    OWN(network_free)
    struct network n, carried, loaded;
    OWN(buf_free)
    struct buf b = BUF(4096), conf = BUF(4096);
    struct err e = {0};

    (void)state;
    network_init(&n);
    network_init(&carried);
    network_init(&loaded);
    assert_int_equal(patch(&n,
                           "{\"search\":\"corp.example\",\"interfaces\":[{\"name\":\"eth0\","
                           "\"ipv4\":\"static\",\"address\":\"192.0.2.10/24\",\"ipv6\":\"off\"}]}",
                           &e),
                     0);
    network_encode(&n, &b);
    assert_int_equal(network_decode(buf_blob(&b), &carried, &e), 0);
    OWN(own_json)
    json_t *o = network_json(&carried);
    assert_int_equal(network_load(&loaded, o, &e), 0);
    dhcpcd_conf(&n, &conf);
    conf_is(&loaded, buf_cstr(&conf));
    for (size_t cut = 0; cut < b.n; cut++) {
        OWN(network_free)
        struct network part;
        network_init(&part);
        assert_int_equal(network_decode(BLOB(b.p, cut), &part, NULL), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network_without_settings_is_dhcp),
        cmocka_unit_test(test_network_static_is_written_byte_for_byte),
        cmocka_unit_test(test_network_patch_replaces_one_interface_and_keeps_the_rest),
        cmocka_unit_test(test_network_refuses_with_the_field_and_what_to_do),
        cmocka_unit_test(test_network_is_stored_and_carried_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
