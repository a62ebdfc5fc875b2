"""emSign Hub API, V1: an account of the public CA for tests.

Every call is POST {base}/{Name} with a `meta` block that is checked whole: version, time, a txn never used before and
authKey = SHA-256(access key, ts, txn). Success and business failure are both HTTP 200. Orders keep their state; a
person's side (approve, reject, hold) is by methods, outside the API. Certificates are real.
"""
import base64
import hashlib
import ipaddress
import json
import re
import threading
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from issuing import DER, PEM, Authority, Service, certify, now

ACCOUNT, ACCESS_KEY = "1234567890", "ABCDEF0123456789-not-a-real-key"
PERSON, EMAIL = "A Person", "person@example.com"
GROUP, ORGANIZATION = "2000000001", "3000000001"
DV, WILDCARD, OV, INTRANET = "838", "839", "842", "100"
REASONS = ("1", "3", "4", "5", "9")
SLOT_S = 0.0

ORDER = {"1": "Order Placed", "3": "In Progress", "4": "Order Rejected", "5": "Order Cancelled", "6": "Order Fulfilled", "7": "On Hold"}
CERT = {"1": "Setup Pending", "2": "Pending For Approver", "5": "Rejected", "9": "Downloaded", "12": "Expired",
        "13": "Rejected By Order Cancellation", "20": "Certificate Generated", "22": "Revoked", "24": "Pending For Approver"}
TEXT = {"EMS-913": "Order not found", "EMS-918": "Additional information is empty", "EMS-939": "Something went wrong",
        "EMS-943": "Order not found", "EMS-956": "Invalid request for this API", "EMS-1073": "Invalid organization number",
        "EMS-1080": "Domain already verified", "EMS-1082": "Agreement already signed", "EMS-1091": "Invalid signer IP",
        "EMS-1099": "Duplicate CSR", "EMS-1162": "Invalid product code", "EMS-1180": "Organization name is empty",
        "EMS-1269": "Product is not mapped to the group"}


class Refused(Exception):
    def __init__(self, code="", text=None):
        super().__init__(code)
        self.code, self.text = code, TEXT.get(code, "") if text is None else text


def demand(holds, code="EMS-956", text=None):
    if not holds:
        raise Refused(code, text)


def scalar(o, name, pattern=".+", code="EMS-956"):
    """A member that must be a string of that form."""
    value = o.get(name)
    demand(isinstance(value, str) and re.fullmatch(pattern, value), code)
    return value


class Order:
    def __init__(self, number, request, body, csr, names):
        self.number, self.request, self.body, self.csr, self.names = number, request, body, csr, names
        self.pem = csr.public_bytes(PEM).decode()
        self.product, self.group = body["productCode"], body.get("groupNumber") or body.get("delegationInformation", {}).get("groupNumber", GROUP)
        self.status, self.cert_status, self.made = "1", "1", now()
        self.dcv = {n: "0" for n in names}
        self.cert, self.revocation, self.chain = None, {}, []


class EmSign(Service):
    """`manual`: orders wait for approve(). `validated`: domains that need no DCV. `bare`: base64 without armour."""

    def __init__(self, **more):
        self.authority, self.orders, self.txns = Authority("emSign Test"), [], set()
        self.manual, self.bare, self.validated, self.slot_s, self.burst = False, False, {"example", "example.com"}, SLOT_S, 0
        self.revokes_at_once, self.tokens = True, set()
        self.life, self.calls, self.next = 90, [], 5512093377
        self.published = set()  # (domain, token): what a prober would find
        super().__init__(**more)
        self.base = f"{self.origin}/emSignHub-API"

    # ---- a person at the CA's portal
    def approve(self, number):
        self.find(number).cert_status = "4"
        self.settle(self.find(number), approved=True)

    def reject(self, number):
        o = self.find(number)
        o.status, o.cert_status = "4", "5"

    def hold(self, number):
        self.find(number).status = "7"

    def settle_revocation(self, number, granted=True):
        o = self.find(number)
        o.revocation["revokeRequestStatusId"] = "2" if granted else "3"
        if granted:
            o.cert_status = "22"

    def find(self, number):
        return next(o for o in self.orders if o.number == number)

    def placed(self, name):
        return [o for o in self.orders if name in o.names]

    # ---- the wire
    def serve(self, method, path, headers, body):
        name = path.removeprefix("/emSignHub-API/")
        call = getattr(self, f"on_{name}", None)
        if method != "POST" or path == name or not re.fullmatch("[A-Za-z]+", name) or call is None:
            return 404, "text/html", b"<html>no such endpoint</html>", {}
        with self.lock:
            self.calls.append(name)
            self.seen.append((name, body.decode("utf-8", "replace")))
        fault = self.faults.take(name)
        answer = {}

        def act():
            with self.lock:
                answer.update(self.answer(call, headers, body, fault))

        got = self.line_fault(fault, act)
        if got:
            return got
        act()
        return 200, "application/json;charset=UTF-8", json.dumps(answer).encode(), {}

    def answer(self, call, headers, body, fault):
        meta = {"ver": "1.0", "ts": now().strftime("%Y-%m-%dT%H:%M:%S+00:00"), "txn": "", "status": "1", "errorCode": "", "errorMessage": ""}
        try:
            demand(headers.get("Content-Type", "").split(";")[0] == "application/json", text="Content type")
            o = json.loads(body)
            meta["txn"] = self.check_meta(o.get("meta", {}))
            if fault == "throttle":
                raise Refused("", "Inactive Account User.")
            if fault.startswith("EMS-"):
                raise Refused(fault)
            return {"meta": meta, **(call(o, fault) or {})}
        except Refused as e:
            return {"meta": {**meta, "status": "0", "errorCode": e.code, "errorMessage": e.text}}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"meta": {**meta, "status": "0", "errorCode": "EMS-956", "errorMessage": TEXT["EMS-956"]}}

    def check_meta(self, m):
        demand(m.get("ver") == "1.0", "", "Invalid version")
        ts, txn = scalar(m, "ts", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", ""), scalar(m, "txn", "[0-9A-Za-z]{10,50}", "")
        demand(abs((datetime.fromisoformat(ts) - now()).total_seconds()) < 600, "", "Invalid timestamp")
        demand(scalar(m, "accountNumber", r"\d+", "") == ACCOUNT, "", "Invalid account")
        want = hashlib.sha256((self.access_key + ts + txn).encode()).hexdigest()
        demand(m.get("authKey") == want, "", "Authentication failed")
        demand(txn not in self.txns, "", "Duplicate transaction")
        self.txns.add(txn)
        return txn

    access_key = ACCESS_KEY

    def on_ValidateCredentials(self, o, _fault):
        demand(set(o) == {"meta"})

    def on_GetProductDetails(self, o, _fault):
        d = o["productDetails"]
        demand(d == {} or (set(d) == {"groupNumber"} and d["groupNumber"] == GROUP))
        names = {DV: "emSign DV SSL", WILDCARD: "emSign DV SSL Wildcard", OV: "emSign OV SSL"}
        return {"productDetails": [
            {"categoryName": "SSL Certificates", "categoryID": "1", "currencyType": "USD",
             "products": [{"productCode": c, "productName": n, "productTypeID": "1", "price": "0"} for c, n in names.items()]},
            {"categoryName": "Private PKI", "categoryID": 8, "currencyType": "USD",
             "products": [{"productCode": int(INTRANET), "productName": "Intranet SSL", "productTypeID": 1, "price": 0}]}]}

    def on_GenerateOrderSSL(self, o, fault):
        demand(set(o) == {"meta", "orderDetails"})
        d = o["orderDetails"]
        product = scalar(d, "productCode", r"\d+", "EMS-1162")
        demand(product in (DV, WILDCARD, OV), "EMS-1162")
        demand(d.get("accountingModel") in ("1", "2") and d.get("saveAndHold") == "0" and d.get("emailNotifications") in ("0", "1"))
        info = d["certificateInformation"]
        group = d.get("groupNumber", d.get("delegationInformation", {}).get("groupNumber", GROUP))
        demand(group == GROUP, "EMS-1269")
        demand(d.get("autoSecureWWW", info.get("autoSecureWWW")) in ("0", "1"))
        self.check_people(d)
        s = d["subscriptionDetails"]
        demand(s.get("validity") in ("1", "2", "3") and s.get("autoRenew") in ("0", "1") and s.get("renewCriteria") in ("30", "60"))
        demand(scalar(d["additionalInformation"], "remarks", "(?s).+", "EMS-918"))
        tags = d["additionalInformation"].get("tags", [])
        demand(isinstance(tags, list) and all(isinstance(t, str) for t in tags))
        if product == OV:
            demand("organizationDetails" in d, "EMS-1180")
            org = d["organizationDetails"]
            demand(org.get("preVetting") == "1" and org.get("organizationNumber") == ORGANIZATION, "EMS-1073")
        else:
            demand("organizationDetails" not in d)
            self.check_agreement(d["agreementDetails"])
        names = [scalar(info, "domainName"), *info.get("additionalDomains", [])]
        csr = self.check_csr(d["csr"], names)
        if d.get("autoSecureWWW", info.get("autoSecureWWW")) == "1" and not names[0].startswith(("www.", "*.")):
            names.append("www." + names[0])
        placed = Order(str(self.next), str(self.next + 2_000_000_000), d, csr, list(dict.fromkeys(names)))
        self.next += 7
        self.orders.append(placed)
        self.settle(placed, fault=fault)
        return {"orderDetails": {"requestNumber": placed.request, "orderNumber": placed.number,
                                 "trackingURL": f"{self.origin}/track/{placed.number}"}}

    def check_people(self, d):
        r = d["requestorInformation"]
        demand(scalar(r, "requestorEmail") == EMAIL, "", "Requestor is not a user of the account")
        scalar(r, "requestorName")
        scalar(r, "requestorIsdCode", r"\d{1,4}")
        scalar(r, "requestorMobileNumber", r"\d{6,15}")
        t = d.get("technicalPointOfContact")
        if t:
            older, newer = {"tpcName", "tpcEmail", "tpcIsdCode", "tpcMobileNumber"}, {"pocFirstName", "pocLastName", "pocEmail", "pocIsdCode", "pocMobileNumber"}
            demand(set(t) in (older, newer) and all(isinstance(v, str) and v for v in t.values()))

    @staticmethod
    def check_agreement(a):
        demand(a.get("acceptAgreement") == "1")
        scalar(a, "signerName")
        scalar(a, "signerPlace")
        ip = ipaddress.ip_address(scalar(a, "signerIP", code="EMS-1091"))
        demand(ip.is_global, "EMS-1091")

    def check_csr(self, pem, names):
        demand(isinstance(pem, str) and pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n"))
        csr = x509.load_pem_x509_csr(pem.encode())
        demand(csr.is_signature_valid)
        key = csr.public_key()
        demand((isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048) or isinstance(key, ec.EllipticCurvePublicKey))
        asked = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        demand(set(asked) == set(names))
        der = csr.public_bytes(DER)
        demand(all(o.csr.public_bytes(DER) != der for o in self.orders), "EMS-1099")
        return csr

    def known(self, name):
        return any(name == d or name.endswith("." + d) for d in self.validated)

    def settle(self, o, approved=False, fault=""):
        """On to issuance when nothing is open."""
        for name in o.dcv:
            if self.known(name.removeprefix("*.")):
                o.dcv[name] = "1"
        if o.status in ("4", "5", "6", "7"):
            return
        o.status, o.cert_status = "3", "24"
        if all(v == "1" for v in o.dcv.values()) and (approved or not self.manual):
            self.issue(o, fault)

    def issue(self, o, fault=""):
        o.cert = self.authority.issue(o.csr, o.names, self.life)
        o.chain = [self.authority.issuing, self.authority.root]
        if fault == "wrong key":
            other = ec.generate_private_key(ec.SECP256R1()).public_key()
            o.cert = certify(o.csr.subject, other, self.authority.issuer, names=o.names)
        if fault == "wrong chain":
            stranger = Authority("Stranger")
            o.chain = [stranger.issuing, stranger.root]
        if fault == "wrong names":
            o.cert = self.authority.issue(o.csr, ["elsewhere.example"])
        o.status, o.cert_status = "6", "20"

    # ---- after the order
    def order_of(self, d, code="EMS-913"):
        number = scalar(d, "orderNumber", r"\d+", code)
        demand(all(o.request != number for o in self.orders), "EMS-943")
        found = [o for o in self.orders if o.number == number]
        demand(found, code)
        return found[0]

    def on_TrackOrder(self, o, _fault):
        demand(set(o["orderDetails"]) == {"orderNumber"})
        x = self.order_of(o["orderDetails"])
        return {"orderDetails": {
            "trackingUrl": f"{self.origin}/track/{x.number}", "orderStatusId": x.status, "orderStatus": ORDER[x.status],
            "certificateStatusId": int(x.cert_status), "certificateStatus": CERT.get(x.cert_status, ""),
            "certificateExpiryDate": x.cert.not_valid_after_utc.strftime("%Y-%m-%d") if x.cert else "",
            "requestorInformation": {"requestorName": PERSON, "requestorEmail": EMAIL},
            "revocationDetails": {"revokeRequestStatusId": "", "revokeReasonId": "", "revokeProcessedDate": "", "revokeRequestStatus": "", **x.revocation},
            "domainVerification": {"status": "1" if all(v == "1" for v in x.dcv.values()) else "0", **{
                n: {"dcvMethod": "DNS TXT Record", "dcvStatus": v, "status": "1", "verifiedDate": "", "caaStatus": "1"} for n, v in x.dcv.items()}},
            "subscriberAgreement": {"status": "1"}, "csr": x.pem}}

    def on_GetCertificate(self, o, _fault):
        d = o["orderDetails"]
        demand(set(d) == {"orderNumber", "requestorEmail"} and d["requestorEmail"] == EMAIL)
        x = self.order_of(d)
        demand(x.cert is not None)
        if x.cert_status == "20":
            x.cert_status = "9"

        def text(c):
            return base64.b64encode(c.public_bytes(DER)).decode() if self.bare else c.public_bytes(PEM).decode()

        return {"certificateDetails": {
            "endEntityCertificate": text(x.cert), "caCertificate": text(x.chain[0]), "rootCertificate": text(x.chain[1]),
            "expiryDate": x.cert.not_valid_after_utc.strftime("%Y-%m-%d"), "ceritficateSerialNumber": f"{x.cert.serial_number:X}"}}

    def dcv_of(self, o):
        d = o["dcvDetails"]
        demand(d.get("requestorEmail") == EMAIL)
        x, name = self.order_of(d), scalar(d, "domainName")
        demand(d.get("dcvMethod") in ("1", "2", "3") and name in x.dcv)
        demand(now() - x.made >= timedelta(seconds=self.slot_s))
        demand(x.dcv[name] != "1", "EMS-1080")
        return x, name, d["dcvMethod"], hashlib.sha256(f"{x.number}{name}".encode()).hexdigest()[:32]

    def on_GetDcv(self, o, _fault):
        _, name, method, token = self.dcv_of(o)
        return {"dcvDetails": {"1": {"token": f"emsign-verify-{token}"}, "2": {"fileName": f"{token[:8]}.txt", "fileContent": token},
                               "3": {"dcvEmails": [f"admin@{name}", f"hostmaster@{name}"]}}[method]}

    def on_VerifyDcv(self, o, _fault):
        x, name, method, token = self.dcv_of(o)
        demand(method != "3" or o["dcvDetails"].get("dcvEmail"))
        demand((name, f"emsign-verify-{token}" if method == "1" else token) in self.published, "", "Domain verification failed")
        x.dcv[name] = "1"
        self.settle(x)

    def on_RejectOrder(self, o, _fault):
        d = o["orderDetails"]
        demand(set(d) == {"orderNumber", "rejectRemarks"} and scalar(d, "rejectRemarks"))
        x = self.order_of(d)
        demand(x.status not in ("4", "5", "6"))
        x.status, x.cert_status = "5", "13"

    def on_RevokeOrder(self, o, _fault):
        d = o["revocationDetails"]
        demand(set(d) == {"orderNumber", "requestorEmail", "revokeReasonId", "revokeRemarks"} and d["requestorEmail"] == EMAIL)
        demand(d["revokeReasonId"] in REASONS)
        demand(isinstance(d["revokeRemarks"], str) and d["revokeRemarks"] and ";" not in d["revokeRemarks"], "", "Invalid Revoke Remarks")
        x = self.order_of(d)
        demand(x.cert is not None and not x.revocation)
        x.revocation = {"revokeRequestStatusId": "1", "revokeReasonId": d["revokeReasonId"]}
        if self.revokes_at_once:
            self.settle_revocation(x.number)

    def on_GetOrderReport(self, o, _fault):
        c = o["searchCriteria"]
        allowed = {"productCode", "groupNumber", "orderDateFrom", "orderDateTill", "domainName", "orderNumber", "orderStatusId",
                   "certExpiryDateFrom", "certExpiryDateTill", "requestorEmailId", "pageNumber", "pageSize", "certificateChain",
                   "certificateTrustType"}
        demand(set(c) <= allowed and all(isinstance(v, str) for v in c.values()))
        size, page = int(c.get("pageSize", "100")), int(c.get("pageNumber", "1"))
        demand(1 <= size <= 500 and page >= 1)
        day = "%Y-%m-%d"
        found = [x for x in self.orders
                 if c.get("domainName") in (None, x.names[0])
                 and c.get("orderDateFrom", "0") <= x.made.strftime(day) <= c.get("orderDateTill", "9")
                 and c.get("orderNumber") in (None, x.number)]
        demand(found, "", "No records found")
        pages = -(-len(found) // size)
        page = min(page, pages)  # past the end it repeats the last one
        rows = [{
            "orderNumber": x.number, "requestNumber": x.request, "orderStatusId": x.status, "orderStatus": ORDER[x.status],
            "certificateStatusId": x.cert_status, "certificateStatus": CERT.get(x.cert_status, ""), "domainName": x.names[0],
            "organizationName": "", "groupNumber": x.group, "productCode": x.product,
            "certificateSerialNumber": f"{x.cert.serial_number:x}" if x.cert else "",
            "certificateExpiryDate": x.cert.not_valid_after_utc.strftime(day) if x.cert else "",
            "issuerCA": "emSign Test CA" if x.cert else "", "certificateTrustType": "1", "orderDate": x.made.strftime(day),
            "expiresWithin": "90", "tags": x.body["additionalInformation"].get("tags", []), "customFields": [], "countryName": ""}
            for x in found[(page - 1) * size:page * size]]
        return {"orderDetails": {"noOfPages": pages, "totalNoOfResults": len(found), "pageSize": size, "currentPage": str(page), "ordersArray": rows}}
