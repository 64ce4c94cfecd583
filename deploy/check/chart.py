"""Renders the chart with Helm's own library, holds every object against Kubernetes' schemas, and prints all objects as JSON.

    python deploy/check/chart.py deploy/helm/vtsecops VALUES.yaml…
"""

import json
import pathlib
import sys

import helm_python as helm
import kubernetes_validate
import yaml

# The oldest that the chart supports, and the newest whose schemas there are.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]


def main(chart_folder: str, values_files: list[str]) -> None:
    objects = []
    for file in values_files:
        values = yaml.safe_load(pathlib.Path(file).read_text())
        report = helm.lint(chart_folder, values, strict=True, namespace="soc")
        # A picture of the chart is all that it may miss.
        problems = [m for m in report["messages"] if m["severity"] > 1] + report["errors"]
        if problems:
            sys.exit(f"{file}: {problems}")
        with helm.Chart.load(chart_folder) as chart:
            rendered = chart.render(values, name="vt", namespace="soc")
        for path, text in rendered.items():
            if path.endswith("NOTES.txt"):
                continue
            for own in yaml.safe_load_all(text):
                if own is None:
                    continue
                objects.append({"values": pathlib.Path(file).stem, "object": own})
                if "monitoring.coreos.com" in own["apiVersion"]:
                    continue  # A kind of the Prometheus operator, not of Kubernetes.
                for version in VERSIONS:
                    try:
                        kubernetes_validate.validate(own, version, strict=True)
                    except kubernetes_validate.ValidationError as error:
                        where = ".".join(str(part) for part in error.path)
                        sys.exit(f"{file}: {path}: {own['kind']}: {where}: {error.message}")
    json.dump(objects, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
