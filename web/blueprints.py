"""Blueprints of the three APIs: flask-smorest's documentation, our strict reading, typed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import flask_smorest
import marshmallow as ma
from flask import Response

from web.bodies import MOST_BYTES, QueryReader, read_json
from web.documents import LINKS_OF, PROBLEMS_OF
from web.problems import CATALOGUE
from web.traits import LINKS, PROBLEMS, PUBLIC, TAKES_BODY, TAKES_QUERY

View = TypeVar("View", bound=Callable[..., Any])
SchemaLike = ma.Schema | type[ma.Schema]


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A blueprint whose decorators document a view and add no more to a request than they must.

    Views return Flask responses: schemas of answers are documentation.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Flask's and flask-smorest's
        """Take what flask-smorest's blueprint takes."""
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(self._prepare_own_doc)

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:  # Flask's options
        """Serve `rule` with a view; guarded unless the view is marked `@public`."""
        decorate: Callable[[View], View] = super().route(rule, **options)
        return decorate

    def arguments(
        self,
        schema: SchemaLike,
        *,
        location: Literal["json", "query"] = "json",
        body_limit: int = MOST_BYTES,
        strings_checked: bool = True,
        **documentation: Any,  # flask-smorest's example, description, ...
    ) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """Read the body or the query strictly and give it to the view as its next positional."""
        loaded = schema() if isinstance(schema, type) else schema
        read: Callable[[], Any]
        if location == "json":
            read = functools.partial(
                read_json, loaded, body_limit=body_limit, strings_checked=strings_checked
            )
        else:
            read = QueryReader(loaded).read
        document = super().arguments(loaded, location=location, **documentation)

        def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
            @functools.wraps(view)
            def reading(*args: Any, **kwargs: Any) -> Response:  # the view's own
                return view(*args, read(), **kwargs)

            _copy_documentation(document(view), reading)
            setattr(reading, TAKES_QUERY if location == "query" else TAKES_BODY, True)
            return reading

        return decorate

    def response(
        self, status_code: int, *args: Any, **kwargs: Any
    ) -> Callable[[View], View]:  # flask-smorest's
        """Document the answer of a view."""
        return _documenting(super().response(status_code, *args, **kwargs))

    def alt_response(
        self, status_code: int, *args: Any, **kwargs: Any
    ) -> Callable[[View], View]:  # flask-smorest's
        """Document another answer of a view."""
        return _documenting(super().alt_response(status_code, *args, **kwargs))

    @staticmethod
    def doc(**kwargs: Any) -> Callable[[View], View]:  # any OpenAPI member
        """Add members to the operation in the OpenAPI document."""
        return _documenting(flask_smorest.Blueprint.doc(**kwargs))

    @staticmethod
    def problems(*slugs: str) -> Callable[[View], View]:
        """Document which problems a view answers with, beyond those of every view."""
        unknown = [slug for slug in slugs if slug not in CATALOGUE]
        if unknown:
            raise LookupError(f"not in the catalogue of problems: {', '.join(unknown)}")

        def mark(view: View) -> View:
            setattr(view, PROBLEMS, (*slugs, *getattr(view, PROBLEMS, ())))
            return view

        return mark

    @staticmethod
    def links(status_code: int, **links: Mapping[str, Any]) -> Callable[[View], View]:
        """Document where the answer with this status leads; see `web.links`."""

        def mark(view: View) -> View:
            setattr(view, LINKS, {**getattr(view, LINKS, {}), str(status_code): links})
            return view

        return mark

    def _store_endpoint_docs(
        self,
        endpoint: str,
        obj: Any,  # a function or a MethodView
        parameters: Any,
        tags: Any,
        **options: Any,
    ) -> None:
        super()._store_endpoint_docs(endpoint, obj, parameters, tags, **options)
        documented = self._docs[endpoint]
        methods = [method for method in documented if method != "parameters"]
        for method in methods:
            info = documented[method]
            view = getattr(obj, method) if isinstance(obj, type) else obj
            marked = (view, obj)
            info["operation"] = endpoint if len(methods) == 1 else f"{method}_{endpoint}".lower()
            info["public"] = any(getattr(one, PUBLIC, False) for one in marked)
            info["problems"] = getattr(view, PROBLEMS, ())
            info["links"] = getattr(view, LINKS, {})

    def _prepare_own_doc(
        self, doc: dict[str, Any], doc_info: Mapping[str, Any], **_context: object
    ) -> dict[str, Any]:
        answers = {str(status): answer for status, answer in doc["responses"].items()}
        # flask-smorest names a component of its own for what breaks a schema.
        answers.pop("422", None)
        doc["responses"] = answers
        doc["operationId"] = doc_info["operation"]
        doc[PROBLEMS_OF] = list(doc_info["problems"])
        doc[LINKS_OF] = doc_info["links"]
        if doc_info["public"]:
            doc["security"] = []
        return doc


def _documenting(decorate: Callable[[Any], Any]) -> Callable[[View], View]:
    def document(view: View) -> View:
        _copy_documentation(decorate(view), view)
        return view

    return document


def _copy_documentation(source: object, target: object) -> None:
    # flask-smorest's decorators wrap the view once each; all we want of them is this.
    target._apidoc = source._apidoc  # type: ignore[attr-defined]  # noqa: SLF001
