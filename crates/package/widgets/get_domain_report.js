function epoch(value) {
  const seconds = count(value);
  return seconds === undefined || seconds > 1e11 ? plain(value) : new Date(seconds * 1000).toISOString().slice(0, 10);
}
function longText(title, value) {
  const text = visible(plain(value).replace(/\r\n?/g, "\n"), true);
  const content = [make("summary", {}, title), make("bdi", { class: "mono" }, text)];
  return text === "" ? undefined : make("details", { class: "long" }, ...content);
}

start({
  title: "Get Domain Report",
  noun: "Domain",
  verdict: relatedVerdict,
  address: ({ name }) => domainAddress(name),
  parts: [
    ({ report }) => facts([
      ["Categories", report.categories],
      // Vendors' own words: "BitDefender category", "Opera domain info", and whoever joins them.
      ...Object.entries(report).filter(([name]) => / (category|domain info)$/i.test(name)),
      ["Alexa rank", report["Alexa rank"]],
      ["Detected", detectedCounts(report)],
      ["Subdomains", report.subdomains, mono],
      ["Siblings", report.domain_siblings, mono],
      ["Whois date", epoch(report.whois_timestamp)],
      ["Message", report.verbose_msg],
    ]),
    ({ report }) => longText("Whois", report.whois),
    urlTable,
    sampleTable,
    resolutionTable,
  ],
});
