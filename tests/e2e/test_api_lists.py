"""The one list grammar on live data: filters, sort, columns, search, pages, exports, and its refusals."""
import csv
import io
import json

import pytest

import api_world

HOST = 62
LISTS = {"certs_list": "cert", "servers_list": "server", "connectors_list": "connector", "orders_list": "order",
         "jobs_list": "job", "keys_list": "key", "users_list": "user", "tokens_list": "token"}


@pytest.fixture(scope="module")
def w():
    for x in api_world.world(HOST):
        for i in range(30):
            x.a.post("/certificates", {"name": f"n{i:02}.list.example", "tags": ["even" if i % 2 == 0 else "odd"],
                                       "port": 8000 + i, "deploy_after": f"2030-01-{i % 28 + 1:02}T00:00:00Z"})
        yield x


def rows(w, name="certs_list", **query):
    return w.c.call(name, 200, query={"limit": 500, **query}).value["items"]


def value_of(row, column):
    v = row.get(column)
    return v.lower() if isinstance(v, str) else v


def holds(kind, op, have, want):
    if isinstance(have, list):
        hits = [holds("text", "contains" if op == "contains" else "equals", h.lower(), want) for h in have]
        return not any(hits) if op == "not" else any(hits)
    if kind == "time":
        return have is not None and (have < want if op == "before" else have > want)
    if kind == "bool":
        have = str(have).lower()
    return {"contains": lambda: want in have, "equals": lambda: have == want, "not": lambda: have != want,
            "in": lambda: have in want, "below": lambda: have is not None and have < want,
            "above": lambda: have is not None and have > want}[op]()


@pytest.mark.parametrize("name,record", LISTS.items())
def test_every_filter_of_every_column(w, name, record):
    columns = w.c.call("schema_get", 200, record=record).value["columns"]
    every = rows(w, name, columns=",".join(c["name"] for c in columns))
    assert every
    for c in columns:
        sample = next((r[c["name"]] for r in every if r[c["name"]] not in (None, "", [])), None)
        if sample is None:
            continue
        value = sample[0] if isinstance(sample, list) else str(sample).lower() if isinstance(sample, bool) else sample
        want = value.lower() if isinstance(value, str) and c["type"] != "time" else value
        for op in c["operators"]:
            got = {r["id"] for r in rows(w, name, filter=f"{c['name']}:{op}:{value}")}
            right = {r["id"] for r in every if holds(c["type"], op, r[c["name"]] if c["type"] == "time" else
                                                     value_of(r, c["name"]), [want] if op == "in" else want)}
            if name != "tokens_list" or c["name"] != "last_used":  # asking uses the token
                assert got == right, (c["name"], op, value)


def test_filters_hold_together_and_all_lifts_one(w):
    both = rows(w, filter=["name:contains:list.example", "tags:equals:odd"])
    assert len(both) == 15
    assert len(rows(w, filter=["name:contains:list.example", "tags:equals:All"])) == 30
    assert len(rows(w, filter="status:in:Initiated|Deployed")) == 31
    assert [r["name"] for r in rows(w, q="n07.list")] == ["n07.list.example"]
    soon = rows(w, filter=["expires_within:below:50", "expires_within:above:-1"], columns="name,expires_within")
    assert [r["name"] for r in soon] == ["shop.example"] and 44 <= soon[0]["expires_within"] <= 47


@pytest.mark.parametrize("name,record", LISTS.items())
def test_sort_by_every_sortable_column(w, name, record):
    columns = w.c.call("schema_get", 200, record=record).value["columns"]
    for c in columns:
        if not c["sortable"]:
            w.c.refuse(name, 400, "cannot be sorted", query={"sort": c["name"]})
            continue
        up = [value_of(r, c["name"]) for r in rows(w, name, sort=c["name"], columns=c["name"])]
        down = [value_of(r, c["name"]) for r in rows(w, name, sort="-" + c["name"], columns=c["name"])]
        if c["name"] not in ("last_used", "expires_within"):
            assert up == list(reversed(down)) or sorted(map(str, up)) == sorted(map(str, down))
        known = [v for v in up if v is not None]
        assert known == sorted(known), c["name"]


def test_pages_follow_each_other_without_gap(w):
    seen, cursor, calls = [], None, 0
    while True:
        query = {"limit": 7, "sort": "name", **({"cursor": cursor} if cursor else {})}
        page = w.c.call("certs_list", 200, query=query).value
        seen += [r["name"] for r in page["items"]]
        cursor, calls = page["next"], calls + 1
        if not cursor:
            break
    assert calls == 5 and len(seen) == page["total"] == len(set(seen)) == 33 and seen == sorted(seen)
    assert w.c.call("certs_list", 200, query={"filter": "status:equals:Deployed"}).value["total"] == 1


@pytest.mark.parametrize("name", [*LISTS, "audit_list"])
def test_export_is_what_is_shown(w, name):
    if name == "audit_list":
        columns, query = "seq,actor,action,object", {"filter": "action:contains:cert", "limit": 500}
    else:
        columns = ",".join(c["name"] for c in w.c.call("schema_get", 200, record=LISTS[name]).value["columns"]
                           if c["name"] != "last_used")
        query = {"limit": 500}
    query["columns"] = columns
    shown = w.c.call(name, 200, query=query).value["items"]
    lines = w.c.call(name, 200, query={**query, "export": "json"}).data.decode().splitlines()
    assert [json.loads(x) for x in lines] == [{k: v for k, v in r.items() if k != "rev"} for r in shown]
    text = w.c.call(name, 200, query={**query, "export": "csv"}).data.decode()
    assert text == w.c.call(name, 200, query=query, headers={"Accept": "text/csv"}).data.decode()
    table = list(csv.reader(io.StringIO(text)))
    assert len(table) == len(shown) + 1 and len(table[0]) == len(columns.split(","))
    for cells, row in zip(table[1:], shown):
        for cell, column in zip(cells, columns.split(",")):
            assert cell == cell_of(row[column]), column


def cell_of(v):
    if v is None:
        return ""
    if isinstance(v, bool):
        return str(v).lower()
    text = ", ".join(v) if isinstance(v, list) else str(v)
    return "'" + text if isinstance(v, (str, list)) and text[:1] in "=+-@\t\r" and text else text


def test_no_formula_gets_into_a_spreadsheet(w):
    made = w.a.post("/certificates", {"name": "formula.example", "tags": ["=1+1"]})
    text = w.c.call("certs_list", 200, query={"filter": "name:equals:formula.example", "columns": "tags", "export": "csv"}).data
    w.a.delete(f"/certificates/{made['id']}")
    assert text.splitlines()[1] == b'"\'=1+1"'


@pytest.mark.parametrize("query,says", [
    ({"filter": "colour:equals:red"}, "colour: there is no such column"),
    ({"filter": "name"}, "column:operator:value"),
    ({"filter": "name:resembles:x"}, "expected one of the operators contains, equals, not"),
    ({"filter": "not_after:before:soon"}, "not_after"),
    ({"filter": "status:equals:Lost"}, "expected one of"),
    ({"filter": "ignored:equals:maybe"}, "true or false"),
    ({"filter": "expires_within:below:x"}, "number of days"),
    ({"filter": ["name:contains:a"] * 13}, "at most 12"),
    ({"sort": "colour"}, "colour: there is no such column"),
    ({"columns": "name,colour"}, "colour: there is no such column"),
    ({"columns": "chain"}, "chain: there is no such column"),
    ({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"), ({"limit": "many"}, "limit"),
    ({"cursor": "AAAA"}, "cursor"), ({"export": "pdf"}, "csv or json"), ({"colour": "red"}, "colour"),
])
def test_refusals_say_what_is_wrong(w, query, says):
    w.c.refuse("certs_list", 400, says, query=query)
    if "colour" in says:
        w.c.refuse("audit_list", 400, says, query=query)
