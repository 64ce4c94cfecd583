// A part of a page that has events is asked for again when something of it has changed. Without this script, the page is
// as it was when it was loaded.
const live = document.querySelector("[data-events]");
if (live) {
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" } });
      if (response.ok) {
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        const part = fresh.querySelector("[data-events]");
        // What somebody has opened stays open.
        const open = [...live.querySelectorAll("details")].map((element) => element.open);
        if (part) {
          live.replaceChildren(...part.childNodes);
          live.querySelectorAll("details").forEach((element, place) => { element.open = open[place] ?? false; });
        }
      }
    } finally {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  };
  const events = new EventSource(live.dataset.events);
  events.addEventListener("message", refresh);
  // Something may have changed after the page was made and before anybody listened.
  events.addEventListener("open", refresh);
}
