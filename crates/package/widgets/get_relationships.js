start({
  title: "Get Relationships",
  noun: "Entity",
  verdict: listVerdict,
  address: ({ name }) => fileAddress(name) ?? domainAddress(name),
  parts: [listFacts, listTable],
});
