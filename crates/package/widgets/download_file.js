// Where the file is, and what opens it.
start({
  title: "Download File",
  noun: "File",
  verdict: () => ({ level: "none", label: "In quarantine", sentence: "" }),
  address: ({ name }) => fileAddress(name),
  parts: [({ report }) => facts([
    ["Saved as", report.path, mono], ["Size (bytes)", report.size_bytes], ["Password", report.password, mono],
  ])],
});
