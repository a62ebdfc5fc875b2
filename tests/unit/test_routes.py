"""docs/api.yaml, src/model/routes.def and the field tables say the same."""
import pathlib
import re

import jsonschema
import pytest
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
API = yaml.safe_load((TOP / "docs/api.yaml").read_text())
MODEL = TOP / "src/model"
METHODS = {"get", "post", "patch", "delete", "put"}
RECORDS = {"Server": "server", "Cert": "cert", "Order": "order", "Connector": "connector",
           "Key": "key", "Job": "job", "Policy": "policy", "User": "user", "Token": "session"}
ADDED = {"Connector": {"settings", "job"}}  # members an answer has beside the record's own


def split_args(text):
    """Splits macro arguments at commas outside of quotes."""
    return [a.strip() for a in re.findall(r'(?:"[^"]*"|[^,"])+', text)]


def routes():
    text = (MODEL / "routes.def").read_text()
    found = re.findall(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+)\)$', text, re.M)
    assert len(found) == text.count("ROUTE(") - 1  # the head comment names it once
    return {(method, path): (name, permission) for method, path, name, permission in found}


def operations():
    return {(method.upper(), path): op
            for path, ops in API["paths"].items() for method, op in ops.items() if method in METHODS}


def fields(record):
    """[(kind, name, flags, choices)] of what the API shows of a record."""
    out = []
    for name in ("common", record):
        for kind, args in re.findall(r"^([A-Z]+)\s*\((.*)\)\s*$", (MODEL / f"{name}.def").read_text(), re.M):
            a = split_args(args)
            flags = set(a[2].split("|"))
            if not flags & {"HIDE", "FIELD_HIDDEN"}:
                out.append((kind, a[0], flags, a[3].strip('"').split("|") if kind == "ENUM" else None))
    return out


def resolve(ref):
    node = API
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node


def refs(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def test_the_same_routes():
    assert {k: (op["operationId"], op["x-permission"]) for k, op in operations().items()} == routes()


def test_permissions_are_known():
    known = set(re.findall(r"^PERMISSION\((\w+)", (MODEL / "permissions.def").read_text(), re.M))
    assert {op["x-permission"] for op in operations().values()} <= known | {"NONE", "ANY"}
    assert set(API["components"]["schemas"]["Permission"]["enum"]) == known


def test_public_exactly_where_permission_is_none():
    for key, op in operations().items():
        assert (op.get("security") == []) == (op["x-permission"] == "NONE"), key


def test_every_reference_leads_somewhere():
    for ref in refs(API):
        assert resolve(ref) is not None, ref


def test_every_component_is_used():
    used = set(refs(API))
    for kind in ("schemas", "parameters", "responses", "headers"):
        for name in API["components"][kind]:
            where = f"#/components/{kind}/{name}"
            assert any(r == where or r.startswith(where + "/") for r in used), where


def test_schemas_are_json_schemas():
    for name, schema in API["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "type" in schema or "allOf" in schema, name


def test_operations_are_whole():
    for (method, path), op in operations().items():
        where = f"{method} {path}"
        assert op["summary"] and op["responses"]["default"]["$ref"].endswith("/Problem"), where
        named = {resolve(p["$ref"])["name"] for p in op.get("parameters", [])}
        assert set(re.findall(r"\{(\w+)\}", path)) <= named, where
        assert any(status.startswith("2") for status in op["responses"] if status != "default"), where
        if "202" in op["responses"]:
            assert "Idempotency-Key" in named, where
        if method == "PATCH":
            assert "If-Match" in named, where
        if method in ("GET", "DELETE"):
            assert "requestBody" not in op, where


@pytest.mark.parametrize("schema,record", RECORDS.items())
def test_records_have_the_members_of_their_tables(schema, record):
    want = {f"has_{name}" if kind == "SECRET" else name for kind, name, _, _ in fields(record)}
    properties = API["components"]["schemas"][schema]["properties"]
    assert set(properties) - ADDED.get(schema, set()) == want
    for kind, name, _, choices in fields(record):
        if choices:
            assert properties[name]["enum"] == choices, name


@pytest.mark.parametrize("schema,record", [("ServerInput", "server"), ("CertInput", "cert"), ("UserInput", "user"),
                                           ("PolicyInput", "policy")])
def test_inputs_have_the_members_of_their_tables(schema, record):
    writable = {name for _, name, flags, _ in fields(record) if not flags & {"RO", "FIELD_READONLY"}}
    node = API["components"]["schemas"][schema]
    assert set(node["properties"]) == writable
    assert node["additionalProperties"] is False
