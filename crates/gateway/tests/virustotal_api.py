"""Asks a gateway what a client of API v2 asks. Arguments: the address of API v2, a token, the hash of a known file."""

import sys
import tempfile
import time

from virus_total_apis import PrivateApi, PublicApi


def main(base, token, known):
    client = PublicApi(token)
    client.base = base

    report = client.get_file_report(known)
    assert report["response_code"] == 200 and report["results"]["positives"] == 10, report
    both = client.get_file_report(known + ",44d88612fea8a8f36de82e1278abb0ff")["results"]
    assert [one["resource"] for one in both] == [known, "44d88612fea8a8f36de82e1278abb0ff"], both

    assert client.get_url_report("http://malicious.example/payload.php")["results"]["positives"] > 0
    assert client.get_domain_report("synthetic-1.example")["results"]["response_code"] == 1
    assert client.get_ip_report("45.0.0.1")["results"]["response_code"] == 1

    submitted = client.scan_url("http://unknown.positives-3.example/")["results"]
    assert submitted["response_code"] == 1, submitted
    with tempfile.NamedTemporaryFile(suffix=".bin") as sample:
        sample.write(b"simulate:positives=12")
        sample.flush()
        uploaded = client.scan_file(sample.name)["results"]
    assert uploaded["response_code"] == 1, uploaded
    for _ in range(50):
        report = client.get_file_report(uploaded["scan_id"])["results"]
        if report["response_code"] == 1:
            break
        time.sleep(0.1)
    assert report["positives"] == 12, report
    assert client.rescan_file(known)["results"]["response_code"] == 1
    assert client.put_comments(known, "from #python")["results"]["response_code"] == 1

    private = PrivateApi(token)
    private.base = base
    address = private.get_upload_url
    assert str(address).startswith(base), address

    stranger = PublicApi("wrong")
    stranger.base = base
    assert stranger.get_file_report(known)["response_code"] == 403
    print("all as expected")


main(*sys.argv[1:])
