"""Whether an exchange over HTTP is what an OpenAPI description says: a list of violations, empty if it is.

Stricter than OpenAPI: a property, a query parameter or a header that is not described is a violation, so that a typing
error cannot pass as an extension. Works on descriptions of version 3.0 and 3.1; every schema is compiled once.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from cloudcollect_pipeline.sandbox.http import Request, Response

ORDINARY_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"}
)
"""What every client sends; any other request header must be described."""

SAID = 160
"""Characters kept of what is wrong."""

_ROOT = "urn:description"
_IN_BRACES = re.compile(r"\{([^}]+)\}")


class Violation(NamedTuple):
    """One thing that is not as described: in which operation, where in it, and what is wrong."""

    operation: str
    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.where}: {self.said}"


class Exchange(NamedTuple):
    """A request as sent (its path still percent-encoded) and what was answered; None if no answer came."""

    request: Request
    answer: Response | None


WITH_ZONE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
WITHOUT_ZONE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?"
ONLY_DAY = r"\d{4}-\d\d-\d\d"


@dataclass(frozen=True)
class _Parameter:
    place: str
    name: str
    required: bool
    schema: Draft202012Validator
    kind: str
    """The JSON type of one value."""
    repeats: bool

    def problems(self, texts: Sequence[str]) -> Iterator[str]:
        if not texts:
            if self.required:
                yield "is required"
            return
        if len(texts) > 1 and not self.repeats:
            yield "is given more than once"
        values = [_value(text, self.kind) for text in texts]
        yield from (said for _, said in _problems(self.schema, values if self.repeats else values[0]))


@dataclass(frozen=True)
class Operation:
    """One method on one path, with everything about it compiled."""

    method: str
    template: str
    path: re.Pattern[str]
    secured: bool
    parameters: tuple[_Parameter, ...]
    bodies: Mapping[str, Draft202012Validator]
    needs_body: bool
    answers: Mapping[str, Mapping[str, Draft202012Validator | None]]

    @property
    def name(self) -> str:
        """As in `GET /v1/claims/{id}`."""
        return f"{self.method} {self.template}"


@dataclass
class Description:
    """An OpenAPI description.

    `moment` are the shapes of `date-time` in bodies, `moment_asked` in parameters. `nulls_are_absent` is for
    descriptions that never say what may be null: then a null in an answer counts as a property left out.
    """

    document: Mapping[str, Any]
    moment: Sequence[str] = (WITH_ZONE,)
    moment_asked: Sequence[str] = (WITH_ZONE,)
    nulls_are_absent: bool = False

    @classmethod
    def read(cls, path: Path, **options: Any) -> "Description":
        """The description in a JSON file."""
        return cls(json.loads(path.read_text(encoding="utf-8")), **options)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All of them; a path without parameters goes before one with."""
        found = [
            self._operation(template, method, item)
            for template, item in self.document["paths"].items()
            for method in item
            if method in ("get", "put", "post", "delete", "patch")
        ]
        return tuple(sorted(found, key=lambda operation: (operation.template.count("{"), operation.template)))

    def operation(self, request: Request) -> Operation | None:
        """What a request asks for; the letters of a path must be as described, upper or lower case."""
        found = (
            each for each in self.operations if each.method == request.method and each.path.fullmatch(request.path)
        )
        return next(found, None)

    def exercised(self, exchanges: Iterable[Exchange]) -> set[str]:
        """The names of the operations that were asked for."""
        return {found.name for exchange in exchanges if (found := self.operation(exchange.request))}

    def violations(self, exchanges: Iterable[Exchange]) -> list[Violation]:
        """All of them, each said once."""
        found = (Violation(*each) for exchange in exchanges for each in self._of(exchange))
        return sorted(dict.fromkeys(found))

    def _of(self, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
        request, answer = exchange
        operation = self.operation(request)
        if operation is None:
            yield f"{request.method} {request.path}", "path", "is not described"
            return
        for where, said in (*self._asked(operation, request), *(self._answered(operation, answer) if answer else ())):
            yield operation.name, where, said

    # What is asked

    def _asked(self, operation: Operation, request: Request) -> Iterator[tuple[str, str]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if operation.secured and not headers.get("authorization", "").startswith("Bearer "):
            yield "authorization", "no bearer token is sent"
        matched = operation.path.fullmatch(request.path)
        parts = map(unquote, matched.groups()) if matched else ()
        given = {
            "path": {name: [part] for name, part in zip(_IN_BRACES.findall(operation.template), parts, strict=True)},
            "query": _grouped(request.query),
            "header": {name: [value] for name, value in headers.items() if name not in ORDINARY_HEADERS},
        }
        described = {(each.place, each.name.lower() if each.place == "header" else each.name): each
                     for each in operation.parameters}  # fmt: skip
        for (place, name), parameter in described.items():
            for said in parameter.problems(given[place].get(name, ())):
                yield f"{place} {parameter.name}", said
        for place, values in given.items():
            yield from ((f"{place} {name}", "is not described") for name in values if (place, name) not in described)
        yield from self._body("body", headers, request.body, operation.bodies, operation.needs_body, nulls=False)

    # What is answered

    def _answered(self, operation: Operation, answer: Response) -> Iterator[tuple[str, str]]:
        status = str(answer.status)
        content = operation.answers.get(status)
        if content is None:
            yield status, "is not declared"
        elif answer.status == 204:
            if answer.body:
                yield status, "there is a body, which a 204 cannot have"
        else:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            yield from self._body(
                f"{status} body", headers, answer.body, content, bool(content), nulls=self.nulls_are_absent
            )

    def _body(
        self,
        where: str,
        headers: Mapping[str, str],
        body: bytes,
        content: Mapping[str, Draft202012Validator | None],
        needed: bool,
        *,
        nulls: bool,
    ) -> Iterator[tuple[str, str]]:
        if not body:
            if needed:
                yield where, "is missing"
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in content:
            yield where, f"the media type {media_type or 'that is not said'} is not described"
            return
        schema = content[media_type]
        if schema is None:
            return
        try:
            value = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        except ValueError:
            yield where, "is not JSON"
            return
        for path, said in _problems(schema, _without_nulls(value) if nulls else value):
            yield f"{where} {path}", said

    # Compiling

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = DRAFT202012.create_resource(closed(self.document))
        registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        return registry

    @cached_property
    def _in_bodies(self) -> FormatChecker:
        return _formats(self.moment)

    @cached_property
    def _in_parameters(self) -> FormatChecker:
        return _formats(self.moment_asked)

    def _validator(self, pointer: Sequence[str], formats: FormatChecker) -> Draft202012Validator:
        steps = "/".join(step.replace("~", "~0").replace("/", "~1").replace("%", "%25") for step in pointer)
        # braces of a path template are not allowed in a URI fragment
        fragment = steps.replace("{", "%7B").replace("}", "%7D")
        return Draft202012Validator({"$ref": f"{_ROOT}#/{fragment}"}, registry=self._registry, format_checker=formats)

    def _operation(self, template: str, method: str, item: Mapping[str, Any]) -> Operation:
        described = item[method]
        at = ("paths", template, method)
        body = described.get("requestBody", {})
        return Operation(
            method=method.upper(),
            template=template,
            path=re.compile("([^/]+)".join(map(re.escape, _IN_BRACES.split(template)[::2]))),
            secured=bool(described.get("security", self.document.get("security"))),
            parameters=tuple(self._parameters(at, described)),
            bodies={
                media: self._validator((*at, "requestBody", "content", media, "schema"), self._in_bodies)
                for media in body.get("content", {})
            },
            needs_body=body.get("required", False),
            answers={
                status: {
                    media: self._validator((*at, "responses", status, "content", media, "schema"), self._in_bodies)
                    if "schema" in content
                    else None
                    for media, content in answer.get("content", {}).items()
                }
                for status, answer in described["responses"].items()
            },
        )

    def _parameters(self, at: tuple[str, ...], described: Mapping[str, Any]) -> Iterator[_Parameter]:
        for place, parameter in enumerate(described.get("parameters", ())):
            schema = self._resolved(parameter["schema"])
            repeats = schema.get("type") == "array"
            one = self._resolved(schema["items"]) if repeats else schema
            yield _Parameter(
                parameter["in"],
                parameter["name"],
                parameter.get("required", False),
                self._validator((*at, "parameters", str(place), "schema"), self._in_parameters),
                one.get("type", "string"),
                repeats,
            )

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            found: Any = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema


def _grouped(query: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    pairs = sorted(query, key=lambda pair: pair[0])
    return {name: [value for _, value in given] for name, given in groupby(pairs, key=lambda pair: pair[0])}


def _value(text: str, kind: str) -> Any:
    """The JSON value that a text in a path, query or header stands for; text that stands for none stays as it is."""
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return Decimal(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _problems(schema: Draft202012Validator, value: Any) -> Iterator[tuple[str, str]]:
    for error in schema.iter_errors(value):
        steps = ("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        said = error.message if len(error.message) <= SAID else f"{error.message[:SAID]}…"
        yield "".join(("$", *steps)), said


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def closed(schema: Any) -> Any:
    """The same, but objects take no properties that are not described, 3.0's `nullable` counts, and so does base64."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    same = {name: closed(inner) for name, inner in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        same["additionalProperties"] = False
    if schema.get("contentEncoding") == "base64":
        same["format"] = "byte"
    return {"anyOf": [{"type": "null"}, same]} if schema.get("nullable") is True else same


def _formats(moment: Sequence[str]) -> FormatChecker:
    checker = FormatChecker(formats=())
    whole: dict[str, int] = {"int32": 31, "int64": 63}
    for name, bits in whole.items():
        checker.checks(name)(lambda value, bits=bits: not isinstance(value, int) or -(2**bits) <= value < 2**bits)
    texts: dict[str, Callable[[str], object]] = {
        "uuid": UUID,
        "byte": lambda text: base64.b64decode(text, validate=True),
        "date": lambda text: date.fromisoformat(text) if re.fullmatch(ONLY_DAY, text) else _refuse(text),
        "uri": lambda text: text if re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", text) else _refuse(text),
    }
    for name, parse in texts.items():
        checker.checks(name)(lambda value, parse=parse: not isinstance(value, str) or _parses(parse, value))
    checker.checks("date-time")(_is_moment(moment))
    return checker


def _is_moment(shapes: Sequence[str]) -> Callable[[object], bool]:
    """A check of `date-time`: one of the shapes, and a date and time that exist."""
    pattern = re.compile("|".join(f"(?:{shape})" for shape in shapes))

    def check(value: object) -> bool:
        if not isinstance(value, str):
            return True
        return pattern.fullmatch(value) is not None and _parses(datetime.fromisoformat, value)

    return check


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except (ValueError, binascii.Error):
        return False
    return True


def _refuse(text: str) -> None:
    raise ValueError(text)


def _no_constant(name: str) -> None:
    raise ValueError(name)
