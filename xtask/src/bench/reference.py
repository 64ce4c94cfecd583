"""The reference: Scan Hash as the original integration does it, in nothing but CPython's standard library.

One call after the other: case, configuration twice, alert; a report a hash, and the run ends in progress. The process that
follows asks the platform again, fetches comments hash by hash, adds an insight for each risky one and updates the entities.
The original also imports its SDK and its libraries, which this does not.
"""

import http.client
import json
import os
import sys
from urllib.parse import urlencode, urlsplit

THRESHOLD = 3


class Caller:
    """Keeps its connection, which is kind to the reference."""

    def __init__(self, host, headers):
        self.connection = http.client.HTTPConnection(host)
        self.headers = headers

    def call(self, method, path, body=None):
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse().read()
        return json.loads(answer) if answer else None


def main():
    order = json.loads(sys.stdin.buffer.read().decode("utf-8-sig"))
    key, is_first = sys.argv[1], sys.argv[2] == "True"
    platform = Caller(
        f"{os.environ['APP_IP']}:{os.environ['APP_PORT']}",
        {"AppKey": key, "Content-Type": "application/json", "Accept": "application/json"},
    )
    sdk = "/api/external/v1/sdk"
    platform.call("GET", f"{sdk}/CaseMetadata/{order['case_id']}?format=snake")
    instance = order["integration_instance"]
    for _ in range(2):
        configuration = platform.call("GET", f"{sdk}/configuration/{instance}?format=snake")
    alert = platform.call(
        "POST",
        f"{sdk}/AlertFullDetails?format=snake",
        json.dumps({"case_id": order["case_id"], "alert_id_str": order["alert_id"], "populate_original_file": False}),
    )
    wanted = {(target["item1"], target["item2"]) for target in order["target_entities"]}
    entities = [e for e in alert["domain_entities"] if (e["identifier"], e["entity_type"]) in wanted]
    address = urlsplit(os.environ["VTSECOPS_VIRUSTOTAL_URL"])
    virustotal = Caller(address.netloc, {"User-Agent": "gzip,  VirusTotal Public API v2.0"})
    api_key = configuration["Api Key"]

    def ask(method, endpoint, **parameters):
        query = urlencode({"apikey": api_key, **parameters})
        return virustotal.call(method, f"{address.path}{endpoint}?{query}")

    if is_first:
        state = {
            e["identifier"]: {
                "Report": ask("POST", "file/report", resource=e["identifier"], allinfo="true"),
                "Task ID": None,
                "Status": "Done",
            }
            for e in entities
        }
        return end("submitted", "{}", json.dumps(state), 1)

    state = json.loads(order["parameters"]["additional_data"])
    results = []
    for entity in entities:
        report = state[entity["identifier"]]["Report"]
        ask("GET", "comments/get", resource=entity["identifier"])
        results.append({"Entity": entity["identifier"], "EntityResult": report})
        entity["is_enriched"] = True
        entity["additional_properties"]["VT_Positives"] = report["positives"]
        for name in ("IsInternalAsset", "IsEnriched", "IsSuspicious", "IsVulnerable"):
            entity["additional_properties"][name] = "True" if name == "IsEnriched" else "False"
        if report["positives"] >= THRESHOLD:
            insight = {
                "case_id": order["case_id"],
                "alert_identifier": order["alert_id"],
                "triggered_by": "VirusTotal",
                "title": "Entity insight",
                "content": f"{report['positives']} of {report['total']} engines",
                "entity_identifier": entity["identifier"],
                "severity": 1,
                "type": 1,
                "entity_type": entity["entity_type"],
                "additional_data": None,
                "additional_data_type": None,
                "additional_data_title": None,
                "original_requesting_user": None,
            }
            platform.call("POST", f"{sdk}/CreateCaseInsight?format=snake", json.dumps(insight))
    platform.call("POST", f"{sdk}/UpdateEntities?format=snake", json.dumps(entities))
    objects = {"JsonResult": {"Title": "JsonResult", "RawJson": json.dumps(results)}}
    end("done", json.dumps(objects), True, 0)


def end(message, objects, value, state):
    document = {
        "Message": message,
        "ResultObjectJson": objects,
        "ResultValue": value,
        "DebugOutput": "",
        "ExecutionState": state,
    }
    sys.stdout.write(json.dumps(document))


main()
