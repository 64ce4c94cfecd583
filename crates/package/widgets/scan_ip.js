start({
  title: "Scan IP",
  noun: "IP address",
  verdict: relatedVerdict,
  address: ({ name }) => /^[0-9a-f.:]+$/i.test(name) ? `${SITE}ip-address/${name}` : undefined,
  parts: [
    ({ report }) => facts([
      ["Country", report.country],
      ["Continent", report.continent],
      ["Network", report.network, mono],
      ["Owner", [report.as_owner, count(report.asn) === undefined ? report.asn : `AS${report.asn}`]],
      ["Detected", detectedCounts(report)],
      ["Message", report.verbose_msg],
    ]),
    resolutionTable,
    urlTable,
    sampleTable,
  ],
});
