//! `pyproject.toml`

use crate::{fact, wheel};

/// The wheel is found by its path from the integration's folder; the SDK, which only the hub's own tools need, in its repository.
pub(super) fn text() -> String {
    format!(
        r#"[project]
name = "{identifier}"
version = "{version}"
description = "{description}"
requires-python = "{requires}"
dependencies = ["{wheel}"]

[dependency-groups]
dev = [
    "pytest",
    "pytest-json-report",
    "soar-sdk",
]

[tool.uv]
package = false

[tool.uv.sources]
soar-sdk = {{ git = "https://github.com/chronicle/soar-sdk.git" }}
{wheel} = {{ path = "../../../../../packages/{folder}/{file}" }}
"#,
        identifier = fact::IDENTIFIER,
        version = fact::VERSION,
        description = fact::DESCRIPTION,
        requires = fact::REQUIRES_PYTHON,
        wheel = wheel::DISTRIBUTION,
        folder = wheel::PACKAGE,
        file = wheel::name(),
    )
}
