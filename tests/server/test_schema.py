"""What OpenAPI says holds for whatever schemathesis thinks of."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from digitlab.server import create_app

SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", create_app(), headers={"host": "127.0.0.1"})


@SCHEMA.parametrize()
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_no_request_ends_in_a_server_error_and_every_answer_is_as_described(case):
    case.call_and_validate(
        headers={"host": "127.0.0.1"},
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
    )
