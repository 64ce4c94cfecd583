// Shows an action's JSON result. Nothing in it is trusted: its text becomes text nodes and attribute values only, and
// an address becomes a link only where `link` lets it.

const SITE = "https://www.virustotal.com/gui/";
const SVG = "http://www.w3.org/2000/svg";
const OPEN_AT_FIRST = 3;
const PAGE = { overview: 10, cards: 50, rows: 100 };
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// ---- Elements ----

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

function button(label, className, press) {
  const element = make("button", { type: "button", class: className }, label);
  element.addEventListener("click", press);
  return element;
}

// Characters that are not seen, or that change how their neighbours are seen (controls, bidi overrides, zero
// widths, lone surrogates), are written out.
function visible(text, lines = false) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0);
    if (lines && (code === 9 || code === 10)) return character;
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const shorten = (text, limit) => {
  if (text.length <= limit) return text;
  const head = text.slice(0, Math.ceil(limit * 0.7)).replace(/[\ud800-\udbff]$/, "");
  const tail = text.slice(-Math.floor(limit * 0.3)).replace(/^[\udc00-\udfff]/, "");
  return `${head}…${tail}`;
};

// A value as an isolated piece of text; a long one is shortened, and where there is room for a button it opens.
function shown(value, { className = "", limit = 200, opens = true } = {}) {
  const whole = visible(plain(value));
  const piece = make("bdi", { class: className });
  if (whole.length > limit) piece.title = shorten(whole, 2000);
  const set = (open) => {
    piece.textContent = open ? whole : shorten(whole, limit);
    expand.textContent = open ? "Show less" : `Show all ${whole.length.toLocaleString("en")} characters`;
    expand.setAttribute("aria-expanded", open);
  };
  const expand = button("", "plain expand", () => set(expand.getAttribute("aria-expanded") === "false"));
  set(false);
  return whole.length > limit && opens ? make("span", {}, piece, expand) : piece;
}
const mono = (value) => shown(value, { className: "mono" });

// Only VirusTotal's own pages are linked. The first address that is one wins.
function link(label, ...addresses) {
  for (const address of addresses) {
    if (typeof address !== "string" || !URL.canParse(address)) continue;
    const url = new URL(address);
    const ours = ["virustotal.com", "www.virustotal.com"].includes(url.host) && url.username + url.password === "";
    if (url.protocol !== "https:" || !ours) continue;
    return make("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, label);
  }
  return undefined;
}
const fileAddress = (hash) => /^[0-9a-f]{32,64}$/i.test(hash) ? `${SITE}file/${hash}` : undefined;
function domainAddress(name) {
  const domain = URL.canParse(name) ? new URL(name).hostname : name.split("@").pop();
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(domain) ? `${SITE}domain/${domain}` : undefined;
}

// ---- Values: any field may be absent, null, or of another type ----

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value) => Array.isArray(value) ? value.filter((item) => item !== null) : [];
const isTrue = (value) => value === true || value === 1 || String(value).toLowerCase() === "true";

function plain(value, depth = 0) {
  if (value === undefined || value === null || depth > 4) return "";
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1)).filter(Boolean).join(", ");
  if (!isObject(value)) return String(value);
  const fields = Object.entries(value).map(([name, item]) => [name, plain(item, depth + 1)]);
  return fields.filter(([, text]) => text !== "").map(([name, text]) => `${name}: ${text}`).join("; ");
}
function count(value) {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}
const day = (value) => plain(value).replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3");
// A moment of a report, which is UTC, and how many days ago that was.
function moment(value) {
  const text = plain(value);
  const days = Math.floor((Date.now() - Date.parse(`${text.replace(" ", "T")}Z`)) / 86_400_000);
  if (!/^\d{4}(-\d\d){2} \d\d(:\d\d){2}$/.test(text) || !(days >= 0)) return text;
  return `${text} UTC (${days === 0 ? "today" : days === 1 ? "1 day ago" : `${days.toLocaleString("en")} days ago`})`;
}

// ---- Verdicts ----

const scans = (report) => isObject(report.scans) ? Object.entries(report.scans).map(([engine, scan]) => ({
  ...(isObject(scan) ? scan : { result: scan }), engine,
})) : [];

// What a report without any number is called, by its response code.
const CODES = new Map([["0", "Not known to VirusTotal"], ["-2", "Still queued"]]);

function verdict(positives, total, flagged, code) {
  if (positives === undefined) return { level: "none", label: CODES.get(plain(code)) ?? "No verdict", sentence: "" };
  const [level, label] = positives === 0 ? ["good", "No detections"]
    : positives < 3 ? ["few", "Few detections"] : ["bad", "Detected"];
  const of = total === undefined ? "" : ` of ${total}`;
  const engines = `${positives}${of} engine${positives === 1 && of === "" ? "" : "s"}`;
  return { positives, total, level, label, sentence: `${engines} ${positives === 1 ? "flags" : "flag"} ${flagged}` };
}
function engineVerdict(report) {
  const engines = scans(report);
  const detected = engines.filter((scan) => isTrue(scan.detected)).length;
  const positives = count(report.positives) ?? (engines.length > 0 ? detected : undefined);
  return verdict(positives, count(report.total) ?? (engines.length || undefined), "it", report.response_code);
}

const SAMPLES = ["communicating", "downloaded", "referrer"];
const detectedUrls = (report) =>
  list(report.detected_urls).filter(isObject).map((url) => ({ ...url, kind: undefined }));
const detectedSamples = (report) => SAMPLES.flatMap((kind) =>
  list(report[`detected_${kind}_samples`]).filter(isObject).map((sample) => ({ ...sample, kind })));
const detectedCounts = (report) => [["detected_urls", "URL"], ...SAMPLES.map((kind) =>
  [`detected_${kind}_samples`, `${kind} sample`])].filter(([name]) => Array.isArray(report[name]))
  .map(([name, things]) => `${report[name].length} ${things}${report[name].length === 1 ? "" : "s"}`);
const newestDate = (report) => [...detectedUrls(report), ...detectedSamples(report)]
  .map((thing) => plain(thing.scan_date ?? thing.date)).sort().pop();

// Addresses and domains are not scanned themselves: the worst of what was seen there speaks for them.
function relatedVerdict(report) {
  const [worst] = [...detectedUrls(report), ...detectedSamples(report)]
    .filter((thing) => count(thing.positives) !== undefined)
    .sort((a, b) => count(b.positives) - count(a.positives) || (count(a.total) ?? 0) - (count(b.total) ?? 0));
  if (worst !== undefined) {
    const flagged = worst.kind ? `a ${worst.kind} sample` : "a URL seen here";
    return verdict(count(worst.positives), count(worst.total), flagged);
  }
  if (detectedCounts(report).length === 0) return verdict(undefined, undefined, "", report.response_code);
  return { ...verdict(0, undefined, ""), sentence: "No detected URL or sample is listed" };
}

// The share as a ring. The sentence beside it says the same, so a small one is left out for screen readers.
function donut({ positives, total, level, sentence, label }, small = false) {
  const share = positives > 0 && total > 0 ? Math.min(100, Math.max(3, (positives / total) * 100)) : 0;
  const ring = { cx: 18, cy: 18, r: small ? 14 : 15, pathLength: 100 };
  const part = { ...ring, class: "part", "stroke-dasharray": `${share} 100`, transform: "rotate(-90 18 18)" };
  const rings = [draw("circle", ring), share > 0 ? draw("circle", part) : undefined];
  const picture = { class: `donut ${small ? "small" : ""} ${level}`, viewBox: "0 0 36 36" };
  if (small) return draw("svg", { ...picture, "aria-hidden": true }, ...rings);
  return draw("svg", { ...picture, role: "img", "aria-label": sentence || label }, ...rings,
    draw("text", { x: 18, y: total === undefined ? 22 : 20 }, shorten(String(positives ?? "?"), 4)),
    total === undefined ? undefined : draw("text", { x: 18, y: 26.5 }, `of ${shorten(String(total), 5)}`));
}
function ratio(row) {
  const found = verdict(count(row.positives), count(row.total), "");
  const text = found.total === undefined ? `${found.positives}` : `${found.positives} of ${found.total}`;
  return make("span", {}, donut(found, true), text);
}

// ---- Tables ----

// A column: { name, of: row → value, show: row → node, down: sorts from high to low at first, flag: true or false }.
// Columns without any value are left out.
function table(title, wanted, rows, { sort, page = PAGE.rows } = {}) {
  const empty = (value) => value === undefined || value === null || value === "";
  const columns = wanted.filter((column) => rows.some((row) => !empty(column.of(row))));
  if (columns.length === 0) return undefined;
  const flag = columns.find((column) => column.flag);
  let by = columns.find((column) => column.name === sort) ?? columns[0];
  let [down, most] = [Boolean(by.down), page];

  const compare = (a, b) => {
    const [x, y] = [by.of(a), by.of(b)];
    if (empty(x) || empty(y)) return Number(empty(x)) - Number(empty(y));
    const order = typeof x === "string" || typeof y === "string" ? collator.compare(x, y) : Number(x) - Number(y);
    return down ? -order : order;
  };
  const [needle, only] = ["search", "checkbox"].map((type) => make("input", { type }));
  const [state, body] = [make("output"), make("tbody")];
  const more = button("", "more", () => { most += PAGE.rows; update(); });

  const mark = (value) => make("span", { class: `verdict ${value ? "bad" : "good"}` }, value ? "⚠ Yes" : "✓ No");
  const cell = (column, row, index) => {
    const value = column.of(row);
    const content = empty(value) ? undefined : column.show?.(row) ?? (column.flag ? mark(value) : shown(value));
    return index === 0 ? make("th", { scope: "row" }, content) : make("td", {}, content);
  };
  const line = (row) =>
    make("tr", flag?.of(row) ? { class: "hit" } : {}, ...columns.map((column, index) => cell(column, row, index)));
  const heads = columns.map((column) => make("th", { scope: "col" }, button(column.name, "", () => {
    down = by === column ? !down : Boolean(column.down);
    by = column;
    update();
  })));

  function update() {
    const text = needle.value.trim().toLowerCase();
    const found = rows.filter((row) => (!only.checked || flag.of(row))
      && (text === "" || columns.some((column) => plain(column.of(row)).toLowerCase().includes(text))));
    found.sort(compare);
    heads.forEach((head, index) => {
      if (columns[index] === by) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...found.slice(0, most).map(line));
    state.textContent = `${Math.min(most, found.length)} of ${rows.length} shown`;
    more.textContent = `Show ${Math.min(PAGE.rows, found.length - most)} more`;
    more.hidden = found.length <= most;
  }
  needle.addEventListener("input", update);
  only.addEventListener("change", update);
  update();

  const tools = make("div", { class: "tools" }, make("label", {}, "Filter", needle),
    flag ? make("label", {}, only, "Only detections") : undefined, state);
  return make("section", {}, make("h3", {}, title), rows.length > 5 ? tools : undefined,
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
      make("table", { "aria-label": title }, make("thead", {}, make("tr", {}, ...heads)), body)), more);
}

// ---- Parts of a card, from which each action takes its own ----

const engineTable = ({ report }) => table("Engines", [
  { name: "Engine", of: (scan) => scan.engine },
  { name: "Is malicious", of: (scan) => isTrue(scan.detected), flag: true, down: true },
  { name: "Result", of: (scan) => plain(scan.result) },
  { name: "Detail", of: (scan) => plain(scan.detail) },
  { name: "Version", of: (scan) => plain(scan.version) },
  { name: "Last analysis", of: (scan) => day(scan.update), down: true },
], scans(report).sort((a, b) => collator.compare(a.engine, b.engine)), { sort: "Is malicious" });

const detections = { name: "Detections", of: (row) => count(row.positives), show: ratio, down: true };
const urlTable = ({ report }) => table("Detected URLs", [
  { name: "URL", of: (row) => plain(row.url), show: (row) => mono(row.url) },
  detections,
  { name: "Scan date", of: (row) => plain(row.scan_date), down: true },
], detectedUrls(report), { sort: "Detections" });
const sampleTable = ({ report }) => table("Detected samples", [
  { name: "SHA-256", of: (row) => plain(row.sha256), show: (row) =>
    link(mono(row.sha256), fileAddress(plain(row.sha256))) ?? mono(row.sha256) },
  { name: "Kind", of: (row) => row.kind },
  detections,
  { name: "Date", of: (row) => plain(row.date), down: true },
], detectedSamples(report), { sort: "Detections" });
const resolutionTable = ({ report }) => table("Resolutions", [
  { name: "Host name", of: (row) => plain(row.hostname), show: (row) => mono(row.hostname) },
  { name: "IP address", of: (row) => plain(row.ip_address), show: (row) => mono(row.ip_address) },
  { name: "Last resolved", of: (row) => plain(row.last_resolved), down: true },
], list(report.resolutions).filter(isObject), { sort: "Last resolved" });

// Facts are [label, value, show]; those without a value are left out.
function facts(rows) {
  const known = rows.map(([label, value, show = shown]) => [label, plain(value), show])
    .filter(([, text]) => text !== "");
  return known.length === 0 ? undefined : make("dl", { class: "facts" }, ...known.flatMap(([label, text, show]) =>
    [make("dt", {}, shown(label, { opens: false })), make("dd", {}, show(text))]));
}
const fileFacts = ({ report }) => facts([
  ["SHA-256", report.sha256, mono], ["SHA-1", report.sha1, mono], ["MD5", report.md5, mono],
  ["Type", report.type], ["Size (bytes)", report.size], ["Names", report.submission_names], ["Tags", report.tags],
  ["First seen", moment(report.first_seen)], ["Last seen", moment(report.last_seen)],
  ["Malicious votes", report.malicious_votes], ["Harmless votes", report.harmless_votes],
  ["Scan ID", report.scan_id, mono], ["Message", report.verbose_msg],
]);

// ---- The page ----

// The platform may write something behind the data: what does not parse is cut at its last brackets.
function parse(text) {
  for (let end = text.length, tries = 0; end > 0 && tries < 20; tries += 1) {
    try {
      return JSON.parse(text.slice(0, end).trim());
    } catch {
      end = Math.max(text.lastIndexOf("]", end - 2), text.lastIndexOf("}", end - 2)) + 1;
    }
  }
  return undefined;
}
// The entities, whether or not the placeholder's own brackets are still around them; undefined where it is no result.
function entitiesOf(data, byName) {
  if (data === undefined || typeof data !== "object") return undefined;
  const items = [data].flat(2).filter((item) => item !== null);
  const found = items.filter(isObject).flatMap((item) => {
    if (byName) return Object.entries(item);
    return Object.hasOwn(item, "EntityResult") ? [[item.Entity, item.EntityResult]] : [];
  });
  const strange = items.some((item) => !isObject(item) || Object.keys(item).length > 0);
  if (found.length === 0 && strange) return undefined;
  return found.map(([name, report]) => ({ name: plain(name) || "(no name)", report: isObject(report) ? report : {} }));
}

function card(entity, action) {
  const { name, report, found } = entity;
  const date = moment(report.scan_date ?? newestDate(report));
  const scanned = ["p", { class: "quiet" }, report.scan_date ? "Scanned " : "Newest scan ", shown(date, { opens: false })];
  const head = make("summary", {}, donut(found), make("div", { class: "what" },
    make("h2", {}, shown(name, { className: "mono", limit: 120, opens: false })),
    make("p", { class: "line" }, make("span", { class: `verdict ${found.level}` }, found.label), found.sentence),
    date ? make(...scanned) : undefined));
  const body = make("div", { class: "body" });
  const element = make("details", { class: `card ${found.level}` }, head, body);
  // A closed card has no tables: a thousand entities stay light.
  const fillBody = () => {
    if (!element.open || body.hasChildNodes()) return;
    try {
      const page = link("Open the report on VirusTotal", report.permalink, action.address?.(entity));
      const parts = [name.length > 120 ? mono(name) : undefined, page && make("p", {}, page)];
      body.append(...[...parts, ...action.parts.map((part) => part(entity))].filter(Boolean));
      if (!body.hasChildNodes()) body.append(make("p", { class: "quiet" }, "The report holds nothing more."));
    } catch {
      body.replaceChildren(make("p", { class: "quiet" }, "This report could not be shown."));
    }
  };
  element.addEventListener("toggle", fillBody);
  entity.open = () => {
    element.open = true;
    fillBody();
    return head;
  };
  return element;
}

function show(main, text, action) {
  const notice = (sentence) => main.replaceChildren(make("p", { class: "notice", role: "status" }, sentence));
  const entities = text.trim() === "" ? [] : entitiesOf(parse(text), action.byName);
  if (entities === undefined) return notice("The JSON result could not be read, so there is nothing to show here.");
  if (entities.length === 0) return notice("There are no reports.");

  for (const entity of entities) entity.found = action.verdict(entity.report);
  const rank = ({ found }) => [found.positives ?? -1, (found.positives ?? 0) / (found.total || 1)];
  entities.sort((a, b) => rank(b)[0] - rank(a)[0] || rank(b)[1] - rank(a)[1]);

  const cards = make("div");
  const more = button("", "more", () => showCards(cards.children.length + PAGE.cards));
  const showCards = (many) => {
    cards.append(...entities.slice(cards.children.length, many).map((entity) => card(entity, action)));
    const left = entities.length - cards.children.length;
    more.textContent = `Show ${Math.min(PAGE.cards, left)} more cards`;
    more.hidden = left === 0;
  };
  const go = (entity) => {
    showCards(entities.indexOf(entity) + 1);
    const head = entity.open();
    head.scrollIntoView({ block: "start" });
    head.focus({ preventScroll: true });
  };
  const overview = entities.length < 2 ? undefined : table("Overview, worst first", [
    { name: action.noun, of: (entity) => entity.name, show: (entity) =>
      button(shown(entity.name, { className: "mono", limit: 80, opens: false }), "plain", () => go(entity)) },
    { name: "Verdict", of: ({ found }) => found.label, show: ({ found }) =>
      make("span", { class: `verdict ${found.level}` }, found.label) },
    { name: "Detections", of: ({ found }) => found.positives, show: ({ found }) => ratio(found), down: true },
    { name: "Scan date", of: ({ report }) => plain(report.scan_date ?? newestDate(report)), down: true },
  ], entities, { sort: "Detections", page: PAGE.overview });
  if (overview) overview.className = "overview";

  const flagged = entities.filter(({ found }) => found.positives > 0).length;
  const sum = overview ? `${entities.length} reports, ${flagged} with detections` : "1 report";
  const head = make("div", { class: "head" }, make("h1", {}, action.title), make("span", { class: "quiet" }, sum));
  main.replaceChildren(...[head, overview, cards, more].filter(Boolean));
  showCards(PAGE.cards);
  for (const entity of entities.slice(0, OPEN_AT_FIRST)) entity.open();
}

// The form of the platform's message is not documented, so each likely one is taken. Anyone may send one: all it can
// do is to choose between two sets of colours.
function theme(data) {
  if (typeof data === "string") return /^\s*(dark|light)\s*$/i.exec(data)?.[1].toLowerCase();
  if (!isObject(data)) return undefined;
  const named = [data.theme, data.mode, isObject(data.data) ? data.data.theme : undefined];
  const words = named.map((name) => typeof name === "string" ? name.slice(0, 40) : "");
  const found = words.map((word) => /(?<![a-z])(dark|light)(?:theme|mode)?(?![a-z])/i.exec(word)?.[1]).find(Boolean);
  return found?.toLowerCase();
}

function start(action) {
  window.addEventListener("message", ({ data }) => {
    const name = theme(data);
    if (name) document.documentElement.dataset.theme = name;
  });
  document.addEventListener("DOMContentLoaded", () => {
    const source = document.querySelector("plaintext");
    const text = source.textContent;
    source.remove();
    show(document.querySelector("#result"), text, action);
  });
}
