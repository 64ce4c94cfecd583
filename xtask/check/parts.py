"""Holds a CycloneDX document against the standard's own schema, its licences and addresses against theirs. Says what is wrong, or nothing."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

text = sys.stdin.read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if error is not None:
    sys.exit(f"schema: {error}")
document = json.loads(text)
licensing = get_spdx_licensing()
components = document["components"] + [document["metadata"]["component"]]
for component in components:
    for licence in component["licenses"]:
        errors = licensing.validate(licence["expression"]).errors
        if errors:
            sys.exit(f"{component['name']}: {errors}")
    if "purl" in component:
        address = PackageURL.from_string(component["purl"])
        if (address.name, address.version) != (component["name"], component["version"]):
            sys.exit(f"{component['purl']} is not of {component['name']} {component['version']}")
references = {component["bom-ref"] for component in components}
if len(references) != len(components):
    sys.exit("a reference is used twice")
for dependency in document["dependencies"]:
    unknown = {dependency["ref"], *dependency["dependsOn"]} - references
    if unknown:
        sys.exit(f"nothing stands for {unknown}")
