// Reads a drawing's cells and candles out, below it: under the pointer, or by the arrow keys. Without it their titles tell the same.
"use strict";

for (const svg of document.querySelectorAll("[data-read]")) {
  const items = [...svg.querySelectorAll(":scope > rect, :scope > path:not(.line)")];
  const output = svg.parentElement.nextElementSibling;
  const byColumn = svg.dataset.read === "x";
  let middles;
  let at = -1;

  const read = (next) => {
    if (next === at || !items[next]) return;
    items[at]?.classList.remove("read");
    at = next;
    items[at].classList.add("read");
    output.textContent = items[at].querySelector("title").textContent;
  };

  const nearest = (event) => {
    middles ??= items.map((item) => item.getBBox()).map((box) => [box.x + box.width / 2, box.y + box.height / 2]);
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const far = ([x, y]) => (x - point.x) ** 2 + (byColumn ? 0 : (y - point.y) ** 2);
    return middles.reduce((best, middle, index) => (far(middle) < far(middles[best]) ? index : best), 0);
  };

  svg.addEventListener("pointermove", (event) => read(nearest(event)));
  svg.addEventListener("pointerdown", (event) => read(nearest(event)));
  svg.addEventListener("keydown", (event) => {
    const last = items.length - 1;
    const next = {
      ArrowLeft: Math.max(0, (at < 0 ? items.length : at) - 1),
      ArrowRight: Math.min(last, at + 1),
      ArrowUp: Math.max(0, (at < 0 ? items.length : at) - 1),
      ArrowDown: Math.min(last, at + 1),
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    read(next);
  });
}

for (const newest of document.querySelectorAll("[data-newest]")) newest.scrollLeft = newest.scrollWidth;
