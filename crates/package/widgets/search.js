start({
  title: "Search",
  noun: "Query",
  verdict: listVerdict,
  address: () => undefined,
  parts: [listFacts, listTable],
});
