"""The descriptions, and one story of many nights over both sandbox servers that is looked at from both sides."""

import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cloudcollect_pipeline.sandbox.serve import serve
from cloudcollect_pipeline.sandbox.world import World
from tests.conformance.nights import Recorded, everything
from tests.conformance.openapi import ONLY_DAY, WITHOUT_ZONE, Description
from tests.story import START


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """After its last night, the servers still up."""
    world = World.empty(START)
    with serve(world) as servers:
        told = Recorded(tmp_path_factory.mktemp("nights"), world, servers)
        everything(told)
        yield told


@pytest.fixture(scope="session")
def vendor(request: pytest.FixtureRequest) -> Description:
    """The ERP vendor's description: beside the checkout, or the file CLOUDCOLLECT_VISMA_NET_OPENAPI names."""
    named = os.environ.get("CLOUDCOLLECT_VISMA_NET_OPENAPI")
    path = Path(named) if named else request.getfixturevalue("shared") / "reference" / "visma-net-openapi.json"
    return Description.read(
        path,
        moment=(WITHOUT_ZONE,),  # moments have no zone (§7)
        moment_asked=(WITHOUT_ZONE, ONLY_DAY),  # filters also take a day alone (§7)
        nulls_are_absent=True,  # it never says what may be null, and what is not expanded is (§11)
    )


@pytest.fixture(scope="session")
def contract() -> Description:
    """The agency's reference contract."""
    return Description.read(Path(__file__).parents[2] / "docs" / "agency-api.json")


@pytest.fixture(scope="session")
def debitura(request: pytest.FixtureRequest) -> Description:
    """The vendor's description: beside the checkout, or the file CLOUDCOLLECT_DEBITURA_OPENAPI names."""
    named = os.environ.get("CLOUDCOLLECT_DEBITURA_OPENAPI")
    path = Path(named) if named else request.getfixturevalue("shared") / "reference" / "debitura-openapi.json"
    return Description(with_key(json.loads(path.read_text(encoding="utf-8"))))


def with_key(document: Any) -> Any:
    """The same with its API key, which the validator does not know as security, as a header that is required."""
    told = deepcopy(document)
    scheme = told["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["in"], {"ApiKey": []} in told.pop("security")) == ("apiKey", "header", True)
    key = {"name": scheme["name"], "in": "header", "required": True, "schema": {"type": "string"}}
    # what schemathesis makes up for a form is described only if the form is said to take nothing else
    form = told["paths"]["/cases/{id}/files"]["post"]["requestBody"]["content"]["multipart/form-data"]
    form["schema"]["additionalProperties"] = False
    for operations in told["paths"].values():
        for operation in operations.values():
            operation.setdefault("parameters", []).append(key)
    return told
