start({
  title: "Scan Hash",
  noun: "File hash",
  verdict: engineVerdict,
  address: ({ report }) => fileAddress(plain(report.sha256)),
  parts: [fileFacts, engineTable],
});
