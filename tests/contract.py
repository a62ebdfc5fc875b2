"""docs/api.yaml as a judge: calls an operation by its name and holds the answer against the contract.

    c = Contract(appliance)
    a = c.call("servers_create", 201, body={...})      # status, media type, headers, schema all checked
    p = c.refuse("servers_get", 404, id="0" * 20)      # a problem (RFC 9457) with that status

Schemas are closed here: a member that docs/api.yaml does not name is an error in an answer too.
"""
import copy
import json
import re
import urllib.parse
from collections import namedtuple
from pathlib import Path

import jsonschema
import yaml

TOP = Path(__file__).resolve().parent.parent
Answer = namedtuple("Answer", "status headers data value")
formats = jsonschema.FormatChecker(formats=[])


@formats.checks("date-time")
def is_time(text):
    return not isinstance(text, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) is not None


def closed(schema, components):
    """The schema with allOf merged and every object closed that does not say otherwise."""
    if isinstance(schema, list):
        return [closed(s, components) for s in schema]
    if not isinstance(schema, dict):
        return schema
    schema = dict(schema)
    for part in schema.pop("allOf", []):
        if "$ref" in part:
            part = components[part["$ref"].rsplit("/", 1)[1]]
        schema["properties"] = {**schema.get("properties", {}), **part.get("properties", {})}
        schema["required"] = schema.get("required", []) + part.get("required", [])
        schema["type"] = "object"
    out = {k: closed(v, components) for k, v in schema.items()}
    if isinstance(out.get("properties"), dict) and out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


class Contract:
    def __init__(self, appliance):
        self.a = appliance
        self.doc = yaml.safe_load((TOP / "docs/api.yaml").read_text())
        schemas = self.doc["components"]["schemas"]
        self.components = {"schemas": closed(copy.deepcopy(schemas), schemas)}
        self.operations = {o["operationId"]: (path, method.upper(), o)
                           for path, item in self.doc["paths"].items() for method, o in item.items()}
        self.accepted, self.refused = set(), set()

    def _resolve(self, node):
        while "$ref" in node:
            at = self.doc
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def validate(self, value, schema):
        validator = jsonschema.Draft202012Validator({**schema, "components": self.components}, format_checker=formats)
        wrong = [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(value)]
        assert not wrong, "\n".join(wrong[:10]) + "\n" + json.dumps(value, indent=1)[:3000]

    def check(self, name, status, headers, data):
        """The answer as docs/api.yaml has it for this operation and status; returns it decoded."""
        responses = self.operations[name][2]["responses"]
        wanted = responses.get(str(status)) or (responses["default"] if status >= 400 else None)
        assert wanted, f"{name} answered {status}, not in docs/api.yaml: {data[:300]}"
        wanted = self._resolve(wanted)
        kind = headers.get("Content-Type", "").split(";")[0]
        content = wanted.get("content")
        if not content:
            assert not data, f"{name}: {status} has a body: {data[:100]}"
            return None
        assert kind in content, f"{name}: {status} is {kind!r}, docs/api.yaml has {list(content)}: {data[:300]}"
        for h in wanted.get("headers", {}):
            assert headers.get(h), f"{name}: {status} has no {h}"
        if not kind.endswith("json"):
            return data
        value = json.loads(data)
        self.validate(value, content[kind]["schema"])
        return value

    def call(self, name, want, body=None, query=None, headers=None, token=True, **path_args):
        path, method, _ = self.operations[name]
        path = path.format(**{k: urllib.parse.quote(v, safe="") for k, v in path_args.items()})
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        status, got, data = self.a.request(method, path, body, headers=headers, token=token)
        assert status == want, f"{name} answered {status}, not {want}: {data[:600]}"
        value = self.check(name, status, got, data)
        (self.accepted if status < 400 else self.refused).add(name)
        return Answer(status, got, data, value)

    def refuse(self, name, status, says=None, field=None, **kw):
        """A call that must be refused with that status, words and field; returns the problem."""
        problem = self.call(name, status, **kw).value
        assert problem["status"] == status and problem["type"].startswith("urn:certkeep:error:"), problem
        assert says is None or re.search(says, problem["detail"]), problem
        assert field is None or problem.get("field") == field, problem
        return problem

    def work(self, name, want="Done", **kw):
        """A call that answers 202 with its job; returns the job's page when it has ended."""
        answer = self.call(name, 202, **kw)
        job = answer.value["job"]
        assert answer.headers["Location"] == f"/api/v1/jobs/{job}"
        page = self.a.job_end(job)
        assert want is None or page["state"] == want, json.dumps(page, indent=1)
        return page
