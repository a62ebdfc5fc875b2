"""A stand-in for the appliance's API, for tests of its clients: HTTPS with TLS 1.3 and its own certificate.

Strict: a path, query member, header or body that docs/api.yaml does not allow is refused with 400 and noted in
`violations`; its own answers are checked too. Fields and columns of records come from src/model/*.def.
"""
import datetime
import ipaddress
import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RECORDS = {"servers": "server", "certificates": "cert", "connectors": "connector", "orders": "order", "jobs": "job",
           "users": "user", "tokens": "session", "keys": "key", "policies": "policy"}
OPERATORS = {"TIME": ["before", "after"], "INT": ["equals", "below", "above"], "ENUM": ["equals", "not", "in"],
             "BOOL": ["equals", "not", "in"], "ID": ["equals", "not", "in"], "IDS": ["equals", "not", "in"]}
NOW = "2026-11-21T02:45:00Z"


def make_certificate(folder, name="localhost", address="127.0.0.1"):
    """Self-made root, which also serves: paths of certificate and key, and the SHA-256 in hex."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName(name)] + ([x509.IPAddress(ipaddress.ip_address(address))] if address else [])
    cert = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}-{cert.serial_number}.pem"
    private = folder / f"{name}-{cert.serial_number}.key"
    pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
    return pem, private, cert.fingerprint(hashes.SHA256()).hex()


def record_id(n):
    return "0123456789abcdefgh" + "%02d" % n


class Refused(Exception):
    def __init__(self, status, code, detail, **more):
        super().__init__(detail)
        self.status = status
        self.body = {"type": f"urn:certkeep:error:{code}", "title": code, "status": status, "detail": detail, **more}


class Spec:
    """docs/api.yaml: which operation a request is, and whether body and answer fit."""

    def __init__(self, path="docs/api.yaml"):
        with open(path, encoding="utf-8") as f:
            self.doc = yaml.safe_load(f)
        self.paths = [(re.compile("^" + re.sub(r"\{\w+\}", "([^/]+)", p) + "$"), p) for p in
                      sorted(self.doc["paths"], key=lambda p: p.count("{"))]

    def find(self, method, path):
        for pattern, name in self.paths:
            found = pattern.match(path)
            if found and method.lower() in self.doc["paths"][name]:
                return self.doc["paths"][name][method.lower()], found.groups()
        raise Refused(404, "not_found", f"no {method} {path}")

    def check(self, schema, value):
        jsonschema.Draft202012Validator({**schema, "components": self.doc["components"]}).validate(value)

    def parameters(self, operation):
        components = self.doc["components"]["parameters"]
        return [components[p["$ref"].rsplit("/", 1)[1]] for p in operation.get("parameters", [])]


def fields_of(record):
    """Fields of a record from its table: dicts as /schema tells them."""
    out = []
    with open(f"src/model/{record}.def", encoding="utf-8") as f:
        for line in f:
            m = re.match(r'(\w+)\s*\(\s*(\w+)\s*,\s*"([^"]*)"\s*,\s*([A-Z_|0-9]+)\s*,\s*(.*)\)\s*$', line)
            if not m or "HIDE" in m[4] or "FIELD_HIDDEN" in m[4]:
                continue
            kind, name, label, flags, rest = m.groups()
            one = {"name": name, "label": label, "kind": kind.lower(), "required": "R" in flags.split("|"),
                   "readonly": "RO" in flags.split("|"), "default": "SHOW" in flags, "flags": flags}
            quoted = re.findall(r'"([^"]*)"', rest)
            if kind in ("ENUM", "CHOICES"):
                one["choices"] = quoted[0].split("|")
            if kind in ("ID", "IDS"):
                one["table"] = quoted[0]
            if kind == "INT":
                one["min"], one["max"] = [int(x) if x.isdigit() else 2**53 - 1 for x in re.match(r"(\w+)\s*,\s*(\w+)", rest).groups()]
            out.append(one)
    return out


def schema_of(record):
    real = "session" if record == "token" else record
    fields = fields_of(real)
    columns = [{"name": f["name"], "label": f["label"], "type": f["kind"] if f["kind"] in ("enum", "id", "ids", "int", "bool", "time", "list") else "text",
                "operators": OPERATORS.get(f["kind"].upper(), ["contains", "equals", "not"]),
                "sortable": "IDX" in f["flags"], "default": f["default"], **({"choices": f["choices"]} if "choices" in f else {})}
               for f in fields if re.search(r"COL|SHOW", f["flags"])]
    return {"name": record, "columns": columns,
            "fields": [{k: v for k, v in f.items() if k not in ("default", "flags")} for f in fields]}


class Double:
    def __init__(self, folder):
        self.spec = Spec()
        self.pem, self.key, self.fingerprint = make_certificate(folder)
        self.violations, self.requests = [], []
        self.records = {path: [] for path in RECORDS}
        self.tokens, self.sessions = {}, {}
        self.state = "Operational"
        self.password = "correct horse battery"
        self.audit = ""
        self.jobs = {}  # id -> list of answers, one per GET, the last stays
        self.logs = {}
        self.overrides = {}  # (method, path) -> (status, type, bytes)
        self.page = 500
        handler = type("Handler", (Handler,), {"double": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.pem, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, path, **values):
        """A record with every member of its table."""
        blank = {"list": [], "choices": [], "ids": [], "int": 0, "bool": False, "time": None}
        row = {}
        for f in fields_of("common") + fields_of(RECORDS[path]):
            if f["kind"] == "secret":
                row["has_" + f["name"]] = bool(values.pop(f["name"], None))
            else:
                row[f["name"]] = f.get("choices", [""])[0] if f["kind"] == "enum" else blank.get(f["kind"], "")
                if f["kind"] == "int":
                    row[f["name"]] = f.get("min", 0)
        row |= {"id": record_id(len(self.records[path]) + 1), "rev": 1, "created_at": NOW, "updated_at": NOW}
        row |= values
        self.records[path].append(row)
        return row

    def job(self, number, *answers, log=()):
        """A job that answers with these states, one GET after the other."""
        row = self.add("jobs", id=record_id(number), title="Renew shop.example", state=answers[-1].get("state", "Done"))
        self.jobs[row["id"]] = [row | {"steps": [], "journal": []} | a for a in answers]
        self.logs[row["id"]] = [{"seq": i + 1, "time": NOW, "line": line} for i, line in enumerate(log)]
        return row["id"]

    # --- judging requests
    def who(self, headers, operation):
        if operation.get("x-permission") == "NONE":
            return None
        auth, cookie = headers.get("Authorization", ""), headers.get("Cookie", "")
        if auth.startswith("Bearer ") and auth[7:] in self.tokens:
            return self.tokens[auth[7:]]
        if cookie.startswith("__Host-certkeep=") and cookie[16:] in self.sessions:
            user, csrf = self.sessions[cookie[16:]]
            if operation["_method"] != "GET" and headers.get("X-CSRF-Token") != csrf:
                raise Refused(403, "denied", "CSRF token is missing")
            return user
        raise Refused(401, "auth", "no session and no token")

    def judge(self, method, target, headers, body):
        parts = urlsplit(target)
        operation, groups = self.spec.find(method, parts.path)
        operation = {**operation, "_method": method}
        known = self.spec.parameters(operation)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        for name, value in query:
            schema = next((p["schema"] for p in known if p["in"] == "query" and p["name"] == name), None)
            if schema is None:
                raise Refused(400, "input", f"query member {name} is not in the specification")
            if schema["type"] == "integer":
                self.spec.check(schema, int(value))
        if headers.get("Idempotency-Key") and not any(p["name"] == "Idempotency-Key" for p in known):
            raise Refused(400, "input", "this operation takes no Idempotency-Key")
        if "requestBody" in operation and (body or operation["requestBody"]["required"]):
            self.spec.check(operation["requestBody"]["content"]["application/json"]["schema"], json.loads(body))
        elif body:
            raise Refused(400, "input", "this operation takes no body")
        self.who(headers, operation)
        if any(p["name"] == "If-Match" for p in known) and method == "PATCH" and not headers.get("If-Match"):
            raise Refused(400, "input", "If-Match is missing")
        return operation, groups, query

    # --- answers: (status, headers, type, body)
    def answer(self, method, target, headers, body):
        operation, groups, query = self.judge(method, target, headers, body)
        path = urlsplit(target).path
        if (method, path) in self.overrides:
            status, kind, content = self.overrides[(method, path)]
            return status, {}, kind, content
        name = operation["operationId"]
        data = json.loads(body) if body else {}
        special = getattr(self, "on_" + name, None)
        if special:
            return special(data, groups, query)
        noun = path.split("/")[3]
        if name.endswith("_list"):
            return self.list(noun, query)
        if name.endswith("_create"):
            row = self.add(noun, **data)
            return 201, {"Location": f"{path}/{row['id']}"}, "json", row
        row = next((r for r in self.records[noun] if r["id"] == groups[0]), None)
        if row is None:
            raise Refused(404, "not_found", f"no {noun} {groups[0]}")
        if name.endswith("_delete"):
            self.records[noun].remove(row)
            return 204, {}, None, b""
        if name.endswith("_update"):
            if headers["If-Match"] != f'"{row["rev"]}"':
                raise Refused(412, "conflict", "changed since it was read")
            secrets = {f["name"] for f in fields_of(RECORDS[noun]) if f["kind"] == "secret"}
            row.update({k: v for k, v in data.items() if k not in secrets}, rev=row["rev"] + 1)
            row.update({"has_" + k: True for k in data if k in secrets})
        elif method == "POST":
            if "202" in operation["responses"]:
                job = self.job_of_action
                return 202, {"Location": f"/api/v1/jobs/{job}"}, "json", {"job": job}
        return 200, {"ETag": f'"{row["rev"]}"'}, "json", row

    def list(self, noun, query):
        rows = self.records[noun]
        options = dict(query)
        columns = {c["name"]: c for c in schema_of(RECORDS[noun])["columns"]}
        for text in (v for k, v in query if k == "filter"):
            name, operator, value = text.split(":", 2)
            if name not in columns or operator not in columns[name]["operators"]:
                raise Refused(400, "input", f"filter: {text}")
            test = {"equals": lambda v, w: v == w, "not": lambda v, w: v != w, "contains": lambda v, w: w in v,
                    "in": lambda v, w: v in w.split("|"), "before": lambda v, w: v < w, "after": lambda v, w: v > w,
                    "below": lambda v, w: int(v) < int(w), "above": lambda v, w: int(v) > int(w)}[operator]
            rows = [r for r in rows if test(str(r[name]).lower(), value.lower())]
        shown = options["columns"].split(",") if "columns" in options else [c for c in columns if columns[c]["default"]]
        if options.get("export") == "csv":
            return 200, {}, "text/csv", "".join(",".join(str(r[c]) for c in shown) + "\r\n" for r in [dict(zip(shown, shown))] + rows).encode()
        start, limit = int(options.get("cursor", 0)), min(int(options.get("limit", 50)), self.page)
        end = start + limit
        return 200, {}, "json", {"items": [{k: r[k] for k in ["id", "rev", *shown]} for r in rows[start:end]], "columns": shown,
                                 "next": str(end) if end < len(rows) else None, "total": None, "examined": len(rows)}

    def session(self):
        user = {"id": record_id(1), "rev": 1, "created_at": NOW, "updated_at": NOW, "username": "alice", "full_name": "",
                "roles": ["operator"], "disabled": False, "last_sign_in": NOW, "has_password": True}
        return {"user": user, "roles": ["operator"], "permissions": ["CERT_READ"], "csrf": "csrf-of-alice", "expires_at": NOW}

    def begin(self):
        self.sessions["cookie-of-alice"] = ("alice", "csrf-of-alice")
        return 201, {"Set-Cookie": "__Host-certkeep=cookie-of-alice; Path=/; Secure; HttpOnly; SameSite=Strict"}, "json", self.session()

    def on_session_create(self, data, groups, query):
        if data.get("code") != "one-time-code" and (data.get("username"), data.get("password")) != ("alice", self.password):
            raise Refused(401, "auth", "User name or password is wrong.")
        return self.begin()

    def on_setup_run(self, data, groups, query):
        if self.state != "Unprovisioned":
            raise Refused(409, "conflict", "The appliance is set up already.", state=self.state)
        if data["setup_code"] != "1234-5678":
            raise Refused(401, "auth", "The setup code is not the one on the console.")
        self.state = "Operational"
        return self.begin()

    def on_unlock_run(self, data, groups, query):
        if data["passphrase"] != "open sesame please":
            raise Refused(401, "auth", "The passphrase is wrong.")
        self.state = "Operational"
        return self.on_state_get(None, None, None)

    def on_state_get(self, data, groups, query):
        return 200, {}, "json", {"state": self.state, "version": "1", "names": ["localhost"], "detail": ""}

    def on_session_get(self, data, groups, query):
        return 200, {}, "json", self.session()

    def on_session_delete(self, data, groups, query):
        self.sessions.clear()
        return 204, {}, None, b""

    def on_tokens_create(self, data, groups, query):
        token = f"token-{len(self.tokens) + 1}-very-secret"
        self.tokens[token] = "alice"
        row = self.add("tokens", kind="token", label=data["label"], _token=token)
        return 201, {}, "json", {"id": row["id"], "label": row["label"], "token": token, "roles": ["operator"], "expires_at": None}

    def on_tokens_delete(self, data, groups, query):
        row = next((r for r in self.records["tokens"] if r["id"] == groups[0]), None)
        if row is None:
            raise Refused(404, "not_found", "no such token")
        self.records["tokens"].remove(row)
        self.tokens.pop(row["_token"], None)
        return 204, {}, None, b""

    def on_schema_get(self, data, groups, query):
        if groups[0] == "connector.local":
            return 200, {}, "json", {"name": groups[0], "columns": [], "fields": [
                {"name": "subject", "label": "CA Name", "kind": "text", "required": True},
                {"name": "root_days", "label": "Root Validity", "kind": "int", "required": False, "min": 30, "max": 7300}]}
        return 200, {}, "json", schema_of(groups[0])

    def on_connectors_create(self, data, groups, query):
        row = self.add("connectors", name=data["name"], type=data["type"])
        return 201, {}, "json", row | {"settings": data["settings"], "job": self.job_of_action}

    def on_certs_batch(self, data, groups, query):
        rows = {r["id"]: r for r in self.records["certificates"]}
        items = [{"id": i, "name": rows[i]["name"] if i in rows else "", "ok": i in rows and not rows[i]["ignored"]} for i in data["ids"]]
        for i in items:
            i |= {"job": self.job_of_action} if i["ok"] and data["action"] == "renew" else {} if i["ok"] else {"error": "it is ignored"}
        done = sum(i["ok"] for i in items)
        return 200, {}, "json", {"items": items, "done": done, "refused": len(items) - done}

    def on_ca_root(self, data, groups, query):
        return 200, {}, "application/x-pem-file", self.pem.read_bytes()

    def on_jobs_get(self, data, groups, query):
        answers = self.jobs.get(groups[0])
        if not answers:
            raise Refused(404, "not_found", "no such job")
        return 200, {}, "json", answers.pop(0) if len(answers) > 1 else answers[0]

    def on_jobs_log(self, data, groups, query):
        lines = [x for x in self.logs.get(groups[0], []) if x["seq"] >= int(dict(query).get("from", 1))]
        return 200, {}, "json", {"items": lines, "next": len(self.logs.get(groups[0], [])) + 1}

    def on_audit_export(self, data, groups, query):
        return 200, {}, "application/jsonl", self.audit.encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def handle_any(self):
        double = self.double
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        double.requests.append((self.command, self.path, dict(self.headers), body))
        try:
            status, headers, kind, content = double.answer(self.command, self.path, self.headers, body)
            if kind == "json":
                content = {k: v for k, v in content.items() if not k.startswith("_")}
                operation, _ = double.spec.find(self.command, urlsplit(self.path).path)
                answer = operation["responses"][str(status)]
                if "$ref" in answer:
                    answer = double.spec.doc["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
                double.spec.check(answer["content"]["application/json"]["schema"], content)
        except Refused as r:
            if r.status == 400:
                double.violations.append(str(r))
            status, headers, kind, content = r.status, {}, "application/problem+json", json.dumps(r.body).encode()
        except (jsonschema.ValidationError, ValueError, KeyError) as r:
            double.violations.append(f"{self.command} {self.path}: {type(r).__name__}: {r}")
            status, headers, kind = 400, {}, "application/problem+json"
            content = json.dumps({"type": "urn:certkeep:error:input", "title": "", "status": 400, "detail": "not as specified"}).encode()
        if kind == "json":
            kind, content = "application/json", json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any
