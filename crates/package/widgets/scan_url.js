start({
  title: "Scan URL",
  noun: "URL",
  verdict: engineVerdict,
  parts: [
    ({ report }) => facts([
      ["Scanned URL", report.url, mono],
      ["Downloaded file", report.filescan_id, mono],
      ["Scan ID", report.scan_id, mono],
      ["Message", report.verbose_msg],
    ]),
    engineTable,
  ],
});
