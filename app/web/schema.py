"""What the OpenAPI document says of structs that refuse unknown fields: `additionalProperties: false`.

Litestar's own plugin leaves it out, and a client generated from the document would not know.
"""

from __future__ import annotations

from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Schema
from litestar.typing import FieldDefinition


class StrictStructPlugin(StructSchemaPlugin):
    """Serves structs with `forbid_unknown_fields`; all others go to Litestar's plugin."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        config = getattr(field_definition.annotation, "__struct_config__", None)  # generics have none
        return super().is_plugin_supported_field(field_definition) and bool(
            config and config.forbid_unknown_fields
        )

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        schema = super().to_openapi_schema(field_definition, schema_creator)
        schema.additional_properties = False
        return schema
