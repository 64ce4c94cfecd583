"""Asks a simulator what VirusTotal's own client can ask. Arguments: the simulator's origin, a premium key."""

import asyncio
import io
import sys
import tempfile
import zipfile

import vt

EICAR = "44d88612fea8a8f36de82e1278abb02f"

# The client waits 20 seconds between two looks; everything else about its waiting stays.
usual_sleep = asyncio.sleep


async def short_sleep(seconds, *rest):
    await usual_sleep(min(seconds, 0.3), *rest)


asyncio.sleep = short_sleep


def refused(call, code):
    try:
        call()
    except vt.APIError as error:
        assert error.code == code, error
    else:
        raise AssertionError(f"expected {code}")


def main(origin, key):
    with vt.Client(key, host=origin) as client:
        file = client.get_object("/files/{}", EICAR)
        assert file.sha256.startswith("275a021b"), file.sha256
        assert file.last_analysis_stats["malicious"] == 10
        assert file.first_submission_date.year == 2006

        url = client.get_object("/urls/{}", vt.url_id("http://malicious.example/payload.php"))
        assert url.id.startswith("49813d17") and url.title == "Example page"

        assert client.get_object("/domains/{}", "synthetic-1.example").registrar == "Example Registrar"
        assert client.get_object("/ip_addresses/{}", "45.0.0.1").id == "45.0.0.1"

        names = [domain.id for domain in client.iterator("/domains/many-45.example/subdomains", batch_size=20)]
        assert names == [f"s{n}.many-45.example" for n in range(45)], names
        assert len(list(client.iterator("/domains/many-45.example/resolutions", limit=25))) == 25
        found = list(client.iterator("/intelligence/search", params={"query": "positives:10+"}, limit=15))
        assert len(found) == 15

        with tempfile.NamedTemporaryFile(suffix=".bin") as sample:
            sample.write(b"simulate:positives=12")
            sample.flush()
            with open(sample.name, "rb") as content:
                analysis = client.scan_file(content, wait_for_completion=True)
        assert analysis.status == "completed" and analysis.stats["malicious"] == 12, analysis.stats

        analysis = client.scan_url("http://unknown.positives-3.example/", wait_for_completion=True)
        assert analysis.status == "completed" and analysis.id.startswith("u-")
        again = client.post("/files/{}/analyse", EICAR).json()
        assert again["data"]["type"] == "analysis"

        comment = vt.Object("comment", obj_attributes={"text": "from #python"})
        posted = client.post_object("/files/{}/comments", EICAR, obj=comment)
        assert posted.tags == ["python"]
        refused(lambda: client.post_object("/files/{}/comments", EICAR, obj=comment), "AlreadyExistsError")

        content = io.BytesIO()
        client.download_file(EICAR, content)
        assert len(content.getvalue()) == 68
        packed = io.BytesIO()
        client.download_zip_files([EICAR], packed, password="infected")
        with zipfile.ZipFile(packed) as archive:
            assert len(archive.read(archive.namelist()[0], pwd=b"infected")) == 68

        refused(lambda: client.get_object("/files/{}", "0" * 62 + "aa"), "NotFoundError")
        refused(lambda: client.get_object("/domains/{}", "unknown.example"), "NotFoundError")
        refused(lambda: client.scan_url("gogles"), "InvalidArgumentError")

    with vt.Client("wrong", host=origin) as stranger:
        refused(lambda: stranger.get_object("/files/{}", EICAR), "WrongCredentialsError")
    print("all as expected")


main(*sys.argv[1:])
