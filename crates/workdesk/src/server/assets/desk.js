// The part of a page that has events is asked for again when something of it has changed. Without this script, the page is
// as it was when it was loaded.
const live = document.querySelector("[data-events]");
if (live) {
  let events = null;
  let busy = false;
  let again = false;

  // By what something is found again: where a link leads, what a button sends, what is folded.
  const sign = (element) => element.href ?? (element.form ? `${element.form.action} ${element.value}` : element.parentElement.id);
  const alike = (wanted) => [...live.querySelectorAll("a, button, summary")].filter((element) => sign(element) === wanted);

  const replace = (part) => {
    const open = new Map(Array.from(live.querySelectorAll("details[id]"), (element) => [element.id, element.open]));
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const wanted = focused && sign(focused);
    const place = focused ? alike(wanted).indexOf(focused) : -1;
    live.replaceChildren(...part.childNodes);
    // What somebody has opened or closed stays so, and the focus where it was.
    for (const element of live.querySelectorAll("details[id]")) {
      element.open = open.get(element.id) ?? element.open;
    }
    alike(wanted)[place]?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(response.ok ? await response.text() : "", "text/html");
      const part = fresh.querySelector("[data-events]");
      if (part) {
        replace(part);
        live.dataset.events = part.dataset.events;
      }
    } finally {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }
    if (!live.dataset.events) {
      listen();
    }
  };

  // A page that nobody sees listens to nothing: a browser has few connections to one server. What happened meanwhile, or
  // before the connection stood, is caught up with as soon as it stands.
  const listen = () => {
    events?.close();
    events = null;
    if (!document.hidden && live.dataset.events) {
      events = new EventSource(live.dataset.events);
      events.addEventListener("open", refresh);
      events.addEventListener("message", refresh);
    }
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}

// Whoever writes for long is at work, though nothing is sent until the end: the session counts as used.
if (document.querySelector("form[action='/logout']")) {
  const often = 5 * 60 * 1000;
  let told = -often;
  document.addEventListener("input", () => {
    if (performance.now() - told >= often) {
      told = performance.now();
      fetch("/account", { method: "HEAD" }).catch(() => {});
    }
  });
}
