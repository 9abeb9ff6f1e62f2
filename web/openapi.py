"""The OpenAPI 3.1 document and its human page, both made from the declarations that also validate (`web.base.operation`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import msgspec

from web.base import Operation
from web.problems import catalogue

__all__ = ["VERSION", "Problem", "api_page", "build", "page"]

VERSION = "0.1.0"
_VERBS = ("get", "post", "put", "delete")
_GROUP = re.compile(r"\{([^}]+)\}")


class ProblemError(msgspec.Struct):
    """One field that is wrong."""

    field: str
    code: str
    message: str = ""


class Problem(msgspec.Struct):
    """RFC 9457 `application/problem+json`; further members by code (`rev`, `state`, `allowed`, `retry_after`)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemError] = []


def operations(routes: Iterable[tuple[str, type]]) -> list[tuple[str, str, Operation]]:
    """Return (path, verb, declaration) of all declared methods, in the order of the routes."""
    found = []
    for path, handler in routes:
        for verb in _VERBS:
            declared = getattr(getattr(handler, verb, None), "operation", None)
            if declared is not None:
                found.append((path, verb, declared))
    return found


def build(routes: Iterable[tuple[str, type]], *, version: str = VERSION) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes; paths have the form `/api/v1/cases/{id}`."""
    declared = operations(routes)
    types = [shape for _, _, one in declared for shape in (one.body, one.query, one.result) if shape is not None]
    unique = list({repr(shape): shape for shape in [*types, Problem]}.values())
    schemas, components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    by_type = dict(zip([repr(shape) for shape in unique], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for path, verb, one in declared:
        paths.setdefault(path, {})[verb] = _operation(path, verb, one, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Heyun 和云", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
        "security": [{"bearer": []}, {"session": []}],
    }


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "heyun_session"},
}


def _operation(path: str, verb: str, one: Operation, types: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _operation_id(path, verb),
        "tags": [path.split("/")[3].split(":")[0] if path.count("/") > 2 else "service"],
        "parameters": [*_path_parameters(path), *_query_parameters(one, types, components)],
        "responses": _responses(one, types),
    }
    if one.permission is None:
        made["security"] = []
    if one.idempotent:
        made["parameters"].append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}})
    if one.body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": types[repr(one.body)]}}}
    elif one.takes is not None:
        made["requestBody"] = {"required": True, "content": {one.takes: {}}}
    return made


def _operation_id(path: str, verb: str) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", path.removeprefix("/api/v1")) if word]
    return "_".join([verb, *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _GROUP.findall(path)]


def _query_parameters(one: Operation, types: Mapping[str, Any], components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    schema = types[repr(one.query)]
    schema = components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": shape}
        for name, shape in schema["properties"].items()
    ]


def _responses(one: Operation, types: Mapping[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "done"}
    if one.result is not None:
        good["content"] = {one.media: {"schema": types[repr(one.result)]}}
    elif one.media != "application/json":
        good["content"] = {one.media: {}}
    bad = {"description": "problem", "content": {"application/problem+json": {"schema": types[repr(Problem)]}}}
    answers = {str(one.status): good}
    if one.idempotent and one.status == 201:
        answers["200"] = good | {"description": "the same key again: as it is now"}
    return answers | {"default": bad}


def page(api: Mapping[str, Any], language: str) -> str:
    """Return the API reference as one HTML page without scripts, from the OpenAPI document."""
    texts = catalogue(language).pages
    rows = "".join(_page_operation(path, verb, one, texts) for path, verbs in api["paths"].items() for verb, one in verbs.items())
    schemas = "".join(_page_schema(name, shape) for name, shape in sorted(api["components"]["schemas"].items()))
    problems = "".join(
        f'<dt id="{escape(code)}"><code>{escape(code)}</code></dt><dd>{escape(text.title)} — {escape(text.detail)}</dd>'
        for code, text in sorted(catalogue(language).problems.items())
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(texts["docs_title"])}</title>'
        '<link rel="stylesheet" href="/api/docs.css"></head><body><main>'
        f"<h1>{escape(texts['docs_title'])}</h1><p>{escape(texts['docs_intro'])} "
        '<a href="/api/v1/openapi.json">openapi.json</a></p>'
        f"<h2>{escape(texts['docs_operations'])}</h2>{rows}<h2>{escape(texts['docs_shapes'])}</h2>{schemas}"
        f"<h2>{escape(texts['docs_problems'])}</h2><dl>{problems}</dl></main></body></html>"
    )


def _page_operation(path: str, verb: str, one: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> ({each['in']}) {escape(_type_name(each['schema']))}</li>"
        for each in one["parameters"]
    )
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    sent = f"<p>{escape(texts['docs_body'])}: {_type_link(body)}</p>" if body else ""
    answers = "".join(_page_answer(status, answer) for status, answer in one["responses"].items())
    return (
        f'<section><h3><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code></h3><p>{escape(one["summary"])}</p>'
        f"<ul>{parameters}</ul>{sent}<ul>{answers}</ul></section>"
    )


def _page_answer(status: str, answer: Mapping[str, Any]) -> str:
    shapes = " ".join(_type_link(content.get("schema")) for content in answer.get("content", {}).values())
    return f"<li>{status}: {escape(answer['description'])} {shapes}</li>"


def _page_schema(name: str, shape: Mapping[str, Any]) -> str:
    required = set(shape.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in required else ''}</td><td>{_type_link(inner)}</td></tr>"
        for field, inner in shape.get("properties", {}).items()
    )
    text = escape(shape.get("description", ""))
    return f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3><p>{text}</p><table>{rows}</table></section>'


def _type_link(shape: Mapping[str, Any] | None) -> str:
    if shape and "$ref" in shape:
        name = escape(str(shape["$ref"]).rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    return escape(_type_name(shape or {}))


def _type_name(shape: Mapping[str, Any]) -> str:
    if "$ref" in shape:
        return str(shape["$ref"]).rpartition("/")[2]
    if "anyOf" in shape:
        return " | ".join(_type_name(inner) for inner in shape["anyOf"])
    if "enum" in shape:
        return " | ".join(str(value) for value in shape["enum"])
    if shape.get("type") == "array":
        return f"[{_type_name(shape.get('items') or {})}]"
    return str(shape.get("format") or shape.get("type") or "any")


def api_page() -> str:
    """Return the API reference as Markdown, for docs/reference/api.md."""
    from web.app import openapi_document  # the application imports the handlers, and they this module

    api = openapi_document()
    lines = ["# API reference", "", "Generated by `./heyun docs` from the structs that validate. Problem codes at the end.", ""]
    for path, verbs in api["paths"].items():
        for verb, one in verbs.items():
            lines += [f"## {verb.upper()} `{path}`", "", one["summary"] + ".", "", *_markdown_fields(one), ""]
    lines += ["# Shapes", ""]
    for name, shape in sorted(api["components"]["schemas"].items()):
        lines += [f"## {name}", "", shape.get("description", ""), "", *_markdown_schema(shape), ""]
    texts = catalogue("en").problems
    lines += ["# Problem codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| `{code}` | {text.title}. {text.detail} |" for code, text in sorted(texts.items())]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _markdown_fields(one: Mapping[str, Any]) -> list[str]:
    rows = [f"* `{each['name']}` ({each['in']}): {_type_name(each['schema'])}" for each in one["parameters"]]
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        rows.append(f"* body: {_type_name(body)}")
    for status, answer in one["responses"].items():
        shapes = ", ".join(_type_name(content["schema"]) for content in answer.get("content", {}).values() if "schema" in content)
        rows.append(f"* {status}: {shapes or answer['description']}")
    return rows


def _markdown_schema(shape: Mapping[str, Any]) -> list[str]:
    required = set(shape.get("required", ()))
    rows = [
        f"| `{field}` | {_type_name(inner).replace('|', chr(92) + '|')} | {'yes' if field in required else ''} |"
        for field, inner in shape.get("properties", {}).items()
    ]
    return ["| field | type | required |", "| --- | --- | --- |", *rows] if rows else []
