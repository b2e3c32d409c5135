// Statements: lines that open, accounts that load their journal items, marks that say how a figure is computed, printing.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const unfold = (button, open) => {
    button.setAttribute("aria-expanded", open);
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  };
  // A line's rows are read once, into a row of their own below it.
  const load = (button) => {
    const line = button.closest("tr"), open = button.getAttribute("aria-expanded") !== "true";
    let slot = line.nextElementSibling?.matches(".f-slot") ? line.nextElementSibling : null;
    button.setAttribute("aria-expanded", open);
    if (slot && !slot.matches(".f-failed")) { slot.hidden = !open; return; }
    slot?.remove();
    if (!open) return;
    slot = document.createElement("tr");
    slot.className = "f-slot";
    const cell = slot.insertCell(), place = cell.appendChild(document.createElement("div"));
    cell.colSpan = line.cells.length;
    place.setAttribute("role", "status");
    place.innerHTML = '<p class="f-loading">Loading…</p>';
    line.after(slot);
    const failed = () => { slot.classList.add("f-failed"); place.innerHTML = '<p class="c-error">These rows could not be read; close the line and open it again.</p>'; };
    slot.addEventListener("htmx:responseError", failed);
    slot.addEventListener("htmx:sendError", failed);
    htmx.ajax("GET", button.dataset.loads, { source: place, target: place, swap: "innerHTML" });
  };
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest(".f-toggle");
    if (toggle?.dataset.loads) load(toggle);
    else if (toggle) unfold(toggle, toggle.getAttribute("aria-expanded") !== "true");
    const many = event.target.closest("[data-unfolds]");
    if (many) all(".f-toggle[aria-controls]", many.closest("section")).forEach((one) => unfold(one, many.dataset.unfolds === "true"));
    if (event.target.closest("[data-prints]")) print();
  });

  // Days of one's own: choosing them is choosing that range.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-custom]")) event.target.form.elements.range.value = "custom";
  });

  // The inbox: j and k move, digits choose, Enter accepts, x rejects, u takes the last decision back.
  let decided = null;
  const lines = () => all("[data-inbox] .f-line");
  const press = (line, action) => line?.querySelector(`button[value=${action}]`)?.click();
  const move = (from, step) => { const found = lines(); found[Math.max(0, Math.min(found.length - 1, found.indexOf(from) + step))]?.focus(); };
  document.addEventListener("keydown", (event) => {
    if (!document.querySelector("[data-inbox]") || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const at = document.activeElement, line = at.closest?.(".f-line");
    if (at.matches("select, textarea, a, button, summary") && event.key === "Enter" || at.matches("input:not([type=radio])")) return;
    const choice = line && /^[1-9]$/.test(event.key) && all("input[type=radio]", line)[event.key - 1];
    if (event.key === "j") move(line, line ? 1 : 0); else if (event.key === "k") move(line, -1);
    else if (choice) choice.click();
    else if (event.key === "Enter" && line) press(line, "accept");
    else if (event.key === "x" && line) press(line, line.querySelector("input[type=radio]:checked") ? "reject" : "reject_all");
    else if (event.key === "u") press(line?.querySelector("button[value=undo]") ? line : document.getElementById(decided), "undo");
    else return;
    event.preventDefault();
  });
  document.addEventListener("htmx:beforeRequest", (event) => { const line = event.target.closest?.(".f-line"); if (line) decided = line.id; });
  document.addEventListener("htmx:afterSettle", (event) => {
    const line = document.getElementById(decided);
    if (!line || !event.target.closest?.(".f-line, [data-inbox]")) return;
    const next = line.matches(".f-done") && lines().slice(lines().indexOf(line)).find((one) => !one.matches(".f-done"));
    (next || line).focus();
  });

  // One tooltip, above whatever scrolls: on hover, on focus, gone with Escape.
  const tip = Object.assign(document.createElement("div"), { className: "f-tip", hidden: true });
  tip.setAttribute("aria-hidden", "true");
  document.addEventListener("DOMContentLoaded", () => document.body.append(tip));
  const tell = (mark) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = mark.getBoundingClientRect(), width = tip.offsetWidth;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    tip.style.top = `${box.bottom + tip.offsetHeight + 8 > innerHeight ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
  };
  for (const [name, shows] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]])
    document.addEventListener(name, (event) => {
      const mark = event.target.closest?.("[data-tip]");
      if (mark && shows) tell(mark); else if (mark) tip.hidden = true;
    });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  document.addEventListener("scroll", () => { tip.hidden = true; }, true);
})();
