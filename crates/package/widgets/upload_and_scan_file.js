// The only result that is an object: file path to report.
start({
  title: "Upload And Scan File",
  noun: "File",
  byName: true,
  verdict: engineVerdict,
  address: ({ report }) => fileAddress(plain(report.sha256)),
  parts: [fileFacts, engineTable],
});
