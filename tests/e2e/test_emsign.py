"""The emSign connector: the real certkeep-ca against the test account, its answers good, late, lost and wrong."""
import datetime
import time

import pytest
from cryptography import x509

import emsign
from appliance import free_port
from emsign import EmSign
from emsign_world import EmSignDriver
from proxy import Proxy


@pytest.fixture(name="w", scope="module")
def world():
    ca = EmSign()
    d = EmSignDriver(ca, free_port())
    d.ca = ca
    yield d
    d.close()
    ca.stop()


@pytest.fixture(autouse=True)
def as_new(w):
    ca = w.ca
    ca.faults.clear()
    ca.manual = ca.bare = False
    ca.validated, ca.revokes_at_once, ca.slot_s = {"example", "example.com"}, True, 0.0
    ca.show("good")
    w.settings.update(layout="2026", product=emsign.DV, organization_number="", dcv_method="DNS TXT", signer_ip="9.9.9.9")
    assert w.test()["ok"]


_n = iter(range(1000))


def new(w, *names):
    """A new request and no order; its first name."""
    names = names or (f"h{next(_n)}.example",)
    assert w("new_order")["ok"] and w("csr", names=list(names))["ok"]
    return names[0]


def ok(answer, state):
    assert answer["ok"] and answer["state"] == state, answer
    return answer


def leaf(answer):
    return x509.load_pem_x509_certificates(answer["chain"].encode())[0]


def test_login_and_products(w):
    answer = w.test()
    assert answer["ok"] and "4 products" in answer["detail"]
    assert any(x.startswith("Login ok account") for x in answer["evidence"])
    assert any("838 emSign DV SSL" in x and "100 Intranet SSL" in x for x in answer["evidence"])


def test_wrong_access_key_is_authentication(w):
    answer = w.test(secrets={"access_key": "some other key"})
    assert answer["code"] == "auth" and "AccessKey" in answer["error"] and "some other" not in answer["error"]
    assert w.test()["ok"]


def test_wrong_address_is_said(w):
    answer = w.test(base_url=w.ca.origin + "/elsewhere")
    w.settings["base_url"] = w.ca.base + "/"  # a slash at its end does no harm
    assert answer["code"] == "not_found" and "Base URL" in answer["error"]
    assert w.test()["ok"]
    w.settings["base_url"] = w.ca.base


def test_product_the_account_does_not_have(w):
    answer = w.test(product="999")
    assert answer["code"] == "not_found" and "999" in answer["error"]
    assert any("838 emSign DV SSL" in x for x in answer["evidence"])


@pytest.mark.parametrize("ip", ["", "127.0.0.1", "10.1.2.3", "192.168.4.4", "203.0.113.7", "2001:db8::1", "::1"])
def test_signer_address_must_be_public(w, ip):
    answer = w.test(signer_ip=ip)
    assert answer["code"] == "input" and "Public Address of Signer" in answer["error"]


@pytest.mark.parametrize("layout", ["2026", "2024"])
@pytest.mark.parametrize("bare", [False, True])
def test_order_is_issued_at_once(w, layout, bare):
    w.ca.bare = bare
    assert w.test(layout=layout)["ok"]
    name = new(w)
    answer = ok(w("enroll"), "Certificate Issued")
    order, = w.ca.placed(name)
    assert answer["reference"] == order.number and leaf(answer) == order.cert
    assert len(x509.load_pem_x509_certificates(answer["chain"].encode())) == 3
    d = order.body
    placed = d if layout == "2026" else d["delegationInformation"]
    assert placed["groupNumber"] == emsign.GROUP and d["subscriptionDetails"]["autoRenew"] == "0"
    assert (d if layout == "2026" else d["certificateInformation"])["autoSecureWWW"] == "0"


def test_profile_of_the_certificate_is_the_product(w):
    w.test(organization_number=emsign.ORGANIZATION)
    name = new(w)
    ok(w("enroll", profile=emsign.OV), "Certificate Issued")
    assert w.ca.placed(name)[0].product == emsign.OV


def test_addresses_are_refused_before_anything_is_sent(w):
    w("new_order"), w("csr", names=["IP:9.9.9.9"])
    before = w.ca.calls.count("GenerateOrderSSL")
    assert w("enroll")["code"] == "input" and w.ca.calls.count("GenerateOrderSSL") == before


def test_order_waits_for_approval(w):
    w.ca.manual = True
    name = new(w)
    assert "Pending For Approver" in ok(w("enroll"), "Approval Pending")["detail"]
    ok(w("poll"), "Approval Pending")
    w.ca.approve(w.ca.placed(name)[0].number)
    ok(w("poll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1


def test_rejected_order(w):
    w.ca.manual = True
    name = new(w)
    ok(w("enroll"), "Approval Pending")
    w.ca.reject(w.ca.placed(name)[0].number)
    ok(w("poll"), "Rejected")


@pytest.mark.parametrize("method, want", [("DNS TXT", "TXT record _emudhra-challenge.{name} with the value "),
                                          ("HTTP file", "http://{name}/.well-known/pki-validation/")])
def test_name_is_proved(w, method, want):
    w.ca.validated = set()
    w.test(dcv_method=method)
    name = new(w)
    detail = ok(w("enroll"), "Validation Pending")["detail"]
    assert want.format(name=name) in detail
    ok(w("poll"), "Validation Pending")
    w.ca.published.add((name, detail.split()[-1]))
    ok(w("poll"), "Certificate Issued")


def test_proof_that_is_not_there_yet(w):
    w.ca.validated, w.ca.slot_s = set(), 3600
    new(w)
    assert "EMS-956" in ok(w("enroll"), "Validation Pending")["detail"]
    w.ca.slot_s = 0
    assert "TXT record" in ok(w("poll"), "Validation Pending")["detail"]


def later(answer, code, text):
    assert not answer["ok"] and answer["code"] == code and text in answer["error"], answer


@pytest.mark.parametrize("fault, text", [("drop", "cut the connection"), ("500 after", "answered 500")])
def test_lost_answer_is_looked_for(w, fault, text):
    """The order is at the CA: it is found and taken up, never placed again."""
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", fault, 1)
    later(w("enroll"), "network", text)
    ok(w("enroll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1


def test_lost_answer_without_tags(w):
    """An account that keeps no tags: the order is known by its request."""
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", "drop", 1)
    later(w("enroll"), "network", "cut")
    w.ca.placed(name)[0].body["additionalInformation"]["tags"] = []
    ok(w("enroll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1


def test_request_that_never_came_is_sent_again_but_not_at_once(w):
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", "drop before", 1)
    later(w("enroll"), "network", "cut")
    later(w("enroll"), "limit", "looked for again")
    assert not w.ca.placed(name)


def test_duplicate_request_is_taken_up(w):
    """EMS-1099: the request is there under another order of ours, which is found by it."""
    name = new(w)
    ok(w("enroll"), "Certificate Issued")
    number = w.ca.placed(name)[0].number
    assert w("new_order")["ok"]
    assert ok(w("enroll"), "Certificate Issued")["reference"] == number
    assert len(w.ca.placed(name)) == 1


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("op", ["enroll"])
def test_process_is_killed_at_what_it_remembers(w, op, times):
    name = new(w)
    w("kill_at", count=times)
    w(op)
    assert w("restart")["ok"] and w.test()["ok"]
    answer = w(op)
    if times == 1:  # before it sent: it is looked for, not found, and not sent again at once
        later(answer, "limit", "looked for again")
    else:
        ok(answer, "Certificate Issued")
        assert len(w.ca.placed(name)) == 1


@pytest.mark.parametrize("fault", ["500", "503", "drop", "malformed", "html", "huge"])
@pytest.mark.parametrize("call", ["TrackOrder", "GetCertificate"])
def test_trouble_on_the_way_is_for_later(w, call, fault):
    name = new(w)
    w.ca.faults.set(call, fault, 1)
    assert w("enroll")["code"] == "network"
    ok(w("enroll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1


@pytest.mark.parametrize("fault, code", [("401", "auth"), ("403", "auth"), ("throttle", "limit"), ("EMS-939", "limit"),
                                         ("EMS-1162", "not_found"), ("EMS-1269", "not_found"), ("EMS-1073", "input"),
                                         ("redirect", "network"), ("EMS-777", "denied")])
def test_refusals_have_their_category(w, fault, code):
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", fault, 1)
    later(w("enroll"), code, "GenerateOrderSSL")
    assert not w.ca.placed(name)


def test_throttled_order_is_sent_again(w):
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", "throttle", 2)
    later(w("enroll"), "limit", "Inactive Account User")
    later(w("enroll"), "limit", "Inactive Account User")
    ok(w("enroll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1


def test_same_refusal_again_and_again_is_final(w):
    new(w)
    w.ca.faults.set("GenerateOrderSSL", "EMS-956")
    assert [w("enroll")["code"] for _ in range(3)] == ["limit", "limit", "denied"]


def test_slow_answer_is_looked_for(w):
    name = new(w)
    w.ca.slow_s = 64
    w.ca.faults.set("GenerateOrderSSL", "slow", 1)
    later(w("enroll"), "network", "timeout")
    later(w("enroll"), "limit", "looked for again")  # the CA is still at it
    end = time.monotonic() + 20
    while not w.ca.placed(name):
        assert time.monotonic() < end
        time.sleep(0.1)
    ok(w("enroll"), "Certificate Issued")
    assert len(w.ca.placed(name)) == 1 and w.ca.calls[-1] == "GetCertificate"


@pytest.mark.parametrize("fault, text", [("wrong key", "issued certificate"), ("wrong chain", "issued certificate")])
def test_wrong_certificate_is_refused(w, fault, text):
    new(w)
    w.ca.faults.set("GenerateOrderSSL", fault, 1)
    answer = w("enroll")
    assert not answer["ok"] and answer["code"] not in ("network", "limit") and text in answer["error"]


@pytest.mark.parametrize("identity, text", [("expired", "has expired"), ("foreign", "trusted anchor"), ("other", "another name")])
def test_tls_identity(w, identity, text):
    w.ca.show(identity)
    answer = w.test()
    assert answer["code"] == "crypto" and text in answer["error"]
    name = new(w)
    later(w("enroll"), "network", text)  # an order waits for the line to be right again
    assert not w.ca.placed(name)
    w.ca.show("good")


def test_cancel(w):
    w.ca.manual = True
    name = new(w)
    ok(w("enroll"), "Approval Pending")
    w.ca.faults.set("RejectOrder", "drop", 1)
    later(w("cancel"), "network", "cut")
    ok(w("cancel"), "Cancelled")
    assert w.ca.placed(name)[0].status == "5" and w.ca.calls.count("RejectOrder") == 1


def test_cancel_of_an_order_whose_answer_was_lost(w):
    w.ca.manual = True
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", "drop", 1)
    later(w("enroll"), "network", "cut")
    ok(w("cancel"), "Cancelled")
    assert w.ca.placed(name)[0].status == "5"


def test_cancel_after_issue_is_refused(w):
    new(w)
    ok(w("enroll"), "Certificate Issued")
    later(w("cancel"), "conflict", "revoke")


@pytest.mark.parametrize("reason", [1, 3, 4, 5, 9])
def test_revoke(w, reason):
    name = new(w)
    ok(w("enroll"), "Certificate Issued")
    ok(w("revoke", reason=reason, comments="lost; found; lost"), "Revoked")
    assert w.ca.placed(name)[0].revocation["revokeReasonId"] == str(reason)
    ok(w("revoke", reason=reason), "Revoked")


def test_revocation_is_asked_for_once(w):
    w.ca.revokes_at_once = False
    name = new(w)
    ok(w("enroll"), "Certificate Issued")
    w.ca.faults.set("RevokeOrder", "drop", 1)
    before = w.ca.calls.count("RevokeOrder")
    later(w("revoke", reason=4), "network", "cut")
    assert "pending" in ok(w("revoke", reason=4), "Approval Pending")["detail"]
    w.ca.settle_revocation(w.ca.placed(name)[0].number)
    ok(w("revoke", reason=4), "Revoked")
    assert w.ca.calls.count("RevokeOrder") == before + 1


def test_revocation_may_be_refused(w):
    w.ca.revokes_at_once = False
    name = new(w)
    ok(w("enroll"), "Certificate Issued")
    ok(w("revoke", reason=1), "Approval Pending")
    w.ca.settle_revocation(w.ca.placed(name)[0].number, granted=False)
    later(w("revoke", reason=1), "denied", "refused to revoke")


def test_proxy_with_a_password(w):
    """Each request goes through it; what it says is told as its own."""
    proxy = Proxy("appliance", "its password")
    secrets = {"access_key": emsign.ACCESS_KEY, "proxy_password": "its password"}
    try:
        assert w.test(secrets, proxy=proxy.url, proxy_user="appliance")["ok"]
        assert proxy.ways and set(proxy.ways) == {f"localhost:{w.ca.port}"}
        name, ways = new(w), len(proxy.ways)
        ok(w("enroll"), "Certificate Issued")
        assert len(proxy.ways) == ways + 3 and len(w.ca.placed(name)) == 1
        answer = w.test({**secrets, "proxy_password": "a wrong one"})
        assert answer["code"] == "auth" and "Proxy User" in answer["error"] and "a wrong one" not in answer["error"]
        proxy.fault = 503
        assert "answered 503" in w.test(secrets)["error"]
        proxy.close()
        answer = w.test(secrets)
        assert answer["code"] == "network" and "check Proxy" in answer["error"]
    finally:
        w.settings.update(proxy="", proxy_user="")


def test_rate_is_kept(w):
    """Two a second with a burst of three seconds' worth: ten requests need more than a second."""
    w.test(requests_per_s=2)
    new(w)
    start = time.monotonic()
    for _ in range(3):
        ok(w("enroll"), "Certificate Issued")
    took = time.monotonic() - start
    w.settings["requests_per_s"] = 1000
    assert took > 1, took


def test_no_secret_leaves(w):
    """The access key is in nothing that was sent, and each request had its own transaction number."""
    assert w.ca.seen and all(emsign.ACCESS_KEY not in body for _, body in w.ca.seen)
    assert len(w.ca.txns) > 50


def test_day_begins_elsewhere(w):
    """The report's day is not ours: an order placed just before midnight there is found."""
    name = new(w)
    w.ca.faults.set("GenerateOrderSSL", "drop", 1)
    later(w("enroll"), "network", "cut")
    w.ca.placed(name)[0].made -= datetime.timedelta(hours=20)
    ok(w("enroll"), "Certificate Issued")
