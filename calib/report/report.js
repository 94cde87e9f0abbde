/* Makes the time series zoomable. The plot stands in the page already; every point carries its date (data-x, s), value (data-y) and half bar (data-u). */
(() => {
  "use strict";
  const MARGIN = { left: 58, right: 12, top: 10, bottom: 40 };
  const DAY = 86400;
  const SECOND_STEPS = [60, 300, 900, 1800, 3600, 10800, 21600, 43200, DAY, 2 * DAY, 5 * DAY, 10 * DAY];
  const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120];
  const NEAR_PX = 24;
  const LEAST = [60, 1e-5];

  function numberTicks(low, high, wanted) {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let index = Math.ceil(low / step - 1e-9); index * step <= high; index += 1) {
      found.push([index * step, (index * step).toFixed(decimals).replace(/^-/, "\u2212")]);
    }
    return found;
  }

  function dateTicks(low, high, wanted) {
    const rough = (high - low) / wanted;
    const iso = (seconds) => new Date(seconds * 1000).toISOString();
    const step = SECOND_STEPS.find((size) => size >= rough);
    const found = [];
    if (step) {
      for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) {
        found.push([mark, step >= DAY ? iso(mark).slice(0, 10) : iso(mark).slice(5, 16).replace("T", " ")]);
      }
      return found;
    }
    const months = MONTH_STEPS.find((size) => size * 30.5 * DAY >= rough) || MONTH_STEPS[MONTH_STEPS.length - 1];
    const first = new Date(low * 1000);
    let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
    for (;;) {
      const mark = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
      if (mark > high) return found;
      if (mark >= low) found.push([mark, iso(mark).slice(0, months >= 12 ? 4 : 7)]);
      month += months;
    }
  }

  function zoomable(figure) {
    const canvas = figure.querySelector(".canvas");
    const svg = canvas.querySelector("svg");
    const axes = svg.querySelector(".axes");
    const names = [...axes.querySelectorAll(".name")].map((item) => item.textContent);
    const clip = svg.querySelector("clipPath rect");
    const one = svg.querySelector(".one");
    const all = svg.dataset.view.split(" ").map(Number);
    const make = (name, attributes, parent, text) => {
      const node = document.createElementNS(svg.namespaceURI, name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      if (text !== undefined) node.textContent = text;
      if (parent) parent.append(node);
      return node;
    };
    const traces = [...svg.querySelectorAll(".trace")].map((node) => ({
      node,
      join: node.querySelector(".join"),
      points: [...node.querySelectorAll(".point")].map((group) => {
        const title = group.querySelector("title");
        const hint = title.textContent;
        title.remove();
        return {
          group, hint, mark: group.querySelector(".mark"), bar: group.querySelector(".bar"), hollow: group.classList.contains("hollow"),
          x: Number(group.dataset.x), y: Number(group.dataset.y), u: Number(group.dataset.u),
        };
      }),
    }));
    const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
    const said = Object.assign(document.createElement("p"), { className: "sr" });
    said.setAttribute("aria-live", "polite");
    canvas.append(tip, said);
    let view = all.slice();
    let width = 0;
    let height = 0;

    const toX = (value) => MARGIN.left + ((value - view[0]) / (view[1] - view[0])) * (width - MARGIN.left - MARGIN.right);
    const toY = (value) => height - MARGIN.bottom - ((value - view[2]) / (view[3] - view[2])) * (height - MARGIN.top - MARGIN.bottom);
    const fromX = (px) => view[0] + ((px - MARGIN.left) / (width - MARGIN.left - MARGIN.right)) * (view[1] - view[0]);
    const fromY = (px) => view[2] + ((height - MARGIN.bottom - px) / (height - MARGIN.top - MARGIN.bottom)) * (view[3] - view[2]);

    function drawAxes() {
      const right = width - MARGIN.right;
      const bottom = height - MARGIN.bottom;
      axes.replaceChildren();
      for (const [value, label] of numberTicks(view[2], view[3], 6)) {
        make("path", { class: "grid", d: `M${MARGIN.left} ${toY(value)}H${right}` }, axes);
        make("text", { class: "ty", x: MARGIN.left - 6, y: toY(value) + 3.5 }, axes, label);
      }
      for (const [value, label] of dateTicks(view[0], view[1], Math.max(2, Math.round((width - 70) / 120)))) {
        make("path", { class: "grid", d: `M${toX(value)} ${MARGIN.top}V${bottom}` }, axes);
        make("text", { class: "tx", x: toX(value), y: bottom + 15 }, axes, label);
      }
      make("path", { class: "edge", d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}` }, axes);
      make("text", { class: "name", x: (MARGIN.left + right) / 2, y: height - 6 }, axes, names[0]);
      make("text", { class: "name", transform: `translate(13 ${(MARGIN.top + bottom) / 2}) rotate(-90)` }, axes, names[1]);
    }

    function draw() {
      width = Math.max(280, canvas.clientWidth);
      height = width < 560 ? 300 : 400;
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.dataset.view = view.join(" ");
      clip.setAttribute("x", MARGIN.left);
      clip.setAttribute("y", MARGIN.top);
      clip.setAttribute("width", width - MARGIN.left - MARGIN.right);
      clip.setAttribute("height", height - MARGIN.top - MARGIN.bottom);
      drawAxes();
      one.setAttribute("d", `M${MARGIN.left} ${toY(1)}H${width - MARGIN.right}`);
      for (const trace of traces) {
        const full = trace.points.filter((point) => !point.hollow);
        trace.join.setAttribute("d", full.map((point, index) => `${index ? "L" : "M"}${toX(point.x)} ${toY(point.y)}`).join(""));
        for (const point of trace.points) {
          point.mark.setAttribute("transform", `translate(${toX(point.x)} ${toY(point.y)})`);
          point.bar.setAttribute("d", `M${toX(point.x)} ${toY(point.y - point.u)}V${toY(point.y + point.u)}`);
        }
      }
    }

    function show(next) {
      for (const axis of [0, 1]) {
        const [low, high] = [next[2 * axis], next[2 * axis + 1]];
        if (high - low < LEAST[axis] || high - low > 4 * (all[2 * axis + 1] - all[2 * axis])) return;
      }
      view = next;
      point(null);
      draw();
    }

    const reset = () => show(all.slice());
    const about = (low, high, centre, factor) => [centre - (centre - low) * factor, centre + (high - centre) * factor];
    function zoom(factor, x = (view[0] + view[1]) / 2, y = (view[2] + view[3]) / 2, which = "xy") {
      show([
        ...(which.includes("x") ? about(view[0], view[1], x, factor) : view.slice(0, 2)),
        ...(which.includes("y") ? about(view[2], view[3], y, factor) : view.slice(2)),
      ]);
    }
    function move(right, up) {
      const [dx, dy] = [(view[1] - view[0]) * right, (view[3] - view[2]) * up];
      show([view[0] + dx, view[1] + dx, view[2] + dy, view[3] + dy]);
    }

    const place = (event) => {
      const box = svg.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    };
    const inside = ([x, y]) => x >= MARGIN.left && x <= width - MARGIN.right && y >= MARGIN.top && y <= height - MARGIN.bottom;

    function nearest([x, y]) {
      let best = null;
      let least = NEAR_PX ** 2;
      for (const trace of traces) {
        if (trace.node.hasAttribute("hidden")) continue;
        for (const item of trace.points) {
          const distance = (toX(item.x) - x) ** 2 + (toY(item.y) - y) ** 2;
          if (distance < least && inside([toX(item.x), toY(item.y)])) [best, least] = [{ trace, item }, distance];
        }
      }
      return best;
    }

    function point(found) {
      for (const node of svg.querySelectorAll(".near, .with-near")) node.classList.remove("near", "with-near");
      svg.classList.toggle("has-near", Boolean(found));
      tip.hidden = !found;
      if (!found) return;
      found.item.group.classList.add("near");
      found.trace.node.classList.add("with-near");
      tip.textContent = found.item.hint;
      const [x, y] = [toX(found.item.x), toY(found.item.y)];
      tip.style.left = `${Math.max(0, Math.min(x + 12, canvas.clientWidth - tip.offsetWidth))}px`;
      tip.style.top = `${y > tip.offsetHeight + 16 ? y - tip.offsetHeight - 12 : y + 14}px`;
    }

    let start = null;
    let frame = null;
    // a page that is being scrolled must not stop at a plot: the wheel zooms only once the pointer itself has moved there
    let meant = false;
    addEventListener("scroll", () => { meant = false; }, { passive: true });
    svg.addEventListener("wheel", (event) => {
      const at = place(event);
      if (!meant && document.activeElement !== svg) return;
      event.preventDefault();
      const which = at[1] > height - MARGIN.bottom ? "x" : at[0] < MARGIN.left ? "y" : "xy";
      zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), fromX(at[0]), fromY(at[1]), which);
    }, { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !inside(place(event))) return;
      start = place(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      const at = place(event);
      meant = true;
      if (!start) return point(nearest(at));
      if (!frame && Math.hypot(at[0] - start[0], at[1] - start[1]) < 6) return undefined;
      point(null);
      frame = frame || make("rect", { class: "frame" }, svg);
      const [x, y, w, h] = box(start, at);
      for (const [key, value] of Object.entries({ x, y, width: w, height: h })) frame.setAttribute(key, value);
      return undefined;
    });
    function box(from, to) {
      const x = [from[0], to[0]].map((value) => Math.max(MARGIN.left, Math.min(width - MARGIN.right, value))).sort((a, b) => a - b);
      const y = [from[1], to[1]].map((value) => Math.max(MARGIN.top, Math.min(height - MARGIN.bottom, value))).sort((a, b) => a - b);
      // a flat drag means dates only
      return y[1] - y[0] < 20 ? [x[0], MARGIN.top, x[1] - x[0], height - MARGIN.top - MARGIN.bottom] : [x[0], y[0], x[1] - x[0], y[1] - y[0]];
    }
    const drop = () => { start = null; if (frame) frame.remove(); frame = null; };
    svg.addEventListener("pointerup", (event) => {
      const framed = start && frame && box(start, place(event));
      drop();
      if (framed && framed[2] > 5) show([fromX(framed[0]), fromX(framed[0] + framed[2]), fromY(framed[1] + framed[3]), fromY(framed[1])]);
    });
    svg.addEventListener("pointercancel", drop);
    svg.addEventListener("pointerleave", () => { if (!start) point(null); });
    svg.addEventListener("dblclick", reset);

    // keyboard: view with + - arrows 0, points one after the other with n and p
    const walk = (by) => {
      const open = traces.filter((trace) => !trace.node.hasAttribute("hidden")).flatMap((trace) => trace.points.map((item) => ({ trace, item })));
      const shown = open.filter(({ item }) => inside([toX(item.x), toY(item.y)]));
      if (!shown.length) return;
      const now = shown.findIndex(({ item }) => item.group.classList.contains("near"));
      const next = shown[now < 0 ? (by > 0 ? 0 : shown.length - 1) : (now + by + shown.length) % shown.length];
      point(next);
      said.textContent = next.item.hint;
    };
    const keys = {
      "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7), "0": reset, Escape: reset,
      ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0), ArrowUp: () => move(0, 0.15), ArrowDown: () => move(0, -0.15),
      n: () => walk(1), p: () => walk(-1),
    };
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-label", `${svg.getAttribute("aria-label")}. Plus and minus zoom, arrows move, 0 shows all, n and p read the points.`);
    svg.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    });

    const tools = Object.assign(document.createElement("div"), { className: "tools" });
    for (const [text, label, action] of [["+", "Zoom in", () => zoom(0.7)], ["\u2212", "Zoom out", () => zoom(1 / 0.7)], ["all", "Show all", reset]]) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: label });
      button.setAttribute("aria-label", label);
      button.addEventListener("click", action);
      tools.append(button);
    }
    canvas.before(tools);

    const buttons = [];
    const apply = (trace, button, shown) => {
      trace.node.toggleAttribute("hidden", !shown);
      button.setAttribute("aria-pressed", String(shown));
      point(null);
    };
    for (const entry of figure.querySelectorAll(".toggles li")) {
      const trace = traces.find((item) => item.node.dataset.band === entry.dataset.band);
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.setAttribute("aria-pressed", "true");
      button.append(...entry.childNodes);
      button.addEventListener("click", () => apply(trace, button, trace.node.hasAttribute("hidden")));
      entry.append(button);
      buttons.push([trace, button]);
    }
    if (buttons.length > 2) {
      for (const [text, shown] of [["all", true], ["none", false]]) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
        button.setAttribute("aria-label", shown ? "Show all bands" : "Hide all bands");
        button.addEventListener("click", () => buttons.forEach(([trace, toggle]) => apply(trace, toggle, shown)));
        figure.querySelector(".toggles").append(Object.assign(document.createElement("li"), {}));
        figure.querySelector(".toggles").lastElementChild.append(button);
      }
    }
    new ResizeObserver(() => { if (canvas.clientWidth && canvas.clientWidth !== width) draw(); }).observe(canvas);
    draw();
  }

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  document.documentElement.classList.add("js");
  document.querySelectorAll("figure[data-zoomable]").forEach(zoomable);
  addEventListener("hashchange", open);
  addEventListener("beforeprint", () => document.querySelectorAll("details.acquisition").forEach((item) => { item.open = true; }));
  open();
})();
