// Lists of objects: what is related to an entity, or what a query found.
const ADDRESSES = {
  FILEHASH: fileAddress,
  DOMAIN: domainAddress,
  ADDRESS: (text) => /^[0-9a-f.:]+$/i.test(text) ? `${SITE}ip-address/${text}` : undefined,
};
const objects = (report) => list(report.lists).filter(isObject).flatMap((from) =>
  list(from.objects).filter(isObject).map((object) => ({ ...object, list: plain(from.name) })));
const pageOf = (row) => ADDRESSES[plain(row.entity_type)]?.(plain(row.entity));

// The worst of what is listed speaks for the list.
function listVerdict(report) {
  const listed = objects(report);
  const [worst] = listed.filter((object) => count(object.positives) !== undefined)
    .sort((a, b) => count(b.positives) - count(a.positives));
  if (worst !== undefined) return verdict(count(worst.positives), count(worst.total), "an object of the list");
  return { level: "none", label: listed.length === 0 ? "Nothing listed" : "Listed", sentence: "" };
}
const listFacts = ({ report }) => facts(list(report.lists).filter(isObject).map((from) =>
  [plain(from.name), `${list(from.objects).length}${isTrue(from.has_more) ? ", and more" : ""}`]));
const listTable = ({ report }) => table("Objects", [
  { name: "Entity", of: (row) => plain(row.entity), show: (row) => link(mono(row.entity), pageOf(row)) ?? mono(row.entity) },
  { name: "List", of: (row) => row.list },
  { name: "Type", of: (row) => plain(row.entity_type) },
  detections,
], objects(report), { sort: "Detections" });
