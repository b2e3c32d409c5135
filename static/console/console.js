// Behaviour that every console page shares. No build step: plain scripts beside htmx, Alpine and Chart.js of the shell.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.split("=")[1] ?? "";

  // Times: relative, kept up to date; the exact one on hover in the viewer's zone.
  const span = (seconds) => {
    for (const [limit, size, unit] of [[60, 1, "s"], [3600, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "d"]])
      if (seconds < limit) return `${Math.floor(seconds / size)} ${unit}`;
  };
  const tellTimes = (root = document) => all("time[datetime]", root).forEach((node) => {
    const moment = new Date(node.getAttribute("datetime"));
    const seconds = (Date.now() - moment) / 1000;
    node.title = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    if (!node.hasAttribute("data-exact")) node.textContent = Math.abs(seconds) < 5 ? "now" : seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  });

  // On a phone each row is a card (console.css): its cells need their column's name. Tables of data (c-data) stay as wide as they are.
  const labelCells = (root = document) => all(".c-table:not(.c-data)", root).forEach((table) => {
    const names = all("thead th", table).map((head) => head.textContent.replace(/[↑↓]/, "").trim());
    if (!names.length) return;
    table.classList.add("c-stack");
    all("tbody tr, tfoot tr", table).forEach((row) => {
      let at = 0;
      [...row.cells].forEach((cell) => { if (cell.colSpan === 1) cell.dataset.label = names[at] ?? ""; at += cell.colSpan; });
    });
  });

  // Charts: one canvas, its data in the JSON script beside it; colours from the theme. Without titles it is about runs and rows;
  // `urls` (of the chart, or of each series) say where a click leads, `across` lays bars on their side.
  const compact = (value) => Intl.NumberFormat("en", { notation: "compact" }).format(value);
  const drawChart = (canvas) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    Chart.getChart(canvas)?.destroy();
    const grid = colour("--c-line"), text = colour("--c-dim"), named = data.titles ?? (data.series.some((one) => one.stack || one.axis) ? ["", null] : ["runs", "rows"]);
    // the ends of bars on their side are where the data ends, and need no tick of their own
    const written = (value, place, ticks) => data.across && value && (!place || place === ticks.length - 1) ? "" : compact(value);
    const values = { display: true, bounds: data.across ? "data" : "ticks", stacked: !data.titles, beginAtZero: true, grid: { color: grid, tickWidth: 0 }, border: { display: false }, ticks: { display: true, color: text, precision: 0, maxTicksLimit: 5, callback: written }, title: { display: Boolean(named[0]), text: named[0], color: text } };
    const names = { stacked: true, grid: { display: false }, ticks: { display: true, color: text, maxRotation: 0, autoSkipPadding: 12 }, border: { color: grid } };
    const leads = (hit) => hit && (data.series[hit.datasetIndex].urls ?? data.urls)?.[hit.index];
    const bar = (series) => series.kind === "bar";
    new Chart(canvas, {
      data: { labels: data.labels, datasets: data.series.map((series) => ({
        type: series.kind, label: series.label, data: series.values, backgroundColor: series.colours?.map(colour) ?? colour(series.colour), borderColor: colour(series.colour),
        stack: bar(series) ? series.stack ?? "runs" : undefined, yAxisID: data.across ? undefined : series.axis ?? (bar(series) ? "y" : "rows"), spanGaps: true, borderWidth: bar(series) ? 0 : 2,
        pointRadius: bar(series) ? 0 : 2, tension: .25, cubicInterpolationMode: "monotone", maxBarThickness: data.across ? 44 : 28, borderRadius: 2, order: bar(series) ? 1 : 0,
        barPercentage: .75, categoryPercentage: .9,
      })) },
      options: {
        animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false, axis: data.across ? "y" : "x" }, indexAxis: data.across ? "y" : "x",
        onHover: (event, hits) => { canvas.style.cursor = leads(hits[0]) ? "pointer" : ""; },
        onClick: (event, hits, chart) => { const to = leads(chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, false)[0] ?? hits[0]); if (to) location.href = to; },
        plugins: { legend: { display: data.series.length > 1 || !data.urls, position: "bottom", align: "start", labels: { color: text, boxWidth: 10, boxHeight: 10, useBorderRadius: true, borderRadius: 2 } } },
        scales: data.across ? { x: values, y: names } : {
          x: names, y: values,
          rows: { display: Boolean(named[1]), position: "right", beginAtZero: true, grid: { display: false }, border: { display: false }, title: { display: true, text: named[1] ?? "", color: text }, ticks: { display: true, color: text, maxTicksLimit: 5, callback: compact } },
        },
      },
    });
  };
  // A timeline: dragging over its lanes zooms in on that stretch.
  const zoomable = (area) => {
    const since = new Date(area.dataset.since).getTime(), until = new Date(area.dataset.until).getTime();
    let lane = null, begun = 0, brush = null;
    const share = (event) => { const box = lane.getBoundingClientRect(); return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)); };
    area.addEventListener("pointerdown", (event) => { lane = event.target.closest(".d-lane"); if (!lane || event.button || event.pointerType === "touch") { lane = null; return; } begun = share(event); });
    window.addEventListener("pointermove", (event) => {
      if (!lane || (!brush && Math.abs(share(event) - begun) < .01)) return;
      brush ??= lane.appendChild(Object.assign(document.createElement("div"), { className: "d-brush" }));
      brush.style.left = `${100 * Math.min(begun, share(event))}%`; brush.style.width = `${100 * Math.abs(share(event) - begun)}%`;
    });
    window.addEventListener("pointerup", (event) => {
      if (lane && brush) {
        const ends = [begun, share(event)].sort((a, b) => a - b).map((at) => new Date(since + at * (until - since)).toISOString().slice(0, 19) + "Z");
        const query = new URLSearchParams(location.search);
        query.delete("range"); query.delete("month"); query.set("from", ends[0]); query.set("until", ends[1]);
        location.search = query;
      }
      lane = brush = null;
    });
    area.addEventListener("dragstart", (event) => event.preventDefault());
  };
  const drawCharts = () => all("canvas[data-chart]").forEach(drawChart);

  // Asking once before something is destroyed: <form data-confirm="what it will do" data-confirm-title="Delete it?">.
  const ask = (form) => {
    const dialog = document.getElementById("c-confirm");
    dialog.querySelector("h2").textContent = form.dataset.confirmTitle || "Are you sure?";
    dialog.querySelector("p").textContent = form.dataset.confirm;
    const yes = dialog.querySelector("[value=yes]");
    yes.textContent = form.dataset.confirmYes || "Go on";
    dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "yes") { form.dataset.confirmed = "1"; form.requestSubmit(); } };
    dialog.showModal();
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !form.dataset.confirmed) { event.preventDefault(); ask(form); return; }
    if (form.method === "post") all("button:not([type=button])", form).forEach((button) => setTimeout(() => { button.disabled = true; }));
  });
  window.addEventListener("pageshow", () => all("form button[disabled]:not([data-off])").forEach((button) => { button.disabled = false; }));

  // Keys: / searches, ? helps, g then a letter goes to a page.
  let waiting = 0;
  const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    const found = document.getElementById("c-found");
    if (event.key === "Escape" && found) found.innerHTML = "";
    if (["ArrowDown", "ArrowUp"].includes(event.key) && event.target.closest?.(".c-find")) {
      const links = all("a", found), at = links.indexOf(document.activeElement);
      if (links.length) { event.preventDefault(); links[Math.max(0, Math.min(links.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))].focus(); }
      return;
    }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "/") { event.preventDefault(); document.getElementById("c-search")?.focus(); }
    else if (event.key === "?") { event.preventDefault(); document.getElementById("c-keys")?.showModal(); }
    else if (event.key === "g") waiting = Date.now();
    else if (Date.now() - waiting < 1500) {
      waiting = 0;
      const link = document.querySelector(`#c-keys a[data-keys="${CSS.escape(event.key)}"]`);
      if (link) location.href = link.href;
    }
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    if (!event.target.closest(".c-find")) { const found = document.getElementById("c-found"); if (found) found.innerHTML = ""; }
    const copy = event.target.closest("[data-copies]");
    if (copy) navigator.clipboard?.writeText(document.getElementById(copy.dataset.copies).textContent).then(() => { copy.textContent = "Copied"; });
    const preset = event.target.closest("[data-cron]");
    if (preset) { const field = document.getElementById("id_schedule"); field.value = preset.dataset.cron; htmx.trigger(field, "input"); }
  });

  // Uploads: sent as soon as a file is chosen or dropped, with progress; then the path field holds where it is.
  const upload = (area, file) => {
    const say = area.querySelector("[data-say]"), bar = area.querySelector(".c-track"), fill = area.querySelector(".c-fill");
    const limit = Number(area.dataset.limit);
    if (file.size > limit) { say.textContent = `${file.name} is too large: ${(file.size / 2 ** 20).toFixed(0)} MB; the limit is ${(limit / 2 ** 20).toFixed(0)} MB`; say.className = "c-error"; return; }
    const body = new FormData(), request = new XMLHttpRequest();
    body.append("draft", area.dataset.draft); body.append("file", file);
    request.open("POST", area.dataset.url); request.setRequestHeader("X-CSRFToken", cookie("csrftoken"));
    request.setRequestHeader("Accept", "application/json"); request.responseType = "json";
    bar.hidden = false;
    request.upload.onprogress = (event) => { fill.style.width = `${100 * event.loaded / event.total}%`; };
    request.onloadend = () => {
      bar.hidden = true;
      const answer = request.response || { error: "The upload did not arrive; try again" };
      say.className = answer.error ? "c-error" : "c-ink"; say.textContent = answer.error || answer.said;
      if (answer.path) { const field = document.getElementById(area.dataset.target); field.value = answer.path; field.dispatchEvent(new Event("input", { bubbles: true })); }
    };
    request.send(body);
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches(".c-drop input[type=file]") && event.target.files[0]) upload(event.target.closest(".c-drop"), event.target.files[0]);
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
  for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, (event) => {
    const area = event.target.closest?.(".c-drop");
    if (!area) return;
    event.preventDefault();
    area.classList.toggle("c-over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) upload(area, event.dataTransfer.files[0]);
  });

  const start = () => {
    tellTimes(); labelCells(); drawCharts(); all("[data-zoom]").forEach(zoomable); setInterval(tellTimes, 15000);
    const tabs = document.querySelector(".c-tabs"), tab = tabs?.querySelector("[aria-current]");
    if (tab) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
    const log = document.querySelector(".c-log[data-tail]"); if (log) log.scrollTop = log.scrollHeight;
    new MutationObserver(drawCharts).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
  document.addEventListener("htmx:afterSwap", (event) => {
    const root = event.target.parentElement || document;
    tellTimes(root); labelCells(root);
  });
  // A poll leaves the log where the viewer scrolled it, and follows its end otherwise. A login that ran out shows the login page.
  let scrolled = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.responseURL.includes("/login/")) { event.detail.shouldSwap = false; location.reload(); return; }
    const log = event.target.querySelector?.(".c-log");
    if (log) scrolled = log.scrollHeight - log.scrollTop - log.clientHeight > 24 ? log.scrollTop : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    const log = document.querySelector("#c-live .c-log");
    if (log) log.scrollTop = scrolled ?? log.scrollHeight;
  });
})();
