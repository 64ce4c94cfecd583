"""Asks for files with VirusTotal's own client. Arguments: origin, key, calls at once, file of hashes (none: only starts)."""

import asyncio
import sys

import vt


async def main(origin, key, at_once, hashes):
    slots = asyncio.Semaphore(at_once)
    async with vt.Client(key, host=origin) as client:

        async def ask(digest):
            async with slots:
                return await client.get_object_async("/files/{}", digest)

        found = await asyncio.gather(*(ask(digest) for digest in hashes))
    risky = sum(file.last_analysis_stats["malicious"] >= 3 for file in found)
    print(f"{len(found)} reports, {risky} risky")


if len(sys.argv) > 4:
    with open(sys.argv[4], encoding="utf-8") as lines:
        asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), lines.read().split()))
